//! The values of a field: read from the message when somebody asks, and not before.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::auth::AuthenticationInfo;
use crate::auth::Params;
use crate::auth::parse_challenges;
use crate::auth::parse_credentials;
use crate::base::Endpoint;
use crate::base::Transport;
use crate::filter::fields::End;
use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::fields::Kind;
use crate::filter::fields::Layer;
use crate::filter::read_parts;
use crate::filter::subject::Spoken;
use crate::filter::subject::Subject;
use crate::filter::subject::Value;
use crate::sip::Header;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::StartLine;

type Found<'f, 'm> = &'f mut dyn FnMut(Value<'m>);

/// Every value of a field that a message has.
pub(super) fn field<'m>(subject: &'m Subject<'m>, field: &Field, found: Found<'_, 'm>) {
    let message = subject.message;
    match field.get {
        Get::FrameNumber => number(subject.at.number.value(), found),
        Get::Time => found(Value::Nanoseconds(subject.time.as_ns().into())),
        Get::TimeRelative => {
            found(Value::Nanoseconds(i128::from(subject.time.as_ns()) - i128::from(subject.began.as_ns())));
        }
        Get::Address(end) => ends(subject, end).for_each(|end| address(end.address, field.kind, found)),
        Get::UdpPort(end) if is_udp(subject) => ends(subject, end).for_each(|end| number(end.port.into(), found)),
        Get::TcpPort(end) if is_over_tcp(subject.transport) => {
            ends(subject, end).for_each(|end| number(end.port.into(), found))
        }
        Get::TcpStream => subject.tcp_stream.into_iter().for_each(|stream| number(stream, found)),
        Get::Layer(layer) if has_layer(subject, layer) => found(Value::text(message.bytes)),
        Get::Resend => found(Value::Flag(subject.is_resend)),
        Get::AllHeaders => found(Value::text(header_section(message))),
        Get::Body if !message.body().is_empty() => found(Value::There),
        Get::Method | Get::RequestLine | Get::RequestUri(_) | Get::StatusCode | Get::StatusLine => {
            start_line(message, field.get, found);
        }
        Get::Header(names) => rows(message, names).for_each(|row| found(Value::text(message.text(row.value_at)))),
        Get::HeaderNumber(names) => {
            rows(message, names).for_each(|row| read_parts::number(message.text(row.value_at), found));
        }
        Get::Auth | Get::AuthScheme | Get::AuthParameter(_) | Get::OldAuthParameter(_) => {
            auth(message, field.get, found)
        }
        get => read_parts::part(message, get, found),
    }
}

/// Every value of a field that is known when the session has closed.
pub(super) fn late<'s>(spoken: &'s Spoken<'s>, field: &Field, found: Found<'_, 's>) {
    match field.get {
        Get::Finding => spoken.findings(found),
        Get::FindingSeverity => spoken.severities(found),
        Get::SessionId => {
            let id = spoken.closed.number.map(|number| format!("s{number}").into_bytes());
            id.into_iter().for_each(|id| found(Value::Bytes(Cow::Owned(id))));
        }
        Get::Outcome => found(Value::text(spoken.closed.session.outcome.name().as_bytes())),
        Get::Verify => spoken.verdicts(found),
        Get::NonceAge => spoken.nonce_ages(found),
        _ => {}
    }
}

pub(super) fn number(number: u64, found: Found<'_, '_>) {
    found(Value::Number(i64::try_from(number).unwrap_or(i64::MAX)));
}

fn ends(subject: &Subject<'_>, end: End) -> impl Iterator<Item = Endpoint> + use<> {
    let (source, destination) = (subject.flow.source, subject.flow.destination);
    let source = (end != End::Destination).then_some(source);
    source.into_iter().chain((end != End::Source).then_some(destination))
}

fn address(address: IpAddr, kind: Kind, found: Found<'_, '_>) {
    match (kind, address) {
        (Kind::Ipv4, IpAddr::V4(_)) | (Kind::Ipv6, IpAddr::V6(_)) => found(Value::Address(address)),
        (Kind::Text, IpAddr::V4(_)) => found(Value::Bytes(Cow::Owned(address.to_string().into_bytes()))),
        _ => {}
    }
}

fn is_udp(subject: &Subject<'_>) -> bool {
    subject.transport == Transport::Udp
}

/// TLS and WebSocket stand above it.
pub(super) fn is_over_tcp(transport: Transport) -> bool {
    !matches!(transport, Transport::Udp | Transport::Sctp)
}

