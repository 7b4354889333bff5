//! Challenge loops that run across Call-IDs, told once the capture is over.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::analyzer::Analyzer;
use crate::history::PairKey;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::challenge::challenge_loop;
use crate::rules::credentials::rejected_credentials;
use crate::rules::loop_series;
use crate::rules::nonce::old_nonce_reused;
use crate::rules::nonce::stale_ignored_by_client;

impl Analyzer {
    /// Adds the loops of accounts but those of attackers, and says of which findings they, or what they come from, are the cause.
    pub(super) fn add_loops_across_sessions(&mut self, claims: &BTreeMap<PairKey, &'static Rule>) {
        let attackers: BTreeSet<IpAddr> = claims.keys().map(|pair| pair.client).collect();
        let loops: Vec<_> = self
            .messages
            .accounts
            .steps()
            .iter()
            .filter(|(key, _)| !attackers.contains(&key.source))
            .filter_map(|(key, steps)| loop_series::across_sessions(key, steps))
            .collect();
        for mut series in loops {
            if !self.messages.keeps(&series.sessions) {
                continue;
            }
            let is_cause = series.finding.explained_by.is_none() && series.finding.severity >= Severity::High;
            if self.messages.builder.registers_since(&series.finding, series.ended) {
                series.make_good();
            }
            if let Some(cause) = series.old_nonce.take() {
                let (name, names) = old_nonce_reused::EXPLAINS;
                self.messages.builder.note_trouble(&cause, names);
                let is_within = |subject: &Subject, session| series.holds(subject, session);
                self.messages.findings.explain_where(name, is_within, names);
                self.messages.findings.add(cause, &series.sessions, None);
            }
            let ignored = [stale_ignored_by_client::RULE.name];
            self.messages.builder.note_trouble(&series.finding, if is_cause { &ignored } else { &[] });
            if series.finding.explained_by.is_none() {
                let name = challenge_loop::RULE.name;
                // One that somebody got out of does not excuse what was never answered.
                let names = if is_cause { challenge_loop::EXPLAINS_ACROSS } else { &[rejected_credentials::RULE.name] };
                let is_within = |subject: &Subject, session| series.holds(subject, session);
                let excluded = self.messages.findings.explain_where(name, is_within, names);
                series.finding.excluded.extend(excluded);
            }
            self.messages.findings.add(series.finding, &series.sessions, None);
        }
    }
}
