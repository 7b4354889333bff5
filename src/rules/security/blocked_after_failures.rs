//! SA712: refused, refused, and then silence.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::CaptureTime;
use crate::history::Silence;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA712",
    name: "blocked-after-failures",
    label: "blocked after failures",
    severity: Severity::Medium,
    summary: "After several refusals, the server answers this source no more, and others still",
    finds: "A source whose credentials a server refused three times or more, and whose next requests get no answer at all, sent \
            three times or more, while the server goes on answering others.",
    matters: "The server or its fail2ban has shut the source out. Correcting the password alone will not help until the ban is \
              lifted, and everybody else behind that address is shut out as well.",
    advice: "First correct what was refused, then lift the ban (fail2ban-client unban ADDRESS), else it comes back at once.",
    not_this: "Credentials that were accepted since forgive what was refused before. Requests to another port, and pings (OPTIONS), which some \
               servers never answer, do not count. A server that answers nobody is down or out of reach, and so is one that answers nobody until later, where others that were not refused fall silent, too. A request that is lost is answered at the next try.",
    sources: &["RFC 7616 section 5.7", "RFC 3261 section 17.1.2.2"],
    sample: "blocked-after-failures",
    check: Check::Capture(check),
};

/// Rules whose findings of the same sessions say no more than this one.
pub const EXPLAINS: (&str, &[&str]) =
    ("blocked-after-failures", &["auth-retry-no-response", "no-response-at-all", "transport-switched"]);

const REFUSALS_MIN: u64 = 3;
const REQUESTS_MIN: u64 = 3;

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let silent = silent_unrefused(facts);
    for (key, _, conduct) in facts.chronicle.sources.conducts() {
        let (Some(silence), Some(refused_last)) = (&conduct.silence, conduct.refused_last) else { continue };
        let other = facts.chronicle.servers.answered_others(key.server, key.client);
        let Some(other) = other.filter(|other| other.time > silence.since) else { continue };
        let is_elsewhere = conduct.refused_at != Some(silence.place);
        if conduct.refusals < REFUSALS_MIN
            || silence.sent < REQUESTS_MIN
            || silence.since < refused_last
            || is_elsewhere
            || is_down(silent.get(&key.server).map(Vec::as_slice).unwrap_or_default(), silence, other.time)
        {
            continue;
        }
        let user = conduct.tries.iter().max_by_key(|(_, tries)| tries.refused.count());
        let refusals = usize::try_from(conduct.refusals).unwrap_or(usize::MAX);
        let sent = usize::try_from(silence.sent).unwrap_or(usize::MAX);
        let mut finding = Finding::new(
            &RULE,
            format!("{} answers {} no more after {} refusals", key.server, key.client, refusals),
        )
        .graded(Severity::Medium, Confidence::Likely)
        .fault(Fault::Operator)
        .explained(format!(
            "{} got no SIP answer, {} after the last refusal; meanwhile {} was answered in frame {}. The server, or \
                     fail2ban beside it, has most likely blocked the source.",
            facts::count(sent, "packet"),
            facts::duration_text(silence.since.since(refused_last)),
            other.client,
            other.at.number
        ))
        .excludes("a server that is down: it answers others")
        .advises("First correct what was refused: see the findings about the credentials of this source")
        .advises(format!("Then lift the ban (fail2ban-client unban {}), or wait until it ends", key.client));
        finding.frames = silence.seen.frames();
        finding.frames.push(other.at);
        finding.frames.sort_unstable();
        finding.sessions = silence.seen.sessions();
        finding.subject = Subject {
            realm: user.map(|(_, tries)| tries.realm.to_vec()).unwrap_or_default(),
            user: user.map(|(user, _)| user.to_vec()).unwrap_or_default(),
            client: Some(key.client),
            server: Some(key.server),
            ..Subject::default()
        };
        findings.push(finding);
    }
    findings
}

/// Silent clients of one server that are compared.
const SILENT_MAX: usize = 64;

/// Who was not refused and got no answer all the same, by server.
fn silent_unrefused(facts: &CaptureFacts) -> BTreeMap<IpAddr, Vec<&Silence>> {
    let mut all: BTreeMap<IpAddr, Vec<&Silence>> = BTreeMap::new();
    for (key, _, conduct) in facts.chronicle.sources.conducts() {
        let Some(silence) = conduct.silence.as_ref().filter(|silence| silence.sent >= REQUESTS_MIN) else { continue };
        let silent = all.entry(key.server).or_default();
        if conduct.refusals < REFUSALS_MIN && silent.len() < SILENT_MAX {
            silent.push(silence);
        }
    }
    all
}

/// Whether a server fell silent to another client at the same time, and nobody is seen to be answered before both had stopped asking.
fn is_down(others: &[&Silence], mine: &Silence, answered: CaptureTime) -> bool {
    others.iter().any(|other| {
        let is_at_once = other.since <= mine.last && other.last >= mine.since;
        other.place == mine.place && is_at_once && answered > other.last.max(mine.last)
    })
}
