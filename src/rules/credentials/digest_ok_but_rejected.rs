//! SA203: the digest is right, the nonce is current, and the server refuses all the same.

mod refusals;

use crate::auth::Algorithm;
use crate::base::FrameNumber;
use crate::base::FrameRef;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::credentials::auth_param_quoting;
use crate::rules::credentials::digest_ok_but_rejected::refusals::MADE_GOOD;
use crate::rules::credentials::digest_ok_but_rejected::refusals::MADE_GOOD_WITHIN;
use crate::rules::credentials::digest_ok_but_rejected::refusals::Refusals;
use crate::rules::credentials::digest_ok_but_rejected::refusals::is_made_good;
use crate::rules::credentials::digest_ok_but_rejected::refusals::taken_soon;
use crate::rules::credentials::qop_params_missing;
use crate::rules::credentials::rejected_credentials::NO_ACCOUNT;
use crate::rules::credentials::username_not_aor;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::hop_facts;
use crate::rules::nonce::nc_repeated;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::NonceId;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA203",
    name: "digest-ok-but-rejected",
    label: "right digest refused",
    severity: Severity::High,
    summary: "The digest fits the password given and answers the current nonce, and is refused",
    finds: "Credentials whose response equals the recomputed one, that answer the newest challenge under the right header, and that \
            are challenged again without stale. Needs a secret. Where each nonce had ended by what it says itself, the cause is expired; \
            where the same secret got in later, it is info, and medium where several new nonces were refused before: then the account was \
            corrected on the server.",
    matters: "The client did its part. The server holds another secret or another form of the user name, checks an identity, or \
              another node answered than the one that challenged.",
    advice: "Look at the server's stored secret (HA1 is bound to user name and realm), its identity rules, and whether challenge \
             and answer reach the same node.",
    not_this: "An old nonce, a repeated nonce count, a wrong realm or header, an opaque that is not returned and upper-case \
               digits have rules of their own.",
    sources: &["RFC 3261 section 22.1", "RFC 7616 section 3.4"],
    sample: "register-right-digest-refused",
    check: Check::Trouble(check),
};

/// What to do where nothing shows that the server knows the secret.
const COMPARE_SECRET: &str = "Compare the secret that the server has stored: an HA1 made for another realm or another form of the user name never fits";

/// The same where what is refused is no REGISTER: then an account that registers shows that it is not the secret.
const COMPARE_SECRET_HERE: &str = "Compare the secret that the server has stored: an HA1 made for another realm or another form of the user name never fits here";

