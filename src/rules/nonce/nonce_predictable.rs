//! SA321: nonces that can be guessed.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::capture_facts::IssuedNonce;
use crate::rules::capture_facts::NonceServerFacts;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA321",
    name: "nonce-predictable",
    label: "predictable nonces",
    severity: Severity::Low,
    summary: "The nonces of a server follow a pattern, or are short",
    finds: "Eight or more nonces of one server and realm that count up, are nothing but the time, or differ in \
            less than 64 bits, as the eight hex digits of chan_sip do.",
    matters: "Who can tell the next nonce can have a digest made for it today and use it tomorrow. It takes an \
            attacker between client and server, so the finding is possible only.",
    advice: "Update the server: nonces need a keyed hash or 64 random bits.",
    not_this: "A time with a keyed hash behind it, as Kamailio, Asterisk and others write it, cannot be guessed.",
    sources: &["RFC 7616 section 3.3", "RFC 7616 section 5.12"],
    sample: "nonce-predictable",
    check: Check::Capture(check),
};

/// Nonces that show a pattern.
const NONCES_MIN: usize = 8;
/// Bits that make guessing hopeless.
const BITS_MIN: u32 = 64;
/// A counter that counts faster is none that could be followed.
const STEP_MAX: u128 = 1000;
/// How far a number may lie from the time of the capture to be that time.
const CLOCK_WITHIN_S: u128 = 24 * 3600;

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    facts.nonce_servers.iter().filter_map(of_server).collect()
}

fn of_server(server: &NonceServerFacts) -> Option<Finding> {
    let realm = &server.nonces.first()?.realm;
    let nonces: Vec<&IssuedNonce> = server.nonces.iter().filter(|nonce| nonce.realm == *realm).collect();
    let is_keyed = |nonce: &&IssuedNonce| nonce.format.is_some_and(|format| !format.stack.is_plain());
    if nonces.len() < NONCES_MIN || nonces.iter().any(is_keyed) {
        return None;
    }
    let (cause, what) = if let Some(unit) = clock(&nonces) {
        ("timestamp", format!("are nothing but the time in {unit}"))
    } else if is_counter(&nonces) {
        ("counter", "count up".to_owned())
    } else {
        let bits = bits_of_change(&nonces).filter(|bits| *bits < BITS_MIN)?;
        ("short", format!("differ in {bits} bits at most"))
    };
    let mut finding = Finding::new(&RULE, format!("The nonces of {} {what}", server.address))
        .graded(Severity::Low, Confidence::Possible)
        .fault(Fault::Server)
        .explained(format!(
            "The first {} nonces of realm {} in this capture {what}. Who can tell the next one can have a digest made for it in advance.",
            nonces.len(),
            facts::quoted(realm)
        ))
        .advises("Update the server: a nonce needs a keyed hash, or 64 random bits");
    finding.cause = Some(cause);
    finding.frames = nonces.iter().map(|nonce| nonce.at).collect();
    finding.subject = Subject { realm: realm.to_vec(), server: Some(server.address), ..Subject::default() };
    Some(finding)
}

fn number(value: &[u8], radix: u32) -> Option<u128> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    u128::from_str_radix(text, radix).ok()
}

/// The unit in which all nonces are the time of their challenge.
fn clock(nonces: &[&IssuedNonce]) -> Option<&'static str> {
    let units = [("seconds", 1_u128), ("milliseconds", 1000), ("microseconds", 1_000_000)];
    let fits = |nonce: &&IssuedNonce, radix: u32, per_second: u128| {
        let seconds = u128::try_from(nonce.time.as_ns() / 1_000_000_000).ok();
        let value = number(&nonce.value, radix).map(|number| number / per_second);
        value.zip(seconds).is_some_and(|(value, seconds)| value.abs_diff(seconds) <= CLOCK_WITHIN_S)
    };
    let is_unit =
        |per_second: u128| [10, 16].into_iter().any(|radix| nonces.iter().all(|nonce| fits(nonce, radix, per_second)));
    units.into_iter().find(|(_, per_second)| is_unit(*per_second)).map(|(name, _)| name)
}

/// Whether what changes in the nonces is a number that grows in small steps.
fn is_counter(nonces: &[&IssuedNonce]) -> bool {
    let Some(first) = nonces.first() else { return false };
    let common = nonces.iter().map(|nonce| common_prefix(&first.value, &nonce.value)).min().unwrap_or_default();
    // Digits that the counter will carry into one day belong to it.
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    let fixed = first.value.iter().take(common).rposition(|byte| !is_digit(byte)).map_or(0, |last| last + 1);
    let grows = |radix: u32| {
        let numbers: Option<Vec<u128>> = nonces.iter().map(|nonce| number(nonce.value.get(fixed..)?, radix)).collect();
        numbers.is_some_and(|numbers| {
            let steps = numbers.iter().zip(numbers.iter().skip(1));
            steps
                .into_iter()
                .all(|(before, after)| after.checked_sub(*before).is_some_and(|step| (1..=STEP_MAX).contains(&step)))
        })
    };
    grows(10) || grows(16)
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// How many bits differ at most among nonces of one length: all that could stand in the places that change.
fn bits_of_change(nonces: &[&IssuedNonce]) -> Option<u32> {
    let first = nonces.first()?;
    if nonces.iter().any(|nonce| nonce.value.len() != first.value.len()) {
        return None;
    }
    let is_hex = nonces.iter().all(|nonce| nonce.value.iter().all(u8::is_ascii_hexdigit));
    let changes = |place: &usize| nonces.iter().any(|nonce| nonce.value.get(*place) != first.value.get(*place));
    let places = u32::try_from((0..first.value.len()).filter(changes).count()).ok()?;
    Some(places * if is_hex { 4 } else { 6 })
}
