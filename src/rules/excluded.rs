//! What the capture rules out: for whoever writes a ticket without knowing the password, the most useful lines of a finding.
//!
//! Each line holds for all credentials that the finding speaks of and the server turned down.

use std::borrow::Cow;

use crate::auth::Name;
use crate::digest::Verdict;
use crate::history::nonce::Nonce;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::AlgorithmFit;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::nonce::nc_repeated;
use crate::rules::nonce_facts;
use crate::rules::server_words;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;

/// The rules that leave the cause open, or find it in a secret: they list what is right whatever their severity.
pub(super) static LISTED: &[&str] = &[
    "challenge-loop",
    "digest-ok-but-rejected",
    "digest-wrong-password",
    "forbidden-after-credentials",
    "rejected-credentials",
];

/// A cause of refusals that a capture can rule out.
struct Cause {
    is_ruled_out: fn(&Session<'_>, &Row<'_, '_>) -> bool,
    text: fn(&Session<'_>, &Row<'_, '_>) -> Cow<'static, str>,
}

/// In the order in which an engineer asks. What stands before the colon names the cause.
static CAUSES: &[Cause] = &[
    Cause {
        is_ruled_out: |_, (_, _, presented)| presented.verdict() == Some(Verdict::Match),
        text: |_, _| "wrong password: the digest fits the one given".into(),
    },
    Cause {
        is_ruled_out: |_, (_, _, presented)| {
            presented.answers.is_some_and(|at| at.is_same_realm) && !is_torn(presented, Name::Realm)
        },
        text: |_, (_, _, presented)| {
            format!("wrong realm: {} is the realm of the challenge", facts::quoted(&presented.realm())).into()
        },
    },
    Cause {
        is_ruled_out: has_newest_nonce,
        text: |_, _| "old nonce: the credentials answer the newest challenge, and it was not called stale".into(),
    },
    Cause {
        is_ruled_out: |session, row| challenge(session, row).is_some_and(|(_, offered)| offered.header == row.2.header),
        text: |session, row| {
            let asked =
                challenge(session, row).map_or("the challenge", |(_, offered)| offered.header.challenge_header());
            format!("wrong header: {} answers {asked}", row.2.header.credentials_header()).into()
        },
    },
    Cause {
        is_ruled_out: |session, (_, _, presented)| {
            credentials_facts::algorithm_fit(session, presented) == Some(AlgorithmFit::Same)
                && !credentials_facts::drops_algorithm(session, presented)
                && !is_torn(presented, Name::Algorithm)
        },
        text: |_, _| "wrong algorithm: it is the one of the challenge".into(),
    },
    Cause { is_ruled_out: has_offered_qop, text: |_, _| "wrong qop: it is one that the challenge offers".into() },
    Cause {
        is_ruled_out: |session, row| {
            challenge(session, row).is_some()
                && !credentials_facts::differs_in_opaque(session, row.2)
                && !is_torn(row.2, Name::Opaque)
        },
        text: |session, row| {
            let opaque = challenge(session, row).and_then(|(_, offered)| offered.challenge.opaque());
            match opaque.filter(|opaque| !opaque.is_empty()) {
                Some(_) => "wrong opaque: it is that of the challenge".into(),
                None => "wrong opaque: the challenge has none".into(),
            }
        },
    },
    Cause {
        // Servers compare it with other addresses, too.
        is_ruled_out: |session, row| has_request_uri(session, row) && !server_words::blame_uri(session, row.1),
        text: |_, _| "wrong uri: it equals the Request-URI".into(),
    },
    Cause {
        is_ruled_out: |session, (index, _, presented)| {
            let count = presented.credentials.nonce_count().and_then(|count| count.value);
            let uses = presented.nonce.map(|nonce| session.lookup().counted(nonce, count));
            // The server may have seen a copy first, and lost its answer.
            let was_sent_once =
                session.attempts.get(*index).is_some_and(|attempt| attempt.transaction.retransmissions() == 0);
            was_sent_once && count.is_some() && uses.is_some_and(|uses| uses.first() == Some(index))
        },
        text: |_, _| "repeated nonce count: this one was not used before with this nonce in this Call-ID".into(),
    },
    Cause {
        is_ruled_out: |_, (_, _, presented)| {
            presented.credentials.nonce_count().and_then(|count| count.value).is_some_and(|count| count > 0)
        },
        text: |_, _| "malformed nonce count: it is eight hex digits".into(),
    },
    Cause {
        is_ruled_out: has_whole_response,
        text: |_, (_, _, presented)| {
            let digits = credentials_facts::response_digits(presented).unwrap_or_default();
            format!("malformed response: it is {digits} hex digits in lower case").into()
        },
    },
    Cause {
        is_ruled_out: |session, row| {
            challenge(session, row).is_some_and(|(asking, _)| {
                asking.transaction.flow() == row.1.transaction.flow()
                    && asking.transaction.transport == row.1.transaction.transport
            })
        },
        text: |_, (_, attempt, _)| {
            let transport = attempt.transaction.transport.name();
            format!("changed transport or address: challenge and answer went over {transport} between the same ports")
                .into()
        },
    },
    Cause {
        is_ruled_out: |session, row| {
            let asking = credentials_facts::challenged_before(session, row.1, row.2);
            let numbers = asking.and_then(|asking| asking.transaction.cseq.zip(row.1.transaction.cseq));
            numbers.is_some_and(|(asked, sent)| sent > asked)
        },
        text: |_, _| "CSeq not raised: it is above that of the challenged request".into(),
    },
    Cause {
        is_ruled_out: |session, row| {
            let asking = credentials_facts::challenged_before(session, row.1, row.2);
            let asked = asking.and_then(|asking| credentials_facts::branch(session, asking));
            let sent = credentials_facts::branch(session, row.1);
            asked.zip(sent).is_some_and(|(asked, sent)| asked != sent)
        },
        text: |_, _| "reused branch: it is not that of the challenged request".into(),
    },
];

/// Adds to the findings that need it what the capture rules out.
pub fn complete(session: &Session<'_>, context: &Context<'_>, findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| {
        finding.attempt.is_some() && (finding.severity >= Severity::High || LISTED.contains(&finding.rule.name))
    }) {
        let rows = turned_down(session, finding);
        if rows.is_empty() {
            continue;
        }
        for cause in CAUSES {
            let is_ruled_out = rows.iter().all(|row| (cause.is_ruled_out)(session, row));
            let Some(first) = rows.first().filter(|_| is_ruled_out) else { continue };
            let text = (cause.text)(session, first);
            let name = text.split(':').next().unwrap_or_default();
            // It was called nothing, and had ended all the same.
            if finding.cause == Some("expired") && name == "old nonce" {
                continue;
            }
            let is_used_elsewhere = || {
                finding.rule.name == nc_repeated::RULE.name
                    || rows.iter().any(|row| is_used_elsewhere(session, context, row))
            };
            if name == "repeated nonce count" && is_used_elsewhere() {
                continue;
            }
            if !finding.excluded.iter().any(|known| known.starts_with(name)) {
                finding.excluded.push(text);
            }
        }
    }
}

/// Whether a count that is new in its session was used before: by an earlier session of the Call-ID, or by the client in another one.
fn is_used_elsewhere(session: &Session<'_>, context: &Context<'_>, row: &Row<'_, '_>) -> bool {
    let (_, attempt, presented) = row;
    let nonce = presented.nonce.and_then(|id| Some((id, context.nonces.get(id)?)));
    let is_repeat = |nonce: &Nonce| {
        nonce.repeated().is_some_and(|repeat| attempt.request().is_some_and(|request| request.at == repeat.at))
    };
    // A count above all others is new, whoever used the nonce.
    let may_be_earlier =
        |nonce: &Nonce| presented.nonce_count.is_some_and(|count| count <= 1 || count < nonce.highest_count());
    let is_of_earlier = |id, nonce: &Nonce| {
        !nonce.is_shared && may_be_earlier(nonce) && u64::from(nonce.uses) > session.lookup().uses(id)
    };
    nonce.is_some_and(|(id, nonce)| is_repeat(nonce) || is_of_earlier(id, nonce))
        || nonce_facts::repeats_count_of_other_call(session, context, attempt, presented)
}

/// The credentials in the finding's frames that were answered, and are not seen to have been let past.
fn turned_down<'s, 'run>(session: &'s Session<'run>, finding: &Finding) -> Vec<Row<'s, 'run>> {
    let mut frames = finding.frames.clone();
    frames.sort_unstable();
    credentials_facts::rows(session, |(_, attempt, presented)| {
        let is_answered = presented.judgement != Judgement::None;
        is_answered
            && !presented.judgement.is_let_past()
            && attempt.request().is_some_and(|request| frames.binary_search(&request.at).is_ok())
    })
}

/// The challenge that credentials answer under its own realm, and the attempt that was challenged.
fn challenge<'s, 'run>(
    session: &'s Session<'run>,
    (_, _, presented): &Row<'_, '_>,
) -> Option<(&'s Attempt<'run>, &'s Offered<'run>)> {
    session.challenge(presented.answers.filter(|at| at.is_same_realm)?)
}

/// Whether quotes round a value are such that a server may read another one.
fn is_torn(presented: &Presented<'_>, name: Name) -> bool {
    presented.credentials.params.is_torn(name, &presented.row.value)
}

fn has_newest_nonce(session: &Session<'_>, row: &Row<'_, '_>) -> bool {
    let (index, _, presented) = row;
    // A nonce that was good before may have become too old, and not every server calls that stale.
    presented.judgement != Judgement::Stale
        && !is_torn(presented, Name::Nonce)
        && !nonce_facts::was_let_past(session, *index, presented)
        && challenge(session, row).is_some()
        && facts::newer_challenge(session, *index, presented).is_none()
}

fn has_offered_qop(session: &Session<'_>, row: &Row<'_, '_>) -> bool {
    challenge(session, row).is_some()
        && !is_torn(row.2, Name::Qop)
        && !credentials_facts::drops_qop(session, row.2)
        && credentials_facts::qop_not_offered(session, row.2).is_none()
        && credentials_facts::misplaced_qop_params(row.2).is_none()
}

fn has_request_uri(session: &Session<'_>, (_, attempt, presented): &Row<'_, '_>) -> bool {
    credentials_facts::uri_defect(presented).is_none()
        && !is_torn(presented, Name::Uri)
        && attempt
            .request()
            .is_some_and(|request| presented.credentials.uri().as_deref() == Some(session.text(request.uri)))
}

fn has_whole_response(_: &Session<'_>, (_, _, presented): &Row<'_, '_>) -> bool {
    let digits = credentials_facts::response_digits(presented);
    presented.credentials.response().is_some_and(|response| {
        Some(response.len()) == digits
            && response.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
    })
}
