//! A host with or without its port, as URIs and Vias write it (RFC 3261 §25.1 `hostport`), and the address that a host may be.

use std::net::IpAddr;

/// Host and port as written, without the blanks that a Via may have around its colon: brackets of an IPv6 address belong to the host, and the
/// port is empty where there is none. The port's digits are not looked at.
pub fn split_port(host_port: &[u8]) -> (&[u8], &[u8]) {
    let search_from = if host_port.starts_with(b"[") { memchr::memchr(b']', host_port).unwrap_or(0) } else { 0 };
    let tail = host_port.get(search_from..).unwrap_or_default();
    match memchr::memchr(b':', tail) {
        Some(colon) => {
            let at = search_from.saturating_add(colon);
            let (host, port) = (host_port.get(..at), host_port.get(at.saturating_add(1)..));
            (host.unwrap_or_default().trim_ascii_end(), port.unwrap_or_default().trim_ascii_start())
        }
        None => (host_port, &[]),
    }
}

/// What stands between the brackets of an IPv6 address; `None` where it has not both of them.
pub fn within_brackets(host: &[u8]) -> Option<&[u8]> {
    host.strip_prefix(b"[")?.strip_suffix(b"]")
}

/// The address that a host is, read leniently: a bracket may be missing, or stand around an IPv4 address. `None` where it is a name.
pub fn address(host: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(host).ok()?.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_stands_behind_the_brackets() {
        let check = |text: &str, host: &str, port: &str| {
            assert_eq!(split_port(text.as_bytes()), (host.as_bytes(), port.as_bytes()), "{text}");
        };
        check("192.0.2.1:5060", "192.0.2.1", "5060");
        check("[2001:db8::1]:5061", "[2001:db8::1]", "5061");
        check("[2001:db8::1]", "[2001:db8::1]", "");
        check("[2001:db8::1", "[2001", "db8::1");
        check("pbx:", "pbx", "");
        check("[2001:db8::1] : 5061", "[2001:db8::1]", "5061");
        check("", "", "");
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        let is_address = |host: &str, expect: Option<&str>| {
            assert_eq!(address(host.as_bytes()), expect.map(|text| text.parse().unwrap()), "{host}");
        };
        is_address("[2001:DB8:0::1]", Some("2001:db8::1"));
        is_address("2001:db8::1", Some("2001:db8::1"));
        is_address("[192.0.2.1]", Some("192.0.2.1"));
        is_address("pbx.example.com", None);
        is_address("", None);
        assert_eq!(within_brackets(b"[::1]"), Some(&b"::1"[..]));
        assert_eq!([&b"[::1"[..], b"::1]", b"["].map(within_brackets), [None; 3]);
    }
}
