//! What is found on both sides of a B2BUA: the client's trouble is told once, and what the B2BUA makes of the request explains what the
//! client is told.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::history::Passage;
use crate::report::findings::Collected;
use crate::report::findings::Findings;
use crate::report::findings::SESSIONS_MAX;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge::challenge_loop;
use crate::rules::credentials::digest_ok_but_rejected;
use crate::rules::credentials::forbidden_after_credentials;
use crate::rules::credentials::rejected_credentials;
use crate::rules::nonce::nonce_rejected_without_stale;

/// What a client's side shows where the trouble is behind the B2BUA.
static SYMPTOMS: [&Rule; 5] = [
    &challenge_loop::RULE,
    &digest_ok_but_rejected::RULE,
    &forbidden_after_credentials::RULE,
    &rejected_credentials::RULE,
    &nonce_rejected_without_stale::RULE,
];

/// Who sends what on for whom is said so long as somebody reads it.
const EXPLANATION_BYTES_MAX: usize = 4096;

/// What explains something on the other side.
#[derive(Clone, Copy)]
struct Cause {
    rule: &'static str,
    fault: Fault,
    confidence: Confidence,
}

/// Which findings have become part of another one. Where requests pass several B2BUAs, that one may do so in its turn.
struct Joined(Vec<Option<usize>>);

impl Joined {
    fn note(&mut self, index: usize, into: usize) {
        if let Some(place) = self.0.get_mut(index).filter(|_| index != into) {
            *place = Some(into);
        }
    }

    /// The finding that it is part of, or itself.
    fn place(&self, index: usize) -> usize {
        let next = |index: &usize| self.0.get(*index).copied().flatten();
        std::iter::successors(Some(index), next).last().unwrap_or(index)
    }
}

