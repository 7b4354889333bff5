//! Credentials: the values of Authorization and Proxy-Authorization (RFC 3261 §20.7, §20.28; RFC 7616 §3.4).

use std::borrow::Cow;

use crate::auth::algorithm::Algorithm;
use crate::auth::name::Name;
use crate::auth::nonce_count::NonceCount;
use crate::auth::params::Defect;
use crate::auth::params::Params;
use crate::auth::qop::Qop;
use crate::auth::scanner::Scanner;
use crate::auth::scheme::Scheme;
use crate::base::encoding::percent_decoded;

/// One set of credentials, borrowing the header value it was read from. Values are unescaped;
/// [`Credentials::params`] has them raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The scheme.
    pub scheme: Scheme<'a>,
    /// The scheme as sent, letter case kept; empty when it is missing.
    pub scheme_raw: &'a [u8],
    /// All parameters. None are read from Basic and Bearer: what follows those schemes is a secret.
    pub params: Params<'a>,
}

/// The credentials of one header value, at least one. RFC 3261 §7.3.1 allows one a row; comma-joined ones are read all
/// the same.
pub fn parse_credentials(value: &[u8]) -> Vec<Credentials<'_>> {
    let mut all = Vec::with_capacity(1);
    all.extend(credentials_in(value));
    all
}

/// The same one by one: whoever looks at each of them once needs no list.
pub fn credentials_in(value: &[u8]) -> impl Iterator<Item = Credentials<'_>> {
    let mut scanner = Scanner::new(value);
    let mut params = Params::default();
    let mut next = Some(scanner.scheme(&mut params));
    std::iter::from_fn(move || {
        let scheme_raw = scanner.slice(next.take()?);
        let scheme = Scheme::from_bytes(scheme_raw);
        let is_secret = scheme == Scheme::Basic || scheme_raw.eq_ignore_ascii_case(b"Bearer");
        if !is_secret {
            next = scanner.params(&mut params);
            params.note_unknown_duplicates();
        }
        Some(Credentials { scheme, scheme_raw, params: std::mem::take(&mut params) })
    })
}

impl<'a> Credentials<'a> {
    /// The user name; a hash of it when [`Credentials::userhash`] is true.
    pub fn username(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Username)
    }

    /// `username*` decoded (RFC 5987: `UTF-8''J%C3%A4s`). None when absent, in another charset, or not decodable.
    pub fn username_star(&self) -> Option<Vec<u8>> {
        let value = self.params.value(Name::UsernameStar)?;
        let mut parts = value.splitn(3, |byte| *byte == b'\'');
        let charset = parts.next()?;
        let _language = parts.next()?;
        let encoded = parts.next()?;
        let is_readable = charset.eq_ignore_ascii_case(b"UTF-8") && is_percent_encoded(encoded);
        is_readable.then(|| percent_decoded(encoded))
    }

    /// The realm.
    pub fn realm(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Realm)
    }

    /// The nonce.
    pub fn nonce(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Nonce)
    }

    /// The digest URI.
    pub fn uri(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Uri)
    }

    /// The response.
    pub fn response(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Response)
    }

    /// The algorithm; MD5 when absent (RFC 7616 §3.4).
    pub fn algorithm(&self) -> Algorithm<'a> {
        self.params.get(Name::Algorithm).map_or_else(Algorithm::default, |param| Algorithm::from_bytes(param.raw))
    }

    /// The client's nonce.
    pub fn cnonce(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Cnonce)
    }

    /// The opaque text, which should be the challenge's.
    pub fn opaque(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Opaque)
    }

    /// The qop; None when absent or empty, which is the older form of RFC 2069.
    pub fn qop(&self) -> Option<Qop<'a>> {
        self.params.value(Name::Qop).and_then(Qop::from_bytes)
    }

    /// The nonce count.
    pub fn nonce_count(&self) -> Option<NonceCount<'a>> {
        self.params.get(Name::NonceCount).map(|param| NonceCount::from_bytes(param.raw))
    }

    /// The resynchronisation token of AKA (RFC 3310 §3.4), in base64.
    pub fn auts(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Auts)
    }

    /// Whether the user name is hashed (RFC 7616 §3.4.4).
    pub fn userhash(&self) -> bool {
        self.params.get(Name::UserHash).is_some_and(|param| param.raw.eq_ignore_ascii_case(b"true"))
    }

    /// The first request of an IMS client: nonce and response are there and empty, which is legal (RFC 3310 §4).
    pub fn is_ims_initial(&self) -> bool {
        let is_empty = |name| self.params.get(name).is_some_and(|param| param.raw.is_empty());
        self.scheme == Scheme::Digest && is_empty(Name::Nonce) && is_empty(Name::Response)
    }

    /// What was odd about them.
    pub fn defects(&self) -> &[Defect] {
        self.params.defects()
    }
}

/// Every percent sign begins an escape, as RFC 5987 §3.2.1 wants it.
fn is_percent_encoded(text: &[u8]) -> bool {
    let mut behind_signs = text.split(|byte| *byte == b'%').skip(1);
    behind_signs.all(|behind| behind.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &[u8]) -> Credentials<'_> {
        let mut all = parse_credentials(value);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn every_parameter_is_read() {
        let credentials = one(br#"Digest username="a\"b:c", realm="r", nonce="n", uri="sip:x", response="0f",
            algorithm="md5-SESS", cnonce="c", opaque="o", qop="Auth", nc=0000000a, auts="A==", userhash=false"#);
        assert_eq!(credentials.username().unwrap(), &br#"a"b:c"#[..]);
        assert_eq!(credentials.uri().unwrap(), &b"sip:x"[..]);
        assert_eq!(credentials.response().unwrap(), &b"0f"[..]);
        assert_eq!(credentials.algorithm().name(), Some("MD5-sess"));
        assert_eq!(credentials.cnonce().unwrap(), &b"c"[..]);
        assert_eq!(credentials.opaque().unwrap(), &b"o"[..]);
        assert_eq!(credentials.qop(), Some(Qop::Auth));
        assert_eq!(credentials.nonce_count().unwrap().value, Some(10));
        assert_eq!(credentials.auts().unwrap(), &b"A=="[..]);
        assert!(!credentials.userhash());
        assert_eq!(credentials.defects(), []);
    }

    #[test]
    fn basic_and_bearer_are_recognised_and_not_read() {
        let basic = one(b"basic dXNlcjpwYXNzd29yZA==");
        assert_eq!((basic.scheme, basic.params.len(), basic.defects().len()), (Scheme::Basic, 0, 0));
        assert_eq!(one(b"Bearer abc=def").params.len(), 0);
    }

    #[test]
    fn ims_clients_start_with_empty_values() {
        let credentials = one(br#"Digest username="u@ims",realm="ims",nonce="",uri="sip:ims",response="""#);
        assert!(credentials.is_ims_initial());
        assert!(!one(br#"Digest username="u",nonce="n",response="""#).is_ims_initial());
    }

    #[test]
    fn extended_user_names_are_decoded() {
        let decoded = |text: &str| one(format!("Digest username*={text}").as_bytes()).username_star();
        assert_eq!(decoded("UTF-8''J%C3%A4s%C3%B8n%20Doe").unwrap(), "Jäsøn Doe".as_bytes());
        assert_eq!(decoded("utf-8'en'a"), Some(b"a".to_vec()));
        assert_eq!(decoded("ISO-8859-1''a"), None);
        assert_eq!(decoded("UTF-8''%C"), None);
        assert_eq!(decoded("plain"), None);
    }
}
