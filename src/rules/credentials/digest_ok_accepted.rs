//! SA205: the digest is right, and the server took it.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA205",
    name: "digest-ok-accepted",
    label: "right digest accepted",
    severity: Severity::Info,
    summary: "The digest fits the password given, and the server took it",
    finds: "Credentials whose response equals the one recomputed with the secret given, answered with a 2xx, or with a final \
            answer about something else than who asks (402, 423, 486). Needs a secret.",
    matters: "Client, server and sipauth agree on the secret: what else fails in this capture is not that password.",
    advice: "Nothing.",
    not_this: "A server in trouble (408, 5xx) may not have looked. Accepted with a digest that does not fit is accepted-with-other-secret.",
    sources: &["RFC 3261 section 22.4", "RFC 7616 section 3.4.1"],
    sample: "register-ok",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let mut right = facts::presented(session)
        .filter(|(_, attempt, presented)| {
            presented.verdict() == Some(Verdict::Match) && presented.judgement.is_let_past() && attempt.is_let_past()
        })
        .map(|(_, attempt, _)| attempt)
        .peekable();
    if right.peek().is_none() {
        return Vec::new();
    }
    if let Some(again) = context.said.again(&RULE, "") {
        return vec![again];
    }
    let mut finding = Finding::new(&RULE, "Digests fit the passwords given, and were accepted")
        .explained("The response that was sent is the one that the secret gives, and the server did not ask again.")
        .excludes("wrong password: client and server have the one given for these accounts")
        .advises("Nothing: these accounts authenticate as they should");
    finding.frames = facts::frames_of_all(right);
    vec![finding.merged_by("")]
}
