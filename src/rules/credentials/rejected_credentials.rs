//! SA207: refused, and no password at hand to say whether rightly.

use std::time::Duration;

use crate::auth::Scheme;
use crate::auth::scheme::is_known_scheme;
use crate::base::FrameNumber;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials::username_not_aor;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::hop_facts;
use crate::rules::nonce_facts;
use crate::rules::relay_facts;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA207",
    name: "rejected-credentials",
    label: "credentials refused",
    severity: Severity::High,
    summary: "Well-formed credentials were refused, and could not be checked against the password",
    finds: "Credentials that answer the current challenge under the right header, refused with a challenge that is not stale, \
            where no secret was given or the digest could not be recomputed. It is medium \
            and possible where the nonce was issued before the capture, and low where the same account was accepted later under the \
            same Call-ID, 2 s behind the refusal or more, or where several new nonces were refused before.",
    matters: "A wrong password is one cause of this, not the only one. What the capture rules out is listed: that is what a ticket \
              to a carrier needs.",
    advice: "Give the password: then the digest is recomputed and the client or the server is cleared.",
    not_this: "With a secret it is digest-wrong-password or digest-ok-but-rejected. A stale or old nonce, a wrong realm or a wrong \
               header have rules of their own.",
    sources: &["RFC 3261 section 22.1", "RFC 7616 section 3.4"],
    sample: "register-refused-no-password",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let refused: Vec<_> = facts::presented(session).filter(|row| is_unexplained(session, row)).collect();
    // A nonce from before the capture may simply have been too old: those that answer a challenge seen here say more, and most those over a
    // nonce that had not been good before.
    let is_known =
        |presented: &Presented<'_>| facts::answers_known_challenge(context, presented) || presented.answers.is_some();
    let is_new = |(index, _, presented): &&Row<'_, '_>| !nonce_facts::was_good(session, context, *index, presented);
    let all_known = || refused.iter().filter(|(_, _, presented)| is_known(presented));
    let known = all_known().find(is_new).or(all_known().next());
    let Some((index, attempt, presented)) = known.or(refused.first()).copied() else {
        return made_good(session).into_iter().collect();
    };
    let was_good = nonce_facts::was_good(session, context, index, presented);
    let let_past = credentials_facts::let_past_before(session, index, presented);
    let is_open = session.is_left_open(index) && (was_good || index + 1 < session.attempts.len());
    let (severity, confidence) = match known.is_some() && !is_open {
        true => (Severity::High, Confidence::Likely),
        false => (Severity::Medium, Confidence::Possible),
    };
    let mut finding =
        Finding::new(&RULE, title(presented)).graded(severity, confidence).fault(Fault::Unknown).explained(format!(
            "The credentials in {} were answered with another {}, not stale.{}",
            credentials_facts::requests_text(&refused),
            attempt.status().unwrap_or_default(),
            match () {
                () if was_good => "",
                () if is_anonymous(presented) => ANONYMOUS,
                () => looks_the_same(presented, let_past.is_some()),
            }
        ));
    let has_nonce = presented.credentials.nonce().is_some_and(|nonce| !nonce.is_empty());
    if known.is_none() && has_nonce && facts::is_digest(presented) {
        finding.explanation.push_str(" Their nonce was issued before the capture, or never: it may have been too old.");
    }
    if was_good {
        finding = explain_good_before(session, finding, index, presented);
    } else if let Some(at) = let_past {
        finding = finding.excludes(format!("unknown account: it got in with credentials in frame {at}"));
    }
    if is_open {
        finding.explanation.push_str(&facts::ends_behind(attempt, context));
    }
    if is_anonymous(presented) && !was_good {
        finding = finding.fault(Fault::Client).advises(format!(
            "Give the client an account for realm {}: user name and password; Cisco: authentication or credentials with that realm",
            facts::quoted(&presented.realm())
        ));
    } else {
        finding = finding.advises(advice(presented));
    }
    finding = username_not_aor::advise(finding, session, attempt, presented);
    if let_past.is_none() && !was_good && facts::is_digest(presented) && !is_anonymous(presented) {
        finding = finding.advises(NO_ACCOUNT);
    }
    if was_good {
        finding = finding.advises(
            "Let the client try once more with the nonce that the refusal brings, and the server say stale=true",
        );
    }
    vec![credentials_facts::led_by(finding, session, (index, attempt, presented), &refused)]
}

/// Whose credentials were refused, or of which scheme they are, where that names nobody.
fn title(presented: &Presented<'_>) -> String {
    match presented.credentials.scheme {
        Scheme::Basic => "The Basic credentials were refused".to_owned(),
        // Another word may be anything, even a digest.
        Scheme::Other(name) if is_known_scheme(name) => format!("The {} credentials were refused", facts::text(name)),
        _ => {
            let user = facts::account(&presented.username(), &presented.realm());
            format!("The credentials of {user} were refused; {}", facts::unchecked(presented))
        }
    }
}

/// Whether they are of the user that stands for none (RFC 3261 §22.1).
fn is_anonymous(presented: &Presented<'_>) -> bool {
    presented.username().eq_ignore_ascii_case(b"anonymous")
}

const ANONYMOUS: &str = " The user anonymous is nobody's account: clients answer so where they have none for that realm, or as caller without a name.";

