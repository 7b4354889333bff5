//! SA507: registered, refused, registered.

use std::time::Duration;

use crate::history::Tries;
use crate::history::Turn;
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

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA507",
    name: "registration-flapping",
    label: "registration comes and goes",
    severity: Severity::Medium,
    summary: "An account is registered, refused, and registered again",
    finds: "REGISTERs of one user from one source, to one server, that are accepted and refused in turn: within an hour, three \
            refusals or more that stand between acceptances.",
    matters: "The account works at times. Calls are lost whenever the registration has run out, and no single try shows why.",
    advice: "Look for two devices behind one address that hold different passwords for the account, and for a node of the server \
             that has an old copy of it: compare the Contact, the User-Agent and the node of the accepted and the refused \
             REGISTERs.",
    not_this: "A refusal whose challenge the next request answers is the age of a nonce. stale=true is no refusal. An account \
               that is refused until its password is corrected, and accepted from then on, does not come and go.",
    sources: &["RFC 3261 section 10.3"],
    sample: "register-flapping",
    check: Check::Capture(check),
};

/// So many refusals between acceptances, within that time.
const REFUSALS_MIN: usize = 3;
const WITHIN: Duration = Duration::from_secs(3600);

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let claims = security::claims(facts);
    for (key, _, conduct) in facts.chronicle.sources.conducts() {
        if claims.contains_key(&key) {
            continue;
        }
        for (user, tries) in &conduct.tries {
            let Some(turns) = flaps(tries) else { continue };
            let account = facts::account(user, &tries.realm);
            let refused = turns.iter().filter(|turn| !turn.is_accepted).count();
            let mut finding = Finding::new(&RULE, format!("{account} is registered and refused in turn"))
                .graded(Severity::Medium, Confidence::Likely)
                .fault(Fault::Unknown)
                .explained(format!(
                    "{} from {} to {} were refused, each between two that were accepted. The password is right at times: \
                     either two devices share the account and not the password, or the server's nodes do not agree on it. \
                     Where they were refused with 403, the account may also have as many contacts as it may.",
                    facts::count(refused, "REGISTER"),
                    key.client,
                    key.server
                ))
                .excludes("an account that the server does not know: it was accepted")
                .advises("Compare User-Agent, Contact and source port of the accepted and the refused REGISTERs: they tell two devices apart")
                .advises("Compare the account's secret on every node of the server");
            finding.spans(turns.iter().map(|turn| turn.at), turns.iter().map(|turn| turn.session));
            finding.subject = Subject {
                realm: tries.realm.to_vec(),
                user: user.to_vec(),
                client: Some(key.client),
                server: Some(key.server),
                ..Subject::default()
            };
            findings.push(finding);
        }
    }
    findings
}

/// The turns from the first acceptance to the last, where refusals between them are many enough and lie close enough.
fn flaps(tries: &Tries) -> Option<Vec<Turn>> {
    let turns = tries.turns();
    let first = turns.iter().position(|turn| turn.is_accepted)?;
    let last = turns.iter().rposition(|turn| turn.is_accepted)?;
    let turns = turns.get(first..=last)?;
    let falls: Vec<&Turn> = turns
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] if before.is_accepted && !after.is_accepted => Some(after),
            _ => None,
        })
        .collect();
    let is_close = falls.windows(REFUSALS_MIN).any(|falls| {
        falls.first().zip(falls.last()).is_some_and(|(first, last)| last.time.since(first.time) <= WITHIN)
    });
    is_close.then(|| turns.to_vec())
}
