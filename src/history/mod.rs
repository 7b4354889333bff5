//! What one nonce, one account, one source did across sessions.
