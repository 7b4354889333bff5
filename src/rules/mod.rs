//! The catalogue of findings: every rule is plain data and one check, in a file named after it.
//!
//! [`RULES`] is the one list: `explain`, `list rules`, `docs/rules.md` and the checks all come from it.

pub mod aka_facts;
pub mod answer_alteration;
pub mod answer_facts;
mod by_the_book;
pub mod capture_facts;
mod causes;
pub mod challenge;
pub mod challenge_facts;
pub mod challenge_form;
pub mod clock_facts;
pub mod configuration;
pub mod credentials;
pub mod credentials_facts;
pub mod dialog_facts;
pub mod excluded;
pub mod explain;
pub mod facts;
pub mod finding;
pub mod hop_facts;
pub mod loop_cause;
pub mod loop_series;
pub mod near_miss_facts;
pub mod nonce;
pub mod nonce_facts;
mod passed;
pub mod path;
pub mod path_facts;
pub mod precedence;
pub mod recovery;
pub mod relay_facts;
mod said;
pub mod security;
mod server_words;
pub mod streaks;
pub mod transaction;
pub mod unanswered;

use std::sync::LazyLock;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Missing;
use crate::base::Pauses;
use crate::base::Unreachables;
use crate::history::Accounts;
use crate::history::BegunAnew;
use crate::history::Nonces;
use crate::history::Servers;
use crate::history::Sources;
use crate::session::Lost;
use crate::session::Session;

pub use capture_facts::CaptureFacts;
pub use finding::{Confidence, Evidence, EvidenceValue, Fault, Finding, Severity, Subject};
pub use said::Said;

/// One rule of the catalogue.
#[derive(Debug)]
pub struct Rule {
    /// `SA101`: group and row, never used again for another rule.
    pub code: &'static str,
    /// `challenge-loop`: the public name.
    pub name: &'static str,
    /// `challenge loop`: what the headline counts.
    pub label: &'static str,
    /// How bad a finding of it is, as a rule.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// What it finds.
    pub finds: &'static str,
    /// Why it matters.
    pub matters: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// When it is not this rule.
    pub not_this: &'static str,
    /// The standards it rests on.
    pub sources: &'static [&'static str],
    /// The folder in `samples/` that shows it.
    pub sample: &'static str,
    /// How it is checked.
    pub check: Check,
}

impl Rule {
    /// Whether it is that one. There is one of each: names need not be compared.
    pub fn is(&self, other: &Rule) -> bool {
        std::ptr::eq(self, other)
    }

    /// Whether it is one of those.
    pub fn is_among(&self, rules: &[&Rule]) -> bool {
        rules.iter().any(|rule| self.is(rule))
    }

    /// The group that it belongs to: `SA1`.
    pub fn group(&self) -> &str {
        self.code.get(..3).unwrap_or(self.code)
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// One closed session in which something was refused, failed, or was left open. Most sessions are not so: a rule that
    /// speaks of failures alone is not asked about them.
    Trouble(fn(&Session<'_>, &Context<'_>) -> Vec<Finding>),
    /// One closed session with an auth header in which something about the form is odd. Most are plain
    /// ([`crate::auth::Credentials::is_plain`]): a rule that speaks of form alone is not asked about them.
    Form(fn(&Session<'_>, &Context<'_>) -> Vec<Finding>),
    /// One closed session that did not go by the book (`by_the_book.rs`). Most did: a rule that speaks of what went otherwise is not
    /// asked about them.
    Deviation(fn(&Session<'_>, &Context<'_>) -> Vec<Finding>),
    /// One closed session.
    Session(fn(&Session<'_>, &Context<'_>) -> Vec<Finding>),
    /// The whole capture, at its end.
    Capture(fn(&CaptureFacts) -> Vec<Finding>),
}

/// What a rule may know beside its session.
#[derive(Debug)]
pub struct Context<'a> {
    /// Every nonce of the capture so far.
    pub nonces: &'a Nonces,
    /// Every account of the capture so far.
    pub accounts: &'a Accounts,
    /// Every server of the capture so far: whom it asks, and whom it lets in without.
    pub servers: &'a Servers,
    /// Every client and server of the capture so far, and what went wrong between them.
    pub sources: &'a Sources,
    /// Who sent to whom what is missing: fragments of datagrams, or parts of TCP streams.
    pub lost_between: &'a Missing,
    /// What ICMP said of packets that did not arrive, and TCP of those that the other side did not care to answer.
    pub unreachable: &'a Unreachables,
    /// Messages of the session's Call-ID of which only the first fragment was captured.
    pub lost: &'a [Lost],
    /// Who asked anew, without credentials, as the capture came to its end.
    pub begun_anew: &'a BegunAnew,
    /// What was said before of many sessions.
    pub said: &'a Said,
    /// When nobody captured.
    pub pauses: &'a Pauses,
    /// The latest time of the capture when the session closed.
    pub end: CaptureTime,
}

