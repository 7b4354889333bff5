//! Whether a request ends what an earlier one set up: a registration, a subscription, a publication.

use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::address::parameters;
use crate::sip::elements;

/// RFC 3261 §10.2.2, RFC 6665 §4.1.2.3, RFC 3903 §4.5: an interval of zero. That of a Contact goes before that of Expires.
pub(super) fn is_removal(message: &Message<'_>) -> bool {
    let expires = message.value(HeaderName::Expires).map(is_zero);
    match message.method() {
        Some(b"REGISTER") => {
            let rows = || message.values(HeaderName::Contact);
            // Few registrations end, and mostly a glance tells.
            if expires != Some(true) && !rows().any(may_hold_zero) {
                return false;
            }
            let mut contacts = rows().flat_map(|row| elements(row, b',')).peekable();
            contacts.peek().is_some()
                && contacts.all(|contact| interval(contact).map_or(expires == Some(true), is_zero))
        }
        Some(b"SUBSCRIBE" | b"PUBLISH") => expires == Some(true),
        _ => false,
    }
}

/// Whether a parameter may be zero: behind no `=` stands anything else but `0`, or a blank.
fn may_hold_zero(row: &[u8]) -> bool {
    let mut behind = memchr::memchr_iter(b'=', row).filter_map(|at| row.get(at.saturating_add(1)));
    behind.any(|byte| *byte == b'0' || byte.is_ascii_whitespace())
}

/// How long a contact asks to be bound.
fn interval(contact: &[u8]) -> Option<&[u8]> {
    let mut params = elements(contact, b';').skip(1).flat_map(parameters);
    params.find(|(name, _)| name.eq_ignore_ascii_case(b"expires")).map(|(_, value)| value)
}

fn is_zero(interval: &[u8]) -> bool {
    let digits = interval.trim_ascii();
    !digits.is_empty() && digits.iter().all(|&byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::parse;
    use crate::sip::parse::Source;

    #[test]
    fn an_interval_of_zero_ends_a_registration() {
        let is = |head: &str| {
            let text = format!("{head}\r\n\r\n");
            is_removal(&parse(text.as_bytes(), Source { is_cut: false, header_fields_max: 100 }))
        };
        let register = "REGISTER sip:a SIP/2.0\r\n";
        assert!(is(&format!("{register}Contact: *\r\nExpires: 0")));
        assert!(is(&format!("{register}Contact: <sip:a@b;x=1>;expires=0")));
        assert!(is(&format!("{register}Contact: sip:a@b ; Expires = 0\r\nExpires: 3600")));
        assert!(is(&format!("{register}Contact: <sip:a@b>;expires=0, \"A, B\" <sip:a@c;expires=9>;q=1;expires=0")));
        assert!(is("SUBSCRIBE sip:a SIP/2.0\r\nExpires: 0"));
        // A query, another interval, one of two contacts, and a method that has no such meaning.
        assert!(!is(&format!("{register}Expires: 0")));
        assert!(!is(&format!("{register}Contact: <sip:a@b>;expires=10\r\nExpires: 0")));
        assert!(!is(&format!("{register}Contact: <sip:a@b>;expires=0\r\nContact: <sip:a@c>;expires=60")));
        assert!(!is(&format!("{register}Contact: <sip:a@b>;expires=60, <sip:a@c>;expires=0")));
        assert!(!is(&format!("{register}Contact: <sip:a@b>;q=0;expires=60")));
        assert!(!is("INVITE sip:a SIP/2.0\r\nExpires: 0\r\nContact: <sip:a@b>"));
    }
}
