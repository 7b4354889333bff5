//! One message as it was seen on one link: what the tracker is given.

use serde::Deserialize;
use serde::Serialize;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::Frames;
use crate::base::Transport;
use crate::digest::Checked;
use crate::digest::verdict::Proof;
use crate::sip::HeaderName;
use crate::sip::Message;

/// A link of the capture: interface, device, VLAN and tunnel. The same packet on two links is a duplicate, not a retransmission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkId(pub u64);

/// A nonce of one realm, counted from 0 in order of first appearance in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NonceId(pub u32);

/// Which of the two pairs of headers (RFC 3261 §22.2 and §22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HeaderKind {
    /// `WWW-Authenticate` and `Authorization`.
    Www,
    /// `Proxy-Authenticate` and `Proxy-Authorization`.
    Proxy,
}

impl HeaderKind {
    /// The header of a challenge.
    pub fn challenge_header(self) -> &'static str {
        match self {
            HeaderKind::Www => "WWW-Authenticate",
            HeaderKind::Proxy => "Proxy-Authenticate",
        }
    }

    /// The header of credentials.
    pub fn credentials_header(self) -> &'static str {
        match self {
            HeaderKind::Www => "Authorization",
            HeaderKind::Proxy => "Proxy-Authorization",
        }
    }

    /// The kind of a challenge's or credentials' header name; `None` for other headers.
    pub fn of(name: HeaderName) -> Option<HeaderKind> {
        match name {
            HeaderName::WwwAuthenticate | HeaderName::Authorization => Some(HeaderKind::Www),
            HeaderName::ProxyAuthenticate | HeaderName::ProxyAuthorization => Some(HeaderKind::Proxy),
            _ => None,
        }
    }
}

/// One header row of credentials, kept as sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialsRow {
    /// Under which header it stood.
    pub header: HeaderKind,
    /// The header's value.
    #[serde(with = "serde_bytes")]
    pub value: Box<[u8]>,
    /// What is known of the credentials in it.
    pub first: KnownCredentials,
    /// The same of further ones, where they are comma-joined against RFC 3261 §7.3.1.
    pub others: Box<[KnownCredentials]>,
}

impl CredentialsRow {
    /// What is known of each of the credentials in it, in order.
    pub fn known(&self) -> impl Iterator<Item = &KnownCredentials> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// What is known of credentials beside their text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KnownCredentials {
    /// The nonce they name; `None` where they name none.
    pub nonce: Option<NonceId>,
    /// What the digest room says; `None` where no secret was given for that user.
    pub checked: Option<Checked>,
}

/// One header row of challenges, kept as sent. A row may hold several challenges.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChallengeRow {
    /// Under which header it stood.
    pub header: HeaderKind,
    /// The header's value.
    #[serde(with = "serde_bytes")]
    pub value: Box<[u8]>,
    /// The nonce of each challenge in it.
    pub nonces: Box<[Option<NonceId>]>,
}

/// One header row of Authentication-Info or Proxy-Authentication-Info, kept as sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InfoRow {
    /// The kind of the credentials it speaks of.
    pub header: HeaderKind,
    /// The header's value.
    #[serde(with = "serde_bytes")]
    pub value: Box<[u8]>,
    /// The nonce that it announces for the next request.
    pub nextnonce: Option<NonceId>,
    /// What a check of its rspauth says; `None` without one, or without a secret for that user.
    pub proof: Option<Proof>,
}

impl InfoRow {
    /// The header's name.
    pub fn name(&self) -> &'static str {
        match self.header {
            HeaderKind::Www => "Authentication-Info",
            HeaderKind::Proxy => "Proxy-Authentication-Info",
        }
    }
}

/// A message with what is known about its packets.
#[derive(Debug)]
pub struct Sighting<'a> {
    /// The message.
    pub message: &'a Message<'a>,
    /// Who sent it to whom.
    pub flow: Flow,
    /// What carried it.
    pub transport: Transport,
    /// The link it was seen on.
    pub link: LinkId,
    /// The frames it is made of.
    pub frames: Frames,
    /// When it was complete.
    pub time: CaptureTime,
    /// Some of its bytes can be read two ways (overlapping segments or fragments that differ).
    pub is_ambiguous: bool,
    /// Bytes at its end were not captured.
    pub is_cut: bool,
    /// The rows of credentials, of a request.
    pub credentials: Vec<CredentialsRow>,
    /// The rows of challenges, of a response.
    pub challenges: Vec<ChallengeRow>,
    /// Whether the body is to be kept: a digest of the request is wrong, and may be right for another body.
    pub keeps_body: bool,
}
