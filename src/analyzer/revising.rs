//! What single sessions said, told anew at the end with what the whole capture shows.

use std::collections::HashMap;

use crate::analyzer::Analyzer;
use crate::base::Endpoint;
use crate::history::Accounts;
use crate::history::PairKey;
use crate::history::outcomes::OnlyUsers;
use crate::history::outcomes::Outcomes;
use crate::history::outcomes::UserKey;
use crate::rules::CaptureFacts;
use crate::rules::Confidence;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge::challenge_unanswered;
use crate::rules::challenge::in_dialog_challenge_unanswered;
use crate::rules::configuration::method_auth_differs::refused_with_known_secret;
use crate::rules::credentials::digest_ok_but_rejected;
use crate::rules::credentials::digest_wrong_password;
use crate::rules::credentials::forbidden_after_credentials;
use crate::rules::credentials::rejected_credentials;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::rules::path::auth_retry_no_response;
use crate::rules::path::no_response_at_all;
use crate::rules::unanswered;
use crate::sip::Method;
use crate::sip::uri::without_plus;

/// Rules that speak of what the capture does not show.
static OF_SILENCE: [&Rule; 4] = [
    &auth_retry_no_response::RULE,
    &challenge_unanswered::RULE,
    &in_dialog_challenge_unanswered::RULE,
    &no_response_at_all::RULE,
];

/// What seems to be missing may be among the packets that were dropped.
fn doubt_silence(finding: &mut Finding, dropped: usize) {
    if finding.severity >= Severity::Medium {
        let packets = facts::count(dropped, "packet");
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.explanation.push_str(&format!(
            " The capturing machine dropped {packets}, however: what seems to be missing may have been among them."
        ));
    }
}

/// Tells of a challenge that was not answered what is known of the client's account at that server.
fn tell_known_account(finding: &mut Finding, outcomes: &Outcomes, accounts: &Accounts, only_users: &OnlyUsers<'_>) {
    let Subject { user, realm, client, server, caller } = finding.subject.clone();
    let Some((client, server)) = client.zip(server) else { return };
    // Some write a number with the sign of international ones in From, and without it where they register.
    let keys = [user.as_slice(), without_plus(&user)].map(|user| UserKey { client, user: user.into() });
    if let Some(port) = caller {
        let known = keys.iter().find_map(|key| outcomes.let_past_with(key, (server, port), &realm));
        let is_usual = !accounts.has_answered_unusual(Endpoint { address: client, port }, server, true);
        let registered = known.filter(|known| known.method == Method::Register && is_usual);
        registered.into_iter().for_each(|registered| unanswered::blame_kind(finding, registered));
    }
    if let Some(known) = keys.iter().find_map(|key| outcomes.let_past_elsewhere(key, server, &realm)) {
        unanswered::blame_realm(finding, known, None);
        return;
    }
    // A gateway registers as itself, and calls in the name of whoever it likes.
    let only = caller.and_then(|port| *only_users.get(&(client, port, server))?);
    if let Some((key, known)) = only.and_then(|key| Some((key, outcomes.let_past_elsewhere(key, server, &realm)?))) {
        unanswered::blame_realm(finding, known, Some(&key.user));
    }
}

/// Tells of refused credentials that another account alone got in from the same place, and registered.
fn tell_registered(finding: &mut Finding, outcomes: &Outcomes, only_users: &OnlyUsers<'_>) {
    let Subject { user, client, server, .. } = &finding.subject;
    let Some((client, server)) = client.zip(*server) else { return };
    let own = UserKey { client, user: user.as_slice().into() };
    let Some(port) = outcomes.refused_from(&own, server) else { return };
    let only = only_users.get(&(client, port, server)).copied().flatten();
    if let Some((other, registered)) = only.and_then(|only| Some((only, outcomes.registered(only, server)?))) {
        credentials_facts::name_registered(finding, &other.user, registered);
    }
}

impl Analyzer {
    /// Tells with what the whole capture shows what its sessions could not know.
    pub(super) fn revise_findings(&mut self, facts: &CaptureFacts) {
        let accounts = &self.messages.accounts;
        let differences: HashMap<Subject, String> =
            facts.method_differences.iter().filter_map(refused_with_known_secret).collect();
        let clear_secret = |finding: &mut Finding| {
            let Subject { user, realm, client, server, .. } = &finding.subject;
            let (Some((client, server)), Some(at)) = (client.zip(*server), finding.frames.first()) else { return };
            let asked = differences.get(&Subject { caller: None, ..finding.subject.clone() });
            let accepted = accounts.taken_near((user, realm), client, server, *at);
            digest_ok_but_rejected::settle_secret(finding, accepted, asked.map(String::as_str));
        };
        self.messages.findings.revise(&digest_ok_but_rejected::RULE, clear_secret);
        // What it explains has its advice.
        self.messages.findings.revise(&challenge_loop::RULE, clear_secret);
        self.messages.findings.revise(&digest_wrong_password::RULE, |finding| {
            let Subject { user, realm, server, .. } = &finding.subject;
            let accepted = server.and_then(|server| accounts.first_secret_taken((user, realm), server));
            accepted.into_iter().for_each(|accepted| digest_wrong_password::blame_client(finding, accepted));
        });
        let sources = &facts.chronicle.sources;
        self.messages.findings.revise(&no_response_at_all::RULE, |finding| {
            let pair = finding.subject.client.zip(finding.subject.server);
            let pair = pair.and_then(|(client, server)| sources.get(PairKey { client, server }));
            if pair.is_some_and(|pair| pair.is_known) {
                no_response_at_all::narrow(finding);
            }
        });
        let outcomes = &self.messages.outcomes;
        let only_users = outcomes.only_users();
        self.messages.findings.revise(&challenge_unanswered::RULE, |finding| {
            tell_known_account(finding, outcomes, accounts, &only_users);
        });
        for rule in [&digest_wrong_password::RULE, &rejected_credentials::RULE] {
            self.messages.findings.revise(rule, |finding| tell_registered(finding, outcomes, &only_users));
        }
        self.messages.findings.revise(&forbidden_after_credentials::RULE, |finding| {
            let Subject { user, realm, client, server, .. } = &finding.subject;
            let (Some((client, server)), Some(at)) = (client.zip(*server), finding.frames.first()) else { return };
            let accepted = accounts.taken_near((user, realm), client, server, *at);
            forbidden_after_credentials::settle_doubt(finding, accepted);
        });
        let dropped: u64 = self.inputs.iter().map(|(_, input)| input.interface_drops).fold(0, u64::saturating_add);
        for rule in OF_SILENCE.into_iter().filter(|_| dropped > 0) {
            let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
            self.messages.findings.revise(rule, |finding| doubt_silence(finding, dropped));
        }
    }
}
