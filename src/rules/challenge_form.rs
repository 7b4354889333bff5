//! What in the form of a challenge a client may not have been able to read: then it drops the message, or sees no challenge.

use crate::auth::Challenge;
use crate::auth::Name;
use crate::auth::Scheme;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::challenge::combined_challenges_one_row;
use crate::rules::challenge::retry_without_credentials;
use crate::rules::challenge_facts::Circumstance;
use crate::rules::credentials::algorithm_unsupported_no_retry;
use crate::rules::facts;
use crate::rules::path::strict_parser_rejects;
use crate::session::Attempt;
use crate::session::ChallengeRow;
use crate::session::Session;

/// What clients do with what they cannot read.
const DROPPED: &str =
    "some clients drop such a message as a syntax error, and others see no challenge in it that they could answer";

/// A form that strict clients refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddForm {
    /// Several challenges in one line.
    Joined,
    /// One challenge over several lines.
    Folded,
    /// Not as the grammar has it.
    Ungrammatical,
}

impl OddForm {
    /// The cause in reports.
    pub fn name(self) -> &'static str {
        match self {
            OddForm::Joined => "joined-challenges",
            OddForm::Folded => "folded-challenge",
            OddForm::Ungrammatical => "challenge-grammar",
        }
    }

    /// The rule that speaks of the form.
    fn rule(self) -> &'static Rule {
        match self {
            OddForm::Joined => &combined_challenges_one_row::RULE,
            OddForm::Folded | OddForm::Ungrammatical => &strict_parser_rejects::RULE,
        }
    }

    /// What is odd, and what the client may have made of it.
    pub fn said(self) -> String {
        let what = match self {
            OddForm::Joined => "The challenge joins several in one header line, which SIP does not allow",
            OddForm::Folded => "The challenge is folded over several lines, which SIP allows",
            OddForm::Ungrammatical => "The challenge is not written as the grammar has it",
        };
        format!(" {what}: {DROPPED}.")
    }

    /// What to do first.
    pub fn advice(self) -> &'static str {
        match self {
            OddForm::Joined => {
                "Let the server write one header line for each challenge, and see whether the client then answers"
            }
            OddForm::Folded => {
                "Let the server write the challenge in one line, and see whether the client then answers"
            }
            OddForm::Ungrammatical => {
                "Compare the challenge with the grammar of RFC 3261 section 25.1, let the server write it the plain way, and see whether the client then answers"
            }
        }
    }
}

/// What to do where the challenge was not the reason.
pub const ELSE_ACCOUNT: &str =
    "Where the client still does not answer, check that user name, password and realm are set on it";

const ALL: [OddForm; 3] = [OddForm::Joined, OddForm::Folded, OddForm::Ungrammatical];

