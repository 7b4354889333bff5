//! Collects findings: merges those that are one, keeps the worst when there are too many, and names them at the end.

mod claimable;
mod joined;
mod of_server;
mod revised;
mod told;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use crate::base::WireMap;
use crate::history::PairKey;
use crate::history::UNLISTED;
use crate::report::Redaction;
use crate::report::alike;
use crate::report::alike::Alike;
use crate::report::alike::Unended;
use crate::report::model;
use crate::report::pseudonyms::Pseudonyms;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::transaction::dialog_identity_changed;

pub use claimable::is_claimable;

/// Frames and sessions that a finding names at most: one that spans thousands of sessions is an observation about all.
const FRAMES_MAX: usize = 200;
const SESSIONS_MAX: usize = 50;

struct Collected {
    finding: Finding,
    sessions: Vec<u64>,
    sessions_count: u64,
    /// How many others say the same.
    united: u64,
    order: u64,
    pair: Option<PairKey>,
}

/// Where a finding is that sessions share.
enum SharedPlace {
    /// The index among those collected.
    Kept(usize),
    /// It found no room: it is counted, as this bad, and not told.
    Dropped(Severity),
}

/// Shared findings without a place that are remembered, lest they be counted again.
const DROPPED_MAX: usize = 65_536;

/// Sources whose findings are counted, lest they turn out to be attackers.
const CLAIMABLE_MAX: usize = 1_000_000;

/// All findings of a run.
pub struct Findings {
    collected: Vec<Collected>,
    /// By the rule's code and the key.
    merged: WireMap<(&'static str, String), SharedPlace>,
    claimable: WireMap<PairKey, [u64; 5]>,
    by_severity: BTreeMap<Severity, u64>,
    findings_max: usize,
    /// There are enough that are worse than this, or as bad and earlier.
    floor: Option<Severity>,
    not_listed: u64,
    order: u64,
}

impl Findings {
    /// None yet; at most `findings_max` are listed.
    pub fn new(findings_max: usize) -> Findings {
        Findings {
            collected: Vec::new(),
            merged: WireMap::default(),
            claimable: WireMap::default(),
            by_severity: BTreeMap::new(),
            findings_max,
            floor: None,
            not_listed: 0,
            order: 0,
        }
    }

    /// Takes a finding about the capture, or one that names its sessions itself.
    pub fn add_of_capture(&mut self, finding: Finding) {
        let sessions: Vec<u64> = finding.sessions.iter().copied().filter(|session| *session != UNLISTED).collect();
        self.add(finding, &sessions, None);
    }

    /// Takes a finding of some sessions, by number, and of the source and server that they begin with.
    pub fn add(&mut self, mut finding: Finding, sessions: &[u64], pair: Option<PairKey>) {
        let key = finding.merge.take().map(|key| (finding.rule.code, key));
        match key.as_ref().and_then(|key| self.merged.get(key)) {
            Some(&SharedPlace::Kept(index)) => return self.absorb(index, &finding, sessions),
            Some(&SharedPlace::Dropped(before)) if finding.severity > before => {
                self.uncount(before);
                self.not_listed = self.not_listed.saturating_sub(1);
            }
            Some(SharedPlace::Dropped(_)) => return,
            None => {}
        }
        // The one that it repeats found no place.
        if finding.is_repeat {
            return;
        }
        *self.by_severity.entry(finding.severity).or_insert(0) += 1;
        if let Some(key) = key {
            finding.merge = Some(key.1.clone());
            self.merged.insert(key, SharedPlace::Kept(self.collected.len()));
        }
        self.order += 1;
        let pair = pair.filter(|_| is_claimable(&finding));
        if let Some(count) = pair.and_then(|pair| self.count_of(pair, finding.severity)) {
            *count += 1;
        }
        if finding.merge.is_none() && self.floor.is_some_and(|floor| finding.severity <= floor) {
            self.not_listed += 1;
            return;
        }
        let sessions_count = u64::try_from(sessions.len()).unwrap_or(u64::MAX).max(finding.sessions_count);
        let sessions = sessions.iter().copied().take(SESSIONS_MAX).collect();
        finding.frames.truncate(FRAMES_MAX);
        finding.shrink();
        self.collected.push(Collected { finding, sessions, sessions_count, united: 0, order: self.order, pair });
        if self.collected.len() > self.findings_max.saturating_mul(2).max(64) {
            self.drop_least();
        }
    }