/// Puts other advice in the place of the one about the secret, where the server knows it, for it accepted that account in another frame.
/// `asked_here` is what to look at where what is refused is no REGISTER.
pub fn settle_secret(finding: &mut Finding, accepted: Option<FrameRef>, asked_here: Option<&str>) {
    let Some(advice) =
        finding.remedy.iter_mut().find(|advice| [COMPARE_SECRET, COMPARE_SECRET_HERE].contains(&&***advice))
    else {
        return;
    };
    let asked_here = asked_here.filter(|_| *advice == COMPARE_SECRET_HERE);
    *advice = match (asked_here, accepted) {
        (Some(asked), _) => asked.to_owned().into(),
        (None, Some(accepted)) => format!(
            "Compare this request with the one in frame {}, which the server accepted from the same account",
            accepted.number
        )
        .into(),
        (None, None) => COMPARE_SECRET.into(),
    };
    if accepted.is_some() {
        finding.remedy.retain(|advice| advice != NO_ACCOUNT);
    }
}

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let refused: Vec<_> =
        facts::presented(session).filter(|row| is_refused_unexplained(session, context, row)).collect();
    let Some((index, attempt, presented)) = refused.first().copied() else { return Vec::new() };
    let requests: Vec<_> =
        refused.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The digest of {user} is right, and the server refuses it"))
        .graded(Severity::High, Confidence::Likely)
        .fault(Fault::Server)
        .explained(format!(
            "The response in {} is the one that the secret from {} gives, and it answers the newest nonce. The server challenged again \
             without calling the nonce stale.",
            facts::frames_text(&requests),
            facts::source(presented)
        ))
        .excludes("wrong password on the client: the digest fits the one given here");
    let differences = differences_that_matter(session, index, attempt, presented);
    if other_uri(session, attempt, presented).is_some_and(|other| differences.contains(&other)) {
        finding = finding.advises(MEND_URI);
    }
    if differences.iter().any(|difference| difference == ALGORITHM_LEFT_OUT) {
        finding = finding.advises(WRITE_ALGORITHM);
    }
    if qop_params_missing::left_without_qop(presented).is_some_and(|odd| differences.contains(&odd)) {
        finding = finding.advises(qop_params_missing::ALL_OR_NONE);
    }
    if auth_param_quoting::oddities_of(presented).is_some_and(|odd| differences.contains(&odd)) {
        finding = finding.advises(auth_param_quoting::QUOTE_RIGHTLY);
    }
    if !differences.is_empty() {
        finding.fault = Fault::Client;
        finding.confidence = Confidence::Possible;
        finding.explanation.push_str(&format!(
            " The credentials differ from the challenge all the same, and the server may insist: {}.",
            differences.join("; ")
        ));
    }
    finding = weigh_copies(finding, &refused);
    finding = weigh_branches(finding, session, attempt, presented);
    let is_expired =
        refused.iter().all(|(_, attempt, presented)| nonce_facts::expired(context, attempt, presented).is_some());
    let is_made_good = refused.iter().all(|(index, _, presented)| is_made_good(session, *index, presented));
    let refusals = Refusals { session, context, rows: &refused, is_made_good };
    finding = if is_expired { refusals.blame_age(finding) } else { refusals.weigh_age(finding) };
    if is_altered_behind(session, attempt, presented) {
        finding.fault = Fault::Path;
        finding.explanation.push_str(" On the next hop the digest no longer fits: the request was changed on the way.");
        finding = finding
            .advises("Find the device between the two hops that rewrites the request, and switch its SIP ALG off");
    }
    if let Some(taken) = refusals.other_algorithm() {
        finding = finding.advises(format!("Let the server offer {taken} alone, or first, until it can check the other algorithm: an HA1 that it has stored is good for one of them"));
    } else if is_made_good && is_expired {
        finding = finding.advises(MADE_GOOD);
    } else if !is_made_good && !is_expired {
        finding = refusals.advise(finding);
    }
    if !is_made_good && !is_expired && differences.is_empty() && is_other_account(session, attempt, presented) {
        finding = blame_identity(finding, session, attempt, presented);
    }
    finding.attempt = facts::lead(session, refused.iter().map(|(index, _, _)| *index));
    finding.subject = credentials_facts::subject(session, attempt, presented);
    finding.frames = facts::frames_of_all(refused.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}

/// Whether a right digest was refused, and nothing else of the credentials tells why.
fn is_refused_unexplained(
    session: &Session<'_>,
    context: &Context<'_>,
    (index, attempt, presented): &Row<'_, '_>,
) -> bool {
    presented.verdict() == Some(Verdict::Match)
        && presented.judgement == Judgement::Refused
        && !attempt.challenges.is_empty()
        && facts::answers_known_challenge(context, presented)
        && answer_facts::wrong_header(session, attempt, presented).is_none()
        && facts::ignored_challenge(session, context, *index, presented).is_none()
        && facts::same_nonce_count(session, *index, presented).is_none()
        && !nonce_facts::repeats_count_of_other_call(session, context, attempt, presented)
        && nc_repeated::repeats_count_anew(session, context, (*index, *attempt, *presented)).is_none()
        && !facts::has_uppercase_response(presented)
        && !credentials_facts::differs_in_opaque(session, presented)
        && !hop_facts::are_replaced(session, attempt, presented)
}

