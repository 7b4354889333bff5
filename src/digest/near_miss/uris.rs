//! Other forms of a uri that clients hash in place of the one they send.

use crate::sip::uri::Uri;

/// With the port dropped, or one of SIP's own added.
pub(super) fn with_other_port(uri: &[u8]) -> Vec<Vec<u8>> {
    let parts = Uri::parse(uri);
    let Some(host) = host_place(uri, &parts) else { return Vec::new() };
    let front = uri.get(..host + parts.host.len()).unwrap_or_default();
    let behind = match parts.port {
        [] => front.len(),
        port => front.len() + 1 + port.len(),
    };
    let back = uri.get(behind..).unwrap_or_default();
    let ports: [&[u8]; 3] = [b"", b":5060", b":5061"];
    ports.into_iter().map(|port| [front, port, back].concat()).collect()
}

/// With another host, and nothing but that.
pub(super) fn with_host(uri: &[u8], host: &[u8]) -> Option<Vec<u8>> {
    let parts = Uri::parse(uri);
    let place = host_place(uri, &parts).filter(|_| !host.is_empty() && parts.host != host)?;
    let (front, from_host) = uri.split_at_checked(place)?;
    Some([front, host, from_host.strip_prefix(parts.host)?].concat())
}

/// Parameters that clients add or drop.
const PARAMETERS: [&[u8]; 5] = [b";transport=udp", b";transport=tcp", b";transport=tls", b";user=phone", b";lr"];

/// Without parameters or with one of those that clients add, with the other scheme or none, in angle brackets, without the
/// user part.
pub(super) fn with_other_parameters(uri: &[u8]) -> Vec<Vec<u8>> {
    let parts = Uri::parse(uri);
    let bare = uri.strip_suffix(parts.parameters).unwrap_or(uri);
    let scheme_len = if parts.scheme.is_empty() { 0 } else { parts.scheme.len() + 1 };
    let rest = uri.get(scheme_len..).unwrap_or_default();
    let mut uris = vec![bare.to_vec(), [b"<", uri, b">"].concat(), rest.to_vec()];
    uris.extend(PARAMETERS.iter().map(|parameter| [bare, parameter].concat()));
    match parts.scheme {
        b"sip" => uris.push([b"sips:", rest].concat()),
        b"sips" => uris.push([b"sip:", rest].concat()),
        b"" => uris.push([b"sip:", rest].concat()),
        _ => {}
    }
    if let Some(host) = host_place(uri, &parts).filter(|_| !parts.user.is_empty()) {
        let scheme = uri.get(..scheme_len).unwrap_or_default();
        let host_on = uri.get(host..).unwrap_or_default();
        uris.push([scheme, host_on].concat());
        uris.push([scheme, parts.host].concat());
    }
    uris
}

/// Where the host of a URI begins: behind the user part, and before parameters, either of which may hold the same text.
fn host_place(uri: &[u8], parts: &Uri<'_>) -> Option<usize> {
    if parts.host.is_empty() {
        return None;
    }
    let behind_user = if parts.user.is_empty() { 0 } else { memchr::memrchr(b'@', uri)? };
    let place = memchr::memmem::find(uri.get(behind_user..)?, parts.host)?;
    Some(behind_user + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(forms: &[Vec<u8>], expected: &[&str]) {
        for form in expected {
            assert!(forms.iter().any(|known| known == form.as_bytes()), "{form} is not among them");
        }
    }

    #[test]
    fn ports_come_and_go_and_the_rest_stays() {
        check(&with_other_port(b"sip:a@h;x=1"), &["sip:a@h:5060;x=1", "sip:a@h:5061;x=1"]);
        check(&with_other_port(b"sip:h:5080"), &["sip:h", "sip:h:5060"]);
        check(&with_other_port(b"sip:[::1]:5060"), &["sip:[::1]"]);
        check(&with_other_port(b"sip:192.0.2.1;maddr=192.0.2.1"), &["sip:192.0.2.1:5060;maddr=192.0.2.1"]);
        check(&with_other_port(b"sip:h@h;x=h"), &["sip:h@h:5060;x=h"]);
        assert!(with_other_port(b"").is_empty());
    }

    #[test]
    fn parameters_schemes_and_users_come_and_go() {
        let forms = with_other_parameters(b"sip:a@h:5060;transport=tcp");
        check(&forms, &["sip:a@h:5060", "sips:a@h:5060;transport=tcp", "sip:h", "<sip:a@h:5060;transport=tcp>"]);
        check(&with_other_parameters(b"h"), &["sip:h", "h;lr"]);
    }
}