    fn absorb(&mut self, index: usize, finding: &Finding, sessions: &[u64]) {
        let Some(known) = self.collected.get_mut(index) else { return };
        let before = known.finding.severity;
        known.absorb(finding, sessions);
        if finding.severity > before {
            known.finding.take_words(finding);
        }
        let severity = known.finding.severity;
        self.recount(before, severity);
    }

    /// Counts as bad as `severity` what was counted as bad as `before`.
    fn recount(&mut self, before: Severity, severity: Severity) {
        if before != severity {
            self.uncount(before);
            *self.by_severity.entry(severity).or_insert(0) += 1;
        }
    }

    fn uncount(&mut self, severity: Severity) {
        if let Some(count) = self.by_severity.get_mut(&severity) {
            *count = count.saturating_sub(1);
        }
        self.by_severity.retain(|_, count| *count > 0);
    }

    fn count_of(&mut self, pair: PairKey, severity: Severity) -> Option<&mut u64> {
        if self.claimable.len() >= CLAIMABLE_MAX && !self.claimable.contains_key(&pair) {
            return None;
        }
        self.claimable.entry(pair).or_default().get_mut(severity as usize)
    }

    /// Takes back what was found of those sources: they are attackers, and what rules about challenges and credentials say of
    /// them is how attacks look.
    pub fn claim(&mut self, claims: &BTreeMap<PairKey, &'static Rule>) {
        let is_claimed = |pair: Option<PairKey>| pair.is_some_and(|pair| claims.contains_key(&pair));
        self.take_back_advice(claims);
        let before = self.collected.len();
        self.collected.retain(|collected| !is_claimed(collected.pair));
        let mut dropped = 0;
        for counts in claims.keys().filter_map(|pair| self.claimable.remove(pair)) {
            for (severity, count) in Severity::ALL.iter().rev().zip(counts) {
                let known = self.by_severity.entry(*severity).or_insert(0);
                *known = known.saturating_sub(count);
                dropped += count;
            }
        }
        let removed = u64::try_from(before - self.collected.len()).unwrap_or(0);
        self.not_listed = self.not_listed.saturating_sub(dropped.saturating_sub(removed));
        self.by_severity.retain(|_, count| *count > 0);
        self.floor = None;
        self.index();
    }

    /// Takes back what is told once for all sessions of an account, where its client is an attacker: nobody is to mend his program.
    fn take_back_advice(&mut self, claims: &BTreeMap<PairKey, &'static Rule>) {
        let is_of_attacker = |collected: &Collected| {
            let Subject { client, server, .. } = collected.finding.subject;
            collected.finding.rule.is(&dialog_identity_changed::RULE)
                && client.zip(server).is_some_and(|(client, server)| claims.contains_key(&PairKey { client, server }))
        };
        let gone: Vec<Severity> =
            self.collected.extract_if(.., |one| is_of_attacker(one)).map(|one| one.finding.severity).collect();
        gone.into_iter().for_each(|severity| self.uncount(severity));
    }

    /// Takes back findings of those rules that are about nothing but these sessions.
    pub fn take_back(&mut self, sessions: &[u64], names: &[&str]) {
        let is_about = |collected: &Collected| {
            names.contains(&collected.finding.rule.name)
                && collected.is_named_whole()
                && collected.sessions.iter().all(|one| sessions.contains(one))
        };
        let gone: Vec<Severity> =
            self.collected.extract_if(.., |one| is_about(one)).map(|one| one.finding.severity).collect();
        gone.into_iter().for_each(|severity| self.uncount(severity));
        self.index();
    }

