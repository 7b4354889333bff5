//! The second opinion: would a strict stack read this header? The only file that names rsip.
//!
//! Its answer is a hint for the report (many phones and proxies are as strict), never part of a verdict.

use rsip::headers::ToTypedHeader;
use rsip::headers::UntypedHeader;
use rsip::headers::untyped;

use crate::sip::HeaderName;

/// Of what is nothing that a reader of digests has to know.
pub const OTHER_SCHEME: &str = "the scheme is not Digest";

/// Why rsip, standing for strict stacks, cannot read the value of an auth header. `None` where it can, and for other headers. In words of
/// our own: rsip's quote the header, and that may hold a digest or a token.
pub fn objection(name: HeaderName, value: &[u8]) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Some("the header is not UTF-8");
    };
    if memchr::memchr2(b'\r', b'\n', value).is_some() {
        return Some("the header is folded over several lines");
    }
    // Of Basic, rsip reads no more than the credentials.
    if text.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic")) {
        return None;
    }
    if text.split(',').any(is_newer) {
        return None;
    }
    // It reads the nonce count as a decimal number, which is one of hex digits.
    let text = &with_plain_uri(&with_plain_count(text));
    let error = match name {
        HeaderName::WwwAuthenticate => untyped::WwwAuthenticate::new(text).into_typed().err(),
        HeaderName::ProxyAuthenticate => untyped::ProxyAuthenticate::new(text).into_typed().err(),
        HeaderName::Authorization => untyped::Authorization::new(text).into_typed().err(),
        HeaderName::ProxyAuthorization => untyped::ProxyAuthorization::new(text).into_typed().err(),
        _ => None,
    };
    error.map(|error| reason(&error, text))
}

/// Whether a parameter is of RFC 8760 or RFC 3310: rsip dates from RFC 2617, and what it does not know is no objection.
fn is_newer(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    let (name, value) = part.split_once('=').unwrap_or(("", &part));
    match name.trim() {
        // The first one stands behind the scheme, and a list in quotes is several parts here.
        "algorithm" | "digest algorithm" => value.contains("sha-") || value.contains("akav"),
        "qop" | "digest qop" | "" => value.contains("auth-int"),
        name => name == "digest userhash",
    }
}

fn reason(error: &rsip::Error, text: &str) -> &'static str {
    let is_digest = text.trim_start().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest"));
    if !is_digest {
        return OTHER_SCHEME;
    }
    match error {
        rsip::Error::InvalidParam(said) if said.contains("missing ") => "a parameter is missing",
        rsip::Error::InvalidParam(_) | rsip::Error::ParseError(_) => "a parameter has a value that it does not know",
        _ => "it is not written as the grammar has it",
    }
}

/// The same with another nonce count in the place of one that has hex letters.
fn with_plain_count(text: &str) -> String {
    let plain = |part: &str| match part.trim().strip_prefix("nc=") {
        Some(count) if count.len() == 8 && count.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            " nc=00000001".to_owned()
        }
        _ => part.to_owned(),
    };
    text.split(',').map(plain).collect::<Vec<String>>().join(",")
}

/// The same with another uri in the place of one that rsip does not know, and that is legal all the same: of a telephone number or a
/// service (RFC 3966, RFC 5031), or with an address of IPv6 in it (RFC 3261 §25.1).
fn with_plain_uri(text: &str) -> String {
    let Some((before, rest)) = text.split_once("uri=\"") else { return text.to_owned() };
    let Some((uri, after)) = rest.split_once('"') else { return text.to_owned() };
    let has_scheme = |scheme: &str| uri.get(..scheme.len()).is_some_and(|own| own.eq_ignore_ascii_case(scheme));
    let is_of_ipv6 = (has_scheme("sip:") || has_scheme("sips:")) && uri.contains('[');
    if has_scheme("tel:") || has_scheme("urn:") || is_of_ipv6 {
        format!("{before}uri=\"sip:a\"{after}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_stack_takes_the_plain_form_and_refuses_odd_ones() {
        let check = |value: &str| objection(HeaderName::WwwAuthenticate, value.as_bytes());
        assert_eq!(check("Digest realm=\"a\", nonce=\"b\", algorithm=MD5, qop=\"auth\""), None);
        assert!(check("Digest realm=\"a\", nonce=\"b\", algorithm=FOO").is_some());
        // What is newer than RFC 2617 is no objection, and a realm that looks like it hides none.
        assert_eq!(check("Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256, qop=\"auth,auth-int\""), None);
        assert!(check("Digest realm=\"sha-mobile auth-int\", nonce=\"b\", algorithm=FOO").is_some());
        let of_client = |nc: &str| {
            let value = format!(
                "Digest username=\"u\", realm=\"a\", nonce=\"b\", uri=\"sip:a\", response=\"c\", qop=auth, cnonce=\"d\", nc={nc}"
            );
            objection(HeaderName::Authorization, value.as_bytes())
        };
        assert_eq!([of_client("0000000a"), of_client("00000010"), of_client("0000beef")], [None, None, None]);
        assert!(of_client("0000000x").is_some() && of_client("").is_some());
        assert!(check("Digest realm=\"a\",\r\n nonce=\"b\"").is_some());
        let of_uri = |uri: &str| {
            let value = format!(
                "Digest username=\"u\", realm=\"a\", nonce=\"b\", uri=\"{uri}\", response=\"c\", qop=auth, cnonce=\"d\", nc=00000001"
            );
            objection(HeaderName::Authorization, value.as_bytes())
        };
        for legal in ["sip:a", "tel:+4930123456", "TEL:110", "sip:[2001:db8::1]:5060;transport=tcp", "urn:service:sos"]
        {
            assert_eq!(of_uri(legal), None, "{legal}");
        }
        assert!(of_uri("[2001:db8::1]").is_some());
        assert_eq!(objection(HeaderName::Via, b"\xff"), Some("the header is not UTF-8"));
        assert_eq!(check("NTLM realm=\"a\""), Some("the scheme is not Digest"));
        assert_eq!(check("Digest realm=\"a\""), Some("a parameter is missing"));
    }
}
