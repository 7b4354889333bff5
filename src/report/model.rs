//! The report's shape, field by field as JSON has it. The JSON Schema is generated from these types.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde::Serializer;

use crate::base::CaptureTime;
use crate::base::Endpoint;

/// The name that every report carries.
pub const SCHEMA: &str = "sipauth.report";

/// An addition raises the minor number, a removal or a change of meaning the major one.
pub const SCHEMA_VERSION: &str = "1.0";

/// A whole report. What is known last is written last, so that a report of any size can be streamed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Always `sipauth.report`.
    pub schema: String,
    /// `major.minor` of this shape.
    pub schema_version: String,
    /// What wrote it.
    pub tool: Tool,
    /// When it was written, only if asked for: the same input gives the same bytes.
    pub generated_at: Option<String>,
    /// What was asked.
    pub selection: Selection,
    /// Sessions with challenges, credentials or findings, as they closed.
    pub sessions: Vec<Session>,
    /// The nonces that the sessions show, in order of first appearance.
    pub nonces: Vec<Nonce>,
    /// What was read.
    pub inputs: Vec<Input>,
    /// What became of every frame.
    pub coverage: Coverage,
    /// What was odd about the capture.
    pub diagnostics: Vec<Diagnostic>,
    /// Findings, worst first: the order in which to act.
    pub findings: Vec<Finding>,
    /// Counts and the verdict.
    pub summary: Summary,
    /// Text for a ticket system; null when there is nothing to act on.
    pub ticket: Option<Ticket>,
}

impl Report {
    /// A report in which nothing was read yet.
    pub fn empty() -> Report {
        Report {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool { name: "sipauth".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            generated_at: None,
            selection: Selection::default(),
            sessions: Vec::new(),
            nonces: Vec::new(),
            inputs: Vec::new(),
            coverage: Coverage::default(),
            diagnostics: Vec::new(),
            findings: Vec::new(),
            summary: Summary::default(),
            ticket: None,
        }
    }
}

/// What wrote the report.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `sipauth`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was asked.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Selection {
    /// The display filter, if there was one.
    pub filter: Option<String>,
    /// The presets.
    pub presets: Vec<String>,
    /// Where secrets came from, never what they are.
    pub credential_sources: Vec<String>,
    /// `default` or `none`.
    pub redaction: String,
}

/// A time of the capture: RFC 3339, UTC, microseconds. Formatted when it is written, since most reports write few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub CaptureTime);

/// Address and port of one side; empty where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Option<Endpoint>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |endpoint| endpoint.fmt(f))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A frame of an input, numbered as Wireshark does.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct FrameAt {
    /// Index into `inputs`.
    pub input: u16,
    /// The frame's number in it, from 1.
    pub number: u64,
}

/// One Call-ID, until it falls silent for ten minutes.
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
    /// `udp` or `tcp`, of the first request.
    pub transport: &'static str,
    /// Who sent the first request.
    #[schemars(with = "String")]
    pub client: Place,
    /// Who received it.
    #[schemars(with = "String")]
    pub server: Place,
    /// The user name of the first credentials, else the From user.
    pub user: String,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_hex: Option<String>,
    /// The first realm.
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
    pub outcome: &'static str,
    /// The status of the last final answer to the first method.
    pub final_status: Option<u16>,
    /// Requests with their final answers.
    pub attempts: Vec<Attempt>,
    /// Every realm challenged or answered.
    pub realms: Vec<String>,
    /// Selects the session in Wireshark.
    pub wireshark_filter: String,
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
    pub outcome: &'static str,
    /// Other appearances of the request.
    pub copies: Vec<Copy>,
    /// The method.
    pub method: String,
    /// The From URI.
    pub from: Option<String>,
    /// The To URI.
    pub to: Option<String>,
    /// Who sent it, and who received it.
    pub hop: Hop,
    /// The frames of request and answer that are not their last.
    pub frames: Vec<FrameAt>,
    /// The ACK of an INVITE, where it carries credentials.
    pub ack: Option<Ack>,
    /// Some of its bytes can be read two ways.
    pub ambiguous: bool,
}

/// One hop of a request.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Hop {
    /// The sender.
    #[schemars(with = "String")]
    pub client: Place,
    /// The receiver.
    #[schemars(with = "String")]
    pub server: Place,
    /// `udp` or `tcp`.
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
    /// What is odd about its form.
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
    /// What is odd about their form.
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

/// The life of a nonce.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Nonce {
    /// `n1`, `n2` … by first appearance in the capture.
    pub id: String,
    /// Its text, unescaped.
    pub value: String,
    /// Its bytes in hex, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
    /// The realm.
    pub realm: String,
    /// The challenge that brought it; null where it was issued before the capture, or never.
    pub issued: Option<FrameAt>,
    /// When.
    #[schemars(with = "Option<String>")]
    pub issued_at: Option<Time>,
    /// When it was last used.
    #[schemars(with = "Option<String>")]
    pub last_used_at: Option<Time>,
    /// Requests with it, copies left out.
    pub uses: u64,
    /// How many were let past.
    pub accepted: u64,
    /// From issue to last use.
    pub lifetime_ms: Option<f64>,
    /// How many were refused.
    pub refused: u64,
    /// The stack that made it, where its form tells.
    pub stack: Option<Stack>,
}

