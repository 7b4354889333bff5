//! SA605: the same request before and behind a device, and it is not the same.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_alteration;
use crate::rules::answer_alteration::AlteredAnswer;
use crate::rules::answer_alteration::Change;
use crate::rules::facts;
use crate::rules::hop_facts;
use crate::rules::hop_facts::Alteration;
use crate::rules::hop_facts::What;
use crate::rules::recovery;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA605",
    name: "header-altered-en-route",
    label: "altered on the way",
    severity: Severity::Medium,
    summary: "A device on the path changed what the digest depends on",
    finds: "The same request captured before and behind a device, whose credentials differ, are gone, or whose digest covers a body \
            that differs; or the same challenge, as the server sent it and as the client got it, in which the header, realm, algorithm, qop, \
            opaque, stale or nonce differ, or which is gone; or a REGISTER that was accepted, and refused by who passed it on. It is high where the request was refused behind the device and the change explains it: the digest was right \
            before, or what it covers was changed; an answer that was changed, where the client did not get in behind it. A Request-URI that was changed counts only where a right digest was refused: of a call, which proxies route, it is medium and possible unless the answer is 400.",
    matters: "The client did it right, and the server got something else. No password helps.",
    advice: "Switch the SIP ALG of the device between the two capture points off, or use TLS. Where it is a proxy or an SBC, stop it \
             from rewriting the credentials, or let it authenticate by itself.",
    not_this: "A proxy may rewrite the Request-URI and the session description: that alone is normal. A device that answers a \
               challenge with credentials of its own has changed nothing. Credentials that a proxy asked for and took away were its own, and \
               a challenge with a nonce of its own is its own, unless it passes the answer on.",
    sources: &["RFC 3261 section 22.3", "RFC 3261 section 16.6", "RFC 7616 section 3.4.3"],
    sample: "alg-rewrites-credentials",
    check: Check::Session(check),
};

/// Alterations that are graded and named; the others are counted. Bounds the search in endless sessions.
const GRADED_MAX: usize = 64;

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    if session.run.transactions.iter().all(|transaction| transaction.forwarded_from().is_none()) {
        return Vec::new();
    }
    // The worst of them speaks for all; an unchanged request costs no more than a comparison.
    let mut all: Vec<Alteration<'_, '_>> = Vec::new();
    let mut count = 0;
    for index in 0..session.run.transactions.len() {
        let altered = hop_facts::alteration(session, context, index);
        count += usize::from(altered.is_some());
        all.extend(altered.filter(|_| all.len() < GRADED_MAX));
    }
    let mut findings: Vec<Finding> = answers(session).into_iter().collect();
    let graded = all.iter().map(|alteration| (grade(session, alteration), alteration));
    let Some(((severity, confidence), lead)) = graded.rev().max_by_key(|(grade, _)| *grade) else { return findings };
    let mut finding = finding(session, &all, lead).graded(severity, confidence);
    if count > 1 {
        finding.explanation.push_str(&format!(" The session shows {count} altered requests."));
    }
    findings.push(finding);
    findings
}