/// Over a stream nothing gets lost that is to be sent again: a server may take the copy for a replay, or for a request that it has.
fn weigh_copies(mut finding: Finding, refused: &[Row<'_, '_>]) -> Finding {
    let is_doubled = |attempt: &Attempt<'_>| {
        attempt.transaction.transport.is_reliable()
            && attempt.transaction.retransmissions() > 0
            && attempt.answer().is_some_and(|answer| attempt.transaction.last_sent() < answer.time)
    };
    let doubled = refused.iter().map(|(_, attempt, _)| *attempt).filter(|attempt| is_doubled(attempt));
    let Some(copy) = doubled.clone().next().and_then(|attempt| attempt.transaction.resent().next()) else {
        return finding;
    };
    if doubled.count() < refused.len() {
        return finding;
    }
    finding.explanation.push_str(&format!(
        " The client sent the request again, in frame {}, before it had an answer: over a stream it must not (RFC 3261 section 17.1.2.2), and a server \
         that counts nonces takes the copy for a replay.",
        copy.number
    ));
    finding.confidence = Confidence::Possible;
    finding
        .fault(Fault::Client)
        .advises("Let the client send each request once over TCP and TLS, and wait for the answer")
}

/// A second challenge of the realm that was left without an answer may be that of another server.
fn weigh_branches(
    mut finding: Finding,
    session: &Session<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Finding {
    let Some(at) = unanswered_beside(session, attempt, presented) else { return finding };
    finding.explanation.push_str(&format!(
        " The answer in frame {at} held two challenges for that realm, and one of them got no answer: where it is of another branch of a \
         forking proxy, it is that one which asks again."
    ));
    finding.confidence = Confidence::Possible;
    finding
        .fault(Fault::Unknown)
        .advises("Let the client answer each challenge of a response that has a nonce of its own")
}

/// The frame of the answer that held a second challenge of the same realm and algorithm, with a nonce that the request does not use (RFC
/// 3261 §22.3).
fn unanswered_beside(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<FrameNumber> {
    let (asking, answered) = session.challenge(presented.answers?)?;
    let is_used = |nonce: NonceId| attempt.credentials.iter().any(|sent| sent.nonce == Some(nonce));
    let mut others = asking.challenges.iter().filter(|other| {
        other.header == answered.header
            && other.realm() == answered.realm()
            && other.challenge.algorithm() == answered.challenge.algorithm()
    });
    others.find(|other| other.nonce.is_some_and(|nonce| !is_used(nonce)))?;
    Some(asking.answer()?.at.number)
}

/// Whether the user name is not that of the address, and the server never took the one for the other. Calls of a trunk have the caller's
/// address, which is a number.
fn is_other_account(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_same = |other: &Presented<'_>| other.username() == presented.username() && other.judgement.is_let_past();
    let mut let_past = session.lookup().let_past_from(0).iter().take(MADE_GOOD_WITHIN);
    let is_number = |user: &[u8]| user.iter().all(|byte| byte.is_ascii_digit() || *byte == b'+');
    let is_caller = || attempt.from().is_some_and(|from| is_number(Uri::user_of(session.text(from))));
    (attempt.transaction.method == Method::Register || !is_caller())
        && username_not_aor::is_other(session, attempt, presented)
        && !let_past
            .any(|index| session.attempts.get(*index).is_some_and(|other| other.credentials.iter().any(is_same)))
}

/// A user name that is not the address's: servers that tie the two together refuse that with another challenge, too.
fn blame_identity(
    mut finding: Finding,
    session: &Session<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Finding {
    let user = facts::quoted(&presented.username());
    let address = facts::quoted(username_not_aor::address(session, attempt).unwrap_or_default());
    finding.explanation.push_str(&format!(
        " The user name {user} is not that of the address {address}: a server that allows no such thing refuses a right digest as well."
    ));
    finding.remedy.insert(
        0,
        format!("See on the server whether {user} may use {address}, and correct the one that is wrong").into(),
    );
    // Who calls as whom may be set on the client as well, which has several accounts perhaps.
    if attempt.transaction.method == Method::Register {
        return finding.fault(Fault::Operator);
    }
    finding.remedy.insert(
        1,
        format!(
            "See whether the client has an account for {address}, and answers the {} with another one",
            attempt.transaction.method
        )
        .into(),
    );
    finding.fault(Fault::Unknown)
}

/// Whether the same request, seen on its next hop, carries credentials of that realm that do not fit.
fn is_altered_behind(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_next = |later: &&Attempt<'_>| later.transaction.forwarded_from() == Some(attempt.transaction_index);
    let mut rows = session.attempts.iter().filter(is_next).flat_map(|later| &later.credentials);
    rows.any(|row| row.realm() == presented.realm() && row.is_wrong())
}

const MEND_URI: &str = "Let the client hash and send the Request-URI as it reaches the server: the same host in its account and in the request, and no \
     device between them that rewrites the request line";

/// RFC 7616 §3.4.6: servers check that the uri is that of the request.
fn other_uri(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<String> {
    // Behind a proxy the Request-URI is no longer the one that the client knew.
    let request = attempt.request().filter(|request| request.via_count <= 1)?;
    let asked = session.text(request.uri);
    let uri = presented.credentials.uri()?;
    let differs = Uri::parse(&uri).first_difference(&Uri::parse(asked)).is_some();
    differs.then(|| format!("uri {}, for the Request-URI {}", facts::quoted(&uri), facts::quoted(asked)))
}

/// Where refused credentials follow neither their challenge nor their request. What was taken in the end keeps nobody out.
fn differences_that_matter(
    session: &Session<'_>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Vec<String> {
    let mut differences = all_differences(session, attempt, presented);
    if let Some((taken_in, taken)) = taken_soon(session, index, presented) {
        let taken = all_differences(session, taken_in, taken);
        differences.retain(|difference| !taken.contains(difference));
    }
    differences
}

/// Where credentials follow neither their challenge nor their request, although the digest over them is right.
fn all_differences(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Vec<String> {
    let of_challenge = session.challenge_of(presented).map(|offered| differences(presented, offered));
    let algorithm = credentials_facts::drops_algorithm(session, presented).then(|| ALGORITHM_LEFT_OUT.to_owned());
    let all = of_challenge.unwrap_or_default().into_iter().chain(algorithm);
    all.chain(other_uri(session, attempt, presented)).collect()
}

const ALGORITHM_LEFT_OUT: &str =
    "no algorithm, although the challenge names one; that means MD5, and some servers want it in writing";

const WRITE_ALGORITHM: &str = "Let the client write the algorithm of the challenge into its credentials";

/// Where credentials do not follow their challenge.
fn differences(presented: &Presented<'_>, offered: &Offered<'_>) -> Vec<String> {
    let (sent, asked) = (&presented.credentials, &offered.challenge);
    let mut differences = Vec::new();
    let name = |algorithm: Algorithm<'_>| algorithm.name().unwrap_or("an unknown algorithm").to_owned();
    if name(sent.algorithm()) != name(asked.algorithm()) {
        differences.push(format!("algorithm {}, offered {}", name(sent.algorithm()), name(asked.algorithm())));
    }
    let (qop, offers) = (sent.qop(), asked.qop());
    match qop {
        None if !offers.is_empty() => differences.push("no qop, although the challenge offers one".to_owned()),
        Some(qop) if !offers.iter().any(|offer| offer.name() == qop.name()) => {
            differences.push(format!("qop {}, which the challenge does not offer", facts::text(qop.name())));
        }
        _ => {}
    }
    if sent.username().is_none() && sent.username_star().is_some() {
        differences.push("the user name as username*, which servers older than RFC 7616 do not read".to_owned());
    }
    if sent.userhash() && !asked.userhash() {
        differences.push("a hashed user name, which the challenge does not offer".to_owned());
    }
    if sent.nonce_count().is_some_and(|count| count.value.is_none()) {
        differences.push("the nonce count is not eight hex digits".to_owned());
    }
    differences.extend(qop_params_missing::left_without_qop(presented));
    differences.extend(auth_param_quoting::oddities_of(presented));
    differences
}
