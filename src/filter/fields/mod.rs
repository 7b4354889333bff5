//! The one table of fields: name, type, what it is, and where it is read. `sipauth list fields`, docs/filters.md and the
//! errors of the parser come from it. Names that begin with `sipauth.` are our own; all others are Wireshark's.

use crate::auth::Name;

mod headers;
mod names;
mod ours;
mod packet;
mod parts;
mod unfilled;

pub use names::{ALIASES, Alias};

/// A field that a filter can ask for.
#[derive(Debug)]
pub struct Field {
    /// As Wireshark spells it.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What it holds, in a few words.
    pub what: &'static str,
    /// Where it is read.
    pub get: Get,
}

/// Fields are as unique as their names.
impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        self.name == other.name
    }
}

/// What the values of a field are, and so what they can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes that are text.
    Text,
    /// The same; Wireshark shows it with its quotes.
    QuotedText,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A point in time.
    Time,
    /// Seconds.
    Duration,
    /// Bytes.
    Bytes,
    /// A protocol: it is there or not, and its bytes can be searched.
    Protocol,
    /// Only there or not.
    Nothing,
    /// info, low, medium, high, critical.
    Severity,
}

impl Kind {
    /// The type in the list of fields.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::QuotedText => "text, without its quotes",
            Kind::Number => "number",
            Kind::Flag => "true or false",
            Kind::Ipv4 => "IPv4 address",
            Kind::Ipv6 => "IPv6 address",
            Kind::Time => "time",
            Kind::Duration => "seconds",
            Kind::Bytes => "bytes",
            Kind::Protocol => "protocol",
            Kind::Nothing => "presence",
            Kind::Severity => "severity",
        }
    }

    /// Whether its values are bytes: they can be searched and cut.
    pub fn is_bytes(self) -> bool {
        matches!(self, Kind::Text | Kind::QuotedText | Kind::Bytes | Kind::Protocol)
    }
}

/// Source, destination, or either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The sender.
    Source,
    /// The receiver.
    Destination,
    /// Both.
    Either,
}

/// A layer of the packet that a message came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Every packet has one.
    Frame,
    /// IPv4.
    Ip,
    /// IPv6.
    Ipv6,
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Ciphered streams.
    Tls,
    /// RFC 7118.
    WebSocket,
    /// The message itself.
    Sip,
}

/// Part of an address in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPart {
    /// The display name, as written.
    Display,
    /// The URI.
    Uri,
    /// Its user part.
    User,
    /// Its host.
    Host,
    /// Its port.
    Port,
    /// Its parameters, one by one.
    UriParameter,
    /// The tag of the header.
    Tag,
    /// The parameters of the header, one by one.
    Parameter,
}

/// Headers, each with its short form, in lower case.
pub type HeaderNames = &'static [&'static str];