impl Context<'_> {
    /// Until when the capture goes on behind that time: to its end, or until nobody captured.
    pub fn end_behind(&self, time: CaptureTime) -> CaptureTime {
        self.pauses.end_behind(time, self.end)
    }

    /// How long that is.
    pub fn goes_on_behind(&self, time: CaptureTime) -> Duration {
        self.end_behind(time).since(time)
    }
}

/// Every rule, in documentation order: by code.
pub static RULES: &[&Rule] = &[
    &challenge::challenge_loop::RULE,
    &challenge::challenge_unanswered::RULE,
    &challenge::retry_without_credentials::RULE,
    &challenge::challenge_header_missing::RULE,
    &challenge::challenge_header_wrong_kind::RULE,
    &challenge::credentials_wrong_header::RULE,
    &challenge::register_challenged_407::RULE,
    &challenge::both_challenges_at_once::RULE,
    &challenge::proxy_sent_401::RULE,
    &challenge::ack_or_cancel_challenged::RULE,
    &challenge::in_dialog_challenge_unanswered::RULE,
    &challenge::basic_scheme::RULE,
    &challenge::unsupported_scheme::RULE,
    &challenge::combined_challenges_one_row::RULE,
    &challenge::duplicate_auth_param::RULE,
    &challenge::challenge_malformed::RULE,
    &challenge::duplicate_algorithm_same_realm::RULE,
    &challenge::algorithm_order_weak_first::RULE,
    &challenge::normal_challenge::RULE,
    &challenge::invite_challenged_401::RULE,
    &credentials::digest_wrong_password::RULE,
    &credentials::digest_near_miss::RULE,
    &credentials::digest_ok_but_rejected::RULE,
    &credentials::forbidden_after_credentials::RULE,
    &credentials::digest_ok_accepted::RULE,
    &credentials::accepted_with_other_secret::RULE,
    &credentials::rejected_credentials::RULE,
    &credentials::same_credentials_repeated::RULE,
    &credentials::retry_after_403::RULE,
    &credentials::realm_mismatch::RULE,
    &credentials::realm_credentials_dropped::RULE,
    &credentials::uri_differs_from_request_uri::RULE,
    &credentials::uri_malformed::RULE,
    &credentials::username_empty::RULE,
    &credentials::username_not_aor::RULE,
    &credentials::anonymous_credentials::RULE,
    &credentials::response_malformed::RULE,
    &credentials::algorithm_not_offered::RULE,
    &credentials::weaker_algorithm_chosen::RULE,
    &credentials::multiple_credentials_one_realm::RULE,
    &credentials::algorithm_unsupported_no_retry::RULE,
    &credentials::qop_missing_in_challenge::RULE,
    &credentials::qop_dropped::RULE,
    &credentials::qop_params_missing::RULE,
    &credentials::auth_param_quoting::RULE,
    &credentials::opaque_missing_or_changed::RULE,
    &credentials::auth_int_body_mismatch::RULE,
    &credentials::rspauth_mismatch::RULE,
    &credentials::verification_not_possible::RULE,
    &credentials::response_uppercase::RULE,
    &credentials::malformed_credentials::RULE,
    &credentials::nonce_altered::RULE,
    &credentials::aka_sync_failure::RULE,
    &credentials::auth_int_unsupported_by_server::RULE,
    &credentials::username_both_forms::RULE,
    &credentials::qop_not_offered::RULE,
    &credentials::aka_mac_failure::RULE,
    &nonce::stale_nonce_recovered::RULE,
    &nonce::stale_loop::RULE,
    &nonce::stale_ignored_by_client::RULE,
    &nonce::old_nonce_reused::RULE,
    &nonce::nonce_rejected_without_stale::RULE,
    &nonce::stale_with_wrong_digest::RULE,
    &nonce::stale_format::RULE,
    &nonce::nonce_unknown::RULE,
    &nonce::nonce_from_other_server::RULE,
    &nonce::nonce_expired_by_content::RULE,
    &nonce::nonce_older_than_restart::RULE,
    &nonce::nonce_used_before_issue::RULE,
    &nonce::one_time_nonce_reused::RULE,
    &nonce::nc_malformed::RULE,
    &nonce::nc_repeated::RULE,
    &nonce::nc_not_reset::RULE,
    &nonce::nc_decimal::RULE,
    &nonce::nc_over_server_limit::RULE,
    &nonce::nextnonce_ignored::RULE,
    &nonce::nonce_not_unique::RULE,
    &nonce::nonce_predictable::RULE,
    &nonce::nonce_bound_to_source_changed::RULE,
    &nonce::nc_gap::RULE,
    &nonce::nc_backwards::RULE,
    &transaction::cseq_not_incremented::RULE,
    &transaction::dialog_identity_changed::RULE,
    &transaction::to_tag_added_to_retry::RULE,
    &transaction::branch_reused::RULE,
    &transaction::ack_missing::RULE,
    &transaction::ack_mismatch::RULE,
    &transaction::ack_without_invite_credentials::RULE,
    &transaction::late_challenge_not_answered::RULE,
    &transaction::overlapping_register::RULE,
    &transaction::retry_after_long_delay::RULE,
    &transaction::registration_callid_churn::RULE,
    &transaction::credentials_in_cancel::RULE,
    &configuration::user_unknown_suspected::RULE,
    &configuration::registrar_rejects_contact::RULE,
    &configuration::realm_generic::RULE,
    &configuration::challenge_mode_mixed::RULE,
    &configuration::nonce_lifetime_shorter_than_refresh::RULE,
    &configuration::needless_challenge_each_request::RULE,
    &configuration::registration_flapping::RULE,
    &configuration::method_auth_differs::RULE,
    &configuration::failure_scope::RULE,
    &path::auth_retry_no_response::RULE,
    &path::auth_request_too_large_for_udp::RULE,
    &path::fragments_incomplete::RULE,
    &path::transport_switched::RULE,
    &path::header_altered_en_route::RULE,
    &path::alg_suspected::RULE,
    &path::no_response_at_all::RULE,
    &path::response_not_seen_one_way::RULE,
    &path::capture_quality::RULE,
    &path::clock_jump::RULE,
    &path::strict_parser_rejects::RULE,
    &path::security_agreement_failed::RULE,
    &security::brute_force::RULE,
    &security::account_guessed::RULE,
    &security::user_enumeration::RULE,
    &security::scanner_agent::RULE,
    &security::digest_leak::RULE,
    &security::replay_suspected::RULE,
    &security::cleartext_transport::RULE,
    &security::weak_algorithm_md5::RULE,
    &security::credentials_to_foreign_host::RULE,
    &security::spread_account_use::RULE,
    &security::blocked_after_failures::RULE,
    &security::accepted_without_credentials::RULE,
];

