//! SA612: client and server do not agree on how to protect what they say.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA612",
    name: "security-agreement-failed",
    label: "security agreement failed",
    severity: Severity::Medium,
    summary: "Client and server did not agree on a security mechanism",
    finds: "A 494 (Security Agreement Required), or a 421 that asks for sec-agree, as the last answer of an exchange. Or a request \
            whose Security-Verify is not the Security-Server of the challenge that it answers.",
    matters: "The server does not go on before both agree on TLS, IPsec or Digest: the password is never asked for. A \
              Security-Verify that differs means that somebody took strong mechanisms off the server's list, or that the client kept \
              an old one.",
    advice: "Enable the mechanism that Security-Server names on the client, or switch the agreement off on the server for clients \
             that have none (IMS phones have it, most others do not).",
    not_this: "A 494 or 421 after which the client agreed and went on, under whatever Call-ID, is how the agreement begins. A 421 that asks for another \
               extension is none.",
    sources: &["RFC 3329 section 2.3.1", "RFC 3329 section 2.2", "RFC 3261 section 21.4.15"],
    sample: "security-agreement-failed",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    if let Some((index, attempt)) = last_asked(session).filter(|(_, attempt)| !goes_on(session, context, attempt)) {
        return vec![asked(session, index, attempt)];
    }
    let verified = session.attempts.iter().enumerate().find_map(|(index, attempt)| {
        let (offered, verified) = verified(session, attempt)?;
        (!is_same_list(session.text(offered.1), session.text(verified))).then_some((index, attempt, offered, verified))
    });
    let Some((index, attempt, (challenged, offered), verified)) = verified else { return Vec::new() };
    let mut finding = Finding::new(&RULE, "Security-Verify is not what the server offered")
        .graded(Severity::Medium, Confidence::Likely)
        .explained(
            "The client has to repeat the server's list, so that both see whether it was changed on the way. The lists differ: the \
             client kept an old one, or somebody between them took a mechanism off.",
        )
        .advises("Let the client send the Security-Server values of the newest challenge as they stand")
        .advises("Look for a proxy between them that changes Security-Server");
    let value = |text| EvidenceValue::Text(facts::text(session.text(text)));
    let at = challenged.answer().map(|answer| answer.at);
    finding.evidence.extend(at.map(|at| Evidence { at, header: "Security-Server", value: value(offered) }));
    let at = attempt.request().map(|request| request.at);
    finding.evidence.extend(at.map(|at| Evidence { at, header: "Security-Verify", value: value(verified) }));
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([challenged, attempt]);
    vec![finding]
}

/// The attempt that was asked for an agreement, where nothing came of it: it is the last of its exchange.
fn last_asked<'s, 'run>(session: &'s Session<'run>) -> Option<(usize, &'s Attempt<'run>)> {
    let last = session.exchanges.iter().filter_map(|exchange| exchange.attempts.last().copied());
    let mut last = last.filter_map(|index| Some((index, session.attempts.get(index)?)));
    last.find(|(_, attempt)| {
        attempt.answer().is_some_and(|answer| {
            answer.status == 494
                || (answer.status == 421 && (answer.requires_agreement() || answer.security_server().is_some()))
        })
    })
}

/// Whether the account went on to show credentials to that server, under whatever Call-ID: some clients begin anew once they have agreed.
fn goes_on(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let server = context.accounts.server(attempt.transaction.flow().destination.address);
    attempt.answer().zip(facts::account_key(session, attempt)).is_some_and(|(answer, key)| {
        let mut shown = context.accounts.presented_within(&key, answer.time, facts::ANSWER_WITHIN);
        shown.any(|shown| shown.server == server)
    })
}

fn asked(session: &Session<'_>, index: usize, attempt: &Attempt<'_>) -> Finding {
    let status = attempt.status().unwrap_or_default();
    let server = attempt.answer().and_then(Answer::security_server);
    let method = attempt.transaction.method.to_string();
    let mut finding = Finding::new(&RULE, format!("{method} was answered with {status}: agree on security first"))
        .fault(Fault::Client)
        .explained(format!(
            "The server goes on once the client has agreed on a security mechanism (RFC 3329), and {}.{}",
            if session.is_one_way { "the capture holds no requests" } else { "nothing followed" },
            match server {
                Some(_) => "",
                None => " It offers none: it has no Security-Server header.",
            }
        ))
        .excludes("wrong password: nobody asked for one yet")
        .advises(
            "Enable security agreement on the client, with a mechanism that the server offers (IPsec for IMS, or TLS)",
        )
        .advises("Or switch it off on the server for clients that do not know it");
    if server.is_none() && status == 494 {
        finding.fault = Fault::Server;
    }
    if attempt.transaction.marks().is_none_or(|marks| marks.security_verify.is_none()) {
        // RFC 3329 §2.3.1 asks this of clients that began it: others may be asked by mistake.
        finding.confidence = Confidence::Likely;
    }
    // Whether the client has agreed, nobody has seen.
    if session.is_one_way {
        finding.confidence = Confidence::Possible;
        finding.fault = Fault::Unknown;
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([attempt]);
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    let at = attempt.answer().map(|answer| answer.at);
    finding.evidence.extend(at.zip(server).map(|(at, server)| Evidence {
        at,
        header: "Security-Server",
        value: EvidenceValue::Text(facts::text(session.text(server))),
    }));
    finding
}

type Offer<'s, 'run> = (&'s Attempt<'run>, crate::session::TextId);

/// What the server offered with the challenge that this request answers, and what the request repeats of it.
fn verified<'s, 'run>(
    session: &'s Session<'run>,
    attempt: &Attempt<'_>,
) -> Option<(Offer<'s, 'run>, crate::session::TextId)> {
    let verified = attempt.transaction.marks()?.security_verify?;
    let (challenged, _) = attempt.credentials.iter().find_map(|presented| session.challenge(presented.answers?))?;
    let offered = challenged.answer()?.security_server()?;
    challenged.transaction.is_same_hop(attempt.transaction).then_some(((challenged, offered), verified))
}

/// Whether two lists name the same mechanisms with the same parameters, blanks and letter case apart.
fn is_same_list(one: &[u8], other: &[u8]) -> bool {
    let plain = |list: &[u8]| {
        let mut all: Vec<Vec<u8>> = list
            .split(|&byte| byte == b',')
            .map(|value| value.iter().filter(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase).collect())
            .collect();
        all.sort_unstable();
        all
    };
    one == other || plain(one) == plain(other)
}
