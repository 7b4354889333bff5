//! Quality of protection: what the digest covers (RFC 7616 §3.3, §3.4). A challenge or credentials without one is the
//! older form of RFC 2069, which is `None` wherever this type stands in an `Option`.

use std::borrow::Cow;

/// A qop value, compared in any letter case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Qop<'a> {
    /// The request line.
    Auth,
    /// The request line and the body.
    AuthInt,
    /// The text as sent.
    Unknown(Cow<'a, [u8]>),
}

impl<'a> Qop<'a> {
    /// The qop that `text` spells; None when it is blank.
    pub fn from_bytes(text: Cow<'a, [u8]>) -> Option<Qop<'a>> {
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            None
        } else if trimmed.eq_ignore_ascii_case(b"auth") {
            Some(Qop::Auth)
        } else if trimmed.eq_ignore_ascii_case(b"auth-int") {
            Some(Qop::AuthInt)
        } else {
            Some(Qop::Unknown(text))
        }
    }

    /// The value's text; that of the standard where it is a known one.
    pub fn name(&self) -> &[u8] {
        match self {
            Qop::Auth => b"auth",
            Qop::AuthInt => b"auth-int",
            Qop::Unknown(text) => text,
        }
    }

    /// The values of a challenge's list: `auth,auth-int`. Empty when it is blank.
    pub fn list(text: &[u8]) -> Vec<Qop<'static>> {
        text.split(|byte| *byte == b',')
            .filter_map(|part| Qop::from_bytes(Cow::Owned(part.trim_ascii().to_vec())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_unknown_values() {
        assert_eq!(Qop::list(b"auth, Auth-Int,x"), [Qop::Auth, Qop::AuthInt, Qop::Unknown(b"x".into())]);
        assert_eq!(Qop::list(b""), []);
        assert_eq!(Qop::from_bytes(b""[..].into()), None);
    }
}
