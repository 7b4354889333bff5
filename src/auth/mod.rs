//! What the authentication headers say: challenges, credentials and authentication info (RFC 3261 §20, RFC 7616).
