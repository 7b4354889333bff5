//! SA509: who else fails, and who does not.

use crate::history::outcomes::Ending;
use crate::history::outcomes::Neighbours;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA509",
    name: "failure-scope",
    label: "scope of the failure",
    severity: Severity::Info,
    summary: "Several users of one client fail alike, or one of several only",
    finds: "A comparison of the users of one client in one realm. Three or more of them fail for the same reason and none gets in: \
            the cause is what they share. Fewer fail than get in, and at least two get in: the cause is in those accounts.",
    matters: "It says where to look first: at the server, the realm and the path, or at one account.",
    advice: "Where all fail, test one account from another place, and look at what changed on the server. Where one fails, compare it \
             with one that works.",
    not_this: "More than nine users of one source that all fail look like somebody who tries names, and are not compared unless their \
               digests are right. A user that got in at any time in the capture has not failed.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 10.3"],
    sample: "register-several-users-refused",
    check: Check::Capture(check),
};

/// Users that fail alike before it says anything.
const ALIKE_MIN: usize = 3;

/// Users of one source that all fail: more look like somebody who tries names.
const ALIKE_MAX: usize = 9;

/// Users that get in, beside those that do not.
const LET_PAST_MIN: usize = 2;

/// Users, frames and sessions that are named.
const NAMED_MAX: usize = 16;

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    facts.neighbours.iter().filter_map(finding).collect()
}

fn finding(neighbours: &Neighbours) -> Option<Finding> {
    match neighbours.let_past_count {
        0 => all_fail(neighbours),
        in_count if in_count >= LET_PAST_MIN && neighbours.failed_count < in_count => Some(some_fail(neighbours)),
        _ => None,
    }
}

type User = (Box<[u8]>, Ending);

fn all_fail(neighbours: &Neighbours) -> Option<Finding> {
    // Several reasons are several causes.
    let mut reasons = neighbours.failed_by_reason.keys();
    let (Some(why), None) = (reasons.next(), reasons.next()) else { return None };
    let number = neighbours.failed_count;
    let are_right = neighbours.right_count == number;
    if number < ALIKE_MIN || (number > ALIKE_MAX && !are_right) {
        return None;
    }
    let users: Vec<&User> = neighbours.failed.iter().collect();
    let client = neighbours.client;
    let realm = facts::quoted(&neighbours.realm);
    let mut finding = Finding::new(&RULE, format!("All {number} users of {client} fail alike in realm {realm}"))
        .graded(Severity::Info, if are_right { Confidence::Likely } else { Confidence::Possible })
        .fault(if are_right { Fault::Server } else { Fault::Unknown })
        .explained(format!(
            "{} fail for the same reason ({why}), and nobody of this client gets in: the cause is likelier what they share than {number} accounts.",
            names(&users, number)
        ))
        .advises(if are_right {
            "Look at the server: its realm, its stored secrets, and what changed for all of them"
        } else {
            "Look at what they share: server, realm, path, and the way in which their accounts were set up"
        });
    finding.cause = Some("shared");
    if are_right {
        finding = finding.excludes("wrong passwords: every digest fits the secret given");
    }
    Some(about(finding, neighbours, &users))
}

fn some_fail(neighbours: &Neighbours) -> Finding {
    let users: Vec<&User> = neighbours.failed.iter().collect();
    let (verb, whose) = if users.len() == 1 { ("fails", "this account") } else { ("fail", "these accounts") };
    let mut finding = Finding::new(
        &RULE,
        format!(
            "Of the users of {} in realm {} only {} {verb}",
            neighbours.client,
            facts::quoted(&neighbours.realm),
            names(&users, neighbours.failed_count)
        ),
    )
    .graded(Severity::Info, Confidence::Likely)
    .fault(Fault::Unknown)
    .explained(format!(
        "{} of this client get in: server, realm and path work, and the cause lies with {whose}.",
        facts::count(neighbours.let_past_count, "other user")
    ))
    .excludes("server, realm or path: other users of the same client get in")
    .advises("Compare the account with one that works, on the client and on the server");
    finding.cause = Some("account");
    let others = neighbours.let_past_first.iter();
    let users: Vec<&User> = users.into_iter().chain(others).collect();
    about(finding, neighbours, &users)
}

fn about(mut finding: Finding, neighbours: &Neighbours, users: &[&User]) -> Finding {
    let endings = || users.iter().take(NAMED_MAX).map(|(_, ending)| ending);
    finding.spans(endings().flat_map(|ending| [ending.at, ending.answer_at]), endings().map(|ending| ending.session));
    finding.subject = Subject {
        realm: neighbours.realm.to_vec(),
        user: Vec::new(),
        client: Some(neighbours.client),
        server: users.first().map(|(_, ending)| ending.server),
        ..Subject::default()
    };
    finding
}

/// `1001, 1002 and 1003`; long lists are cut. `number` counts all of them.
fn names(users: &[&User], number: usize) -> String {
    let all: Vec<String> = users.iter().take(NAMED_MAX).map(|(user, _)| facts::text(user)).collect();
    match all.as_slice() {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [many @ .., last] if number <= NAMED_MAX => format!("{} and {last}", many.join(", ")),
        many => format!("{} and {} more", many.join(", "), number.saturating_sub(many.len())),
    }
}
