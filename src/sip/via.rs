//! The Via header (RFC 3261 §20.42): which hop, and its branch.

use crate::base::first_of;
use crate::sip::address::parameters;
use crate::sip::host_port::split_port;

/// One Via value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Via<'a> {
    /// Protocol, transport and sent-by, as written.
    pub head: &'a [u8],
    /// The branch parameter.
    pub branch: Option<&'a [u8]>,
}

impl<'a> Via<'a> {
    /// The first Via of a header value.
    pub fn parse(value: &'a [u8]) -> Via<'a> {
        // A comma ends it, wherever it stands, and the first semicolon before that ends its head.
        let end = first_of(value, [b';', b',']).unwrap_or(value.len());
        let (head, tail) = value.split_at_checked(end).unwrap_or((value, &[]));
        // As most stacks write it: first, or behind `rport`.
        if let Some(usual) = tail.strip_prefix(b";rport").unwrap_or(tail).strip_prefix(b";branch=") {
            let len = first_of(usual, [b';', b',']).unwrap_or(usual.len());
            let branch = usual.get(..len).unwrap_or_default().trim_ascii();
            return Via { head, branch: (!branch.is_empty()).then_some(branch) };
        }
        let tail = tail.split(|&byte| byte == b',').next().unwrap_or_default();
        let branch = parameters(tail).find(|(name, _)| name.eq_ignore_ascii_case(b"branch")).map(|(_, value)| value);
        Via { head, branch: branch.filter(|branch| !branch.is_empty()) }
    }

    /// `UDP`, `TCP`…, as written; empty where there is none.
    pub fn transport(&self) -> &'a [u8] {
        self.transport_and_sender().0
    }

    /// Host and port, as written: blanks may stand around the colon between them (RFC 3261 §25.1 `COLON`).
    pub fn sent_by(&self) -> &'a [u8] {
        self.transport_and_sender().1
    }

    fn transport_and_sender(&self) -> (&'a [u8], &'a [u8]) {
        // RFC 3261 §25.1: blanks may stand around each slash of `SIP/2.0/UDP`, and nothing but blanks behind the transport.
        let behind_slashes = self.head.splitn(3, |&byte| byte == b'/').last().unwrap_or_default().trim_ascii();
        let end = behind_slashes.iter().position(u8::is_ascii_whitespace).unwrap_or(behind_slashes.len());
        let (transport, sender) = behind_slashes.split_at_checked(end).unwrap_or_default();
        (transport, sender.trim_ascii_start())
    }

    /// The port at which responses are expected: 5060 where none is written (RFC 3261 §18.2.2). `None` where it is no number.
    pub fn port(&self) -> Option<u16> {
        // As a URI, a short name before the colon would be a scheme.
        match split_port(self.sent_by()).1 {
            [] => Some(5060),
            digits => std::str::from_utf8(digits).ok()?.parse().ok(),
        }
    }

    /// Whether the first Via of a header value asks for responses at the port that the request came from (RFC 3581).
    pub fn asks_rport(value: &[u8]) -> bool {
        let first = value.split(|&byte| byte == b',').next().unwrap_or_default();
        parameters(first).any(|(name, _)| name.eq_ignore_ascii_case(b"rport"))
    }

    /// Every Via of a header value; several may be comma-joined (RFC 3261 §7.3.1).
    pub fn parse_all(value: &'a [u8]) -> impl Iterator<Item = Via<'a>> {
        value.split(|&byte| byte == b',').map(Via::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_the_slashes_part_no_transport() {
        let check = |head: &str, transport: &str, sent_by: &str| {
            let via = Via::parse(head.as_bytes());
            assert_eq!((via.transport(), via.sent_by()), (transport.as_bytes(), sent_by.as_bytes()), "{head}");
        };
        check("SIP/2.0/UDP 192.0.2.1", "UDP", "192.0.2.1");
        check("SIP / 2.0 / UDP 192.0.2.1:5060;rport", "UDP", "192.0.2.1:5060");
        check("SIP  / 2.0\r\n /TCP\r\n    192.0.2.2;branch=x", "TCP", "192.0.2.2");
        check("SIP/2.0/ TLS\tpbx.example.com", "TLS", "pbx.example.com");
        check("SIP/2.0/UDP 192.0.2.1 : 4000 ", "UDP", "192.0.2.1 : 4000");
        check("SIP/2.0/", "", "");
        check("", "", "");
    }

    #[test]
    fn the_top_via_gives_transport_sender_and_branch() {
        let via = Via::parse(b"SIP/2.0/UDP  192.0.2.1:5060 ;rport; Branch = z9hG4bKa, SIP/2.0/TCP b;branch=z9hG4bKb");
        assert_eq!(via.transport(), b"UDP");
        assert_eq!(via.sent_by(), b"192.0.2.1:5060");
        assert_eq!(via.branch, Some(&b"z9hG4bKa"[..]));
        assert_eq!(Via::parse(b"SIP/2.0/UDP 10.1.1.200").branch, None);
        assert_eq!(Via::parse(b"").branch, None);
        assert_eq!(
            ["a", "[2001:db8::1]:5080", "pbx:5080", "pbx : 5080", "[2001:db8::1] :5080", "a:x"]
                .map(|by| Via::parse(format!("SIP/2.0/UDP {by}").as_bytes()).port()),
            [Some(5060), Some(5080), Some(5080), Some(5080), Some(5080), None]
        );
        assert!(
            Via::asks_rport(b"A a; RPORT ;branch=x")
                && Via::asks_rport(b"A a;rport=5060")
                && !Via::asks_rport(b"A a;branch=x, B b;rport")
        );
        let of_one_row = |row: &'static [u8]| (Via::parse(row).head, Via::parse(row).branch);
        assert_eq!(of_one_row(b"A a;branch=x,B b;branch=y"), (&b"A a"[..], Some(&b"x"[..])));
        assert_eq!(of_one_row(b"A a,B b;branch=y"), (&b"A a"[..], None));
    }
}
