//! Header names, with their compact forms (RFC 3261 §7.3.3), and where a header stands in its message.

use crate::base::Span;

/// One header field. The value span has no blanks at its ends and holds the folds as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which header, where sipauth knows it.
    pub name: HeaderName,
    /// Where the name begins; see [`crate::sip::Message::header_name`].
    pub start: u32,
    /// The value as written.
    pub value_at: Span,
}

/// The headers that some room asks for; everything else is `Other` and keeps its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderName {
    /// `Via`, `v`
    Via,
    /// `From`, `f`
    From,
    /// `To`, `t`
    To,
    /// `Call-ID`, `i`
    CallId,
    /// `CSeq`
    CSeq,
    /// `Contact`, `m`
    Contact,
    /// `Content-Length`, `l`
    ContentLength,
    /// `Expires`
    Expires,
    /// `User-Agent`
    UserAgent,
    /// `Server`
    Server,
    /// `WWW-Authenticate`
    WwwAuthenticate,
    /// `Proxy-Authenticate`
    ProxyAuthenticate,
    /// `Authorization`
    Authorization,
    /// `Proxy-Authorization`
    ProxyAuthorization,
    /// `Authentication-Info`
    AuthenticationInfo,
    /// `Proxy-Authentication-Info`
    ProxyAuthenticationInfo,
    /// `Require`
    Require,
    /// `Security-Client` (RFC 3329)
    SecurityClient,
    /// `Security-Server` (RFC 3329)
    SecurityServer,
    /// `Security-Verify` (RFC 3329)
    SecurityVerify,
    /// `Warning` (RFC 3261 §20.43)
    Warning,
    /// `Reason` (RFC 3326), which says why another network refused a request (RFC 6432)
    Reason,
    /// `P-Registrar-Error`, by which Kamailio and OpenSIPS say why they refuse a REGISTER
    RegistrarError,
    /// Any other header.
    Other,
}

impl HeaderName {
    /// How many there are.
    pub const COUNT: usize = HeaderName::Other as usize + 1;

