//! SIP URIs (RFC 3261 §19.1), read leniently: every part is a slice of the text, and nothing is refused.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use crate::base::is_token;
use crate::sip::host_port;
use crate::sip::host_port::split_port;
use crate::sip::host_port::within_brackets;

/// The parts of a URI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sip`, `sips`, `tel`…; empty where there is none.
    pub scheme: &'a [u8],
    /// The user part, without a password; the number of a `tel:` URI.
    pub user: &'a [u8],
    /// Host name or address, brackets of IPv6 included.
    pub host: &'a [u8],
    /// The port's digits; empty where there is none.
    pub port: &'a [u8],
    /// Everything from the first `;` or `?` on, that included.
    pub parameters: &'a [u8],
}

/// The digits of a number without the sign of international ones; any other user name as it is.
pub fn without_plus(user: &[u8]) -> &[u8] {
    let is_number = |digits: &&[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    user.strip_prefix(b"+").filter(is_number).unwrap_or(user)
}

/// The longest word before a colon that is taken for a scheme.
const SCHEME_LEN_MAX: usize = 8;

impl<'a> Uri<'a> {
    /// Reads a URI. Angle brackets and blanks around it are dropped.
    pub fn parse(text: &'a [u8]) -> Uri<'a> {
        let (scheme, user, rest) = split_user(text);
        let end = memchr::memchr2(b';', b'?', rest).unwrap_or(rest.len());
        let (host_port, parameters) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if scheme.eq_ignore_ascii_case(b"tel") {
            return Uri { scheme, user: host_port.trim_ascii(), parameters, ..Uri::default() };
        }
        let (host, port) = split_port(host_port.trim_ascii());
        Uri { scheme, user: without_password(user), host, port, parameters }
    }

    /// The user part alone, as [`Uri::parse`] finds it.
    pub fn user_of(text: &'a [u8]) -> &'a [u8] {
        usual_user(text).unwrap_or_else(|| Uri::any_user_of(text))
    }

    fn any_user_of(text: &'a [u8]) -> &'a [u8] {
        let (scheme, user, _) = split_user(text);
        if scheme.eq_ignore_ascii_case(b"tel") { Uri::parse(text).user } else { without_password(user) }
    }

    /// The user part without its own parameters (`+1555;npdi` → `+1555`).
    pub fn plain_user(&self) -> &'a [u8] {
        memchr::memchr(b';', self.user).and_then(|end| self.user.get(..end)).unwrap_or(self.user)
    }

    /// The address that stands for the host; `None` where a name does.
    pub fn address(&self) -> Option<IpAddr> {
        host_port::address(self.host)
    }

    /// The first part in which two URIs differ as text; `None` where they are the same but for letter case and the spelling of an IPv6
    /// address. Stricter than RFC 3261 §19.1.4, which knows no order of parameters, undoes escapes, and passes over many parameters that
    /// only one has: a digest is made over the text.
    pub fn first_difference(&self, other: &Uri<'_>) -> Option<UriPart> {
        if !self.scheme.eq_ignore_ascii_case(other.scheme) {
            Some(UriPart::Scheme)
        } else if self.user != other.user {
            Some(UriPart::User)
        } else if !self.host.eq_ignore_ascii_case(other.host) && !is_same_address(self.host, other.host) {
            Some(UriPart::Host)
        } else if self.port != other.port {
            Some(UriPart::Port)
        } else if !self.parameters.eq_ignore_ascii_case(other.parameters) {
            Some(UriPart::Parameters)
        } else {
            None
        }
    }
}

/// Which part of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriPart {
    /// `sip` against `sips`
    Scheme,
    /// The user part.
    User,
    /// The host part.
    Host,
    /// The port.
    Port,
    /// URI parameters.
    Parameters,
}

impl UriPart {
    /// The word for it in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            UriPart::Scheme => "scheme",
            UriPart::User => "user",
            UriPart::Host => "host",
            UriPart::Port => "port",
            UriPart::Parameters => "parameters",
        }
    }
}

/// Whether two hosts are one IPv6 address in two spellings (RFC 5954 §4.2).
fn is_same_address(one: &[u8], other: &[u8]) -> bool {
    let [one, other] =
        [one, other].map(|host| std::str::from_utf8(within_brackets(host)?).ok()?.parse::<Ipv6Addr>().ok());
    one.is_some() && one == other
}

/// The scheme, what stands before the host, and the rest.
fn split_user(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"<").unwrap_or(text);
    let text = text.strip_suffix(b">").unwrap_or(text);
    let (scheme, rest) = split_scheme(text);
    // The user part may hold `;` and `?` (RFC 3261 §19.1.1), so the last `@` of all ends it: a header part that holds one is rare.
    match memchr::memrchr(b'@', rest) {
        Some(at) => (scheme, rest.get(..at).unwrap_or_default(), rest.get(at.saturating_add(1)..).unwrap_or_default()),
        None => (scheme, &[], rest),
    }
}