    /// Names the rule that explains findings of some sessions, by the names of their rules. Gives what all of them rule out.
    pub fn explain(&mut self, by: &'static str, sessions: &[u64], names: &[&str]) -> Vec<Cow<'static, str>> {
        self.explain_where(by, |_, session| sessions.contains(&session), names)
    }

    /// The same of sessions that are told by their number, and by what a finding of them is about.
    pub fn explain_where(
        &mut self,
        by: &'static str,
        is_among: impl Fn(&Subject, u64) -> bool,
        names: &[&str],
    ) -> Vec<Cow<'static, str>> {
        let mut softened = Vec::new();
        let mut excluded: Option<Vec<Cow<'static, str>>> = None;
        for collected in &mut self.collected {
            let finding = &mut collected.finding;
            let is_within =
                !collected.sessions.is_empty() && collected.sessions.iter().all(|one| is_among(&finding.subject, *one));
            if !is_within || finding.merge.is_some() || !names.contains(&finding.rule.name) {
                continue;
            }
            match &mut excluded {
                Some(common) => common.retain(|text| finding.excluded.contains(text)),
                None => excluded = Some(finding.excluded.clone()),
            }
            finding.explained_by = Some(by);
            if finding.severity > Severity::Medium {
                softened.push(finding.severity);
                finding.severity = Severity::Medium;
            }
        }
        softened.into_iter().for_each(|before| self.recount(before, Severity::Medium));
        excluded.unwrap_or_default()
    }

    /// Makes one of those that say the same of the same account. Told a thousand times they would hide what else there is.
    pub fn unite(&mut self) {
        // Most accounts have one finding of a kind, and need no comparison.
        let mut of_account: WireMap<u64, u32> = WireMap::default();
        let state = of_account.hasher().clone();
        let account = |finding: &Finding| state.hash_one((finding.rule.name, alike::account(&finding.subject)));
        for collected in &self.collected {
            *of_account.entry(account(&collected.finding)).or_insert(0) += 1;
        }
        let mut first: HashMap<Alike, usize> = HashMap::new();
        let mut kept: Vec<Collected> = Vec::with_capacity(self.collected.len());
        for collected in std::mem::take(&mut self.collected) {
            let is_of_one = collected.finding.merge.is_none() && collected.sessions_count == collected.united + 1;
            let is_alone = of_account.get(&account(&collected.finding)).is_none_or(|number| *number < 2);
            if !is_of_one || is_alone {
                kept.push(collected);
                continue;
            }
            match first.entry(Alike::of(&collected.finding, collected.pair)) {
                Entry::Vacant(free) => {
                    free.insert(kept.len());
                    kept.push(collected);
                }
                Entry::Occupied(known) => {
                    if let Some(known) = kept.get_mut(*known.get()) {
                        self.uncount_of(collected.pair, collected.finding.severity);
                        known.unite(collected);
                    }
                }
            }
        }
        self.collected = kept;
        self.unite_unended();
        self.index();
    }

    /// What is less sure only because the capture ends is the same as what went before it.
    fn unite_unended(&mut self) {
        let mut worst: HashMap<Unended, usize> = HashMap::new();
        for (index, collected) in self.collected.iter().enumerate() {
            let high = Unended::of(&collected.finding, collected.pair)
                .filter(|_| collected.finding.severity == Severity::High);
            high.into_iter().for_each(|unended| *worst.entry(unended).or_insert(index) = index);
        }
        let into = self.collected.iter().map(|collected| {
            let medium = Unended::of(&collected.finding, collected.pair)
                .filter(|_| collected.finding.severity == Severity::Medium)?;
            worst.get(&medium).copied()
        });
        let into: Vec<Option<usize>> = into.collect();
        if into.iter().any(Option::is_some) {
            self.put_into(&into);
        }
    }