    /// Names compare without letter case (RFC 3261 §7.3.1).
    pub fn parse(name: &[u8]) -> HeaderName {
        // Length and first letter leave one or two candidates: most headers of a message are none of these.
        let is = |known: HeaderName| {
            let usual = known.as_str().as_bytes();
            // Nearly all are written as the standard does, which is one comparison of whole words.
            (name == usual || name.eq_ignore_ascii_case(usual)).then_some(known)
        };
        let known = match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (1, _) => Some(HeaderName::compact(name)),
            (2, Some(b't')) => is(HeaderName::To),
            (3, Some(b'v')) => is(HeaderName::Via),
            (4, Some(b'f')) => is(HeaderName::From),
            (4, Some(b'c')) => is(HeaderName::CSeq),
            (6, Some(b's')) => is(HeaderName::Server),
            (6, Some(b'r')) => is(HeaderName::Reason),
            (7, Some(b'c')) => is(HeaderName::CallId).or_else(|| is(HeaderName::Contact)),
            (7, Some(b'e')) => is(HeaderName::Expires),
            (7, Some(b'r')) => is(HeaderName::Require),
            (7, Some(b'w')) => is(HeaderName::Warning),
            (10, Some(b'u')) => is(HeaderName::UserAgent),
            (13, Some(b'a')) => is(HeaderName::Authorization),
            (14, Some(b'c')) => is(HeaderName::ContentLength),
            (15, Some(b's')) => is(HeaderName::SecurityServer)
                .or_else(|| is(HeaderName::SecurityClient))
                .or_else(|| is(HeaderName::SecurityVerify)),
            (16, Some(b'w')) => is(HeaderName::WwwAuthenticate),
            (17, Some(b'p')) => is(HeaderName::RegistrarError),
            (18, Some(b'p')) => is(HeaderName::ProxyAuthenticate),
            (19, Some(b'p')) => is(HeaderName::ProxyAuthorization),
            (19, Some(b'a')) => is(HeaderName::AuthenticationInfo),
            (25, Some(b'p')) => is(HeaderName::ProxyAuthenticationInfo),
            _ => None,
        };
        known.unwrap_or(HeaderName::Other)
    }

    /// The header that a line begins with, and what stands behind the colon, where it is written as the standards do and the colon
    /// follows at once: nearly every line of nearly every stack. `None` says nothing.
    #[inline]
    pub fn usual(line: &[u8]) -> Option<(HeaderName, &[u8])> {
        // Comparisons with literals are a load or two each, and no call.
        let is = |written: &[u8], name: HeaderName| Some((name, line.strip_prefix(written)?));
        let other = |written: &[u8]| is(written, HeaderName::Other);
        match line.first()? {
            b'V' => is(b"Via:", HeaderName::Via),
            b'F' => is(b"From:", HeaderName::From),
            b'T' => is(b"To:", HeaderName::To),
            b'C' => is(b"Call-ID:", HeaderName::CallId)
                .or_else(|| is(b"CSeq:", HeaderName::CSeq))
                .or_else(|| is(b"Content-Length:", HeaderName::ContentLength))
                .or_else(|| is(b"Contact:", HeaderName::Contact))
                .or_else(|| other(b"Content-Type:")),
            b'M' => other(b"Max-Forwards:").or_else(|| other(b"Min-SE:")),
            b'U' => is(b"User-Agent:", HeaderName::UserAgent),
            b'A' => other(b"Allow:")
                .or_else(|| is(b"Authorization:", HeaderName::Authorization))
                .or_else(|| other(b"Allow-Events:"))
                .or_else(|| other(b"Accept:")),
            b'S' => other(b"Supported:")
                .or_else(|| is(b"Server:", HeaderName::Server))
                .or_else(|| other(b"Session-Expires:")),
            b'E' => is(b"Expires:", HeaderName::Expires),
            b'R' => other(b"Record-Route:").or_else(|| other(b"Route:")),
            b'P' => is(b"Proxy-Authorization:", HeaderName::ProxyAuthorization)
                .or_else(|| is(b"Proxy-Authenticate:", HeaderName::ProxyAuthenticate))
                .or_else(|| other(b"P-Asserted-Identity:")),
            b'W' => is(b"WWW-Authenticate:", HeaderName::WwwAuthenticate),
            b'D' => other(b"Date:"),
            _ => None,
        }
    }

    fn compact(name: &[u8]) -> HeaderName {
        match name {
            b"v" | b"V" => HeaderName::Via,
            b"f" | b"F" => HeaderName::From,
            b"t" | b"T" => HeaderName::To,
            b"i" | b"I" => HeaderName::CallId,
            b"m" | b"M" => HeaderName::Contact,
            b"l" | b"L" => HeaderName::ContentLength,
            _ => HeaderName::Other,
        }
    }

    /// The name as RFC 3261 writes it; empty for `Other`.
    pub fn as_str(self) -> &'static str {
        match self {
            HeaderName::Via => "Via",
            HeaderName::From => "From",
            HeaderName::To => "To",
            HeaderName::CallId => "Call-ID",
            HeaderName::CSeq => "CSeq",
            HeaderName::Contact => "Contact",
            HeaderName::ContentLength => "Content-Length",
            HeaderName::Expires => "Expires",
            HeaderName::UserAgent => "User-Agent",
            HeaderName::Server => "Server",
            HeaderName::WwwAuthenticate => "WWW-Authenticate",
            HeaderName::ProxyAuthenticate => "Proxy-Authenticate",
            HeaderName::Authorization => "Authorization",
            HeaderName::ProxyAuthorization => "Proxy-Authorization",
            HeaderName::AuthenticationInfo => "Authentication-Info",
            HeaderName::ProxyAuthenticationInfo => "Proxy-Authentication-Info",
            HeaderName::Require => "Require",
            HeaderName::SecurityClient => "Security-Client",
            HeaderName::SecurityServer => "Security-Server",
            HeaderName::SecurityVerify => "Security-Verify",
            HeaderName::Warning => "Warning",
            HeaderName::Reason => "Reason",
            HeaderName::RegistrarError => "P-Registrar-Error",
            HeaderName::Other => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_in_compact_form() {
        let check = |text: &str, name| assert_eq!(HeaderName::parse(text.as_bytes()), name, "{text}");
        check("aUTHORIZATION", HeaderName::Authorization);
        check("CALL-ID", HeaderName::CallId);
        check("i", HeaderName::CallId);
        check("L", HeaderName::ContentLength);
        check("proxy-authenticate", HeaderName::ProxyAuthenticate);
        check("X-Authorization", HeaderName::Other);
        check("", HeaderName::Other);
    }

    #[test]
    fn usual_lines_are_read_as_all_others() {
        let lines = [
            "Via: a",
            "From:a",
            "To: a",
            "Call-ID: a",
            "CSeq: 1",
            "Contact: a",
            "Content-Length: 1",
            "Content-Type: a",
            "Max-Forwards: 70",
            "Min-SE: 90",
            "User-Agent: a",
            "Authorization: a",
            "Allow: a",
            "Allow-Events: a",
            "Accept: a",
            "Supported: a",
            "Server: a",
            "Session-Expires: 1",
            "Expires: 1",
            "Record-Route: a",
            "Route: a",
            "Proxy-Authorization: a",
            "Proxy-Authenticate: a",
            "P-Asserted-Identity: a",
            "WWW-Authenticate: a",
            "Date: a",
        ];
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let expected = Some((HeaderName::parse(name.as_bytes()), value.as_bytes()));
            assert_eq!(HeaderName::usual(line.as_bytes()), expected, "{line}");
        }
        for other in ["", "V", "v: a", "Viable: a", "Via : a", "VIA: a", "Contact", "X: a", ": a"] {
            assert_eq!(HeaderName::usual(other.as_bytes()), None, "{other}");
        }
    }
}