/// The stack that made a nonce.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Always true: read from the nonce's form.
    pub inferred: bool,
    /// Its age when it was used, by the time it holds.
    pub age_at_use_ms: Option<f64>,
}

/// One input.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Input {
    /// As given.
    pub path: String,
    /// Bytes read.
    pub bytes: u64,
    /// `pcap` or `pcapng`.
    pub format: &'static str,
    /// `gzip`, or null.
    pub compression: Option<&'static str>,
    /// Link types met.
    pub link_types: Vec<String>,
    /// Frames read.
    pub packets: u64,
    /// The earliest frame.
    #[schemars(with = "Option<String>")]
    pub first_packet: Option<Time>,
    /// The latest frame.
    #[schemars(with = "Option<String>")]
    pub last_packet: Option<Time>,
    /// Whether it ends or breaks off within a record.
    pub truncated: bool,
}

/// The ledger of frames: frames = used + set aside.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Coverage {
    /// Frames read.
    pub frames: u64,
    /// Frames that hold a part of a SIP message.
    pub used: u64,
    /// The others, by reason.
    pub set_aside: BTreeMap<String, u64>,
}

/// Something odd about the capture.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// Its name.
    pub event: &'static str,
    /// `info`, `low` or `medium`.
    pub severity: &'static str,
    /// How often.
    pub count: u64,
    /// Where first.
    pub first: Option<FrameAt>,
    /// In a sentence.
    pub text: String,
}

/// What a rule says.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// `F1` is the one to act on first.
    pub id: String,
    /// The rule's name.
    pub rule: &'static str,
    /// `critical`, `high`, `medium`, `low`, `info`.
    pub severity: &'static str,
    /// `proven`, `likely`, `possible`.
    pub confidence: &'static str,
    /// `client`, `server`, `path`, `operator`, `unknown`.
    pub fault: &'static str,
    /// One line.
    pub title: String,
    /// What was seen.
    pub explanation: String,
    /// What the capture rules out.
    pub excluded: Vec<String>,
    /// What to do, in order.
    pub remedy: Vec<String>,
    /// The session; null when it spans several.
    pub session: Option<String>,
    /// The frames it speaks of.
    pub frames: Vec<FrameAt>,
    /// Selects them in Wireshark.
    pub wireshark_filter: String,
    /// The same for the same rule, realm, user and endpoints, whatever the frames.
    pub fingerprint: String,
    /// The standards it rests on.
    pub references: Vec<String>,
    /// The rule's code.
    pub code: &'static str,
    /// The cause, where the rule tells causes apart.
    pub cause: Option<&'static str>,
    /// The finding that explains this one.
    pub caused_by: Option<String>,
    /// The headers that prove it.
    pub evidence: Vec<Evidence>,
    /// Every session it speaks of.
    pub sessions: Vec<String>,
    /// How many equal findings it stands for.
    pub count: u64,
}

/// A header that proves a finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Evidence {
    /// The frame.
    pub frame: FrameAt,
    /// The header's name.
    pub header: &'static str,
    /// Its value, redacted.
    pub value: String,
}

/// Counts and the verdict.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Summary {
    /// `ok`, `problems`, or `nothing_found`: no SIP authentication in the capture.
    pub verdict: String,
    /// The verdict in words, one line for each kind of trouble.
    pub headlines: Vec<String>,
    /// SIP messages, copies included.
    pub sip_messages: u64,
    /// Challenges, copies left out.
    pub challenges: u64,
    /// Credentials, copies left out.
    pub credentials: u64,
    /// Sessions with challenges, credentials or findings.
    pub sessions: u64,
    /// Sessions that are not listed because of `--limit-sessions`.
    pub sessions_not_listed: u64,
    /// Call-IDs without challenge, credentials or finding.
    pub sessions_without_authentication: u64,
    /// By outcome.
    pub sessions_by_outcome: BTreeMap<String, u64>,
    /// By severity.
    pub findings_by_severity: BTreeMap<String, u64>,
    /// Findings that are not listed because of `--limit-findings`.
    pub findings_not_listed: u64,
    /// Credentials by the result of their check.
    pub verifications: Verifications,
}

/// Credentials by the result of their check.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Verifications {
    /// Right.
    #[serde(rename = "match")]
    pub matched: u64,
    /// Wrong.
    pub mismatch: u64,
    /// Wrong in one known way.
    pub near_miss: u64,
    /// Could not be recomputed.
    pub unverifiable: u64,
    /// No secret was given.
    pub not_checked: u64,
}

/// Text for a ticket system.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Ticket {
    /// At most 255 characters.
    pub summary: String,
    /// Markdown, at most 32,767 characters.
    pub description: String,
    /// The worst finding's.
    pub severity: String,
    /// For searching.
    pub labels: Vec<String>,
    /// The first finding's.
    pub fingerprint: String,
}
