//! SA703: which users are there?

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::network::is_public;
use crate::history::Conduct;
use crate::history::Pair;
use crate::history::PairKey;
use crate::history::Target;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::security;
use crate::rules::security::brute_force;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA703",
    name: "user-enumeration",
    label: "user enumeration",
    severity: Severity::Medium,
    summary: "One source asks for many users, and is let past for none",
    finds: "Requests of one source for ten users or more, without credentials, of which at least 80 percent are never let past; \
            or answers that tell users apart: 401 or 407 for five or more, 403 or 404 for five or more. Or eight calls or more of a host of \
            the Internet, each from another port, in the names of five users or more, that answers no challenge and never registers.",
    matters: "A list of the accounts that exist is half of the way into them: the passwords are tried next. A server that says 404 for \
              those it lacks and 401 for those it has gives the list away.",
    advice: "Block the source. Let the server challenge unknown users as it challenges known ones (Asterisk chan_sip: \
             alwaysauthreject=yes; chan_pjsip does so by itself).",
    not_this: "Many phones behind one address send from many ports, answer their challenges and get in. A trunk that carries thousands of users mostly \
               succeeds. Numbers that one caller dials are no users, where a second or more lies between them, and neither is what a client with an account subscribes to. A gateway whose users \
               are all unknown is possible at most, and so is what a proxy passes on. Pings want any answer. Users that were tried with credentials are another matter.",
    sources: &["RFC 3261 section 26.1", "RFC 7616 section 5.7"],
    sample: "user-enumeration",
    check: Check::Capture(check),
};

const TARGETS_MIN: usize = 10;
/// No gateway has so many accounts, and a password for none.
const TARGETS_OF_NO_GATEWAY: usize = 50;
const REFUSED_PERCENT_MIN: usize = 80;
const TOLD_APART_MIN: usize = 5;
/// So many ports are so many phones.
const PORTS_OF_PHONES: usize = 5;
/// Phones answer a challenge within this time; a capture that ends before does not show that they would not have.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Numbers that follow one another so soon are not dialled.
const DIALED_WITHIN: Duration = Duration::from_secs(1);

/// What a source asked for.
#[derive(Debug)]
pub struct Enumeration<'a> {
    /// How sure it is that it looks for accounts.
    pub confidence: Confidence,
    /// Users that were asked for and never let past.
    probed: Vec<(&'a [u8], &'a Target)>,
    asked: usize,
    turned_down: usize,
}

/// What a source asked for, where it looks like enumeration. `end` is the end of the capture.
pub fn enumeration<'a>(
    end: Option<CaptureTime>,
    key: PairKey,
    pair: &Pair,
    conduct: &'a Conduct,
) -> Option<Enumeration<'a>> {
    let is_stranger = is_stranger(key, pair, conduct);
    if conduct.targets.len() < TARGETS_MIN && !is_stranger {
        return None;
    }
    let is_scanner = security::is_scanner(conduct);
    let asked = |target: &Target| target.is_asked && (is_scanner || waited(end, target));
    // A client that has an account subscribes to lines and sends to whom it likes: what is refused then is no user of its own.
    let is_of_client = |target: &Target| pair.is_authenticated && !is_scanner && !target.is_register;
    let is_probed = |target: &Target| {
        !target.is_let_past
            && !is_of_client(target)
            && (is_scanner || !target.is_tried)
            && (asked(target) || target.is_turned_down || target.is_tried)
    };
    let probed: Vec<(&[u8], &Target)> = conduct
        .targets
        .iter()
        .filter(|(_, target)| is_probed(target))
        .map(|(user, target)| (&**user, &**target))
        .collect();
    let asked = probed.iter().filter(|(_, target)| target.is_asked).count();
    let turned_down = probed.iter().filter(|(_, target)| target.is_turned_down && !target.is_asked).count();
    let users = |fits: fn(&Target) -> bool| if is_scanner { probed.len() } else { users(&probed, fits) };
    let users_asked = users(|target| target.is_asked);
    let users_turned_down = users(|target| target.is_turned_down && !target.is_asked);
    // Nobody dials a number a second.
    let is_fast = pace(&probed).is_some_and(|pace| pace <= DIALED_WITHIN);
    let users_told = if is_fast { asked.min(turned_down) } else { users_asked.min(users_turned_down) };
    let tells_apart = asked.min(turned_down).min(users_told) >= TOLD_APART_MIN;
    // A dialer with a list of dead numbers is told 404 for each of them.
    let counted = if tells_apart { probed.len() } else { users(|target| target.caller.is_none() || target.is_asked) };
    let let_past = usize::try_from(pair.let_past).unwrap_or(usize::MAX);
    let others = conduct.targets.len() - probed.len();
    let is_mostly_refused =
        counted * 100 >= counted.saturating_add(others).saturating_add(let_past).saturating_mul(REFUSED_PERCENT_MIN);
    if is_stranger && probed.len() == conduct.targets.len() {
        return Some(Enumeration { confidence: Confidence::Likely, probed, asked, turned_down });
    }
    let is_phones = !is_scanner && conduct.ports.len() >= PORTS_OF_PHONES;
    if is_phones || !(tells_apart || (counted >= TARGETS_MIN && is_mostly_refused)) {
        return None;
    }
    let confidence = match (is_scanner, tells_apart) {
        (true, _) => Confidence::Proven,
        // Behind a proxy there may be many phones.
        _ if conduct.forwarded > 0 => Confidence::Possible,
        (false, true) if is_mostly_refused => Confidence::Likely,
        _ if is_mostly_refused && users_asked >= TARGETS_OF_NO_GATEWAY => Confidence::Likely,
        _ => Confidence::Possible,
    };
    Some(Enumeration { confidence, probed, asked, turned_down })
}