/// Where a field is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Get {
    /// The number of the frame that completed the message.
    FrameNumber,
    /// When that frame was captured.
    Time,
    /// The same, since the first frame of the capture.
    TimeRelative,
    /// An IP address.
    Address(End),
    /// A port of UDP.
    UdpPort(End),
    /// A port of TCP.
    TcpPort(End),
    /// The number of the TCP connection.
    TcpStream,
    /// A layer.
    Layer(Layer),
    /// The method of a request.
    Method,
    /// The first line of a request.
    RequestLine,
    /// The Request-URI, or a part of it.
    RequestUri(AddressPart),
    /// The status of a response.
    StatusCode,
    /// The first line of a response.
    StatusLine,
    /// The header section as a whole.
    AllHeaders,
    /// The body.
    Body,
    /// Whether the same was sent before.
    Resend,
    /// The values of a header.
    Header(HeaderNames),
    /// The same as numbers.
    HeaderNumber(HeaderNames),
    /// Part of the first address of each row of a header.
    FirstAddress(HeaderNames, AddressPart),
    /// Part of every address of a header.
    EachAddress(HeaderNames, AddressPart),
    /// A word of a header, by its place.
    HeaderWord(HeaderNames, usize),
    /// The same as a number.
    HeaderWordNumber(HeaderNames, usize),
    /// Protocol of a Via.
    ViaTransport,
    /// Host of a Via.
    ViaHost,
    /// Port of a Via.
    ViaPort,
    /// A parameter of a Via.
    ViaParameter(&'static str),
    /// The same as a number.
    ViaNumber(&'static str),
    /// The lines of auth headers.
    Auth,
    /// Their schemes.
    AuthScheme,
    /// A parameter of them.
    AuthParameter(Name),
    /// A parameter that only old stacks send.
    OldAuthParameter(&'static str),
    /// What stands before the first parameter, of every element of a header's list.
    ListHead(HeaderNames),
    /// A parameter of every element of a header's list.
    ListParameter(HeaderNames, &'static str),
    /// The same as a number.
    ListNumber(HeaderNames, &'static str),
    /// The cause in a Reason, where its protocol is `Q.850`, `SIP` or (empty) another.
    ReasonCause(&'static str),
    /// The finding's names and codes in the session.
    Finding,
    /// Their severities.
    FindingSeverity,
    /// The session's number in the report.
    SessionId,
    /// Its outcome.
    Outcome,
    /// What a check of the message's digests says.
    Verify,
    /// The age of the nonces that the message uses.
    NonceAge,
    /// Nothing has it here.
    Never,
    /// Wireshark fills it; sipauth does not, and says why.
    Unfilled(&'static str),
}

impl Get {
    /// Whether it is known only when the session closes.
    pub fn is_late(self) -> bool {
        matches!(
            self,
            Get::Finding | Get::FindingSeverity | Get::SessionId | Get::Outcome | Get::Verify | Get::NonceAge
        )
    }
}

/// Which messages can have a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Requests alone.
    Request,
    /// Responses alone.
    Response,
    /// Both.
    Both,
}

impl Field {
    /// Which messages can have it.
    pub fn side(&self) -> Side {
        match self.get {
            Get::Method | Get::RequestLine | Get::RequestUri(_) => Side::Request,
            Get::StatusCode | Get::StatusLine => Side::Response,
            _ => Side::Both,
        }
    }

    /// Whether no message has it twice.
    pub fn is_single(&self) -> bool {
        matches!(self.get, Get::Method | Get::StatusCode | Get::FrameNumber | Get::Resend)
    }

    /// Whether Wireshark has it.
    pub fn is_wireshark(&self) -> bool {
        !self.name.starts_with("sipauth.")
    }

    /// An expression that uses it.
    pub fn example(&self) -> String {
        let name = self.name;
        let value = match (self.kind, self.get) {
            (Kind::Protocol | Kind::Nothing, _) => return name.to_owned(),
            (_, Get::Method) | (_, Get::HeaderWord(headers::CSEQ, 1)) => "== \"REGISTER\"",
            (_, Get::StatusCode) => "in {401, 407}",
            (_, Get::AuthParameter(Name::Username) | Get::FirstAddress(_, AddressPart::User)) => "== \"alice\"",
            (_, Get::AuthParameter(Name::Realm)) => "== \"example.com\"",
            (_, Get::AuthParameter(Name::Stale)) => "matches \"^true$\"",
            (_, Get::AuthParameter(Name::Algorithm)) => "matches \"^sha\"",
            (_, Get::Finding) => "== \"challenge-loop\"",
            (_, Get::Outcome) => "== \"refused\"",
            (_, Get::Verify) => "in {\"mismatch\", \"near_miss\"}",
            (_, Get::SessionId) => "== \"s1\"",
            (_, Get::TimeRelative) => "<= 60",
            (Kind::Number, _) => "== 1",
            (Kind::Flag, _) => "== true",
            (Kind::Ipv4, _) => "== 192.0.2.0/24",
            (Kind::Ipv6, _) => "== 2001:db8::/32",
            (Kind::Time, _) => ">= \"2026-11-21 03:00:00\"",
            (Kind::Duration, _) => "> 30",
            (Kind::Severity, _) => ">= \"medium\"",
            (_, Get::Header(_) | Get::AllHeaders | Get::Auth) => "contains \"x\"",
            _ => "== \"x\"",
        };
        format!("{name} {value}")
    }
}

/// Every field, those that sipauth does not fill included, in the order of the documentation.
pub fn all() -> impl Iterator<Item = &'static Field> {
    let tables = [
        packet::FIELDS,
        headers::START,
        parts::FIELDS,
        headers::FIELDS,
        ours::FIELDS,
        names::PROTOCOLS,
        unfilled::FIELDS,
    ];
    tables.into_iter().flatten()
}

/// The fields that are filled, for lists.
pub fn filled() -> impl Iterator<Item = &'static Field> {
    all().filter(|field| !matches!(field.get, Get::Never | Get::Unfilled(_)))
}

/// The field of that name, spelled as Wireshark does.
pub fn named(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

/// The field of that name in any letter case, with `_` for `-`.
pub fn nearly_named(name: &str) -> Option<&'static Field> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let name = plain(name);
    all().find(|field| plain(field.name) == name)
}

const fn field(name: &'static str, kind: Kind, what: &'static str, get: Get) -> Field {
    Field { name, kind, what, get }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_in_any_letter_case() {
        let mut seen = BTreeSet::new();
        for field in all() {
            assert!(seen.insert(field.name), "{}", field.name);
            assert!(!field.what.is_empty() && !field.what.ends_with('.'), "{}", field.name);
        }
        assert!(seen.len() > 300, "{}", seen.len());
        for alias in ALIASES {
            assert!(named(alias.written).is_none(), "{}", alias.written);
            assert!(alias.fields.iter().all(|name| named(name).is_some()), "{}", alias.written);
        }
    }
}
