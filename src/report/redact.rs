//! What of an auth header may be shown. By default nothing that a guess of a password can be tested on: not the response,
//! not rspauth or auts, and nothing computed from them.

use crate::auth::Algorithm;
use crate::auth::AuthenticationInfo;
use crate::auth::Name;
use crate::auth::Param;
use crate::auth::Scheme;
use crate::auth::parse_challenges;
use crate::auth::parse_credentials;
use crate::auth::scheme::is_known_scheme;
use crate::base::Untrusted;
use crate::base::in_clear::SECRET_PARAMS;
use crate::rules::EvidenceValue;
use crate::session::NonceId;

/// Parameters that hold the keys of an IPsec session: an IMS core that tells them to the phone tells them to whoever listens.
const SESSION_KEYS: [&str; 2] = ["ck", "ik"];

/// How much is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redaction {
    /// Hides what could be cracked.
    #[default]
    Default,
    /// Hides what could be cracked, and gives people, numbers, hosts and addresses other names.
    Strict,
    /// Hides nothing but what was in clear: credentials of other schemes than Digest, and passwords in URIs.
    None,
}

impl Redaction {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Redaction::Default => "default",
            Redaction::Strict => "strict",
            Redaction::None => "none",
        }
    }
}

/// The report's name of a nonce: `n1` for the first.
pub fn nonce_name(id: NonceId) -> String {
    format!("n{}", u64::from(id.0) + 1)
}

/// A header value as it may be shown.
pub fn evidence(value: &EvidenceValue, redaction: Redaction) -> String {
    match value {
        // It may be a URI, an address, a product or whatever else a header holds.
        EvidenceValue::Text(_) if redaction == Redaction::Strict => "[redacted]".to_owned(),
        EvidenceValue::Text(text) => text.clone(),
        EvidenceValue::Info(row, nonce) => {
            let params = AuthenticationInfo::parse(row).params;
            let shown: Vec<String> = params.iter().map(|param| parameter(param, *nonce, redaction)).collect();
            shown.join(", ")
        }
        EvidenceValue::Challenge(row, nonces) => {
            let nonces = nonces.iter().copied().chain(std::iter::repeat(None));
            let all = parse_challenges(row).into_iter().zip(nonces);
            let shown =
                all.map(|(one, nonce)| header(one.scheme_raw, &one.scheme, one.params.iter(), nonce, redaction));
            shown.collect::<Vec<_>>().join(", ")
        }
        EvidenceValue::Credentials(row, nonce) => {
            let all = parse_credentials(row).into_iter().zip(std::iter::once(*nonce).chain(std::iter::repeat(None)));
            let shown = all.map(|(one, nonce)| match one.scheme {
                Scheme::Digest => header(one.scheme_raw, &one.scheme, one.params.iter(), nonce, redaction),
                // What a client sends under another scheme is the secret itself, or made of it.
                _ => format!("{} [redacted]", credentials_scheme(one.scheme_raw)),
            });
            shown.collect::<Vec<_>>().join(", ")
        }
    }
}

fn header<'p>(
    scheme_raw: &[u8],
    scheme: &Scheme<'_>,
    params: impl Iterator<Item = &'p Param<'p>>,
    nonce: Option<NonceId>,
    redaction: Redaction,
) -> String {
    let is_known = *scheme == Scheme::Digest || *scheme == Scheme::Basic;
    let name = match redaction {
        Redaction::Strict if !is_known => "other".to_owned(),
        _ => Untrusted(scheme_raw).to_text(),
    };
    let shown: Vec<String> = params.map(|param| parameter(param, nonce, redaction)).collect();
    format!("{name} {}", shown.join(", "))
}

/// The scheme of credentials, as it may be shown: what a client sends without any is taken for one, and may be its token.
pub fn credentials_scheme(raw: &[u8]) -> String {
    match is_known_scheme(raw) {
        true => Untrusted(raw).to_text(),
        false if raw.is_empty() => String::new(),
        false => "other".to_owned(),
    }
}

fn parameter(param: &Param<'_>, nonce: Option<NonceId>, redaction: Redaction) -> String {
    let name = Untrusted(param.name).to_text();
    let mut hidden = SECRET_PARAMS.iter().chain(&SESSION_KEYS);
    if hidden.any(|hidden| param.is(hidden)) && redaction != Redaction::None {
        return name + "=[redacted]";
    }
    if redaction == Redaction::Strict {
        return strict_parameter(param, nonce);
    }
    match nonce {
        Some(id) if param.is("nonce") || param.is("nextnonce") => [&*name, "=", &nonce_name(id)].concat(),
        _ if param.quoted => [&*name, "=\"", &Untrusted(param.raw).to_text(), "\""].concat(),
        _ => [&*name, "=", &Untrusted(param.raw).to_text()].concat(),
    }
}

