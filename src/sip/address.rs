//! From, To and Contact: a display name, a URI, parameters (RFC 3261 §20.10, §25.1).

use crate::base::first_of;
use crate::base::is_token;
use crate::sip::elements::end_of_quotes;

/// A name-addr or addr-spec with its header parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// The URI as written, without angle brackets and without blanks at its ends.
    pub uri: &'a [u8],
    /// The tag parameter.
    pub tag: Option<&'a [u8]>,
}

impl<'a> Address<'a> {
    /// Reads the first address of a header value. Never fails: what can't be read is empty.
    pub fn parse(value: &'a [u8]) -> Address<'a> {
        let (uri, rest) = split_uri(value);
        // As nearly every stack writes it.
        if let Some(tag) = rest.strip_prefix(b">;tag=")
            && !tag.is_empty()
            && tag.iter().copied().all(is_token)
        {
            return Address { uri: uri.trim_ascii(), tag: Some(tag) };
        }
        let semicolon = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let tag = parameters(rest.get(semicolon..).unwrap_or_default())
            .find(|(name, _)| name.eq_ignore_ascii_case(b"tag"))
            .map(|(_, value)| value)
            .filter(|tag| !tag.is_empty());
        Address { uri: uri.trim_ascii(), tag }
    }

    /// The URI alone, as [`Address::parse`] finds it.
    pub fn uri_of(value: &'a [u8]) -> &'a [u8] {
        split_uri(value).0.trim_ascii()
    }
}

/// The URI, and what stands behind it.
fn split_uri(value: &[u8]) -> (&[u8], &[u8]) {
    let Some(open) = opening_bracket(value) else {
        // RFC 3261 §20: without brackets, parameters belong to the header, not to the URI.
        let end = first_of(value, [b';', b',']).unwrap_or(value.len());
        return value.split_at_checked(end).unwrap_or((value, &[]));
    };
    let inside = value.get(open.saturating_add(1)..).unwrap_or_default();
    let close = first_of(inside, [b'>']).unwrap_or(inside.len());
    inside.split_at_checked(close).unwrap_or((inside, &[]))
}

/// The `<` that opens the URI: not one inside a quoted display name.
fn opening_bracket(value: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        // A display name is a few bytes long, if there is one: a plain loop is through before a search has begun.
        let found = value.get(at..)?.iter().position(|byte| matches!(byte, b'<' | b'"'))?.saturating_add(at);
        if value.get(found) == Some(&b'<') {
            return Some(found);
        }
        match end_of_quotes(value, found.saturating_add(1)) {
            Some(end) => at = end,
            // A quote that never closes hides nothing: take the last bracket.
            None => return memchr::memrchr(b'<', value),
        }
    }
}

/// `;name=value` pairs; a parameter without value has an empty one. Blanks around names and values are dropped.
pub fn parameters(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b';').filter_map(|part| {
        let part = part.trim_ascii();
        if part.is_empty() {
            return None;
        }
        let equals = memchr::memchr(b'=', part).unwrap_or(part.len());
        let (name, value) = part.split_at_checked(equals)?;
        Some((name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_shape() {
        let check = |value: &str, uri: &str, tag: Option<&str>| {
            let address = Address::parse(value.as_bytes());
            assert_eq!(address.uri, uri.as_bytes(), "{value}");
            assert_eq!(address.tag, tag.map(str::as_bytes), "{value}");
        };
        check("<sip: 122@10.1.1.200>;tag=1c17940", "sip: 122@10.1.1.200", Some("1c17940"));
        check("\"A <b> \\\" c\" <sip:a@b;transport=tcp>;x=1; tag = t", "sip:a@b;transport=tcp", Some("t"));
        check("sip:a@b;tag=t", "sip:a@b", Some("t"));
        check("<sip:122@10.2.2.222 >;tag=1", "sip:122@10.2.2.222", Some("1"));
        check("\"unclosed <sip:a@b>;tag=t", "sip:a@b", Some("t"));
        check("\"a\" \"<b>\" <sip:c@d>;tag=t", "sip:c@d", Some("t"));
        check("<sip:a@b", "sip:a@b", None);
        check("", "", None);
    }
}
