//! A challenge loop that runs across Call-IDs: phones may take a new one for each try.

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::history::AccountKey;
use crate::history::Earlier;
use crate::history::LoopStep;
use crate::history::StepKind;
use crate::history::Steps;
use crate::history::steps::TRIES_WITHIN_S;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::challenge::challenge_loop;
use crate::rules::facts;
use crate::rules::loop_cause::LoopCause;
use crate::rules::nonce::old_nonce_reused;

/// A loop across Call-IDs.
#[derive(Debug)]
pub struct Series {
    /// What is said of it.
    pub finding: Finding,
    /// The report's sessions that it runs through, in order: of very many, not all are named.
    pub sessions: Vec<u64>,
    /// The nonce that the client keeps, where that is why.
    pub old_nonce: Option<Finding>,
    /// When its last answer came.
    pub ended: CaptureTime,
}

impl Series {
    /// Says that its client got in for good since.
    pub fn make_good(&mut self) {
        for finding in self.old_nonce.iter_mut().chain([&mut self.finding]) {
            if finding.severity >= Severity::High {
                (finding.severity, finding.is_over) = (Severity::Medium, true);
                finding
                    .explanation
                    .push_str(" That is over: the same client registers since, and is not refused any more.");
            }
        }
    }

    /// Whether a finding of that session is about the same account, and so about one of the tries: the account had no others in between.
    pub fn holds(&self, subject: &Subject, session: u64) -> bool {
        let Some((first, last)) = self.sessions.first().zip(self.sessions.last()) else { return false };
        let mine = &self.finding.subject;
        self.sessions.contains(&session)
            || ((first..=last).contains(&&session)
                && (&subject.user, &subject.realm, subject.client) == (&mine.user, &mine.realm, mine.client))
    }
}

/// The loop that the steps of one account make, if they make one.
pub fn across_sessions(key: &AccountKey<'_>, steps: &Steps) -> Option<Series> {
    let kept = steps.kept();
    let (streak, is_recovered) = loop_among(&kept)?;
    // What led to the first of those that are kept is part of the loop that begins with it.
    let begins_it = kept.first().zip(streak.first()).is_some_and(|(kept, first)| kept.at == first.at);
    let earlier = steps.earlier().filter(|_| begins_it).cloned().unwrap_or_default();
    let refused = earlier.refused + streak.iter().filter(|step| step.is_refused()).count();
    let explained_by = explanation(&streak, &earlier);
    let is_open = explained_by.is_none_or(|rule| old_nonce_reused::EXPLAINS.1.contains(&rule));
    let keeps_nonce = is_open && old_nonce_reused::is_kept_in(&streak);
    let explained_by = if keeps_nonce { Some(old_nonce_reused::RULE.name) } else { explained_by };
    let cause = match explained_by.and_then(LoopCause::of_rule) {
        Some(cause) => cause,
        _ if earlier.stale + streak.iter().filter(|step| step.kind == StepKind::Stale).count()
            >= challenge_loop::REFUSALS_MIN =>
        {
            LoopCause::Stale
        }
        _ => LoopCause::Unknown,
    };
    let mut sessions: Vec<u64> = streak.iter().map(|step| step.session).collect();
    sessions.dedup();
    let sessions_count = earlier.sessions_count + sessions.len();
    sessions.splice(0..0, earlier.sessions);
    sessions.dedup();
    let mut frames: Vec<FrameRef> = earlier.frames.into_iter().chain(streak.iter().map(|step| step.at)).collect();
    frames.sort_unstable();
    let realm = streak.first().map(|step| step.realm.to_vec()).unwrap_or_default();
    // As the sessions name it: a phone may authenticate as somebody else than it registers for.
    let user = streak.iter().rev().find(|step| step.is_refused()).map(|step| step.user.to_vec()).unwrap_or_default();
    let mut finding = Finding::new(
        &challenge_loop::RULE,
        format!(
            "{} was challenged again after every answer, under a new Call-ID each time",
            facts::account(&user, &realm)
        ),
    )
    .graded(Severity::High, Confidence::Likely)
    .explained(format!(
        "{} {}, from {} under {sessions_count} Call-IDs; {refused} with credentials, none accepted.",
        facts::count(earlier.steps + streak.len(), "REGISTER"),
        if keeps_nonce { "in a row".to_owned() } else { format!("within {TRIES_WITHIN_S} s of each other") },
        key.source,
    ))
    .excludes("retransmission: every attempt counted here is a new transaction")
    .advises(cause.remedy());
    if is_recovered {
        finding.explanation.push_str(" The next Call-ID got in.");
        finding.severity = Severity::Medium;
    }
    if let Some(rule) = explained_by {
        (finding.explained_by, finding.severity) = (Some(rule), Severity::Medium);
    }
    finding.cause = Some(cause.name());
    finding.fault = match (cause, explained_by) {
        (LoopCause::Stale, Some("old-nonce-reused")) => Fault::Client,
        (LoopCause::Stale | LoopCause::NodeSwitch, _) => Fault::Server,
        (LoopCause::Unknown | LoopCause::SameNonce, _) => Fault::Unknown,
        _ => Fault::Client,
    };
    finding.frames = frames;
    finding.subject = Subject { realm, user, client: Some(key.source), server: None, ..Subject::default() };
    finding.sessions_count = u64::try_from(sessions_count).unwrap_or(u64::MAX);
    let old_nonce = keeps_nonce.then(|| old_nonce_reused::in_series(&streak, &finding, is_recovered));
    let ended = streak.last().map(|last| last.answered)?;
    Some(Series { finding, sessions, old_nonce, ended })
}

/// The first loop among the steps that the account did not get out of, else the last one that it did get out of, and whether it
/// did.
fn loop_among<'s>(steps: &[&'s LoopStep]) -> Option<(Vec<&'s LoopStep>, bool)> {
    let mut streak: Vec<&LoopStep> = Vec::new();
    let mut recovered = None;
    for step in steps {
        let is_apart = streak.last().is_some_and(|last| !last.is_followed_by(step));
        let is_other_realm = streak.last().is_some_and(|last| last.realm != step.realm);
        let is_accepted = step.kind == StepKind::Accepted;
        if is_accepted {
            // What came before it under its Call-ID was the way in.
            while streak.last().is_some_and(|last| last.session == step.session) {
                streak.pop();
            }
        }
        if is_accepted || is_apart || is_other_realm {
            let ended = std::mem::take(&mut streak);
            if is_loop(&ended) && (!is_accepted || is_apart) {
                return Some((ended, false));
            }
            recovered = Some(ended).filter(|ended| is_loop(ended)).or(recovered);
        }
        if !is_accepted {
            streak.push(step);
        }
    }
    if is_loop(&streak) { Some((streak, false)) } else { recovered.map(|streak| (streak, true)) }
}

/// The rule that explains every refusal of the loop, where it is the same one.
fn explanation(streak: &[&LoopStep], earlier: &Earlier) -> Option<&'static str> {
    let kept = streak.iter().filter(|step| step.is_refused()).map(|step| step.explained_by);
    let mut rules = earlier.explained_by.iter().copied().chain(kept);
    let first = rules.next()??;
    rules.all(|rule| rule == Some(first)).then_some(first)
}

fn is_loop(streak: &[&LoopStep]) -> bool {
    let refused = streak.iter().filter(|step| step.is_refused()).count();
    let mut sessions: Vec<u64> = streak.iter().map(|step| step.session).collect();
    sessions.dedup();
    streak.len() >= challenge_loop::CHALLENGES_MIN && refused >= challenge_loop::REFUSALS_MIN && sessions.len() > 1
}