/// What is odd about the form of an attempt's challenge, where this client is not seen to have answered one like it.
pub fn odd_form(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> Option<OddForm> {
    let form = form(attempt)?;
    let is_read = session.presented().any(|(_, other, presented)| {
        let asked = presented.answers.and_then(|at| session.challenge(at)).map(|(asked, _)| asked);
        other.transaction.flow().source.address == attempt.transaction.flow().source.address
            && asked.is_some_and(|asked| self::form(asked) == Some(form))
    });
    // What was written to it there is not known here, and is likely the same.
    (!is_read && !answer_facts::has_shown_realm_elsewhere(session, context, attempt)).then_some(form)
}

/// Names what about the spelling of a challenge few servers do, where the client is not seen to have read it elsewhere. SIP allows it: the
/// client is at fault all the same, if it is that.
pub fn tell_spelling(
    mut finding: Finding,
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
) -> Finding {
    let odd = spelling(attempt);
    let source = attempt.transaction.flow().source.address;
    let is_read = || {
        session.presented().any(|(_, other, presented)| {
            let asked = presented.answers.and_then(|at| session.challenge(at)).map(|(asked, _)| asked);
            other.transaction.flow().source.address == source && asked.is_some_and(|asked| spelling(asked) == odd)
        })
    };
    if odd.is_empty() || finding.severity < Severity::Medium || is_read() {
        return finding;
    }
    if answer_facts::has_shown_realm_elsewhere(session, context, attempt) {
        return finding;
    }
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.explanation.push_str(&format!(
        " The challenge is spelled in a way that SIP allows and that is unusual: {}. It is possible that this client does not read it.",
        odd.join(", ")
    ));
    finding.advises("Let the server spell the challenge as most do (Digest, MD5, in one line), and see whether the client then answers")
}

/// What of all challenges of an answer is spelled as few servers do.
fn spelling(attempt: &Attempt<'_>) -> Vec<String> {
    let rows = attempt.answer().map(|answer| &*answer.challenges).unwrap_or_default();
    let digests = || attempt.challenges.iter().map(|offered| &offered.challenge);
    if digests().any(|challenge| challenge.scheme != Scheme::Digest) {
        return Vec::new();
    }
    let is_odd_scheme = |challenge: &Challenge<'_>| challenge.scheme_raw != b"Digest";
    let is_odd_algorithm = |challenge: &Challenge<'_>| {
        let name = challenge.algorithm().name();
        let raw = challenge.params.get(Name::Algorithm).map(|param| param.raw);
        name.zip(raw).is_some_and(|(name, raw)| raw != name.as_bytes() && raw.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut odd = Vec::new();
    let first = digests().next();
    if let Some(first) = first.filter(|_| digests().all(is_odd_scheme)) {
        odd.push(format!("the scheme as {}", facts::text(first.scheme_raw)));
    }
    if let Some(raw) =
        first.and_then(|first| first.params.get(Name::Algorithm)).filter(|_| digests().all(is_odd_algorithm))
    {
        odd.push(format!("the algorithm as {}", facts::text(raw.raw)));
    }
    if !rows.is_empty() && rows.iter().all(|row| memchr::memchr2(b'\r', b'\n', &row.value).is_some()) {
        odd.push("folded over several lines".to_owned());
    }
    odd
}

fn form(attempt: &Attempt<'_>) -> Option<OddForm> {
    let rows = &attempt.answer()?.challenges;
    let has = |is_such: fn(&ChallengeRow) -> bool| rows.iter().any(is_such);
    if has(|row| row.nonces.len() > 1) {
        Some(OddForm::Joined)
    } else if has(|row| memchr::memchr2(b'\r', b'\n', &row.value).is_some()) {
        Some(OddForm::Folded)
    } else {
        has(strict_parser_rejects::refuses_challenge).then_some(OddForm::Ungrammatical)
    }
}

/// Makes what is odd about a challenge the first suspect where it went unanswered: it is no more than that, for a client without an
/// account would do the same.
pub fn suspect(session: &Session<'_>, findings: &mut [Finding]) {
    let symptoms: Vec<(&'static Rule, Severity, Option<usize>)> = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Medium)
        .filter_map(|finding| {
            let form = ALL.into_iter().find(|form| finding.cause == Some(form.name()))?;
            Some((form.rule(), finding.severity, finding.attempt))
        })
        .collect();
    for (rule, severity, attempt) in symptoms {
        let is_suspect =
            |finding: &&mut Finding| std::ptr::eq(finding.rule, rule) && is_about_challenge(session, finding);
        let Some(finding) = findings.iter_mut().find(is_suspect) else { continue };
        if finding.attempt.is_none() {
            finding.explanation.push_str(&format!(" This one was not answered: {DROPPED}."));
            finding.remedy.push(ELSE_ACCOUNT.into());
            (finding.severity, finding.attempt) = (severity, attempt);
        } else if finding.severity < severity {
            (finding.severity, finding.attempt) = (severity, attempt);
        }
        finding.confidence = Confidence::Possible;
    }
    suspect_algorithm(findings);
}

/// Both rules speak of credentials, too.
fn is_about_challenge(session: &Session<'_>, finding: &Finding) -> bool {
    let answers = session.attempts.iter().filter_map(Attempt::answer);
    finding.frames.first().is_some_and(|first| answers.into_iter().any(|answer| answer.at == *first))
}

/// A client that begins anew behind a challenge that it does not know is as loud as one that gives up.
fn suspect_algorithm(findings: &mut [Finding]) {
    let is_of = |finding: &&Finding| finding.cause == Some(Circumstance::Algorithm.name());
    let worst =
        findings.iter().filter(is_of).filter(|finding| std::ptr::eq(finding.rule, &retry_without_credentials::RULE));
    let Some(severity) = worst.map(|finding| finding.severity).max() else { return };
    let rule = &algorithm_unsupported_no_retry::RULE;
    for finding in findings.iter_mut().filter(|finding| std::ptr::eq(finding.rule, rule)) {
        finding.severity = finding.severity.max(severity);
        finding.remedy.push(ELSE_ACCOUNT.into());
    }
}
