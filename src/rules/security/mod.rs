//! Group SA7: attacks, and what invites them.

pub mod accepted_without_credentials;
pub mod account_guessed;
pub mod blocked_after_failures;
pub mod brute_force;
pub mod cleartext_transport;
pub mod credentials_to_foreign_host;
pub mod digest_leak;
pub mod replay_suspected;
pub mod scanner_agent;
pub mod spread_account_use;
pub mod user_enumeration;
pub mod weak_algorithm_md5;

use std::collections::BTreeMap;

use crate::history::Conduct;
use crate::history::Pair;
use crate::history::PairKey;
use crate::rules::CaptureFacts;
use crate::rules::Confidence;
use crate::rules::Rule;

/// The sources that are no clients but attackers, each with the rule that says so. What rules about challenges and
/// credentials find in their sessions is how attacks look, and nobody's fault.
pub fn claims(facts: &CaptureFacts) -> BTreeMap<PairKey, &'static Rule> {
    let conducts = facts.chronicle.sources.conducts();
    let claims =
        conducts.into_iter().filter_map(|(key, pair, conduct)| Some((key, claim(facts, (key, pair, conduct))?)));
    claims.collect()
}

fn claim(facts: &CaptureFacts, (key, pair, conduct): (PairKey, &Pair, &Conduct)) -> Option<&'static Rule> {
    let guesses: Vec<_> = brute_force::guesses(conduct).filter(|guess| guess.is_certain()).collect();
    let is_guessed = guesses.iter().any(|guess| account_guessed::guessed(guess).is_some());
    if is_guessed || account_guessed::by_tool(conduct).is_some() {
        return Some(&account_guessed::RULE);
    }
    if !guesses.is_empty() {
        return Some(&brute_force::RULE);
    }
    let enumeration = user_enumeration::enumeration(facts.end, key, pair, conduct);
    if enumeration.is_some_and(|enumeration| enumeration.confidence > Confidence::Possible) {
        return Some(&user_enumeration::RULE);
    }
    is_scanner(conduct).then_some(&scanner_agent::RULE)
}

/// Whether the tool that the source names is one for attacks and nothing else.
pub fn is_scanner(conduct: &Conduct) -> bool {
    conduct.scanner.as_ref().is_some_and(|scanner| scanner_agent::is_attack_only(&scanner.agent))
}

/// Whether more sessions of that source would tell nothing new about challenges and credentials. True once is true for ever.
pub fn is_claimed(conduct: &Conduct) -> bool {
    is_scanner(conduct) || brute_force::guesses(conduct).any(|guess| guess.is_certain())
}
