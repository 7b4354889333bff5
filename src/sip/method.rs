//! SIP methods. They compare with letter case (RFC 3261 §7.1); unknown ones keep their text.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::base::Untrusted;

/// IANA's list of SIP methods.
pub const METHODS: [&[u8]; 14] = [
    b"REGISTER",
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"MESSAGE",
    b"PUBLISH",
    b"REFER",
    b"INFO",
    b"UPDATE",
    b"PRACK",
];

/// A request's method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Method {
    /// RFC 3261 §10
    Register,
    /// RFC 3261 §13
    Invite,
    /// RFC 3261 §13.2.2.4: has no response of its own and must not be challenged (§22.1).
    Ack,
    /// RFC 3261 §9: must not be challenged either.
    Cancel,
    /// RFC 3261 §15
    Bye,
    /// RFC 3261 §11
    Options,
    /// RFC 6665
    Subscribe,
    /// RFC 6665
    Notify,
    /// RFC 3428
    Message,
    /// RFC 3903
    Publish,
    /// RFC 3515
    Refer,
    /// RFC 6086
    Info,
    /// RFC 3311
    Update,
    /// RFC 3262
    Prack,
    /// Any other token. Boxed twice, so that a method takes up 16 bytes: it is kept with each transaction, and hardly ever another one.
    Other(Box<Box<[u8]>>),
}

impl Method {
    /// The method that `token` names.
    pub fn parse(token: &[u8]) -> Method {
        match token {
            b"REGISTER" => Method::Register,
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"CANCEL" => Method::Cancel,
            b"BYE" => Method::Bye,
            b"OPTIONS" => Method::Options,
            b"SUBSCRIBE" => Method::Subscribe,
            b"NOTIFY" => Method::Notify,
            b"MESSAGE" => Method::Message,
            b"PUBLISH" => Method::Publish,
            b"REFER" => Method::Refer,
            b"INFO" => Method::Info,
            b"UPDATE" => Method::Update,
            b"PRACK" => Method::Prack,
            other => Method::Other(Box::new(other.into())),
        }
    }

    /// The token on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Method::Register => b"REGISTER",
            Method::Invite => b"INVITE",
            Method::Ack => b"ACK",
            Method::Cancel => b"CANCEL",
            Method::Bye => b"BYE",
            Method::Options => b"OPTIONS",
            Method::Subscribe => b"SUBSCRIBE",
            Method::Notify => b"NOTIFY",
            Method::Message => b"MESSAGE",
            Method::Publish => b"PUBLISH",
            Method::Refer => b"REFER",
            Method::Info => b"INFO",
            Method::Update => b"UPDATE",
            Method::Prack => b"PRACK",
            Method::Other(token) => token,
        }
    }

    /// Whether a server may challenge it: not ACK, not CANCEL (RFC 3261 §22.1).
    pub fn is_challengeable(&self) -> bool {
        !matches!(self, Method::Ack | Method::Cancel)
    }
}

/// For text of our own making; unknown methods are without secrets, and escaped as for a terminal.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Untrusted(self.as_bytes()).to_text();
        f.write_str(&Untrusted(shown.as_bytes()).to_terminal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_place_of_a_method_is_not_shown() {
        assert_eq!(Method::parse(b"response=0123456789abcdef").to_string(), "response=[redacted]");
        assert_eq!(Method::parse(b"sip:alice:secret@h").to_string(), "sip:alice:[redacted]@h");
        assert_eq!(Method::parse(b"X\x1b\xff").to_string(), "X\\x1b\\xff");
        assert_eq!(Method::parse(b"REGISTER").to_string(), "REGISTER");
    }
}
