//! A session in the report: its attempts, their challenges and credentials.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::FrameAt;
use crate::report::Party;
use crate::report::Time;
use crate::session::AttemptOutcome;
use crate::session::Reached;
use crate::session::SessionOutcome;

/// One Call-ID, until nothing more is expected of it: `session_gap_s_max`, or 32 s behind its end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Session {
    /// `s1`, `s2` … as they close.
    pub id: String,
    /// The method of the first request.
    pub method: String,
    /// The Call-ID.
    pub call_id: String,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id_hex: Option<String>,
    /// `udp`, `tcp`, `tls`, `sctp`, `ws` or `wss`, of the first request.
    pub transport: &'static str,
    /// Who sent the first request.
    #[schemars(with = "String")]
    pub client: Party,
    /// Who received it.
    #[schemars(with = "String")]
    pub server: Party,
    /// The user name of the first credentials, else the From user.
    pub user: String,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_hex: Option<String>,
    /// The From URI of the first request.
    pub from: Option<String>,
    /// Its To URI.
    pub to: Option<String>,
    /// The first realm of who began it.
    pub realm: Option<String>,
    /// The client's User-Agent.
    pub user_agent: Option<String>,
    /// The server's Server or User-Agent.
    pub server_agent: Option<String>,
    /// RFC 3339, UTC, microseconds.
    #[schemars(with = "String")]
    pub started: Time,
    /// When the last message came.
    #[schemars(with = "String")]
    pub ended: Time,
    /// `accepted`, `refused`, `unanswered_challenge`, `forbidden`, `failed`, `no_answer`, `not_challenged`, `undecided`.
    #[schemars(with = "String")]
    pub outcome: SessionOutcome,
    /// The status of the last final answer to the first method.
    pub final_status: Option<u16>,
    /// The same for people, who take it for the last word.
    #[serde(skip)]
    pub reached: Reached,
    /// Requests with their final answers.
    pub attempts: Vec<Attempt>,
    /// Attempts that are not told: those of its middle, where somebody keeps the session, or all of them.
    #[serde(skip)]
    pub attempts_left_out: u64,
    /// Messages of attempts that were left out of its middle.
    #[serde(skip)]
    pub messages_left_out: usize,
    /// Every realm challenged or answered.
    pub realms: Vec<String>,
    /// Selects the session in Wireshark.
    pub wireshark_filter: String,
}

impl Session {
    /// How many attempts it has, those that are not told included.
    pub(in crate::report) fn tries(&self) -> u64 {
        self.attempts.len() as u64 + self.attempts_left_out
    }
}

/// One request and its final answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Attempt {
    /// The CSeq number.
    pub cseq: Option<u32>,
    /// The request; null where the capture holds only the answer.
    pub request: Option<FrameAt>,
    /// When it was sent.
    #[schemars(with = "Option<String>")]
    pub time: Option<Time>,
    /// The credentials in it: none, one, or one for each realm.
    pub credentials: Vec<Credentials>,
    /// The final answer.
    pub response: Option<FrameAt>,
    /// Its status.
    pub status: Option<u16>,
    /// Its reason phrase.
    pub reason: Option<String>,
    /// From request to final answer.
    pub response_ms: Option<f64>,
    /// The challenges in the answer.
    pub challenges: Vec<Challenge>,
    /// `accepted`, `challenged`, `refused`, `stale`, `forbidden`, `failed`, `no_answer`, `undecided`.
    #[schemars(with = "String")]
    pub outcome: AttemptOutcome,
    /// Other appearances of the request.
    pub copies: Vec<Copy>,
    /// The method.
    pub method: String,
    /// Some of its bytes can be read two ways.
    pub ambiguous: bool,
    /// The headers of the request were not captured whole: credentials that are not here may have been there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub headers_cut: bool,
    /// The From URI, where it is not the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The To URI, where it is not the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Who sent it to whom, and over what, where that is not the session's client, server and transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<Hop>,
    /// Every frame that request and answer are made of, where one of them came in fragments or segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<FrameAt>,
    /// The ACK of an INVITE, where it carries credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// Final answers that differ from the one above, to other copies of the request: the client is not seen to have heard them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_answers: Vec<OtherAnswer>,
}

/// A final answer beside the one that counts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OtherAnswer {
    /// The frame.
    pub response: FrameAt,
    /// Its status.
    pub status: u16,
    /// From the first copy of the request to it.
    pub response_ms: Option<f64>,
}

/// One hop of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hop {
    /// The sender.
    #[schemars(with = "String")]
    pub client: Party,
    /// The receiver.
    #[schemars(with = "String")]
    pub server: Party,
    /// `udp`, `tcp`, `tls`, `sctp`, `ws` or `wss`.
    pub transport: &'static str,
}

/// An ACK with credentials.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Ack {
    /// The frame.
    pub request: FrameAt,
    /// Its credentials, checked with the INVITE's method and with its own.
    pub credentials: Vec<Credentials>,
}

/// Another appearance of a request.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Copy {
    /// Index into `inputs`.
    pub input: u16,
    /// The frame.
    pub number: u64,
    /// `retransmission`, `duplicate` or `hop`.
    pub kind: &'static str,
    /// Who sent it on to whom, of a hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<Hop>,
    /// When, of a hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub time: Option<Time>,
    /// The final answer on that hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<FrameAt>,
    /// Its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// From request to final answer on that hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_ms: Option<f64>,
}

/// A challenge.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Challenge {
    /// `WWW-Authenticate` or `Proxy-Authenticate`.
    pub header: &'static str,
    /// The scheme as sent.
    pub scheme: String,
    /// The realm, unescaped.
    pub realm: Option<String>,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_hex: Option<String>,
    /// The nonce, as an id of `nonces`.
    pub nonce_id: Option<String>,
    /// The algorithm; MD5 where none is named.
    pub algorithm: Option<String>,
    /// The qop values offered.
    pub qop: Vec<String>,
    /// Whether it says stale; null where it says nothing.
    pub stale: Option<bool>,
    /// Whether it has an opaque value.
    pub opaque: bool,
    /// What is odd about its form, if anything is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<&'static str>,
}

/// Credentials.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Credentials {
    /// `Authorization` or `Proxy-Authorization`.
    pub header: &'static str,
    /// The scheme as sent.
    pub scheme: String,
    /// The user name, unescaped.
    pub username: Option<String>,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_hex: Option<String>,
    /// The realm, unescaped.
    pub realm: Option<String>,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm_hex: Option<String>,
    /// The nonce, as an id of `nonces`.
    pub nonce_id: Option<String>,
    /// The digest uri, unescaped.
    pub uri: Option<String>,
    /// The algorithm; MD5 where none is named.
    pub algorithm: Option<String>,
    /// The qop chosen.
    pub qop: Option<String>,
    /// The nonce count as sent.
    pub nc: Option<String>,
    /// What a check against the given secrets says; null when none was given for that user and realm.
    pub verification: Option<Verification>,
    /// What is odd about their form, if anything is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<&'static str>,
    /// The client nonce; only with `--redact none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnonce: Option<String>,
    /// The response; only with `--redact none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

/// The result of recomputing a digest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verification {
    /// `match`, `mismatch`, `near_miss` or `unverifiable`.
    pub result: &'static str,
    /// Which input the client got wrong, for a near miss.
    pub variant: Option<String>,
    /// Why it could not be recomputed, for `unverifiable`.
    pub reason: Option<&'static str>,
    /// The credentials entry: `creds.csv:2`.
    pub credential_source: Option<String>,
}
