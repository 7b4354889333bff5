//! Who asks whom: a client that challenges its own server, and an account that answers the same server for another realm.

use crate::history::PairKey;
use crate::history::outcomes::Ending;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::challenge_facts::Circumstance;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::Method;

/// Whether whoever asks for credentials is a client of the one that is asked, and that one none of his.
pub(super) fn is_own_server_asked(context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let (asked, asking) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    context.accounts.is_client_of(asking, asked) && !context.accounts.is_client_of(asked, asking)
}

/// A phone, or a PBX behind a trunk, challenges the server that it logs in at.
pub(super) fn explain_own_server(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let (asked, asking) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    let method = &attempt.transaction.method;
    finding.explanation.push_str(&format!(
        " {asking} is a client of {asked} and logs in there: servers have no account at their clients."
    ));
    finding.cause = None;
    finding.remedy = vec![format!("Let {asking} take {method} from {asked} without a challenge").into()];
    if facts::is_ping(attempt) && *method == Method::Options {
        finding.remedy.push("Or leave it so: any answer to OPTIONS tells that its sender can be reached".into());
    }
    finding.fault(Fault::Server)
}

/// The same where the one that is asked answers with an account: whoever registers is the client of the two.
fn is_own_registrar_asked(context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let (asked, asking) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    let of = |client, server| context.sources.get(PairKey { client, server });
    of(asking, asked).is_some_and(|pair| pair.is_registrar && pair.is_authenticated)
        && of(asked, asking).is_none_or(|pair| !pair.is_registrar && !pair.is_authenticated)
}

/// Says of refused credentials that a client asked its own server for them.
pub fn name_asker(session: &Session<'_>, context: &Context<'_>, finding: &mut Finding) {
    let attempt = finding.attempt.and_then(|index| session.attempts.get(index));
    let is_refusal = finding.severity >= Severity::High && finding.rule.group() == "SA2";
    let asked_back = |attempt: &&Attempt<'_>| {
        attempt.has_credentials()
            && attempt.transaction.method != Method::Register
            && attempt.is_own_hop()
            && is_own_registrar_asked(context, attempt)
    };
    let Some(attempt) = attempt.filter(|_| is_refusal).filter(asked_back) else { return };
    let (asked, asking) = (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
    let method = &attempt.transaction.method;
    finding.explanation.push_str(&format!(
        " {asking} is a client of {asked} and logs in there: servers have no account at their clients, and {asked} answers with what it has."
    ));
    for advice in &mut finding.remedy {
        *advice = advice.replace("on the client", &format!("on {asked}")).into();
    }
    finding.remedy.insert(
        0,
        format!("Let {asking} take {method} from {asked} without a challenge (Asterisk: identify with match; Kamailio and OpenSIPS: permissions)")
            .into(),
    );
    finding.fault = Fault::Server;
}

/// Whether the server names itself as one whose operators choose how it asks.
pub(super) fn can_choose(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let server = attempt.answer().and_then(|answer| answer.server);
    server.is_some_and(|server| session.text(server).starts_with(b"VOS3000"))
}

/// The advice to challenge in the other way, which some clients know better.
pub(super) fn advice_407(attempt: &Attempt<'_>, is_first: bool) -> String {
    let method = &attempt.transaction.method;
    let (start, who) =
        if is_first { ("A", "callers expect") } else { ("Where that is not it, a", "some callers know better") };
    format!("{start} {TRY_407}, which {who} for {method}, or both (VOS3000: SS_AUTHCHALLENGEMODE 2 or 3)")
}

const TRY_407: &str = "server that can choose may try 407";

/// What to look at where nothing shows that the client has an account.
pub(super) const CHECK_ACCOUNT: &str = "Check that user name, password and realm are set on the client";

/// Says of a call that was challenged with 407 that the same client answers the server's 401 to REGISTER: some clients know no other.
pub fn blame_kind(finding: &mut Finding, registered: &Ending) {
    let is_proxy = finding.evidence.iter().any(|evidence| evidence.header == "Proxy-Authenticate");
    let place = finding.remedy.iter().position(|advice| advice == CHECK_ACCOUNT);
    let Some(place) = place.filter(|_| is_proxy && finding.cause.is_none()) else { return };
    let frame = registered.at.number;
    finding.explanation.push_str(&format!(
        " The same client answered the server's 401 to REGISTER for this realm (frame {frame}): it has the account. It may not know 407, or not \
         use that account for calls."
    ));
    finding.cause = Some(Circumstance::ChallengeKind.name());
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.remedy.remove(place);
    finding.remedy.insert(
        place,
        "Let the client answer 407 to INVITE as it answers 401 to REGISTER: some know 401 alone, and some want the credentials for calls set \
         apart; else a server that can choose may answer 401 here"
            .into(),
    );
}

/// Says that the same client got in at that server with another realm: it has an account, and what it holds that for is the question. A
/// gateway may have done so as another user.
pub fn blame_realm(finding: &mut Finding, let_past: &Ending, gateway: Option<&[u8]>) {
    let is_open = finding.cause.is_none_or(|cause| cause == Circumstance::ChallengeKind.name());
    // An account that is set for this realm, or that is known to serve several callers, is another story.
    let Some(place) = finding.remedy.iter().position(|advice| advice == CHECK_ACCOUNT).filter(|_| is_open) else {
        return;
    };
    let (asked, known) = (facts::quoted(&finding.subject.realm), facts::quoted(&let_past.realm));
    let (method, frame) = (&let_past.method, let_past.at.number);
    finding.explanation.push_str(&match gateway {
        None => format!(
            " The same client got in at this server with realm {known} ({method}, frame {frame}): it has an account, and holds it for that realm."
        ),
        Some(user) => format!(
            " From the same address and port {} got in at this server with realm {known} ({method}, frame {frame}): where that is a gateway that \
             calls in the name of its callers, it has an account, and holds it for that realm.",
            facts::text(user)
        ),
    });
    finding.cause = Some(Circumstance::SecondRealm.name());
    match gateway {
        // Who calls as somebody else may as well have nothing.
        Some(_) => finding.confidence = finding.confidence.min(Confidence::Likely),
        None => {
            finding.remedy.remove(place);
            finding.remedy.retain(|advice| !advice.contains(TRY_407));
        }
    }
    let first = format!(
        "Let the client answer realm {asked} with that account, too (clients may bind their credentials to a realm), or let the server ask \
         for {known} here as it does for {method}"
    );
    finding.remedy.insert(0, first.into());
}