/// The user of a URI that is written as nearly every stack does: `sip:`, a token, and the only `@`.
fn usual_user(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"sip:")?;
    let (user, behind) = rest.split_at_checked(rest.iter().position(|&byte| !is_token(byte))?)?;
    let host = behind.strip_prefix(b"@")?;
    memchr::memchr(b'@', host).is_none().then_some(user)
}

fn without_password(user: &[u8]) -> &[u8] {
    // A user is a few bytes long: a plain loop is through before a search has begun.
    user.iter().position(|&byte| byte == b':').and_then(|colon| user.get(..colon)).unwrap_or(user).trim_ascii()
}

fn split_scheme(text: &[u8]) -> (&[u8], &[u8]) {
    // `example.com:5060` has a colon and no scheme; `sip`, `sips`, `tel`, `urn`… are short words.
    let letters = text.iter().take(SCHEME_LEN_MAX + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    match text.split_at_checked(letters) {
        Some((scheme, [b':', rest @ ..])) if (1..=SCHEME_LEN_MAX).contains(&letters) => (scheme, rest),
        _ => (&[], text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, String, String, String) {
        let uri = Uri::parse(text.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(uri.scheme), text(uri.user), text(uri.host), text(uri.port), text(uri.parameters))
    }

    #[test]
    fn the_sign_of_international_numbers_is_no_part_of_a_name() {
        let names = [&b"+49301234"[..], b"+", b"+bob", b"49301234", b""].map(without_plus);
        assert_eq!(names, [&b"49301234"[..], b"+", b"+bob", b"49301234", b""]);
    }

    #[test]
    fn an_ipv6_address_may_be_spelled_otherwise() {
        let differs =
            |one: &str, other: &str| Uri::parse(one.as_bytes()).first_difference(&Uri::parse(other.as_bytes()));
        assert_eq!(differs("sip:[2001:0db8:0:0::5]:5060", "sip:[2001:DB8::5]:5060"), None);
        assert_eq!(differs("sip:[2001:db8::5]", "sip:[2001:db8::6]"), Some(UriPart::Host));
        assert_eq!(differs("sip:[x]", "sip:[y]"), Some(UriPart::Host));
        assert_eq!(differs("sip:192.0.2.1", "sip:192.0.2.2"), Some(UriPart::Host));
    }

    #[test]
    fn uris_of_every_shape() {
        let check = |uri: &str, scheme: &str, user: &str, host: &str, port: &str, parameters: &str| {
            let expected = (scheme.into(), user.into(), host.into(), port.into(), parameters.into());
            assert_eq!(parts(uri), expected, "{uri}");
        };
        check(
            "sip:first.last@example.com:5060;transport=tcp",
            "sip",
            "first.last",
            "example.com",
            "5060",
            ";transport=tcp",
        );
        check("sips:[2001:db8::1]:5061", "sips", "", "[2001:db8::1]", "5061", "");
        check("sip:[2001:db8::1]", "sip", "", "[2001:db8::1]", "", "");
        check("tel:+1-555;phone-context=x", "tel", "+1-555", "", "", ";phone-context=x");
        check("sip:a:secret@b", "sip", "a", "b", "", "");
        check("<sip: 122@10.1.1.200>", "sip", "122", "10.1.1.200", "", "");
        check("example.com:5060", "", "", "example.com", "5060", "");
        check("", "", "", "", "", "");
        check("abcdefgh:a@b", "abcdefgh", "a", "b", "", "");
        check("abcdefghi:a@b", "", "abcdefghi", "b", "", "");
        check(":a@b", "", "", "b", "", "");
    }

    #[test]
    fn the_user_alone_is_that_of_the_whole() {
        for uri in [
            "sip:a@b",
            "sip:a@b@c",
            "sip:a;x=1@b",
            "sip:@b",
            "sip:b",
            "sip:a:secret@b",
            "<sip: 122@10.1.1.200>",
            "tel:+1-555;phone-context=x",
            "a@b@c",
            "example.com",
            "",
        ] {
            assert_eq!(Uri::user_of(uri.as_bytes()), Uri::parse(uri.as_bytes()).user, "{uri}");
        }
    }

    #[test]
    fn differences_name_their_part() {
        let difference = |a: &str, b: &str| Uri::parse(a.as_bytes()).first_difference(&Uri::parse(b.as_bytes()));
        assert_eq!(difference("sip:A.example", "SIP:a.EXAMPLE"), None);
        assert_eq!(difference("sip:a", "sip:a:5060"), Some(UriPart::Port));
        assert_eq!(difference("sip:x@a", "sip:y@a"), Some(UriPart::User));
        assert_eq!(difference("sip:a;transport=udp", "sip:a"), Some(UriPart::Parameters));
    }
}
