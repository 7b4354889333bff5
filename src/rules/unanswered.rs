//! Why a challenge may have gone unanswered, as far as the capture shows it: told within the finding, with what to do about it.

mod ims;
mod parties;
mod unheard;

pub use parties::blame_kind;
pub use parties::blame_realm;
pub use parties::name_asker;
pub use unheard::explain_unread;
pub use unheard::way_back;

use crate::base::FrameNumber;
use crate::base::FrameRef;
use crate::base::Notice;
use crate::history::Entry;
use crate::history::PairKey;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::aka_facts;
use crate::rules::answer_facts;
use crate::rules::answer_facts::Doubt;
use crate::rules::answer_facts::FollowUp;
use crate::rules::challenge_facts;
use crate::rules::challenge_facts::Circumstance;
use crate::rules::challenge_facts::Unanswered;
use crate::rules::challenge_form;
use crate::rules::dialog_facts;
use crate::rules::dialog_facts::Beginner;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// What a finding of a password that nobody was asked to prove rules out.
const NOTHING_SENT: &str = "wrong password: no digest was sent in answer to this challenge";

const NOTHING_IN_CALL: &str = "wrong password: no digest was sent in this Call-ID";

/// Adds what the capture shows of why the client did not answer: the first of these that holds.
pub fn explain(
    session: &Session<'_>,
    context: &Context<'_>,
    mut finding: Finding,
    attempt: &Attempt<'_>,
    challenge: &Unanswered,
) -> Finding {
    if let Some(notice) = challenge.notice {
        finding = path_facts::tell_bounced(attempt, notice, finding);
        if !attempt.has_credentials() {
            finding = finding.excludes(NOTHING_SENT);
        }
    } else if challenge.is_lost {
        finding = explain_lost(finding, context, attempt);
    } else if session.run.agrees_on_ipsec(attempt.transaction) {
        finding = ims::explain_ipsec(finding);
    } else if attempt.is_unheard() {
        finding = unheard::explain_unheard(finding, attempt);
        if let Some(form) = challenge_form::odd_form(session, context, attempt) {
            finding = explain_unread(finding, form);
        }
    } else if attempt.is_answered_too_late() {
        finding = unheard::explain_late(finding, attempt);
    } else if aka_facts::lacks_agreement(attempt) {
        finding = ims::explain_no_agreement(finding, attempt);
    } else {
        finding = explain_circumstances(session, context, finding, attempt);
        if parties::is_own_server_asked(context, attempt) {
            finding = parties::explain_own_server(finding, attempt);
        }
        if let Some(at) = trunk(context, attempt) {
            finding = explain_trunk(finding, attempt, at);
        } else if let Some(at) = admitted(context, attempt) {
            finding = explain_admitted(finding, attempt, at);
        } else if is_open_why(&finding) && calls_for_several(session, context, attempt) {
            finding = explain_callers(finding, attempt);
        }
    }
    finding = unheard::tell_other_way(finding, attempt);
    if challenge.ends_at_once() && finding.confidence == Confidence::Possible && finding.fault == Fault::Client {
        finding = explain_end(finding);
    }
    if attempt.answer().is_some_and(Answer::has_extra_via) {
        finding = explain_extra_via(finding, attempt);
    }
    if challenge.gap >= facts::ANSWER_WITHIN && finding.fault == Fault::Client && finding.cause.is_none() {
        finding = unheard::doubt_length(finding, attempt);
    }
    if let Some(refused) = path_facts::refused_connection(attempt, context) {
        finding = explain_refused(finding, attempt, refused);
    }
    finding
}

/// The capture ends before anybody could have answered: nothing speaks against the client, unless the challenge does.
fn explain_end(mut finding: Finding) -> Finding {
    let again = "Record again until the client answers, or for 32 s behind the challenge: this capture cannot show it";
    // What the challenge itself shows is there however long the capture goes on.
    if finding.cause.is_some() {
        finding.remedy.insert(0, again.into());
        return finding;
    }
    finding.remedy = vec![again.into()];
    finding.fault(Fault::Unknown)
}

/// Packets between the two are missing.
fn explain_lost(mut finding: Finding, context: &Context<'_>, attempt: &Attempt<'_>) -> Finding {
    let what = challenge_facts::lost(attempt, context).0;
    finding.explanation.push_str(&format!(" {what}: the answer may have been among them."));
    if attempt.transaction.transport.is_reliable() {
        return finding;
    }
    finding.advises("Look for the path that loses fragments; TCP, or a shorter request, avoids them")
}

