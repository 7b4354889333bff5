//! Findings of single sessions that the whole capture knows better.

use crate::report::findings::Findings;
use crate::rules::Finding;
use crate::rules::Rule;

impl Findings {
    /// Words the findings of a rule anew.
    pub fn revise(&mut self, rule: &Rule, change: impl Fn(&mut Finding)) {
        let findings = self.collected.iter_mut().map(|collected| &mut collected.finding);
        findings.filter(|finding| finding.rule.name == rule.name).for_each(change);
    }

    /// Puts other advice in the place of one that a finding about some sessions refutes.
    pub fn advise_instead(&mut self, sessions: &[u64], refuted: &str, instead: &str) {
        for collected in &mut self.collected {
            let is_about_them =
                collected.is_named_whole() && collected.sessions.iter().all(|one| sessions.contains(one));
            let advice = collected.finding.remedy.iter_mut().find(|advice| *advice == refuted);
            if let Some(advice) = advice.filter(|_| is_about_them) {
                *advice = instead.to_owned().into();
            }
        }
    }
}
