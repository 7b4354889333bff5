//! The only room that sees a password: recomputes a digest over the bytes as sent and says whether it fits.