    /// How many findings of that rule are critical, as far as they have a place.
    pub fn number_of_critical(&self, rule: &Rule) -> usize {
        let findings = self.collected.iter().map(|collected| &collected.finding);
        findings.filter(|finding| finding.rule.is(rule) && finding.severity == Severity::Critical).count()
    }

    fn uncount_of(&mut self, pair: Option<PairKey>, severity: Severity) {
        self.uncount(severity);
        if let Some(count) = pair.and_then(|pair| self.count_of(pair, severity)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Notes where the shared ones are, behind a change of places.
    fn index(&mut self) {
        self.merged.retain(|_, place| !matches!(place, SharedPlace::Kept(_)));
        let places = self.collected.iter().enumerate();
        for (index, finding) in places.map(|(index, collected)| (index, &collected.finding)) {
            if let Some(key) = finding.merge.clone() {
                self.merged.insert((finding.rule.code, key), SharedPlace::Kept(index));
            }
        }
    }

    /// The worst of them stay, in order.
    fn drop_least(&mut self) {
        let findings_max = self.findings_max;
        self.unite();
        if self.collected.len() <= findings_max {
            return;
        }
        self.collected.sort_by_key(|collected| (std::cmp::Reverse(collected.finding.severity), collected.order));
        let excess = self.collected.len().saturating_sub(findings_max);
        self.not_listed += u64::try_from(excess).unwrap_or(u64::MAX);
        for Collected { finding, .. } in self.collected.drain(self.collected.len().saturating_sub(excess)..) {
            if let Some(key) = finding.merge {
                self.merged.insert((finding.rule.code, key), SharedPlace::Dropped(finding.severity));
            }
        }
        if self.merged.len() > DROPPED_MAX.saturating_add(findings_max) {
            self.merged.retain(|_, place| matches!(place, SharedPlace::Kept(_)));
        }
        self.floor = self.collected.get(findings_max.saturating_sub(1)).map(|least| least.finding.severity);
        self.index();
    }

    /// Whether a shared finding has all the frames that it will show.
    pub fn is_full(&self, finding: &Finding) -> bool {
        let Some(key) = finding.merge.clone() else { return false };
        match self.merged.get(&(finding.rule.code, key)) {
            Some(SharedPlace::Kept(index)) => {
                self.collected.get(*index).is_some_and(|known| known.finding.frames.len() >= FRAMES_MAX)
            }
            // It shows none.
            Some(SharedPlace::Dropped(_)) => true,
            None => false,
        }
    }

    /// How many there are of each severity.
    pub fn by_severity(&self) -> BTreeMap<String, u64> {
        self.by_severity.iter().map(|(severity, count)| (severity.name().to_owned(), *count)).collect()
    }

    /// The findings for the report, worst first, and how many found no place in it.
    pub fn finish(mut self, redaction: Redaction, names: Option<&Pseudonyms>) -> (Vec<model::Finding>, u64) {
        self.drop_least();
        self.collected.sort_by_key(|c| {
            (
                std::cmp::Reverse(c.finding.severity),
                c.finding.explained_by.is_some(),
                c.finding.is_standing(),
                c.finding.is_over,
                c.sessions.first().copied(),
                c.order,
            )
        });
        // Which finding of a rule speaks of a session first.
        let mut first: HashMap<(&str, u64), usize> = HashMap::new();
        for (index, collected) in self.collected.iter().enumerate() {
            for session in &collected.sessions {
                first.entry((collected.finding.rule.name, *session)).or_insert(index);
            }
        }
        let cause = |rule: &'static str, sessions: &[u64]| {
            let index = sessions.iter().filter_map(|session| first.get(&(rule, *session))).min()?;
            Some(format!("F{}", index + 1))
        };
        let listed = self.collected.iter().enumerate().map(|(index, collected)| {
            let caused_by = collected.finding.explained_by.and_then(|rule| cause(rule, &collected.sessions));
            let mut model = collected.to_model(index + 1, caused_by, redaction);
            if let Some(names) = names {
                names.finding(&mut model, &collected.finding);
            }
            model
        });
        (listed.collect(), self.not_listed)
    }
}

impl Collected {
    /// Whether it is about sessions, and all of them are named.
    fn is_named_whole(&self) -> bool {
        !self.sessions.is_empty() && self.sessions_count == u64::try_from(self.sessions.len()).unwrap_or(u64::MAX)
    }