impl Findings {
    /// Tells once what two sessions show that are two sides of one request.
    pub fn join(&mut self, passages: &[Passage]) {
        let mut joined = Joined(vec![None; self.collected.len()]);
        let mut by_session: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, collected) in self.collected.iter().enumerate() {
            if collected.finding.merge.is_none() && collected.sessions_count == collected.united + 1 {
                collected.sessions.iter().for_each(|session| by_session.entry(*session).or_default().push(index));
            }
        }
        for passage in passages {
            let Some((outer, inner)) = passage.sessions() else { continue };
            let of = |session: u64| by_session.get(&session).map(Vec::as_slice).unwrap_or_default();
            self.join_sides(passage, of(outer), of(inner), &mut joined);
        }
        let mut joined = joined.0.into_iter();
        self.collected.retain(|_| joined.next().flatten().is_none());
        self.index();
    }

    fn join_sides(&mut self, passage: &Passage, outer: &[usize], inner: &[usize], joined: &mut Joined) {
        let outer: Vec<usize> = outer.iter().map(|index| joined.place(*index)).collect();
        let inner: BTreeSet<usize> = inner.iter().map(|index| joined.place(*index)).collect();
        for index in inner.into_iter().filter(|index| !outer.contains(index)) {
            match outer.iter().copied().find(|of_client| self.is_same_trouble(*of_client, index)) {
                Some(of_client) => {
                    self.absorb_side(passage, of_client, index);
                    joined.note(index, of_client);
                }
                None => match self.cause_among(&outer, index) {
                    Some(cause) => self.explain_by_client(passage, cause, index),
                    None => self.explain_by_side(passage, &outer, index),
                },
            }
        }
    }

    fn is_same_trouble(&self, one: usize, other: usize) -> bool {
        let rule = |index: usize| {
            let finding = &self.collected.get(index)?.finding;
            Some((finding.rule.name, &finding.subject.user, finding.cause))
        };
        rule(one) == rule(other)
    }

    /// The same on both sides is the client's.
    fn absorb_side(&mut self, passage: &Passage, of_client: usize, index: usize) {
        let Some(side) = self.collected.get(index) else { return };
        let (pair, severity, finding, sessions) =
            (side.pair, side.finding.severity, side.finding.clone(), side.sessions.clone());
        self.uncount_of(pair, severity);
        let Some(known) = self.collected.get_mut(of_client) else { return };
        let before = known.finding.severity;
        let explained_by = finding.explained_by;
        known.absorb(&finding, &sessions);
        // What explains it on one side explains it on both.
        if known.finding.explained_by.is_none() && explained_by.is_some() {
            known.finding.explained_by = explained_by;
            known.finding.severity = known.finding.severity.min(Severity::Medium);
        }
        known.sessions.sort_unstable();
        let relay = passage.inner.client;
        let said = format!(" {relay} sends the request on under a Call-ID of its own, and is told the same.");
        if known.finding.explanation.len() < EXPLANATION_BYTES_MAX && !known.finding.explanation.contains(&said) {
            known.finding.explanation.push_str(&said);
        }
        let severity = known.finding.severity;
        self.recount(before, severity);
    }

    /// What is wrong on the client's side, where that is more than what it is told. Of two that are told something, with one status or
    /// another, neither knows more.
    fn cause_among(&self, outer: &[usize], index: usize) -> Option<Cause> {
        let is_told = self.collected.get(index).is_some_and(|side| side.finding.rule.is_among(&SYMPTOMS));
        outer.iter().find_map(|of_client| self.cause_at(*of_client, is_told))
    }

    fn cause_at(&self, index: usize, may_be_told: bool) -> Option<Cause> {
        let finding = &self.collected.get(index)?.finding;
        let is_cause = finding.severity >= Severity::High
            && finding.explained_by.is_none()
            && (may_be_told || !finding.rule.is_among(&SYMPTOMS));
        is_cause.then_some(Cause { rule: finding.rule.name, fault: finding.fault, confidence: finding.confidence })
    }

    /// What a B2BUA does not get, it cannot send on.
    fn explain_by_client(&mut self, passage: &Passage, cause: Cause, index: usize) {
        let Some(side) = self.collected.get_mut(index) else { return };
        if side.finding.severity < Severity::High || side.finding.explained_by.is_some() {
            return;
        }
        let said = format!(
            " {} sends on what comes from {} under another Call-ID: what is wrong there explains this.",
            passage.inner.client, passage.outer.client
        );
        side.finding.explanation.push_str(&said);
        side.finding.explained_by = Some(cause.rule);
        // They must not name two sides, nor be surer than what explains them.
        side.finding.fault = cause.fault;
        side.finding.confidence = side.finding.confidence.min(cause.confidence);
        side.note_outer(passage);
        let before = side.finding.severity;
        side.finding.severity = Severity::Medium;
        self.recount(before, Severity::Medium);
    }

    /// What is found behind the B2BUA alone is its own doing, and what the client is told follows from that.
    fn explain_by_side(&mut self, passage: &Passage, outer: &[usize], index: usize) {
        let Some(side) = self.collected.get_mut(index) else { return };
        if side.finding.severity < Severity::High || side.finding.explained_by.is_some() {
            return;
        }
        let (relay, client) = (passage.inner.client, passage.outer.client);
        let said = format!(
            " {relay} sends this for {client}, whose request came under another Call-ID and does not show it: it is what {relay} makes of \
             that request."
        );
        // Once for all of the account's sessions.
        if side.finding.explanation.len() < EXPLANATION_BYTES_MAX && !side.finding.explanation.contains(&said) {
            side.finding.explanation.push_str(&said);
            let advice = format!("Compare the requests before and behind {relay}, and correct what it does with them");
            side.finding.remedy.insert(0, advice.into());
        }
        if side.finding.fault == Fault::Client {
            side.finding.fault = Fault::Path;
        }
        side.note_outer(passage);
        let rule = side.finding.rule.name;
        for &of_client in outer {
            self.soften(of_client, rule);
        }
    }

    fn soften(&mut self, index: usize, rule: &'static str) {
        let Some(Collected { finding, .. }) = self.collected.get_mut(index) else { return };
        if !finding.rule.is_among(&SYMPTOMS) || finding.explained_by.is_some() {
            return;
        }
        finding.explained_by = Some(rule);
        let before = finding.severity;
        finding.severity = before.min(Severity::Medium);
        let severity = finding.severity;
        self.recount(before, severity);
    }
}

impl Collected {
    /// Names the client's session as well.
    fn note_outer(&mut self, passage: &Passage) {
        let Some((outer, _)) = passage.sessions() else { return };
        self.sessions_count += 1;
        if self.sessions.len() < SESSIONS_MAX {
            self.sessions.push(outer);
            self.sessions.sort_unstable();
        }
    }
}
