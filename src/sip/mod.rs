//! Bytes → SIP message; knows no packets.
