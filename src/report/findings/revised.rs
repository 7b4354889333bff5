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
}
