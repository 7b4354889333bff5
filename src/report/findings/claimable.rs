//! Findings that are taken back where their client turns out to be an attacker.

use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::challenge;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::configuration::user_unknown_suspected;
use crate::rules::credentials;
use crate::rules::path::auth_retry_no_response;
use crate::rules::path::no_response_at_all;

/// What a registrar says of users that it does not have, and that it says nothing: whoever attacks is best not answered.
static SAID_TO_ATTACKERS: [&Rule; 4] = [
    &user_unknown_suspected::RULE,
    &registrar_rejects_contact::RULE,
    &auth_retry_no_response::RULE,
    &no_response_at_all::RULE,
];

/// What is said of a session because of how attacks look, and would be somebody's fault if it were none: of challenges, credentials, and
/// what attackers are told.
pub fn is_claimable(finding: &Finding) -> bool {
    let is_of_group = [challenge::GROUP, credentials::GROUP].contains(&finding.rule.group());
    finding.merge.is_none() && (is_of_group || finding.rule.is_among(&SAID_TO_ATTACKERS))
}