/// The rule of that name or code, in any letter case.
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.name.eq_ignore_ascii_case(name) || rule.code.eq_ignore_ascii_case(name))
}

/// The rules that every session is asked about.
static OF_EACH: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| RULES.iter().copied().filter(|rule| matches!(rule.check, Check::Session(_))).collect());

/// Findings of a usual session: room made at once.
const FINDINGS_USUAL: usize = 4;

/// What one rule finds in one session is told one by one up to here: hostile sessions show an account or a realm of its own in each request,
/// and each finding is compared with the others.
const OF_RULE_MAX: usize = 64;

/// Adds what one rule found.
fn add(findings: &mut Vec<Finding>, mut found: Vec<Finding>) {
    let more = found.len().saturating_sub(OF_RULE_MAX);
    found.truncate(OF_RULE_MAX);
    tell_more(&mut found, more);
    findings.append(&mut found);
}

/// The last of what one rule found in a session tells how much of it is left out.
fn tell_more(found: &mut [Finding], more: usize) {
    if let Some(last) = found.last_mut().filter(|_| more > 0) {
        last.explanation.push_str(&format!(" The same was found {} in this session.", facts::count(more, "more time")));
    }
}

/// Checks a closed session against every rule and puts the findings in the order in which an engineer should act.
pub fn check_session(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let is_by_the_book = by_the_book::is_by_the_book(session, context);
    let is_usual = is_by_the_book && !session.has_trouble && !session.has_odd_form;
    // Debug builds ask all the same.
    let asked = if is_usual && !cfg!(debug_assertions) { OF_EACH.as_slice() } else { RULES };
    let mut findings = Vec::with_capacity(FINDINGS_USUAL);
    for rule in asked {
        match rule.check {
            Check::Trouble(check) if session.has_trouble => add(&mut findings, check(session, context)),
            Check::Form(check) if session.has_odd_form => add(&mut findings, check(session, context)),
            Check::Deviation(check) if !is_by_the_book => add(&mut findings, check(session, context)),
            Check::Session(check) => add(&mut findings, check(session, context)),
            // One that would have found something all the same is declared as what it is not, and debug builds tell.
            Check::Trouble(check) | Check::Form(check) | Check::Deviation(check) => {
                debug_assert!(check(session, context).is_empty(), "{} is not asked", rule.name)
            }
            Check::Capture(_) => {}
        }
    }
    for finding in &mut findings {
        hop_facts::name_sender(session, finding);
        unanswered::name_asker(session, context, finding);
    }
    challenge_form::suspect(session, &mut findings);
    precedence::settle(session, &mut findings);
    excluded::complete(session, context, &mut findings);
    server_words::quote(session, &mut findings);
    findings
}

/// Checks what is known at the end of the capture.
pub fn check_capture(facts: &CaptureFacts) -> Vec<Finding> {
    let checks = RULES.iter().filter_map(|rule| match rule.check {
        Check::Capture(check) => Some(check(facts)),
        Check::Session(_) | Check::Form(_) | Check::Trouble(_) | Check::Deviation(_) => None,
    });
    checks.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_tables_is_that_of_a_rule() {
        let explains = causes::EXPLAINS.iter().flat_map(|(_, explained)| explained.iter().copied());
        for name in explains.chain(excluded::LISTED.iter().copied()) {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
