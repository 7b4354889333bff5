//! SA508: registered, and refused with another method.

use crate::history::outcomes::Ending;
use crate::history::outcomes::EndingKind;
use crate::history::outcomes::MethodDifference;
use crate::history::outcomes::UserKey;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::configuration::realm_generic;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA508",
    name: "method-auth-differs",
    label: "registered, refused elsewhere",
    severity: Severity::Info,
    summary: "A user's REGISTER is accepted, and another method is refused",
    finds: "A user of one client whose REGISTER with credentials was let past, and whose INVITE, SUBSCRIBE, PUBLISH or other request \
            was refused with credentials in every session that the capture shows.",
    matters: "The account is there and the client knows its password: what differs is the service that was asked. Phones show it as a \
              wrong password all the same.",
    advice: "Look at the authentication of that method: its realm, its user table, its rights. Presence and voicemail are often servers \
             of their own.",
    not_this: "A method that was let past in another session failed for another reason. The same name at another server and in another realm, \
               or in one that many servers share (asterisk), is another account. A call refused by the called party got past \
               authentication.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 21.4.4"],
    sample: "subscribe-refused-register-ok",
    check: Check::Capture(check),
};

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    facts.method_differences.iter().filter_map(finding).collect()
}

/// Where a server refused a right digest of an account that registers with it in the same realm, and what to look at there: the secret that
/// it has stored is in order.
pub fn refused_with_known_secret(difference: &MethodDifference) -> Option<(Subject, String)> {
    let MethodDifference { user, registered, refused } = difference;
    let is_known = |ending: &&Ending| {
        let is_right = matches!(ending.kind, EndingKind::Refused { is_digest_right: true, .. });
        is_right && (ending.server, &ending.realm) == (registered.server, &registered.realm)
    };
    let refused: Vec<&Ending> = refused.iter().filter(is_known).collect();
    let first = refused.first()?;
    Some((subject(user, first), advice(&refused, first)))
}

/// The account that was refused, where it was.
fn subject(user: &UserKey, refused: &Ending) -> Subject {
    Subject {
        realm: refused.realm.to_vec(),
        user: user.user.to_vec(),
        client: Some(user.client),
        server: Some(refused.server),
        ..Subject::default()
    }
}

fn advice(refused: &[&Ending], first: &Ending) -> String {
    let methods: Vec<String> = refused.iter().map(|ending| ending.method.to_string()).collect();
    format!(
        "Look at what {} asks of {} alone: a table of users, an identity or a right that REGISTER does not need",
        first.server,
        methods.join(", ")
    )
}

fn finding(difference: &MethodDifference) -> Option<Finding> {
    let MethodDifference { user, registered, refused } = difference;
    // The same name at another server, in another realm or in one that many servers share, is another account.
    let is_same_account = |ending: &&Ending| {
        let is_same_realm = ending.realm == registered.realm && realm_generic::kind(&ending.realm).is_none();
        ending.server == registered.server || is_same_realm
    };
    let refused: Vec<&Ending> = refused.iter().filter(is_same_account).collect();
    let first = refused.first()?;
    let name = facts::text(&user.user);
    let methods: Vec<String> = refused.iter().map(|ending| ending.method.to_string()).collect();
    let methods = methods.join(", ");
    let statuses: Vec<String> =
        refused.iter().map(|ending| format!("{} with {}", ending.method, ending.status)).collect();
    let is_same_realm = refused.iter().all(|ending| ending.realm == registered.realm);
    let realms = if is_same_realm {
        format!("Both ask for realm {}.", facts::quoted(&registered.realm))
    } else {
        format!(
            "REGISTER answers realm {}, the other {}.",
            facts::quoted(&registered.realm),
            facts::quoted(&first.realm)
        )
    };
    let are_right =
        refused.iter().all(|ending| matches!(ending.kind, EndingKind::Refused { is_digest_right: true, .. }));
    let mut finding = Finding::new(&RULE, format!("{name} registers, and is refused with {methods}"))
        .graded(Severity::Info, Confidence::Likely)
        .fault(if are_right { Fault::Server } else { Fault::Unknown })
        .explained(format!(
            "REGISTER of {name} was accepted (frame {}); refused with credentials: {} (frame {}). {realms}",
            registered.answer_at.number,
            statuses.join(", "),
            first.answer_at.number
        ))
        .advises(advice(&refused, first));
    if is_same_realm {
        finding = finding.excludes("unknown user: its REGISTER was accepted in the same realm");
    }
    let endings = || std::iter::once(registered).chain(refused.iter().copied());
    finding.spans(endings().flat_map(|ending| [ending.at, ending.answer_at]), endings().map(|ending| ending.session));
    finding.subject = subject(user, first);
    Some(finding)
}