fn has_layer(subject: &Subject<'_>, layer: Layer) -> bool {
    let name = subject.transport.name();
    match layer {
        Layer::Frame | Layer::Sip => true,
        Layer::Ip => subject.flow.source.address.is_ipv4(),
        Layer::Ipv6 => subject.flow.source.address.is_ipv6(),
        Layer::Udp => is_udp(subject),
        Layer::Tcp => is_over_tcp(subject.transport),
        Layer::Tls => matches!(name, "tls" | "wss"),
        Layer::WebSocket => matches!(name, "ws" | "wss"),
    }
}

/// The rows of a header, by its names in lower case.
pub(super) fn rows<'h>(message: &'h Message<'_>, names: &'static [&'static str]) -> impl Iterator<Item = &'h Header> {
    let known = names.first().map_or(HeaderName::Other, |name| HeaderName::parse(name.as_bytes()));
    let is_several = names.iter().any(|name| HeaderName::parse(name.as_bytes()) != known);
    // What the message has an index of is not looked for; most messages have none of what is asked for.
    let is_there = known == HeaderName::Other || is_several || message.headers.has(known);
    let headers = message.headers.iter().take(if is_there { usize::MAX } else { 0 });
    headers.filter(move |header| {
        if known != HeaderName::Other && !is_several {
            return header.name == known;
        }
        let written = message.header_name(header);
        names.iter().any(|name| written.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// The first line, without its end.
fn first_line<'m>(message: &Message<'m>) -> &'m [u8] {
    let end = memchr::memchr(b'\n', message.bytes).unwrap_or(message.bytes.len());
    let line = message.bytes.get(..end).unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Everything behind the first line: Wireshark takes the body for a part of it.
fn header_section<'m>(message: &Message<'m>) -> &'m [u8] {
    let start = memchr::memchr(b'\n', message.bytes).map_or(message.bytes.len(), |end| end + 1);
    message.bytes.get(start..).unwrap_or_default()
}

fn start_line<'m>(message: &'m Message<'m>, get: Get, found: Found<'_, 'm>) {
    match (message.start, get) {
        (StartLine::Request { method, .. }, Get::Method) => found(Value::text(message.text(method))),
        (StartLine::Request { uri, .. }, Get::RequestUri(part)) => {
            read_parts::uri_part(message.text(uri), part, found);
        }
        (StartLine::Request { .. }, Get::RequestLine) | (StartLine::Response { .. }, Get::StatusLine) => {
            found(Value::text(first_line(message)));
        }
        (StartLine::Response { status, .. }, Get::StatusCode) if status > 0 => found(Value::Number(status.into())),
        _ => {}
    }
}

/// The headers in which Wireshark looks for auth parameters.
const AUTH_HEADERS: [HeaderName; 5] = [
    HeaderName::WwwAuthenticate,
    HeaderName::ProxyAuthenticate,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::AuthenticationInfo,
];

fn auth<'m>(message: &'m Message<'m>, get: Get, found: Found<'_, 'm>) {
    if !AUTH_HEADERS.iter().any(|name| message.headers.has(*name)) {
        return;
    }
    for header in message.headers.iter().filter(|header| AUTH_HEADERS.contains(&header.name)) {
        let value = message.text(header.value_at);
        let mut one = |scheme: &'m [u8], params: &Params<'m>| match get {
            Get::AuthScheme if !scheme.is_empty() => found(Value::text(scheme)),
            Get::AuthParameter(name) => parameter(params, name.as_str(), found),
            Get::OldAuthParameter(name) => parameter(params, name, found),
            _ => {}
        };
        match header.name {
            _ if get == Get::Auth => found(Value::text(line_of(message, header))),
            HeaderName::AuthenticationInfo => one(b"", &AuthenticationInfo::parse(value).params),
            HeaderName::Authorization | HeaderName::ProxyAuthorization => {
                parse_credentials(value)
                    .iter()
                    .for_each(|credentials| one(credentials.scheme_raw, &credentials.params));
            }
            _ => parse_challenges(value).iter().for_each(|challenge| one(challenge.scheme_raw, &challenge.params)),
        }
    }
}

fn parameter<'m>(params: &Params<'m>, name: &str, found: Found<'_, 'm>) {
    for param in params.iter().filter(|param| param.is(name)) {
        found(if param.quoted { Value::Unquoted(Cow::Borrowed(param.raw)) } else { Value::text(param.raw) });
    }
}

/// A header with its name and its line end, as Wireshark shows `sip.auth`.
fn line_of<'m>(message: &Message<'m>, header: &Header) -> &'m [u8] {
    let range = header.start as usize..header.value_at.range().end;
    let behind = message.bytes.get(range.end..).unwrap_or_default();
    let end = memchr::memchr(b'\n', behind).map_or(behind.len(), |end| end + 1);
    message.bytes.get(range.start..range.end + end).unwrap_or_default()
}