    fn unite(&mut self, other: Collected) {
        self.united += other.united + 1;
        self.absorb(&other.finding, &other.sessions);
        self.finding.excluded.retain(|text| other.finding.excluded.contains(text));
        // Of many, not all are named.
        self.sessions_count = self.united + 1;
    }

    fn absorb(&mut self, other: &Finding, sessions: &[u64]) {
        self.sessions_count += u64::try_from(sessions.len()).unwrap_or(0);
        self.sessions.extend(sessions.iter().take(SESSIONS_MAX.saturating_sub(self.sessions.len())));
        let room = FRAMES_MAX.saturating_sub(self.finding.frames.len());
        self.finding.frames.extend(other.frames.iter().take(room));
        self.finding.severity = self.finding.severity.max(other.severity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Confidence;
    use crate::rules::challenge::challenge_loop;
    use crate::rules::credentials::auth_param_quoting;

    fn shared(severity: Severity) -> Finding {
        Finding::new(&auth_param_quoting::RULE, "").merged_by("a server").graded(severity, Confidence::Proven)
    }

    fn counts(findings: &Findings) -> Vec<(Severity, u64)> {
        findings.by_severity.iter().map(|(severity, count)| (*severity, *count)).collect()
    }

    #[test]
    fn a_shared_finding_that_gets_worse_is_counted_as_what_it_is() {
        let mut findings = Findings::new(10);
        findings.add(shared(Severity::Low), &[1], None);
        findings.add(shared(Severity::Medium), &[2], None);
        findings.add(shared(Severity::Low), &[3], None);
        assert_eq!(counts(&findings), [(Severity::Medium, 1)]);
        let (listed, _) = findings.finish(Redaction::Default, None);
        assert_eq!((listed.len(), listed[0].severity, listed[0].count), (1, "medium", 3));
    }

    #[test]
    fn what_says_the_same_of_the_same_account_is_one_finding_whatever_its_frames() {
        let mut findings = Findings::new(10);
        for session in 1..=60 {
            let refused = Finding::new(&challenge_loop::RULE, "1001 got 403");
            let said = format!("The credentials in frame {session} were refused after {session} s.");
            findings.add(refused.explained(said), &[session], None);
        }
        findings.add(Finding::new(&challenge_loop::RULE, "1002 got 403"), &[61], None);
        findings.unite();
        assert_eq!(counts(&findings), [(Severity::High, 2)]);
        let (listed, not_listed) = findings.finish(Redaction::Default, None);
        assert_eq!((listed.len(), listed[0].count, listed[1].count, not_listed), (2, 60, 1, 0));
        assert!(listed[0].explanation.ends_with("in frame 1 were refused after 1 s. The same in 59 more sessions."));
    }

    #[test]
    fn a_shared_finding_that_finds_no_place_is_counted_once() {
        let mut findings = Findings::new(2);
        findings.add(shared(Severity::Low), &[1], None);
        for session in 2..200 {
            findings.add(Finding::new(&challenge_loop::RULE, format!("loop {session}")), &[session], None);
            findings.add(shared(Severity::Low), &[session], None);
        }
        assert_eq!(counts(&findings), [(Severity::Low, 1), (Severity::High, 198)]);
        // It comes back where it turns out worse than what is listed.
        findings.add(shared(Severity::Critical), &[200], None);
        assert_eq!(counts(&findings), [(Severity::High, 198), (Severity::Critical, 1)]);
        let (listed, not_listed) = findings.finish(Redaction::Default, None);
        assert_eq!((listed.len(), listed[0].severity, not_listed), (2, "critical", 197));
    }
}