/// The first answer that a device changed, where the client did not get in behind it, else the first of all.
fn answers(session: &Session<'_>) -> Option<Finding> {
    let mut all: Vec<AlteredAnswer<'_>> = Vec::new();
    let mut count = 0;
    for index in 0..session.run.transactions.len() {
        let altered = answer_alteration::altered_answer(session, index);
        count += usize::from(altered.is_some());
        all.extend(altered.filter(|_| all.len() < GRADED_MAX));
    }
    let has_failed =
        |one: &&AlteredAnswer<'_>| one.attempt.is_some_and(|index| !recovery::has_recovered(session, index));
    let lead = all.iter().find(has_failed);
    // What was sent was wrong as it was sent: that is reason enough, whatever was asked for.
    let is_wrong =
        facts::presented(session).any(|(_, attempt, presented)| attempt.is_own_hop() && presented.is_wrong());
    let severity = if lead.is_some() && !is_wrong { Severity::High } else { Severity::Medium };
    let lead = lead.or(all.first())?;
    let place = place(lead.first, lead.next);
    let mut finding = Finding::new(&RULE, format!("{place} {}", lead.done()))
        .graded(severity, if severity == Severity::High { Confidence::Likely } else { Confidence::Proven })
        .fault(Fault::Path)
        .explained(format!(
            "Both sides of it were captured: {}. {}",
            lead.differences(),
            match lead.what {
                Change::Refused => "The registrar has the registration, and the client takes it for failed.",
                _ if severity == Severity::High =>
                    "The client answers what it gets, as far as it can, and the server judges that by what it had sent.",
                _ if is_wrong => "The digest was wrong as it was sent, whatever was asked for.",
                _ => "The client got in all the same.",
            }
        ));
    finding = match lead.what {
        Change::Refused => finding
            .advises("See in the log and the rules of that device why it refuses what the registrar has accepted"),
        _ => finding.advises("Switch the SIP ALG of that device off, or use TLS, which it cannot read").advises(
            "Where it is a proxy or an SBC, let it pass challenges back as they are, or let it authenticate by itself",
        ),
    };
    if count > 1 {
        finding.explanation.push_str(&format!(" The session shows {count} altered answers."));
    }
    finding.cause = Some(lead.what.name());
    finding.attempt = lead.attempt;
    if let Some(attempt) = lead.attempt.and_then(|index| session.attempts.get(index)) {
        finding.subject = facts::subject(session, attempt);
    }
    finding.evidence = lead.evidence(session);
    finding.frames = all.iter().flat_map(|one| [one.given.at, one.told.at]).collect();
    finding.frames.sort_unstable();
    finding.frames.dedup();
    Some(finding)
}

/// Where the change was made.
fn place(first: &Transaction, next: &Transaction) -> String {
    if first.flow().destination.address == next.flow().source.address {
        format!("The device at {}", first.flow().destination.address)
    } else {
        format!("A device between {} and {}", first.flow().source.address, next.flow().destination.address)
    }
}

fn grade(session: &Session<'_>, alteration: &Alteration<'_, '_>) -> (Severity, Confidence) {
    let has_recovered = alteration.attempt.is_some_and(|index| recovery::has_recovered(session, index));
    if !alteration.is_refused || has_recovered {
        return (Severity::Medium, Confidence::Proven);
    }
    match (alteration.before, alteration.behind) {
        // Wrong when it left the client: what happened to it then is not the cause.
        (Some(Verdict::Mismatch), _) => (Severity::Medium, Confidence::Proven),
        (Some(Verdict::Match), Some(Verdict::Mismatch)) => (Severity::High, Confidence::Proven),
        _ if alteration.what == What::Removed => (Severity::High, Confidence::Likely),
        // Every proxy that routes a call does it, and few servers compare: one that has no such account asks again as well.
        _ if alteration.what == What::RequestUri && is_routing(alteration) => (Severity::Medium, Confidence::Possible),
        (Some(Verdict::Match), Some(Verdict::Match)) => (Severity::High, Confidence::Likely),
        _ if alteration.breaks_digest => (Severity::High, Confidence::Likely),
        _ => (Severity::Medium, Confidence::Possible),
    }
}

/// Whether another Request-URI may be no more than the way that a call takes. A registration names the registrar; and RFC 7616 §3.4.6 wants
/// a 400 where the uri is not that of the request.
fn is_routing(alteration: &Alteration<'_, '_>) -> bool {
    let answer = alteration.next.answer.as_ref().or(alteration.first.answer.as_ref());
    alteration.first.method != Method::Register && answer.is_none_or(|answer| answer.status != 400)
}

fn finding(session: &Session<'_>, all: &[Alteration<'_, '_>], lead: &Alteration<'_, '_>) -> Finding {
    let place = place(lead.first, lead.next);
    let same: Vec<&Alteration<'_, '_>> = all.iter().filter(|other| other.what == lead.what).collect();
    let mut finding = Finding::new(&RULE, format!("{place} {}", done(lead))).fault(Fault::Path).explained(format!(
        "{} before it, and again behind it in frame {}: {}.{}",
        sentence(session, lead),
        lead.next_request.at.number,
        differences(session, lead),
        consequence(lead),
    ));
    if lead.before == Some(Verdict::Match) {
        finding = finding.excludes("wrong password: the digest fits the one given where the client sent it");
    }
    finding = finding.advises("Switch the SIP ALG of that device off, or use TLS, which it cannot read").advises(
        "Where it is a proxy or an SBC, let it pass credentials on as they are, or let it authenticate by itself",
    );
    finding.cause = Some(lead.what.name());
    finding.attempt = lead.attempt;
    if let Some(attempt) = lead.attempt.and_then(|index| session.attempts.get(index)) {
        finding.subject = facts::subject(session, attempt);
    }
    finding.evidence = evidence(session, lead);
    finding.frames = same.iter().flat_map(|one| [one.first_request.at, one.next_request.at]).collect();
    finding.frames.sort_unstable();
    finding.frames.dedup();
    finding
}

