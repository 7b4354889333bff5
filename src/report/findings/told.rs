//! A finding as the report tells it.

use sha2::Digest;
use sha2::Sha256;

use crate::base::FrameRef;
use crate::report::FrameAt;
use crate::report::Redaction;
use crate::report::build::frame_at;
use crate::report::findings::Collected;
use crate::report::findings::FRAMES_MAX;
use crate::report::model;
use crate::report::redact;
use crate::report::wireshark;
use crate::rules::Subject;

impl Collected {
    pub(super) fn to_model(&self, number: usize, caused_by: Option<String>, redaction: Redaction) -> model::Finding {
        let finding = &self.finding;
        // What is quoted is to be seen, too.
        let quoted = finding.evidence.iter().map(|piece| piece.at);
        let mut frames: Vec<FrameRef> = finding.frames.iter().copied().take(FRAMES_MAX).chain(quoted).collect();
        frames.sort_unstable();
        frames.dedup();
        let sessions: Vec<String> = self.sessions.iter().map(|session| format!("s{session}")).collect();
        let explanation = match self.united {
            0 if self.sessions_count > 1 && finding.merge.is_some() => {
                format!("{} Seen in {} sessions.", finding.explanation, self.sessions_count)
            }
            0 => finding.explanation.clone(),
            1 => format!("{} The same in one more session.", finding.explanation),
            more => format!("{} The same in {more} more sessions.", finding.explanation),
        };
        model::Finding {
            id: format!("F{number}"),
            rule: finding.rule.name,
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            fault: finding.fault.name(),
            title: finding.title.clone(),
            explanation,
            excluded: finding.excluded.iter().map(|text| text.to_string()).collect(),
            remedy: finding.remedy.iter().map(|text| text.to_string()).collect(),
            session: if self.sessions_count == 1 { sessions.first().cloned() } else { None },
            wireshark_filter: wireshark::frames(&frames),
            frames: frames.into_iter().map(frame_at).collect(),
            fingerprint: fingerprint(finding.rule.name, &finding.subject),
            references: finding.rule.sources.iter().map(|source| (*source).to_owned()).collect(),
            code: finding.rule.code,
            cause: finding.cause,
            caused_by,
            evidence: finding.evidence.iter().map(|piece| evidence(piece, redaction)).collect(),
            sessions,
            count: self.sessions_count.max(1),
        }
    }
}

fn evidence(piece: &crate::rules::Evidence, redaction: Redaction) -> model::Evidence {
    let frame: FrameAt = frame_at(piece.at);
    model::Evidence { frame, header: piece.header, value: redact::evidence(&piece.value, redaction) }
}

/// The same for the same rule, realm, user and endpoints. None of them is made from a password.
fn fingerprint(rule: &str, subject: &Subject) -> String {
    let address = |address: Option<std::net::IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [
        rule.as_bytes(),
        &subject.realm,
        &subject.user,
        address(subject.client).as_bytes(),
        address(subject.server).as_bytes(),
    ] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    format!("sha256:{:.32}", hex::encode(hash.finalize()))
}
