//! Parts of header values: addresses, Vias, words, and lists with parameters. Each is read as Wireshark reads it.

use std::borrow::Cow;

use crate::filter::fields::AddressPart;
use crate::filter::fields::Get;
use crate::filter::read;
use crate::filter::subject::Value;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::elements;
use crate::sip::host_port::split_port;
use crate::sip::host_port::within_brackets;
use crate::sip::via::Via;

type Found<'f, 'm> = &'f mut dyn FnMut(Value<'m>);

/// Every value of a part of headers.
pub(super) fn part<'m>(message: &'m Message<'m>, get: Get, found: Found<'_, 'm>) {
    let values = |names| read::rows(message, names).map(|row| message.text(row.value_at));
    match get {
        Get::FirstAddress(names, part) => {
            for value in values(names) {
                elements(value, b',').take(1).for_each(|one| address(one, part, found));
            }
        }
        Get::EachAddress(names, part) => {
            for value in values(names) {
                elements(value, b',').for_each(|one| address(one, part, found));
            }
        }
        Get::HeaderWord(names, place) => words(values(names), place).for_each(|word| found(Value::text(word))),
        Get::HeaderWordNumber(names, place) => words(values(names), place).for_each(|word| number(word, found)),
        Get::ListHead(names) => each(values(names)).for_each(|element| found(Value::text(head(element)))),
        Get::ListParameter(names, name) => {
            each(values(names)).flat_map(|element| parameters(element, name)).for_each(|value| {
                found(match unquoted(value) {
                    Some(inner) => Value::Unquoted(Cow::Borrowed(inner)),
                    None => Value::text(value),
                });
            });
        }
        Get::ListNumber(names, name) => {
            each(values(names)).flat_map(|element| parameters(element, name)).for_each(|value| number(value, found));
        }
        Get::ReasonCause(protocol) => {
            for element in each(values(&["reason"])).filter(|element| is_cause_of(protocol, head(element))) {
                parameters(element, "cause").for_each(|value| number(value, found));
            }
        }
        Get::ViaTransport | Get::ViaHost | Get::ViaPort | Get::ViaParameter(_) | Get::ViaNumber(_) => {
            let vias = message.values(HeaderName::Via).flat_map(|value| elements(value, b','));
            vias.for_each(|one| via(one, get, found));
        }
        _ => {}
    }
}

/// Digits as a number; what is none is not there.
pub(super) fn number(text: &[u8], found: Found<'_, '_>) {
    let text = text.trim_ascii();
    if !text.is_empty()
        && text.iter().all(u8::is_ascii_digit)
        && let Some(number) = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
    {
        read::number(number, found);
    }
}

fn is_cause_of(protocol: &str, written: &[u8]) -> bool {
    let is = |protocol: &str| written.eq_ignore_ascii_case(protocol.as_bytes());
    if protocol.is_empty() { !is("Q.850") && !is("SIP") } else { is(protocol) }
}

fn words<'m>(values: impl Iterator<Item = &'m [u8]>, place: usize) -> impl Iterator<Item = &'m [u8]> {
    values.filter_map(move |value| value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(place))
}

fn each<'m>(values: impl Iterator<Item = &'m [u8]>) -> impl Iterator<Item = &'m [u8]> {
    values.flat_map(|value| elements(value, b','))
}

/// What stands before the first parameter.
fn head(element: &[u8]) -> &[u8] {
    elements(element, b';').next().unwrap_or_default()
}

/// The values of a parameter in `x;name=value;…`.
fn parameters<'m>(element: &'m [u8], name: &'static str) -> impl Iterator<Item = &'m [u8]> {
    elements(element, b';').filter_map(move |piece| {
        let equals = memchr::memchr(b'=', piece)?;
        let (written, value) = piece.split_at_checked(equals)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        written.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then_some(value)
    })
}

fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""))
}

fn address<'m>(value: &'m [u8], part: AddressPart, found: Found<'_, 'm>) {
    let open = bracket(value);
    let (display, uri, behind) = match open {
        Some(open) => {
            let inside = value.get(open + 1..).unwrap_or_default();
            let close = memchr::memchr(b'>', inside).unwrap_or(inside.len());
            let behind = inside.get(close + 1..).unwrap_or_default();
            (value.get(..open).unwrap_or_default(), inside.get(..close).unwrap_or_default(), behind)
        }
        // RFC 3261 §20: without brackets, parameters belong to the header, not to the URI.
        None => {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            let (uri, behind) = value.split_at_checked(end).unwrap_or((value, b""));
            (&b""[..], uri, behind)
        }
    };
    // A `*` in Contact is no address.
    if uri == b"*" {
        return;
    }
    match part {
        AddressPart::Display if !display.is_empty() => found(Value::text(display)),
        AddressPart::Display => {}
        AddressPart::Tag => parameters(behind, "tag").for_each(|tag| found(Value::text(tag))),
        AddressPart::Parameter => elements(behind, b';').for_each(|piece| found(Value::text(piece))),
        part => uri_part(uri.trim_ascii(), part, found),
    }
}

/// The `<` that opens the URI: not one inside a quoted display name.
fn bracket(value: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.iter().position(|&byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'<' => return !is_quoted,
            _ => {}
        }
        false
    })
}

/// Part of a URI. Of other schemes than sip and sips, Wireshark shows the whole alone.
pub(super) fn uri_part<'m>(uri: &'m [u8], part: AddressPart, found: Found<'_, 'm>) {
    if part == AddressPart::Uri {
        (!uri.is_empty()).then(|| found(Value::text(uri)));
        return;
    }
    let scheme = memchr::memchr(b':', uri).and_then(|colon| uri.split_at_checked(colon));
    let Some((_, rest)) = scheme.filter(|(scheme, _)| is_sip(scheme)) else { return };
    let rest = rest.get(1..).unwrap_or_default();
    let (user, rest) = match memchr::memrchr(b'@', rest) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
        None => (&b""[..], rest),
    };
    let end = memchr::memchr2(b';', b'?', rest).unwrap_or(rest.len());
    let (host_port, behind) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let (host, port) = split_port(host_port);
    match part {
        AddressPart::User if !user.is_empty() => found(Value::text(user)),
        AddressPart::Host if !host.is_empty() => found(Value::text(host)),
        AddressPart::Port if !port.is_empty() => found(Value::text(port)),
        AddressPart::UriParameter => elements(behind, b';').for_each(|piece| found(Value::text(piece))),
        _ => {}
    }
}

fn is_sip(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips")
}

fn via<'m>(value: &'m [u8], get: Get, found: Found<'_, 'm>) {
    match get {
        Get::ViaParameter(name) => {
            for piece in elements(value, b';').skip(1) {
                let equals = memchr::memchr(b'=', piece);
                let (written, value) = piece.split_at_checked(equals.unwrap_or(piece.len())).unwrap_or((piece, b""));
                if written.trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
                    // Without a value, Wireshark shows the name: `rport`.
                    found(Value::text(value.get(1..).map_or(written, <[u8]>::trim_ascii)));
                }
            }
        }
        Get::ViaNumber(name) => parameters(value, name).for_each(|value| number(value, found)),
        Get::ViaTransport => found(Value::text(Via::parse(value).transport())),
        _ => {
            let (host, port) = split_port(Via::parse(value).sent_by());
            let host = within_brackets(host).unwrap_or(host);
            match get {
                Get::ViaPort => number(port, found),
                _ if !host.is_empty() => found(Value::text(host)),
                _ => {}
            }
        }
    }
}
