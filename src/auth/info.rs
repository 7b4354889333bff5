//! Authentication-Info and Proxy-Authentication-Info: what a server says after it accepted credentials (RFC 3261 §20.6,
//! RFC 7616 §3.5). There is no scheme.

use std::borrow::Cow;

use crate::auth::name::Name;
use crate::auth::nonce_count::NonceCount;
use crate::auth::params::Defect;
use crate::auth::params::Params;
use crate::auth::qop::Qop;

/// One header value. Values are unescaped; [`AuthenticationInfo::params`] has them raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationInfo<'a> {
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> AuthenticationInfo<'a> {
    /// Reads a header value.
    pub fn parse(value: &'a [u8]) -> AuthenticationInfo<'a> {
        AuthenticationInfo { params: Params::parse(value) }
    }

    /// The nonce for the client's next request.
    pub fn nextnonce(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::NextNonce)
    }

    /// The qop that the server applied.
    pub fn qop(&self) -> Option<Qop<'a>> {
        self.params.value(Name::Qop).and_then(Qop::from_bytes)
    }

    /// The server's proof that it knows the secret.
    pub fn rspauth(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::RspAuth)
    }

    /// The client's nonce, repeated from the request.
    pub fn cnonce(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Cnonce)
    }

    /// The nonce count, repeated from the request.
    pub fn nonce_count(&self) -> Option<NonceCount<'a>> {
        self.params.get(Name::NonceCount).map(|param| NonceCount::from_bytes(param.raw))
    }

    /// What was odd about it.
    pub fn defects(&self) -> &[Defect] {
        self.params.defects()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_read() {
        let info = AuthenticationInfo::parse(br#"nextnonce="n", qop=auth, rspauth="ab", cnonce="c", nc=00000002"#);
        assert_eq!(info.nextnonce().unwrap(), &b"n"[..]);
        assert_eq!(info.qop(), Some(Qop::Auth));
        assert_eq!(info.rspauth().unwrap(), &b"ab"[..]);
        assert_eq!(info.cnonce().unwrap(), &b"c"[..]);
        assert_eq!(info.nonce_count().unwrap().value, Some(2));
        assert_eq!(info.defects(), []);
    }
}
