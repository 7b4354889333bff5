//! Challenges: the values of WWW-Authenticate and Proxy-Authenticate (RFC 3261 §20.27, §20.44; RFC 7616 §3.3).

use std::borrow::Cow;

use crate::auth::algorithm::Algorithm;
use crate::auth::name::Name;
use crate::auth::params::Defect;
use crate::auth::params::DefectKind;
use crate::auth::params::Params;
use crate::auth::qop::Qop;
use crate::auth::scanner::Scanner;
use crate::auth::scheme::Scheme;

/// One challenge, borrowing the header value it was read from. Values are unescaped; [`Challenge::params`] has them raw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The scheme.
    pub scheme: Scheme<'a>,
    /// The scheme as sent, letter case kept; empty when it is missing.
    pub scheme_raw: &'a [u8],
    /// All parameters.
    pub params: Params<'a>,
}

/// The challenges of one header value, at least one. RFC 3261 §7.3.1 allows one a row; comma-joined ones are read all
/// the same.
pub fn parse_challenges(value: &[u8]) -> Vec<Challenge<'_>> {
    let mut all = Vec::with_capacity(1);
    all.extend(challenges_in(value));
    all
}

/// The same one by one: whoever looks at each of them once needs no list.
pub fn challenges_in(value: &[u8]) -> impl Iterator<Item = Challenge<'_>> {
    let mut scanner = Scanner::new(value);
    let mut params = Params::default();
    let mut next = Some(scanner.scheme(&mut params));
    std::iter::from_fn(move || {
        let scheme_raw = scanner.slice(next.take()?);
        next = scanner.params(&mut params);
        params.note_unknown_duplicates();
        Some(Challenge { scheme: Scheme::from_bytes(scheme_raw), scheme_raw, params: std::mem::take(&mut params) })
    })
}

impl<'a> Challenge<'a> {
    /// The realm.
    pub fn realm(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Realm)
    }

    /// The nonce.
    pub fn nonce(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Nonce)
    }

    /// The opaque text that the client must return.
    pub fn opaque(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Opaque)
    }

    /// The algorithm; MD5 when absent (RFC 7616 §3.3).
    pub fn algorithm(&self) -> Algorithm<'a> {
        self.params.get(Name::Algorithm).map_or_else(Algorithm::default, |param| Algorithm::from_bytes(param.raw))
    }

    /// The offered qop values; empty for the older form of RFC 2069.
    pub fn qop(&self) -> Vec<Qop<'static>> {
        self.params.value(Name::Qop).map_or_else(Vec::new, |list| Qop::list(&list))
    }

    /// Whether the nonce was stale; None when absent, which means false.
    pub fn stale(&self) -> Option<Stale<'a>> {
        self.params.get(Name::Stale).map(|param| {
            if param.raw.eq_ignore_ascii_case(b"true") {
                Stale::True
            } else if param.raw.eq_ignore_ascii_case(b"false") {
                Stale::False
            } else {
                Stale::Odd(param.raw)
            }
        })
    }

    /// The protection space, which means nothing in SIP (RFC 3261 §22.1).
    pub fn domain(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Domain)
    }

    /// The charset; `UTF-8` is the only value (RFC 7616 §3.3).
    pub fn charset(&self) -> Option<Cow<'a, [u8]>> {
        self.params.value(Name::Charset)
    }

    /// Whether the server reads hashed user names (RFC 7616 §3.4.4).
    pub fn userhash(&self) -> bool {
        self.params.get(Name::UserHash).is_some_and(|param| param.raw.eq_ignore_ascii_case(b"true"))
    }

    /// What was odd about it.
    pub fn defects(&self) -> &[Defect] {
        self.params.defects()
    }

    /// Why no client can answer this Digest challenge; None when one can, or when the scheme is another.
    pub fn malformation(&self) -> Option<Malformed> {
        if self.scheme != Scheme::Digest {
            None
        } else if self.params.is_empty() {
            Some(Malformed::Unreadable)
        } else if self.params.has_defect(DefectKind::UnclosedQuote) {
            Some(Malformed::UnclosedQuote)
        } else if let Some(nonce) = self.params.get(Name::Nonce) {
            if nonce.raw.is_empty() {
                Some(Malformed::NonceEmpty)
            } else {
                self.params.get(Name::Realm).is_none().then_some(Malformed::RealmAbsent)
            }
        } else {
            Some(Malformed::NonceAbsent)
        }
    }
}