/// A proxy or gateway passed an answer back with its own Via on it.
pub fn explain_extra_via(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let Some(answer) = attempt.answer() else { return finding };
    finding.explanation.push_str(&format!(
        " The {} in frame {} has more Via headers than the request had: a client has to discard such an answer (RFC 3261 section 8.1.3.3).",
        answer.status, answer.at.number
    ));
    // Not every client does.
    finding.confidence = Confidence::Possible;
    let server = attempt.transaction.flow().destination;
    finding.remedy = vec![format!("Let {server} take its own Via off the answers that it passes back").into()];
    finding.fault(Fault::Server)
}

/// The client was about to answer over TCP.
fn explain_refused(mut finding: Finding, attempt: &Attempt<'_>, refused: Notice) -> Finding {
    let server = refused.what.flow.destination;
    finding.explanation.push_str(&format!(
        " The client then tried to connect to {server} over TCP and was refused (TCP RST, frame {}): with credentials the request may be too \
         long for UDP.",
        refused.at.number
    ));
    finding.frames.push(refused.at);
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.remedy = vec![
        format!(
            "Let the server accept TCP on {server}, or shorten the client's {} to 1300 bytes with its credentials",
            attempt.transaction.method
        )
        .into(),
    ];
    finding.fault(Fault::Server)
}

/// Where whoever was asked had asked the asker for credentials: the asker is the client of the two, as a PBX is its carrier's.
fn trunk(context: &Context<'_>, attempt: &Attempt<'_>) -> Option<FrameRef> {
    context.nonces.first_asked(attempt.transaction.flow()).filter(|_| is_strangers_call(context, attempt))
}

/// Whether it is a bare call of a client that is not seen to have an account at the server.
fn is_strangers_call(context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    attempt.transaction.method == Method::Invite
        && !attempt.has_credentials()
        && !dialog_facts::has_logged_in(context, attempt)
}

/// Carriers do not log in at their customers.
fn explain_trunk(mut finding: Finding, attempt: &Attempt<'_>, at: FrameRef) -> Finding {
    let (caller, called) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    finding.explanation.push_str(&format!(
        " {caller} is a server of {called}: it asked {called} for credentials in frame {}. Whoever takes calls from a trunk knows it by its address.",
        at.number
    ));
    finding.cause = Some("trunk");
    finding.confidence = Confidence::Possible;
    finding.remedy = vec![
        format!(
            "Let {called} take calls from {caller} without a challenge (Asterisk: identify with match; Kamailio and OpenSIPS: permissions)"
        )
        .into(),
    ];
    finding.fault(Fault::Server)
}

/// Whether a host that is not seen to have an account was challenged for the calls of several users.
fn calls_for_several(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let flow = attempt.transaction.flow();
    let pair = PairKey { client: flow.source.address, server: flow.destination.address };
    // Where it is to register, it is a phone with several lines, or a gateway.
    is_strangers_call(context, attempt)
        && context.sources.get(pair).is_none_or(|pair| !pair.is_registrar)
        && !answer_facts::has_shown_realm(session, context, attempt)
        && context.nonces.has_asked_about_several(attempt.transaction.flow())
}

/// Whether the challenge itself shows nothing that clients do not know.
fn is_open_why(finding: &Finding) -> bool {
    finding.cause.is_none_or(|cause| cause == Circumstance::ChallengeKind.name())
}

/// A carrier hands over whoever calls.
fn explain_callers(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let (caller, called) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    finding.explanation.push_str(&format!(
        " {caller} calls for several users, and is not seen to log in for any: so does a carrier, or another PBX, which is to be known by its \
         address."
    ));
    finding.cause = Some("trunk");
    finding.confidence = Confidence::Possible;
    finding.remedy = vec![
        format!(
            "Where {caller} is a carrier or another PBX: let {called} take its calls without a challenge (Asterisk: identify with match; \
             Kamailio and OpenSIPS: permissions)"
        )
        .into(),
        format!("Else give {caller} an account at {called}: user name, password and realm").into(),
    ];
    finding.fault(Fault::Unknown)
}

/// An earlier call of the same host that the server took without credentials: it knows it by its address.
fn admitted(context: &Context<'_>, attempt: &Attempt<'_>) -> Option<FrameRef> {
    let flow = attempt.transaction.flow();
    let admitted = context.servers.let_in(flow.destination.address, Entry::Invite, flow.source.address);
    admitted.filter(|_| is_strangers_call(context, attempt))
}

fn explain_admitted(mut finding: Finding, attempt: &Attempt<'_>, at: FrameRef) -> Finding {
    let (caller, called) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    finding.explanation.push_str(&format!(
        " {called} took the INVITE of {caller} in frame {} without asking for credentials: it may know it by its address, and this call did \
         not pass for one of those.",
        at.number
    ));
    finding.confidence = Confidence::Possible;
    finding.remedy = vec![
        format!(
            "Compare this INVITE with the one in frame {}: what differs (called number, From, transport, port) is what {called} admits \
             callers by, or who changed that since",
            at.number
        )
        .into(),
    ];
    finding.fault(Fault::Unknown)
}