fn done(alteration: &Alteration<'_, '_>) -> &'static str {
    match alteration.what {
        What::Credentials => "changed the credentials",
        What::Removed => "took the credentials away",
        What::Body => "changed the body that the digest covers",
        What::RequestUri => "changed the Request-URI that the credentials name",
    }
}

fn sentence(session: &Session<'_>, alteration: &Alteration<'_, '_>) -> String {
    let attempt = alteration.attempt.and_then(|index| session.attempts.get(index));
    let method =
        attempt.map_or_else(|| alteration.first.method.to_string(), |attempt| attempt.transaction.method.to_string());
    format!("The same {method} was captured in frame {}", alteration.first_request.at.number)
}

fn differences(session: &Session<'_>, alteration: &Alteration<'_, '_>) -> String {
    let len = |known: &crate::session::Transaction| {
        known.marks().and_then(|marks| marks.body).map_or(0, |body| body.len_bytes)
    };
    match alteration.what {
        What::Credentials => match alteration.parameters.as_slice() {
            [one] => format!("{one} differs in the credentials"),
            many => format!("{} differ in the credentials", many.join(", ")),
        },
        What::Removed => "the credentials that its receiver asked for are gone".to_owned(),
        What::Body => {
            format!("its body has {} bytes there and {} here, or others", len(alteration.next), len(alteration.first))
        }
        What::RequestUri => format!(
            "the Request-URI is {} there and was {}, which the credentials name",
            facts::quoted(session.text(alteration.next_request.uri)),
            facts::quoted(session.text(alteration.first_request.uri))
        ),
    }
}

fn consequence(alteration: &Alteration<'_, '_>) -> &'static str {
    match (alteration.is_refused, alteration.before, alteration.behind) {
        (false, _, _) if alteration.next.answer.is_none() && alteration.first.answer.is_none() => {
            " What its receiver made of that, the capture does not show."
        }
        (false, _, _) => " It was not refused for that.",
        (true, Some(Verdict::Match), Some(Verdict::Mismatch)) => {
            " The digest was right before, is wrong behind, and was refused."
        }
        (true, Some(Verdict::Mismatch), _) => " It was refused; but the digest was not right before, either.",
        (true, Some(Verdict::Match), Some(Verdict::Match)) => {
            " The digest is right, and was refused: a server that compares what was changed does that. So does one that holds another \
             secret, or none."
        }
        (true, _, _) if alteration.breaks_digest => {
            " The digest covers that, so it cannot fit any more; it was refused."
        }
        (true, _, _) if alteration.what == What::Removed => " The server asks again.",
        (true, _, _) => " It was refused; the password may be wrong as well.",
    }
}

fn evidence(session: &Session<'_>, alteration: &Alteration<'_, '_>) -> Vec<Evidence> {
    if alteration.what == What::RequestUri {
        let uri = |request: &crate::session::Request| Evidence {
            at: request.at,
            header: "Request-URI",
            value: EvidenceValue::Text(facts::text(session.text(request.uri))),
        };
        return vec![uri(alteration.first_request), uri(alteration.next_request)];
    }
    let row = |request: &crate::session::Request, row: &crate::session::CredentialsRow| Evidence {
        at: request.at,
        header: row.header.credentials_header(),
        value: EvidenceValue::Credentials(row.value.clone(), row.first.nonce),
    };
    let before = row(alteration.first_request, alteration.row);
    std::iter::once(before).chain(alteration.next_row.map(|next| row(alteration.next_request, next))).collect()
}
