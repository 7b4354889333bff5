//! What a reader is told of secrets that fit no account of the capture.

use crate::digest::Verifier;
use crate::digest::unmatched::Meant;
use crate::digest::unmatched::WithoutSecret;
use crate::rules::capture_facts::Event;
use crate::rules::facts;

/// Accounts that are named; the others are counted.
const NAMED_MAX: usize = 3;

/// Accounts whose secret may stand under another name; else, where no secret is of any account, who is there.
pub(super) fn event(verifier: &Verifier) -> Option<Event> {
    let accounts = verifier.without_secret();
    let nearly: Vec<String> = accounts.iter().filter_map(nearly).collect();
    if !nearly.is_empty() {
        let text = format!("secrets that may be meant for others than they name: {}", named(&nearly, "; "));
        return Some(event_about("secrets_of_similar_names", nearly.len(), text));
    }
    if verifier.has_matched() || accounts.is_empty() {
        return None;
    }
    let all: Vec<String> = accounts.iter().map(account).collect();
    let text =
        format!("none of the secrets given is for an account that authenticates here; these do: {}", named(&all, ", "));
    Some(event_about("secrets_not_used", all.len(), text))
}

fn event_about(name: &'static str, accounts: usize, text: String) -> Event {
    let count = u64::try_from(accounts).unwrap_or(u64::MAX);
    Event { name, count, first: None, text, loses_messages: false }
}

fn nearly(account: &WithoutSecret<'_>) -> Option<String> {
    let meant = match account.meant? {
        Meant::OtherRealm(place) => format!("{place} has one for that user in another realm"),
        Meant::OtherForm(place) => format!("{place} has one for that name in another form"),
    };
    Some(format!("there is none for {}, and {meant}", self::account(account)))
}

fn account(account: &WithoutSecret<'_>) -> String {
    format!("{} in realm {}", facts::quoted(account.user), facts::quoted(account.realm))
}

fn named(all: &[String], between: &str) -> String {
    let first = all.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(between);
    match all.len().saturating_sub(NAMED_MAX) {
        0 => first,
        more => format!("{first}, and {more} more"),
    }
}