/// What about this challenge the client may not have liked.
fn explain_circumstances(
    session: &Session<'_>,
    context: &Context<'_>,
    mut finding: Finding,
    attempt: &Attempt<'_>,
) -> Finding {
    let circumstance = challenge_facts::circumstance(session, context, attempt);
    finding.cause = circumstance.map(Circumstance::name);
    let is_second_realm = challenge_facts::is_second_realm(session, attempt);
    if is_second_realm {
        finding = explain_second_realm(session, finding, attempt);
    } else if challenge_facts::is_other_realm_kept(attempt) {
        finding = explain_other_realm(finding, attempt);
    }
    if circumstance == Some(Circumstance::Scheme) {
        finding = finding.fault(Fault::Server).advises("Let the server offer Digest: SIP clients know no other scheme");
    }
    if let Some(circumstance) = circumstance {
        finding = explain_demand(finding, circumstance);
    }
    if challenge_facts::is_late(attempt) {
        finding.explanation.push_str(
            " The call was under way: a provisional response came before the challenge, and some clients take no challenge after one.",
        );
    }
    finding.explanation.push_str(dialog_facts::right_to_be_silent(session, context, attempt));
    let method = &attempt.transaction.method;
    if circumstance == Some(Circumstance::ChallengeKind) || circumstance == Some(Circumstance::SecondRealm) {
        // Why a client is silent nobody has seen.
        finding.confidence = finding.confidence.min(Confidence::Likely);
    }
    let unknown_kind = attempt.status().filter(|_| challenge_facts::is_unknown_kind(context, attempt));
    if unknown_kind == Some(407) && *method == Method::Register {
        finding = finding.advises(
            "Many phones know only 401 for REGISTER: let the registrar answer 401 (VOS3000: SS_AUTHCHALLENGEMODE 1 or 3)",
        );
    }
    let is_401 = unknown_kind == Some(401) && *method != Method::Register;
    let may_be_kind = is_401 && !is_second_realm && !facts::is_ping(attempt);
    let can_choose = may_be_kind && parties::can_choose(session, attempt);
    if can_choose {
        finding = finding.advises(parties::advice_407(attempt, true));
    }
    if let Some(algorithm) = challenge_facts::demanding_algorithm(session, context, attempt) {
        finding = finding.advises(challenge_facts::algorithm_advice(attempt, &algorithm));
    }
    if session.attempts.iter().all(|attempt| facts::shows_credentials(attempt) && !attempt.has_credentials()) {
        let is_whole = dialog_facts::beginner(session, attempt) != Some(Beginner::Unseen);
        finding = finding.excludes(if is_whole { NOTHING_IN_CALL } else { NOTHING_SENT });
    }
    finding.explanation.push_str(&followed_by(session, context, attempt));
    if attempt.is_removal() {
        finding.explanation.push_str(
            " The request was to end a registration or subscription, which now stays until it expires: a client that is switched off does not wait.",
        );
        return finding.advises(
            "Nothing, where the client was switched off; else let it answer this challenge as it answers others",
        );
    }
    let is_open = is_open_why(&finding);
    finding = advise_by_use(session, context, finding, attempt);
    // Most callers know a 401: what they lack is rather the account.
    if may_be_kind && !can_choose {
        finding = finding.advises(parties::advice_407(attempt, false));
    }
    if is_open { challenge_form::tell_spelling(finding, session, context, attempt) } else { finding }
}

/// What to do depends on whether the client showed credentials for this realm elsewhere.
fn advise_by_use(session: &Session<'_>, context: &Context<'_>, mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let used = match used_before(session, attempt) {
        Some(at) => format!("in frame {at}"),
        None if answer_facts::has_shown_realm_elsewhere(session, context, attempt) => {
            "under another Call-ID".to_owned()
        }
        None if aka_facts::is_from_sim(attempt) => return finding.advises(ims::CHECK_SIM),
        None => return finding.advises(parties::CHECK_ACCOUNT),
    };
    if challenge_facts::answers_other_calls(session, context, attempt) {
        return explain_other_calls(finding);
    }
    let why = match doubt(session, context, attempt) {
        Some(_) => "why it let this challenge go: a restart, or an answer that it did not get".to_owned(),
        None if is_first_call(session, context, attempt) => {
            "why it does not answer this INVITE: many PBXs have one place for the credentials of registrations \
             and another for those of calls (Asterisk: outbound_auth of the registration, and of the endpoint)"
                .to_owned()
        }
        None => format!("why it does not answer this {}", attempt.transaction.method),
    };
    // What it lacks is not an account, so that stands first.
    finding
        .remedy
        .insert(0, format!("The client has credentials for this realm: it used them {used}. See {why}").into());
    finding
}

