//! What few requests show: something odd of the path they took, a body that the digest covers, or that they end a registration.

use std::net::IpAddr;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use crate::base::Transport;
use crate::base::network::is_private;
use crate::session::RareParts;
use crate::session::Sighting;
use crate::session::TextId;
use crate::session::Texts;
use crate::session::Transaction;
use crate::session::removal::is_removal;
use crate::sip::DefectKind;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::address::Address;
use crate::sip::uri::Uri;
use crate::sip::via::Via;

/// What `qop` says where the digest covers the body.
static AUTH_INT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("auth-int"));

/// The marks of one request.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Marks {
    /// The body, where the digest covers it (`qop=auth-int`) and it was captured whole.
    pub body: Option<BodyMark>,
    /// The datagram is longer or shorter than Content-Length says, and the capture did not cut it.
    pub is_length_wrong: bool,
    /// Addresses that one sender would not write beside each other.
    pub addresses: Option<OddAddresses>,
    /// The values of Security-Verify (RFC 3329 §2.2), joined with commas.
    pub security_verify: Option<TextId>,
    /// It names mechanisms to agree on: there is a Security-Client (RFC 3329 §2.2).
    pub offers_agreement: bool,
    /// It ends a registration, a subscription or a publication.
    pub is_removal: bool,
}

/// Enough of a body to see that another one differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyMark {
    /// Its length.
    pub len_bytes: u32,
    hash: [u8; 16],
}

/// A public Contact beside private addresses.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OddAddresses {
    /// Where the Via wants responses: a private address.
    pub via: TextId,
    /// The Contact URI: its host is a public address.
    pub contact: TextId,
    /// The connection address of the session description, where that is private too.
    pub media: Option<TextId>,
}

impl Marks {
    /// The marks of a request with that top Via; `None` where there is nothing to keep.
    pub(super) fn of(sighting: &Sighting<'_>, via: Option<Via<'_>>, texts: &mut Texts) -> Option<Box<Marks>> {
        let message = sighting.message;
        let security_verify = joined(message, HeaderName::SecurityVerify, texts);
        let offers_agreement = message.value(HeaderName::SecurityClient).is_some();
        let is_removal = is_removal(message);
        if sighting.credentials.is_empty() {
            let is_marked = is_removal || offers_agreement || security_verify.is_some();
            let marks = || Marks { security_verify, offers_agreement, is_removal, ..Marks::default() };
            return is_marked.then(|| Box::new(marks()));
        }
        let covers_body = sighting.credentials.iter().any(|row| AUTH_INT.find(&row.value).is_some());
        let marks = Marks {
            body: (covers_body && message.has_whole_body).then(|| BodyMark::of(message.body())),
            is_length_wrong: !sighting.is_cut && is_length_wrong(message),
            addresses: via.and_then(|via| odd_addresses(message, via, texts)),
            security_verify,
            offers_agreement,
            is_removal,
        };
        let is_empty = marks.body.is_none()
            && !marks.is_removal
            && !marks.offers_agreement
            && !marks.is_length_wrong
            && marks.addresses.is_none()
            && marks.security_verify.is_none();
        (!is_empty).then(|| Box::new(marks))
    }
}

impl BodyMark {
    fn of(body: &[u8]) -> BodyMark {
        let mut hash = [0; 16];
        hash.iter_mut().zip(Sha256::digest(body)).for_each(|(kept, byte)| *kept = byte);
        BodyMark { len_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX), hash }
    }
}

/// What few answers have, beside what comes to light later.
pub(super) fn rare_parts(sighting: &Sighting<'_>, asked: &Transaction, texts: &mut Texts) -> Option<Box<RareParts>> {
    let message = sighting.message;
    let via_count = asked.request.as_ref().map(|request| request.via_count);
    let security_server = joined(message, HeaderName::SecurityServer, texts);
    let is_challenge = matches!(message.status(), Some(401 | 407));
    let has_extra_via = is_challenge && via_count.is_some_and(|sent| sent > 0 && message.via_count() > sent);
    let is_refusal = message.status().is_some_and(|status| status >= 300);
    let mut words = |name| is_refusal.then(|| joined(message, name, texts)).flatten();
    let (warning, reason) = (words(HeaderName::Warning), words(HeaderName::Reason));
    let registrar_error = words(HeaderName::RegistrarError);
    // A stream has one way only.
    let is_other_way =
        asked.transport == Transport::Udp && asked.request.is_some() && sighting.flow.reversed() != asked.flow();
    let other_way = (is_challenge && is_other_way).then_some(sighting.flow);
    let requires_agreement = requires_agreement(message);
    let is_rare = security_server.is_some()
        || has_extra_via
        || warning.is_some()
        || reason.is_some()
        || registrar_error.is_some()
        || other_way.is_some()
        || requires_agreement;
    let parts = RareParts {
        security_server,
        has_extra_via,
        warning,
        reason,
        registrar_error,
        other_way,
        requires_agreement,
        ..RareParts::default()
    };
    is_rare.then(|| Box::new(parts))
}