/// What of a parameter can name nobody: the nonce by its number, and values that the standard fixes.
fn strict_parameter(param: &Param<'_>, nonce: Option<NonceId>) -> String {
    let Some(name) = Name::from_bytes(param.name) else { return "[redacted]".to_owned() };
    let value = Untrusted(param.raw).to_text();
    let is_shown = match name {
        Name::NonceCount => value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Name::Algorithm => Algorithm::names().any(|known| known.eq_ignore_ascii_case(&value)),
        Name::Qop => value.split(',').all(|word| is_one_of(word.trim(), &["auth", "auth-int"])),
        Name::Stale | Name::UserHash => is_one_of(&value, &["true", "false"]),
        _ => false,
    };
    match nonce {
        Some(id) if matches!(name, Name::Nonce | Name::NextNonce) => format!("{}={}", name.as_str(), nonce_name(id)),
        _ if is_shown => format!("{}={value}", name.as_str()),
        _ => format!("{}=[redacted]", name.as_str()),
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_made_from_a_password_is_shown() {
        let row: Box<[u8]> =
            b"Digest username=\"a\", nonce=\"x\", RESPONSE=\"0123abcd\", auts=\"zz\", qop=auth".as_slice().into();
        let value = EvidenceValue::Credentials(row, Some(NonceId(0)));
        let shown = "Digest username=\"a\", nonce=n1, RESPONSE=[redacted], auts=[redacted], qop=auth";
        assert_eq!(evidence(&value, Redaction::Default), shown);
        assert!(evidence(&value, Redaction::None).contains("RESPONSE=\"0123abcd\""));
        let keys: Box<[u8]> = b"Digest nonce=\"x\", ck=\"2b4a\", IK=\"3c4a\"".as_slice().into();
        let value = EvidenceValue::Challenge(keys, [Some(NonceId(0))].into());
        assert_eq!(evidence(&value, Redaction::Default), "Digest nonce=n1, ck=[redacted], IK=[redacted]");
        let basic = EvidenceValue::Credentials(b"Basic dXNlcjpwYXNz".as_slice().into(), None);
        assert_eq!(evidence(&basic, Redaction::None), "Basic [redacted]");
        let shown =
            |value: &str, redaction| evidence(&EvidenceValue::Credentials(value.as_bytes().into(), None), redaction);
        for redaction in [Redaction::Default, Redaction::Strict, Redaction::None] {
            assert_eq!(shown("NTLM qop=\"auth\", gssapi-data=\"TlRM\"", redaction), "NTLM [redacted]");
            assert_eq!(shown("bearer eyJh.bGci", redaction), "bearer [redacted]");
            assert_eq!(shown("dXNlcjpwYXNz==", redaction), " [redacted]");
            assert_eq!(shown("dXNlcjpwYXNz", redaction), "other [redacted]");
            let swallowed = shown("Digest username=\"u\", uri=\"sip:a,response=0123abcd", redaction);
            assert!(!swallowed.contains("0123"), "{swallowed}");
        }
    }

    #[test]
    fn strict_shows_what_the_standards_fix_and_nothing_else() {
        let shown = |row: &str| {
            evidence(&EvidenceValue::Credentials(row.as_bytes().into(), Some(NonceId(0))), Redaction::Strict)
        };
        assert_eq!(
            shown(
                "Digest username=\"a\", realm=\"r\", nonce=\"x\", algorithm=AKAv1-MD5, qop=\"auth,auth-int\", nc=00000001, x=y"
            ),
            "Digest username=[redacted], realm=[redacted], nonce=n1, algorithm=AKAv1-MD5, qop=auth,auth-int, nc=00000001, [redacted]"
        );
        for name in Algorithm::names() {
            assert_eq!(shown(&format!("Digest algorithm={name}")), format!("Digest algorithm={name}"));
        }
        assert_eq!(
            shown("Digest algorithm=alice, qop=\"auth,alice\", userhash=true, stale=maybe, nc=1"),
            "Digest algorithm=[redacted], qop=[redacted], userhash=true, stale=[redacted], nc=[redacted]"
        );
    }
}