/// Calls of a stranger that each come from another port.
const CALLS_OF_STRANGER: usize = 8;

/// Whether a host of the Internet makes each call from another port and in the names of many, and answers no challenge: phones behind one
/// address register, repeat what brings them nothing, and answer.
fn is_stranger(key: PairKey, pair: &Pair, conduct: &Conduct) -> bool {
    let calls = conduct.targets.len();
    let is_bare_call = |target: &Target| {
        target.caller.is_some() && target.is_asked && !target.is_tried && !target.is_let_past && !target.is_repeated
    };
    let callers = || conduct.targets.values().filter_map(|target| target.caller).collect::<BTreeSet<u64>>();
    calls >= CALLS_OF_STRANGER
        && is_public(key.client)
        && !(pair.is_registrar || pair.is_authenticated || pair.is_admitted)
        && pair.let_past == 0
        && conduct.forwarded == 0
        && conduct.tries.is_empty()
        && conduct.ports.len() >= calls.min(CALLS_OF_STRANGER)
        && conduct.targets.values().all(|target| is_bare_call(target))
        && callers().len() >= PORTS_OF_PHONES
}

/// The time from one to the next, in the mean; `None` of too few to tell.
fn pace(probed: &[(&[u8], &Target)]) -> Option<Duration> {
    let times = || probed.iter().map(|(_, target)| target.answered);
    let between = u32::try_from(probed.len()).ok()?.checked_sub(1)?;
    times().max()?.since(times().min()?).checked_div(between)
}

/// How many of them are users, and not numbers that one caller dials.
fn users(probed: &[(&[u8], &Target)], fits: impl Fn(&Target) -> bool) -> usize {
    let fitting = || probed.iter().map(|(_, target)| *target).filter(|target| fits(target));
    let callers: BTreeSet<u64> = fitting().filter_map(|target| target.caller).collect();
    fitting().filter(|target| target.caller.is_none()).count() + callers.len()
}

fn waited(end: Option<CaptureTime>, target: &Target) -> bool {
    end.is_some_and(|end| end.since(target.answered) >= ANSWERED_WITHIN)
}

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, pair, conduct) in facts.chronicle.sources.conducts() {
        let Some(enumeration) = enumeration(facts.end, key, pair, conduct) else { continue };
        let Enumeration { confidence, probed, asked, turned_down } = enumeration;
        let names: Vec<String> = probed.iter().take(3).map(|(user, _)| facts::text(user)).collect();
        let verdict = if asked > 0 && turned_down > 0 {
            "The server tells them apart: who is challenged exists."
        } else {
            "The server answers all of them alike."
        };
        let doubt = match confidence {
            Confidence::Possible => " A gateway whose accounts the server does not know looks the same.",
            _ => "",
        };
        let mut finding = Finding::new(
            &RULE,
            match probed.iter().all(|(_, target)| target.caller.is_some()) {
                true => {
                    format!("{} calls {} and is let past for none", key.client, facts::count(probed.len(), "number"))
                }
                false => {
                    format!("{} asks for {} and is let past for none", key.client, facts::count(probed.len(), "user"))
                }
            },
        )
        .graded(Severity::Medium, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "{}, … at {}: {asked} were challenged and {turned_down} turned down with 403 or 404. {verdict}{doubt}",
            names.join(", "),
            key.server
        ))
        .excludes(match is_stranger(key, pair, conduct) {
            false => "phones behind one address: they would send from several ports and answer their challenges",
            true => "phones behind one address: they would register, and answer their challenges",
        })
        .advises(match conduct.forwarded {
            0 => format!("Block {}", key.client),
            _ => format!("Find out who is behind {}, which passes these requests on", key.client),
        });
        if turned_down > 0 {
            let advice =
                "Let the server answer unknown users as it answers known ones (Asterisk: alwaysauthreject=yes)";
            finding = finding.advises(advice);
        }
        if brute_force::guesses(conduct).any(|guess| guess.is_certain()) {
            finding.explained_by = Some(brute_force::RULE.name);
        }
        finding.spans(probed.iter().map(|(_, target)| target.at), probed.iter().map(|(_, target)| target.session));
        finding.subject = Subject { client: Some(key.client), server: Some(key.server), ..Subject::default() };
        findings.push(finding);
    }
    findings
}