/// The port that the Via of a datagram names for answers, where that is not the one that it comes from, although the address is, and the
/// client does not ask for answers there (`rport`, RFC 3581).
pub(super) fn listens_at(sighting: &Sighting<'_>) -> Option<u16> {
    let value = sighting.message.value(HeaderName::Via).filter(|_| sighting.transport == Transport::Udp)?;
    let via = Via::parse(value);
    let port = via.port()?;
    let source = sighting.flow.source;
    (port != source.port && host(via.sent_by()) == Some(source.address) && !Via::asks_rport(value)).then_some(port)
}

/// RFC 3329 §2.3.1: a server that wants an agreement answers 494, or 421 with this option tag.
fn requires_agreement(message: &Message<'_>) -> bool {
    matches!(message.status(), Some(421 | 494))
        && message
            .values(HeaderName::Require)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .any(|tag| tag.trim_ascii().eq_ignore_ascii_case(b"sec-agree"))
}

/// The values of all headers of that name; `None` where there is none.
pub(super) fn joined(message: &Message<'_>, name: HeaderName, texts: &mut Texts) -> Option<TextId> {
    let first = message.value(name)?;
    if message.values(name).nth(1).is_none() {
        return Some(texts.keep(first));
    }
    let all: Vec<&[u8]> = message.values(name).collect();
    Some(texts.keep(&all.join(&b", "[..])))
}

/// RFC 3261 §18.3: in a datagram, what lies behind the body is ignored, and a body that is too short is an error. Line ends
/// and padding behind it are nobody's doing on the path.
fn is_length_wrong(message: &Message<'_>) -> bool {
    message.defects.iter().any(|defect| match defect.kind {
        DefectKind::BodyCut => message.has_all_headers,
        DefectKind::BytesAfterBody => {
            message.text(defect.at).iter().any(|byte| !byte.is_ascii_whitespace() && *byte != 0)
        }
        _ => false,
    })
}

/// On the client's own hop alone: behind a proxy, Via and Contact are those of two hosts.
fn odd_addresses(message: &Message<'_>, via: Via<'_>, texts: &mut Texts) -> Option<OddAddresses> {
    let via = via.sent_by();
    let contact = Address::uri_of(message.value(HeaderName::Contact)?);
    // Mostly both are the client's own, and nothing has to be read.
    if names_host(contact, via) || Uri::parse(contact).host == Uri::parse(via).host {
        return None;
    }
    if !is_private(host(via)?) || message.via_branches().nth(1).is_some() {
        return None;
    }
    let address = host(contact)?;
    if is_private(address) || address.is_loopback() || address.is_unspecified() {
        return None;
    }
    let media = connection_address(message.body()).filter(|text| host(text).is_some_and(is_private));
    Some(OddAddresses {
        via: texts.keep(via),
        contact: texts.keep(contact),
        media: media.map(|media| texts.keep(media)),
    })
}

/// Whether that host and port, as written, is all that a URI has behind its user but for parameters.
fn names_host(uri: &[u8], host_port: &[u8]) -> bool {
    let behind = memchr::memrchr(b'@', uri).and_then(|at| uri.get(at.saturating_add(1)..)).unwrap_or_default();
    matches!(behind.strip_prefix(host_port), Some([] | [b';' | b'?', ..]))
}

/// The address of a URI or of a host with a port; `None` where a name stands there.
fn host(text: &[u8]) -> Option<IpAddr> {
    Uri::parse(text).address()
}

/// RFC 8866 §5.7: `c=IN IP4 192.0.2.1`, the first of the body.
fn connection_address(body: &[u8]) -> Option<&[u8]> {
    let at = if body.starts_with(b"c=") { 0 } else { memchr::memmem::find(body, b"\nc=")? + 1 };
    let line = body.get(at..)?.split(|&byte| byte == b'\r' || byte == b'\n').next()?;
    line.split(|&byte| byte == b' ').next_back()
}