/// Whether it is a call of an account that is not seen to answer the challenge to any, though it does so with other methods.
fn is_first_call(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let method = &attempt.transaction.method;
    *method == Method::Invite && !answer_facts::has_shown_realm_with(method.as_bytes(), session, context, attempt)
}

/// The caller answered the challenge to its next call.
fn explain_other_calls(mut finding: Finding) -> Finding {
    finding.explanation.push_str(
        " Soon after, the same client answered the challenge to another INVITE for this realm: it has credentials and knows how to. The caller \
         may have hung up, or the client did not read this challenge.",
    );
    finding.advises("Nothing, where the caller had hung up; else compare this challenge with the one that was answered")
}

/// What the challenge offers alone, or how it is written, is not what every client knows.
pub fn explain_demand(mut finding: Finding, circumstance: Circumstance) -> Finding {
    let (said, advice) = match circumstance {
        Circumstance::Form(form) => (form.said(), form.advice()),
        Circumstance::Qop => (
            " The challenge offers no qop but auth-int, which most clients do not know.".to_owned(),
            "Let the server offer qop=\"auth\", alone or before auth-int",
        ),
        _ => return finding,
    };
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.explanation.push_str(&said);
    finding.fault(Fault::Unknown).advises(advice)
}

/// What the account did that may have been an answer; nothing where it did nothing of the kind.
fn followed_by(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> String {
    let Some(doubt) = doubt(session, context, attempt) else { return String::new() };
    let odd = [
        (doubt.is_late(), "later than an answer comes"),
        (doubt.has_other_port, "from another port"),
        (doubt.is_at_other_server, "at another server"),
    ];
    let odd: Vec<&str> = odd.into_iter().filter_map(|(holds, text)| holds.then_some(text)).collect();
    let meaning = match doubt.has_other_port || doubt.is_at_other_server {
        true => "it may be another client, or this one may have got in there",
        false => "that is another try of the client, which may have restarted in between",
    };
    format!(
        " {} behind it the same account showed credentials for that realm with another {}, {}: {meaning}.",
        facts::duration_text(doubt.behind),
        attempt.transaction.method,
        odd.join(" and ")
    )
}

/// What the account did that may have been an answer, of requests that clients repeat at will.
fn doubt(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> Option<Doubt> {
    match answer_facts::follow_up(session, context, attempt) {
        FollowUp::Doubtful(doubt) if challenge_facts::is_repeated_at_will(attempt) => Some(doubt),
        _ => None,
    }
}

/// Another realm was answered before.
fn explain_second_realm(session: &Session<'_>, mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let answered: Vec<String> =
        attempt.credentials.iter().filter(|p| p.is_attempt).map(|p| facts::quoted(&p.realm())).collect();
    let answered = answered.join(", ");
    if challenge_facts::may_be_another_node(session, attempt) {
        finding.explanation.push_str(&format!(
            " Credentials for realm {answered} came before: another server on the way asks for its own, or another node of the \
             same server, which names another realm.",
        ));
        finding = finding.advises("See whether the nodes behind that address name different realms, and give them one");
        // Two that were answered, and a third one is asked for: that is rather the server's doing.
        if attempt.credentials.iter().filter(|sent| attempt.is_asked_in_place_of(sent)).count() > 1 {
            finding = finding.fault(Fault::Unknown);
        }
    } else {
        finding.explanation.push_str(&format!(
            " The credentials for realm {answered} were accepted: the request went on to another server, which asks for its own.",
        ));
        if !attempt.credentials.iter().any(Presented::is_wrong) {
            finding = finding.excludes("wrong password for the first realm: its server let the request pass");
        }
    }
    finding.advises(
        "Give the client an account for the second realm too, or let the first server authenticate on its behalf, or the second take what \
         comes from the first by its address",
    )
}

/// The client came with credentials for a realm that nobody asked it for.
fn explain_other_realm(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let sent: Vec<String> = attempt.credentials.iter().map(|sent| facts::quoted(&sent.realm())).collect();
    finding.explanation.push_str(&format!(
        " The request came with credentials for realm {}, which nobody in this Call-ID asked for: the client has that realm set, or kept it from \
         before.",
        sent.join(", ")
    ));
    finding.advises("Compare the realm that is set on the client with the one that the server asks for")
}

/// The frame in which credentials of the same client for the realm of this challenge were let past.
fn used_before(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<FrameNumber> {
    let client = attempt.transaction.flow().source.address;
    let mut before = session.attempts.iter().filter(|other| {
        other.transaction.flow().source.address == client
            && (other.is_let_past() || session.rang_with_credentials(other))
            && other
                .credentials
                .iter()
                .any(|presented| presented.is_attempt && attempt.offers_realm(&presented.realm()))
    });
    Some(before.next()?.request()?.at.number)
}
