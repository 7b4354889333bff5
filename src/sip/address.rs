//! From, To and Contact: a display name, a URI, parameters (RFC 3261 §20.10, §25.1).

use crate::sip::uri::Uri;

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
        let (uri, rest) = match opening_bracket(value) {
            Some(open) => {
                let inside = value.get(open.saturating_add(1)..).unwrap_or_default();
                let close = memchr::memchr(b'>', inside).unwrap_or(inside.len());
                (inside.get(..close).unwrap_or_default(), inside.get(close..).unwrap_or_default())
            }
            // RFC 3261 §20: without brackets, parameters belong to the header, not to the URI.
            None => {
                let end = memchr::memchr2(b';', b',', value).unwrap_or(value.len());
                value.split_at_checked(end).unwrap_or((value, &[]))
            }
        };
        // As nearly every stack writes it.
        if let Some(tag) = rest.strip_prefix(b">;tag=")
            && !tag.is_empty()
            && tag.iter().all(|&byte| byte != b';' && byte != b'=' && !byte.is_ascii_whitespace())
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

    /// The URI's parts.
    pub fn uri_parts(&self) -> Uri<'a> {
        Uri::parse(self.uri)
    }
}

/// The `<` that opens the URI: not one inside a quoted display name.
fn opening_bracket(value: &[u8]) -> Option<usize> {
    // Most values have no display name, or one without quotes.
    if let Some(first) = memchr::memchr2(b'<', b'"', value)
        && value.get(first) == Some(&b'<')
    {
        return Some(first);
    }
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (offset, &byte) in value.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'<' if !is_quoted => return Some(offset),
            _ => {}
        }
    }
    // A quote that never closes hides nothing: take the last bracket.
    if is_quoted { memchr::memrchr(b'<', value) } else { None }
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
        check("<sip:a@b", "sip:a@b", None);
        check("", "", None);
    }
}
