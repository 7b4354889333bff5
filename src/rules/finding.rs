//! A finding: what a rule says of a session or of the capture.

use std::borrow::Cow;
use std::net::IpAddr;

use sha2::Digest;
use sha2::Sha256;

use crate::base::FrameRef;
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::without_secrets;
use crate::rules::Rule;
use crate::session::NonceId;

/// How bad. Orders from harmless to severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; no fault.
    Info,
    /// A weakness.
    Low,
    /// Breaks a rule, will fail with strict peers, or may explain a failure.
    Medium,
    /// Explains a failure.
    High,
    /// A breach.
    Critical,
}

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Severity; 5] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// How sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// What the capture does not show could explain it away.
    Possible,
    /// The best explanation of what was seen.
    Likely,
    /// The capture shows it.
    Proven,
}

impl Confidence {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Proven => "proven",
        }
    }
}

/// On which side the cause lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The one who sends the requests.
    Client,
    /// The one who challenges.
    Server,
    /// What lies between: NAT, ALG, firewall, the network; or the capture itself.
    Path,
    /// Who runs sipauth or configured the accounts.
    Operator,
    /// The capture does not tell.
    Unknown,
}

impl Fault {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Client => "client",
            Fault::Server => "server",
            Fault::Path => "path",
            Fault::Operator => "operator",
            Fault::Unknown => "unknown",
        }
    }
}

/// A header that proves a finding.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The frame that completes its message.
    pub at: FrameRef,
    /// The header's name, or `Request-URI`, `Status`.
    pub header: &'static str,
    /// What stands there.
    pub value: EvidenceValue,
}

/// The value of a piece of evidence. Header values are kept as sent: the report decides what of them may be shown.
#[derive(Clone, Debug)]
pub enum EvidenceValue {
    /// A row of challenges.
    Challenge(Box<[u8]>, Box<[Option<NonceId>]>),
    /// A row of credentials.
    Credentials(Box<[u8]>, Option<NonceId>),
    /// A row of Authentication-Info.
    Info(Box<[u8]>, Option<NonceId>),
    /// Anything else.
    Text(String),
}

/// Bytes of a header that a finding shows.
const EVIDENCE_BYTES_MAX: usize = 8192;

impl EvidenceValue {
    fn cut(&mut self) {
        let (EvidenceValue::Challenge(row, _) | EvidenceValue::Credentials(row, _) | EvidenceValue::Info(row, _)) =
            self
        else {
            return;
        };
        if row.len() > EVIDENCE_BYTES_MAX {
            // A password whose end is cut off is not known for one.
            let safe = without_secrets(row);
            let shown = safe.get(..EVIDENCE_BYTES_MAX).unwrap_or(&safe);
            *row = [shown, "…".as_bytes()].concat().into();
        }
    }
}

/// What a rule says. Texts may hold text from the wire: every sink escapes.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that says it.
    pub rule: &'static Rule,
    /// How bad, in this case.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// On which side.
    pub fault: Fault,
    /// The cause, in the rule's own terms (`stale`, `wrong-digest`…), where it tells causes apart.
    pub cause: Option<&'static str>,
    /// The rule of the same session whose finding explains this one.
    pub explained_by: Option<&'static str>,
    /// One line.
    pub title: String,
    /// What was seen.
    pub explanation: String,
    /// The headers that prove it.
    pub evidence: Vec<Evidence>,
    /// What the capture rules out.
    pub excluded: Vec<Cow<'static, str>>,
    /// What to do, in order.
    pub remedy: Vec<Cow<'static, str>>,
    /// The frames it speaks of, in order.
    pub frames: Vec<FrameRef>,
    /// Whom and what it is about.
    pub subject: Subject,
    /// The attempt it begins with, as an index into the session's: decides whether a later acceptance softens it.
    pub attempt: Option<usize>,
    /// The report's numbers of the sessions it speaks of, where it is made at the end of the capture.
    pub sessions: Vec<u64>,
    /// How many those are, where more than are listed; else 0.
    pub sessions_count: u64,
    /// Findings of one rule with the same text here are one finding, however many sessions show it.
    pub merge: Option<String>,
    /// It adds nothing to one that was made before but its session: see [`crate::rules::Said`].
    pub is_repeat: bool,
    /// What it tells was over before the session ended: what came later has another cause.
    pub is_over: bool,
}

/// Whom and what a finding is about; a ticket system's repeat detection is made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The realm.
    pub realm: Vec<u8>,
    /// The user name.
    pub user: Vec<u8>,
    /// Who sends the requests.
    pub client: Option<IpAddr>,
    /// Who answers.
    pub server: Option<IpAddr>,
    /// The port of a call that shows no account: then the user is whom it is from, and a PBX calls in the name of whoever it likes.
    pub caller: Option<u16>,
}

