//! The report's shape, field by field as JSON has it. The JSON Schema is generated from these types.

use std::collections::BTreeMap;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::rules::Severity;

mod session;
mod value;

pub use session::*;
pub use value::{Party, Time};

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

    /// The first finding of each session that is more than a note, by the session's id, and its place among all.
    pub(super) fn first_findings(&self) -> HashMap<&str, (usize, &Finding)> {
        let mut first = HashMap::new();
        for (place, finding) in self.findings.iter().enumerate().filter(|(_, finding)| !finding.is_note()) {
            for session in &finding.sessions {
                first.entry(session.as_str()).or_insert((place, finding));
            }
        }
        first
    }

    /// What each finding explains, by its id, notes left out.
    pub(super) fn consequences(&self) -> HashMap<&str, Vec<&Finding>> {
        let mut consequences: HashMap<&str, Vec<&Finding>> = HashMap::new();
        for finding in self.findings.iter().filter(|finding| !finding.is_note()) {
            let cause = finding.caused_by.as_deref().into_iter();
            cause.for_each(|cause| consequences.entry(cause).or_default().push(finding));
        }
        consequences
    }
}

/// What a report has thousands of: handed out one by one, and not kept.
#[derive(Clone, Debug)]
pub enum Row {
    /// One of [`Report::sessions`].
    Session(Session),
    /// One of [`Report::nonces`].
    Nonce(Nonce),
}

impl Row {
    /// The session, where it is one.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Row::Session(session) => Some(session),
            Row::Nonce(_) => None,
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
    /// `default`, `strict` or `none`.
    pub redaction: String,
}

/// A frame of an input, numbered as Wireshark does.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct FrameAt {
    /// Index into `inputs`.
    pub input: u16,
    /// The frame's number in it, from 1.
    pub number: u64,
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
    /// When it was made by the time it holds, in whole seconds of the server's clock; null where it holds none.
    #[schemars(with = "Option<String>")]
    pub issued_at: Option<Time>,
    /// When it ends by the time it holds.
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Time>,
    /// Its age when it was last used, by the time it holds: the server's clock and the capture's may differ.
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
    /// `gzip`, `zstd`, or null.
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
    /// `info` or `low`.
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

impl Finding {
    /// Whether it is worth knowing and no fault: such are noted behind the others.
    pub fn is_note(&self) -> bool {
        self.severity == Severity::Info.name()
    }

    /// Whether somebody should act on it: it is of medium severity or above.
    pub fn is_trouble(&self) -> bool {
        [Severity::Critical, Severity::High, Severity::Medium].map(Severity::name).contains(&self.severity)
    }

    /// Whose fault it is and how sure that is, for people.
    pub(super) fn blame(&self) -> String {
        match self.fault {
            "unknown" => format!("cannot be told from the capture; the finding itself is {}", self.confidence),
            known => format!("{known}, {}", self.confidence),
        }
    }
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
    /// What a display filter kept; only where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
}

/// What a display filter kept. The counts beside it are of that.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Selected {
    /// Messages that match.
    pub messages: u64,
    /// Sessions with challenges, credentials or findings in which none does.
    pub sessions_left_out: u64,
    /// Selects the messages in Wireshark.
    pub wireshark_filter: String,
    /// How many of them it selects: where it names frames, those of the first input, and not more than a thousand.
    pub wireshark_messages: u64,
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
