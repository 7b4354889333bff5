//! Quality of protection: what the digest covers (RFC 7616 §3.3, §3.4). A challenge or credentials without one is the
//! older form of RFC 2069, which is `None` wherever this type stands in an `Option`.

use std::borrow::Cow;

/// A qop value. Unknown ones are compared by [`Qop::is_same`], for `==` heeds their letter case.
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

    /// Whether both are one value: names of qops have no letter case.
    pub fn is_same(&self, other: &Qop<'_>) -> bool {
        self.name().trim_ascii().eq_ignore_ascii_case(other.name().trim_ascii())
    }

    /// The values of a challenge's list: `auth,auth-int`. Nothing where it is blank.
    pub fn each(text: &[u8]) -> impl Iterator<Item = Qop<'_>> {
        text.split(|byte| *byte == b',').filter_map(|part| Qop::from_bytes(Cow::Borrowed(part.trim_ascii())))
    }

    /// The same as a list that outlives the text.
    pub fn list(text: &[u8]) -> Vec<Qop<'static>> {
        Qop::each(text).map(Qop::into_owned).collect()
    }

    fn into_owned(self) -> Qop<'static> {
        match self {
            Qop::Auth => Qop::Auth,
            Qop::AuthInt => Qop::AuthInt,
            Qop::Unknown(text) => Qop::Unknown(Cow::Owned(text.into_owned())),
        }
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

    #[test]
    fn letter_case_makes_no_other_value() {
        let is_same = |one: &str, other: &str| {
            let qop = |text: &str| Qop::from_bytes(text.as_bytes().to_vec().into()).unwrap();
            qop(one).is_same(&qop(other))
        };
        assert!(is_same("auth", "AUTH") && is_same("auth-conf", " Auth-Conf "));
        assert!(!is_same("auth", "auth-int") && !is_same("auth-conf", "auth-other"));
    }
}
