//! What becomes of a session that is over: it is judged, checked against the rules, remembered, and told.

use crate::analyzer::conduct;
use crate::analyzer::messages::Messages;
use crate::analyzer::near_misses;
use crate::analyzer::selecting;
use crate::base::CaptureTime;
use crate::filter::Selected;
use crate::history::PairKey;
use crate::history::UNLISTED;
use crate::report::findings::is_claimable;
use crate::report::model;
use crate::rules;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::security;
use crate::session::Run;
use crate::session::Session;
use crate::session::judge::Around;

impl Messages {
    /// Judges a closed run, checks the rules and makes its part of the report.
    pub(super) fn close(&mut self, run: &Run, end: CaptureTime) {
        self.run_dropped += u64::from(run.dropped);
        self.duplicates += u64::from(run.duplicates);
        let lost = self.lost.take(&run.call_id);
        if run.is_uneventful() && !conduct::is_of_scanner(run) {
            conduct::note_uneventful(&mut self.chronicle, run);
            if self.selects_uneventful(run, self.end_of(run, end)) {
                self.builder.skip(run);
            }
            return;
        }
        let mut session =
            Session::judge(run, Around { end: self.end_of(run, end), unreachable: &self.unreachable, lost: &lost });
        near_misses::search(&mut session, &self.nonces, &mut self.verifier);
        self.nonces.add(&session);
        self.note_registration(&session);
        self.note_forbidden(&session);
        self.note_unusual(&session);
        self.note_let_past(&session);
        self.note_secrets(&session);
        let context = Context {
            nonces: &self.nonces,
            accounts: &self.accounts,
            servers: &self.chronicle.servers,
            sources: &self.chronicle.sources,
            lost_between: &self.lost_between,
            unreachable: &self.unreachable,
            lost: &lost,
            begun_anew: &self.begun_anew,
            said: &self.said,
            pauses: &self.pauses,
            end,
        };
        let findings = rules::check_session(&session, &context);
        if findings.is_empty() && !session.has_authentication() && !conduct::is_of_scanner(run) {
            conduct::note(&mut self.chronicle, &session, UNLISTED, false);
            if self.select(&session, &findings, None) != Selected::Nothing {
                self.builder.skip(run);
            }
            return;
        }
        self.remember(&session, findings, end);
    }

    /// Remembers a session for what others will show, and tells of it.
    fn remember(&mut self, session: &Session<'_>, mut findings: Vec<Finding>, end: CaptureTime) {
        let number = self.builder.sessions + 1;
        let is_passed_on = self.nonces.is_passed_on(session);
        self.nonces.closed(session, number);
        conduct::note(&mut self.chronicle, session, number, is_passed_on);
        let pair = session.attempts.first().map(|first| PairKey {
            client: first.transaction.flow().source.address,
            server: first.transaction.flow().destination.address,
        });
        // Nobody's password is wrong where passwords are being guessed.
        let is_attack = pair
            .and_then(|pair| self.chronicle.sources.get(pair)?.conduct.as_deref())
            .is_some_and(security::is_claimed);
        if is_attack {
            findings.retain(|finding| !is_claimable(finding));
        }
        let selected = self.select(session, &findings, Some(number));
        let listed = match selected {
            Selected::Nothing => self.builder.pass_over(session),
            _ => self.builder.session(session, &findings, is_passed_on),
        };
        if !is_attack {
            self.note_challenges(session, number);
        }
        // What a B2BUA sends on is told of the client's own side.
        if !is_attack && !is_passed_on {
            self.note_steps(session, &findings, number);
            self.note_outcome(session, &findings, number);
        }
        selecting::narrow_findings(&mut findings, &selected);
        let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
        for finding in findings {
            self.collect(finding, number, pair);
        }
        let Some(mut model) = listed else { return };
        selecting::narrow(&mut model, session, &selected);
        self.nonce_list.list(session);
        if severity >= Severity::Medium && self.worst.as_ref().is_none_or(|(worst, _)| severity > *worst) {
            self.worst = Some((severity, model.clone()));
        }
        self.ready.push(model::Row::Session(model));
        let pseudonyms = self.builder.pseudonyms();
        self.ready.extend(self.nonce_list.at_rest(&self.nonces, end, pseudonyms).map(model::Row::Nonce));
    }

    /// Until when the capture goes on behind the last word of a run.
    fn end_of(&self, run: &Run, end: CaptureTime) -> CaptureTime {
        self.pauses.end_behind(run.last_seen, end).max(run.last_seen)
    }

    fn collect(&mut self, finding: Finding, number: u64, pair: Option<PairKey>) {
        // A filter may ask which frames a finding names, and a repeat names none.
        if let Some(key) = &finding.merge
            && self.selection.is_none()
            && !finding.is_repeat
            && self.findings.is_full(&finding)
        {
            self.said.note(finding.rule, key);
        }
        self.findings.add(finding, &[number], pair);
    }
}