/// The `stale` parameter, a token of any letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale<'a> {
    /// The digest was right for a nonce that is no longer good.
    True,
    /// Refused for another reason.
    False,
    /// Neither word: the text as sent.
    Odd(&'a [u8]),
}

/// Why a Digest challenge cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// There is no nonce.
    NonceAbsent,
    /// The nonce is empty.
    NonceEmpty,
    /// There is no realm.
    RealmAbsent,
    /// A quote is not closed.
    UnclosedQuote,
    /// There is no parameter that could be read.
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::algorithm::HashName;

    fn one(value: &[u8]) -> Challenge<'_> {
        let mut challenges = parse_challenges(value);
        assert_eq!(challenges.len(), 1);
        challenges.remove(0)
    }

    #[test]
    fn every_parameter_is_read() {
        let challenge = one(br#"DIGEST realm="example.com", nonce="84f1=", opaque="", stale=TRUE, domain="sip:x",
            algorithm=sha-256, qop="auth,auth-int", charset=UTF-8, userhash=true"#);
        assert_eq!(challenge.scheme, Scheme::Digest);
        assert_eq!(challenge.scheme_raw, b"DIGEST");
        assert_eq!(challenge.realm().unwrap(), &b"example.com"[..]);
        assert_eq!(challenge.nonce().unwrap(), &b"84f1="[..]);
        assert_eq!(challenge.opaque().unwrap(), &b""[..]);
        assert_eq!(challenge.algorithm(), Algorithm::Plain { hash: HashName::Sha256, sess: false });
        assert_eq!(challenge.qop(), [Qop::Auth, Qop::AuthInt]);
        assert_eq!(challenge.stale(), Some(Stale::True));
        assert_eq!(challenge.domain().unwrap(), &b"sip:x"[..]);
        assert_eq!(challenge.charset().unwrap(), &b"UTF-8"[..]);
        assert!(challenge.userhash());
        assert_eq!(challenge.malformation(), None);
        assert_eq!(challenge.defects(), []);
    }

    #[test]
    fn comma_joined_challenges_are_told_apart() {
        let value =
            br#"Digest realm="a", nonce="1", algorithm=SHA-256, Digest realm="a",nonce="2", Basic realm="c", NTLM"#;
        let challenges = parse_challenges(value);
        let schemes: Vec<Scheme> = challenges.iter().map(|challenge| challenge.scheme).collect();
        assert_eq!(schemes, [Scheme::Digest, Scheme::Digest, Scheme::Basic, Scheme::Other(b"NTLM")]);
        assert_eq!(challenges[1].nonce().unwrap(), &b"2"[..]);
        assert_eq!(challenges[2].realm().unwrap(), &b"c"[..]);
        assert!(challenges.iter().all(|challenge| challenge.defects().is_empty()));
    }

    #[test]
    fn malformed_challenges_say_why() {
        let check = |value: &[u8], why| assert_eq!(one(value).malformation(), why);
        check(br#"Digest realm="a""#, Some(Malformed::NonceAbsent));
        check(br#"Digest realm="a", nonce="""#, Some(Malformed::NonceEmpty));
        check(br#"Digest nonce="a""#, Some(Malformed::RealmAbsent));
        check(br#"Digest realm="a", nonce="b"#, Some(Malformed::UnclosedQuote));
        check(b"Digest", Some(Malformed::Unreadable));
        check(br#"Basic realm="a""#, None);
    }

    #[test]
    fn schemes_are_found_where_the_blank_is_missing() {
        let challenge = one(br#"Digestrealm="a",nonce="b""#);
        assert_eq!(challenge.scheme, Scheme::Digest);
        assert_eq!(challenge.realm().unwrap(), &b"a"[..]);
        assert_eq!(challenge.defects()[0].kind, DefectKind::NoBlankAfterScheme);
        let challenge = one(br#"realm="a",nonce="b""#);
        assert_eq!(challenge.scheme, Scheme::Other(b""));
        assert_eq!(challenge.nonce().unwrap(), &b"b"[..]);
        assert_eq!(challenge.defects()[0].kind, DefectKind::NoScheme);
        assert_eq!(one(b" \r\n ").defects()[0].kind, DefectKind::Empty);
    }
}