impl Finding {
    /// A finding with the rule's own severity, proven, and nobody's fault yet.
    pub fn new(rule: &'static Rule, title: impl Into<String>) -> Finding {
        Finding {
            rule,
            severity: rule.severity,
            confidence: Confidence::Proven,
            fault: Fault::Unknown,
            cause: None,
            explained_by: None,
            title: title.into(),
            explanation: String::new(),
            evidence: Vec::new(),
            excluded: Vec::new(),
            remedy: Vec::new(),
            frames: Vec::new(),
            subject: Subject::default(),
            attempt: None,
            sessions: Vec::new(),
            sessions_count: 0,
            merge: None,
            is_repeat: false,
            is_over: false,
        }
    }

    /// Names the frames and the report's sessions that it speaks of, given in any order.
    pub fn spans(&mut self, frames: impl IntoIterator<Item = FrameRef>, sessions: impl IntoIterator<Item = u64>) {
        self.frames = frames.into_iter().collect();
        self.frames.sort_unstable();
        self.frames.dedup();
        self.sessions = sessions.into_iter().collect();
        self.sessions.sort_unstable();
        self.sessions.dedup();
    }

    /// Gives back the room that it does not need: it is going to be kept. Of headers that nobody would read to the end, and of names, the
    /// beginning stays.
    pub fn shrink(&mut self) {
        self.subject.realm.truncate(NAME_BYTES_MAX);
        self.subject.user.truncate(NAME_BYTES_MAX);
        self.evidence.iter_mut().for_each(|piece| piece.value.cut());
        self.evidence.shrink_to_fit();
        self.excluded.shrink_to_fit();
        self.remedy.shrink_to_fit();
        self.frames.shrink_to_fit();
    }

    /// Says what another one of the same says, which is worse.
    pub fn take_words(&mut self, worse: &Finding) {
        let Finding { title, explanation, evidence, excluded, remedy, .. } = worse.clone();
        (self.title, self.explanation, self.evidence) = (title, explanation, evidence);
        (self.excluded, self.remedy) = (excluded, remedy);
        (self.confidence, self.fault, self.cause) = (worse.confidence, worse.fault, worse.cause);
        self.shrink();
    }

    /// Whether it is trouble that stands whatever the session is: it comes behind what happened in one.
    pub fn is_standing(&self) -> bool {
        self.merge.is_some() && self.severity >= Severity::Medium
    }

    /// Says how bad and how sure.
    #[must_use]
    pub fn graded(mut self, severity: Severity, confidence: Confidence) -> Finding {
        (self.severity, self.confidence) = (severity, confidence);
        self
    }

    /// Says whose fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Finding {
        self.fault = fault;
        self
    }

    /// Says what was seen.
    #[must_use]
    pub fn explained(mut self, explanation: impl Into<String>) -> Finding {
        self.explanation = explanation.into();
        self
    }

    /// Adds a cause that the capture rules out.
    #[must_use]
    pub fn excludes(mut self, excluded: impl Into<Cow<'static, str>>) -> Finding {
        self.excluded.push(excluded.into());
        self
    }

    /// Adds a thing to do.
    #[must_use]
    pub fn advises(mut self, remedy: impl Into<Cow<'static, str>>) -> Finding {
        self.remedy.push(remedy.into());
        self
    }

    /// Makes it one finding for all sessions with the same `key`.
    #[must_use]
    pub fn merged_by(mut self, key: impl Into<String>) -> Finding {
        self.merge = Some(merge_key(key));
        self
    }
}

/// A key as it is kept: of one that a long text of the wire is part of, the beginning and a hash.
pub(super) fn merge_key(key: impl Into<String>) -> String {
    let key = key.into();
    if key.len() <= NAME_BYTES_MAX {
        return key;
    }
    let hash = hex::encode(Sha256::digest(&key));
    let beginning: String = key.chars().take(NAME_BYTES_MAX / 8).collect();
    format!("{beginning} {hash:.32}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_at_the_cut_of_a_row_is_not_shown() {
        let user = "a".repeat(EVIDENCE_BYTES_MAX - 40);
        let row = format!("Digest uri=\"sip:{user}:secret{}@h\"", "x".repeat(60));
        let mut value = EvidenceValue::Credentials(row.as_bytes().into(), None);
        value.cut();
        let EvidenceValue::Credentials(shown, _) = &value else { panic!("{value:?}") };
        let shown = String::from_utf8_lossy(shown);
        assert!(shown.ends_with('…') && !shown.contains("secret"), "{}", &shown[shown.len() - 60..]);
    }
}