/// What tells more.
fn advice(presented: &Presented<'_>) -> &'static str {
    match (presented.credentials.scheme, presented.verdict()) {
        (Scheme::Basic, _) => "Compare the user name and the password on the client with those on the server",
        _ if facts::lacks_scheme(presented) => facts::NAME_SCHEME,
        (Scheme::Other(_), _) => "See in the server's log why it refuses them",
        (_, None) => {
            "Give the password (--user with --ask-password, or --credentials) to learn whether the digest is right"
        }
        (_, Some(_)) => "Give what is missing for the digest to be recomputed: then client or server is cleared",
    }
}

/// Who challenges users that do not exist refuses whatever they send.
pub const NO_ACCOUNT: &str = "See whether the server has this account at all: many challenge users that they do not know (Asterisk: pjsip show endpoints, and identify_by)";

/// Who sends at once what is accepted had to read a newer challenge first; who corrects a secret takes longer.
const CORRECTED_AFTER: Duration = Duration::from_secs(2);

/// Credentials that were refused although they answer the newest challenge, of a client that got in later: something was corrected.
fn made_good(session: &Session<'_>) -> Option<Finding> {
    let refused: Vec<_> = facts::presented(session)
        .filter(|(index, attempt, presented)| {
            presented.judgement == Judgement::Refused
                && matches!(presented.verdict(), None | Some(Verdict::Unverifiable(_)))
                && presented.credentials.scheme == Scheme::Digest
                && presented.answers.is_some_and(|at| at.is_same_realm)
                && facts::newer_challenge(session, *index, presented).is_none()
                && !nonce_facts::was_let_past(session, *index, presented)
                && !hop_facts::are_replaced(session, attempt, presented)
        })
        .collect();
    let (index, attempt, presented) = refused.last().copied()?;
    let refused_at = attempt.answer()?.time;
    let mut later = facts::presented(session).filter(|(later, _, _)| *later > index);
    let (_, accepted, _) = later.find(|(_, other, sent)| {
        sent.judgement == Judgement::Accepted
            && other.transaction.is_same_hop(attempt.transaction)
            && other.transaction.method == attempt.transaction.method
            && (sent.username(), sent.realm()) == (presented.username(), presented.realm())
    })?;
    let is_at_once = accepted.request()?.time.since(refused_at) < CORRECTED_AFTER;
    if is_at_once && !is_refused_over_and_over(session, &refused) {
        return None;
    }
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The credentials of {user} were refused before they were accepted"))
        .graded(Severity::Low, Confidence::Possible)
        .fault(Fault::Unknown)
        .explained(format!(
            "The credentials in {} were answered with another {}, not stale, and those in frame {} were accepted in frame {}: somebody may \
             have corrected the password in between, on the client or on the server.",
            credentials_facts::requests_text(&refused),
            attempt.status().unwrap_or_default(),
            accepted.request()?.at.number,
            accepted.answer()?.at.number,
        ))
        .advises("Nothing, where a password was corrected; else give it, to learn whether the digests that were refused were right");
    finding.attempt = Some(index);
    finding.subject = credentials_facts::subject(session, attempt, presented);
    finding.frames = facts::frames_of_all(refused.iter().map(|(_, attempt, _)| *attempt).chain([accepted]));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(finding)
}

/// Whether several new nonces in a row were answered at once, and refused: it was none of them.
fn is_refused_over_and_over(session: &Session<'_>, refused: &[Row<'_, '_>]) -> bool {
    let is_new = |row: &&Row<'_, '_>| nonce_facts::is_refused_while_new(session, row.0, row.2);
    refused.iter().filter(is_new).count() > 1
}

/// What else would be refused like a wrong password.
fn looks_the_same(presented: &Presented<'_>, is_known_account: bool) -> &'static str {
    if matches!(presented.credentials.scheme, Scheme::Other(name) if name.eq_ignore_ascii_case(b"Bearer")) {
        " The token may be wrong, too old, or meant for another server: it is not read here."
    } else if is_known_account {
        " A wrong password is one cause; one that was changed on the server meanwhile, or nodes that hold different secrets, look the same."
    } else {
        " A wrong password is one cause; a server that holds another secret, another form of the user name or an unknown account looks \
         the same."
    }
}

/// Whether credentials were refused for good, and nobody knows whether they are right.
fn is_unexplained(session: &Session<'_>, (index, attempt, presented): &Row<'_, '_>) -> bool {
    presented.judgement == Judgement::Refused
        && matches!(presented.verdict(), None | Some(Verdict::Unverifiable(_)))
        && !session.is_accepted_later(*index)
        && !hop_facts::are_replaced(session, attempt, presented)
}

/// The same account got in with the same nonce.
fn explain_good_before(
    session: &Session<'_>,
    mut finding: Finding,
    index: usize,
    presented: &Presented<'_>,
) -> Finding {
    finding.explanation.push_str(
        " Their nonce had been good before, for the same account: it may have become too old, and the server does not say so. A secret \
         that was changed in between looks the same.",
    );
    finding = finding.excludes("unknown account: it got in before with this nonce");
    match accepted_before(session, index, presented) {
        Some(at) => finding.excludes(format!("wrong password: the very same response was accepted in frame {at}")),
        None => finding,
    }
}

/// The frame in which the same response over the same nonce was accepted: it is the same digest of the same inputs.
fn accepted_before(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> Option<FrameNumber> {
    let response = presented.credentials.response()?;
    let is_same = |other: &Presented<'_>| {
        other.judgement == Judgement::Accepted
            && other.nonce == presented.nonce
            && other.credentials.response().is_some_and(|known| known == response)
    };
    let mut before = session.attempts.iter().enumerate().take(index).rev().take(BEFORE_MAX);
    let (_, attempt) = before.find(|(before, attempt)| {
        attempt.credentials.iter().any(is_same) && !relay_facts::is_on_hop_before(session, index, *before)
    })?;
    Some(attempt.request()?.at.number)
}

/// Attempts among which the same response is looked for. Bounds the search in endless sessions.
const BEFORE_MAX: usize = 64;
