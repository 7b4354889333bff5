//! Findings of single sessions that the whole capture knows better.

use std::collections::HashMap;
use std::time::Duration;

use crate::report::findings::Findings;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;

impl Findings {
    /// Softens what was over when its client got in for good: `history` says how long after a session, by rule.
    pub fn make_good(&mut self, history: &HashMap<(u64, &'static str), Option<Duration>>) {
        let mut softened = Vec::new();
        for collected in self.collected.iter_mut().filter(|collected| collected.finding.severity == Severity::High) {
            let finding = &mut collected.finding;
            let is_own = finding.attempt.is_some() && finding.merge.is_none();
            let [session] = collected.sessions[..] else { continue };
            let Some(after) = history.get(&(session, finding.rule.name)).filter(|_| is_own) else { continue };
            let later =
                after.map_or_else(|| "later".to_owned(), |after| format!("{} later", facts::duration_text(after)));
            finding.explanation.push_str(&format!(
                " That is over: the same client got in {later}, in another session, and did not meet it again."
            ));
            (finding.severity, finding.is_over) = (Severity::Medium, true);
            softened.push(Severity::High);
        }
        softened.into_iter().for_each(|before| self.recount(before, Severity::Medium));
    }

    /// Words the findings of a rule anew.
    pub fn revise(&mut self, rule: &Rule, change: impl Fn(&mut Finding)) {
        let findings = self.collected.iter_mut().map(|collected| &mut collected.finding);
        findings.filter(|finding| finding.rule.is(rule)).for_each(change);
    }
}
