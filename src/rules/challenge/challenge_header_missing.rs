//! SA104: a 401 or 407 that asks nothing.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA104",
    name: "challenge-header-missing",
    label: "challenge without its header",
    severity: Severity::High,
    summary: "A 401 or 407 without any challenge",
    finds: "A 401 without WWW-Authenticate, or a 407 without Proxy-Authenticate, that has no challenge of the other kind either, \
            and whose header section was captured whole. It is medium where the answer refuses credentials that are not known to be right.",
    matters: "The client has nothing to answer: there is no realm and no nonce. It can only give up.",
    advice: "Fix the server, or the device between that removes the header. FreeSWITCH did this for SUBSCRIBE.",
    not_this: "A challenge under the other kind of header is challenge-header-wrong-kind. A message that the snap length cut \
               proves nothing.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3", "RFC 3261 section 20, table 2"],
    sample: "register-401-without-challenge",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let bare: Vec<(usize, _)> = session
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| attempt.is_challenged() && attempt.transaction.method.is_challengeable())
        .filter(|(_, attempt)| {
            !attempt.has_challenge() && attempt.answer().is_some_and(|answer| answer.has_all_headers)
        })
        .collect();
    // Behind credentials it is their refusal, and what is wrong with them stands first.
    let (refusing, asking): (Vec<_>, Vec<_>) =
        bare.iter().copied().partition(|(_, attempt)| answer_facts::refuses_doubtful(attempt));
    let Some((_, attempt)) = asking.first().or(refusing.first()).copied() else { return Vec::new() };
    let Some(answer) = attempt.answer() else { return Vec::new() };
    let header = if answer.status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    let mut finding =
        Finding::new(&RULE, format!("The {} has no {header} header: the client has nothing to answer", answer.status))
            .fault(Fault::Server)
            .explained(format!(
                "{} from {} without a challenge; RFC 3261 makes {header} mandatory there.",
                facts::count(bare.len(), &answer.status.to_string()),
                attempt.transaction.flow().destination
            ))
            .advises(format!(
                "Let the server send {header} with its {}, or find the device that removes it",
                answer.status
            ));
    if refusing.is_empty() {
        finding = finding.excludes("wrong password: the client was never told what to hash");
    } else {
        finding.explanation.push_str(
            " Credentials came with the request: the answer refuses them, and brings nothing to try again with.",
        );
    }
    if let Some((refused, at)) =
        relay_facts::refused_behind(session, attempt).and_then(|one| Some((one, one.answer()?.at)))
    {
        finding.explanation.push_str(&format!(
            " {} had sent the request on with credentials of its own, which {} refused in frame {}: this answer passes that refusal back.",
            refused.transaction.flow().source.address,
            refused.transaction.flow().destination.address,
            at.number
        ));
    }
    if let Some(behind) = answer.behind() {
        let relay = attempt.transaction.flow().destination.address;
        finding
            .explanation
            .push_str(&format!(" {} This answer passes that back.", relay_facts::made_behind(relay, behind)));
        finding.remedy.insert(
            0,
            format!(
                "See why the call that {relay} made was refused in frame {}: account and permissions of its trunk",
                behind.at.number
            )
            .into(),
        );
        finding.severity = Severity::Medium;
    }
    if asking.is_empty() {
        finding.severity = Severity::Medium;
    }
    finding.attempt = facts::lead(session, asking.iter().chain(&refusing).map(|(index, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(bare.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    vec![finding]
}
