//! Sessions that went by the book, as most do: a bare request is challenged, its client answers at once, is let past, and goes on with the
//! credentials that were. One look at each attempt is then enough, and the rules about deviations need not be asked one by one.

use crate::auth::Challenge;
use crate::auth::Credentials;
use crate::auth::Name;
use crate::auth::Params;
use crate::auth::Scheme;
use crate::digest::Verdict;
use crate::digest::verdict::Proof;
use crate::rules::Context;
use crate::rules::credentials_facts;
use crate::rules::nonce::stale_format;
use crate::rules::nonce_facts;
use crate::rules::transaction::cseq_not_incremented;
use crate::session::Attempt;
use crate::session::Exchange;
use crate::session::HeaderKind;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// Whether a session went by the book. False proves nothing.
pub(super) fn is_by_the_book(session: &Session<'_>, context: &Context<'_>) -> bool {
    !session.has_trouble
        && !session.is_one_way
        && context.lost.is_empty()
        && session.exchanges.iter().all(|exchange| is_exchange(session, exchange))
        && cseq_not_incremented::stray_cancel(session).is_none()
}

fn is_exchange(session: &Session<'_>, exchange: &Exchange) -> bool {
    let mut course = Course { session, before: None, asking: None, let_past: None };
    session.attempts_of(exchange).all(|attempt| course.takes(attempt))
}

/// How far an exchange has come.
struct Course<'s, 'run> {
    session: &'s Session<'run>,
    /// The attempt before.
    before: Option<&'s Attempt<'run>>,
    /// The newest challenge.
    asking: Option<(&'s Attempt<'run>, &'s Offered<'run>)>,
    /// The credentials that answered it last.
    let_past: Option<&'s Presented<'run>>,
}

impl<'s, 'run> Course<'s, 'run> {
    /// Goes on by one attempt. Gives whether that is the next step.
    fn takes(&mut self, attempt: &'s Attempt<'run>) -> bool {
        let is_asked = self.before.is_some_and(Attempt::is_challenged);
        let is_next = is_whole(attempt)
            && self.before.is_none_or(|before| follows(before, attempt))
            && match (attempt.credentials.as_slice(), attempt.challenges.as_slice()) {
                ([], []) => !is_asked && !attempt.is_challenged(),
                ([], [offered]) => {
                    (self.asking, self.let_past) = (Some((attempt, offered)), None);
                    !is_asked && is_challenge(attempt, offered)
                }
                ([presented], []) => {
                    let before = self.let_past.replace(presented);
                    self.asking.is_some_and(|asking| self.is_answer(attempt, presented, asking, before))
                }
                _ => false,
            };
        self.before = Some(attempt);
        is_next
    }

    /// Whether credentials answer the newest challenge in all that it asks for, and were let past.
    fn is_answer(
        &self,
        attempt: &Attempt<'_>,
        presented: &Presented<'_>,
        (asking, offered): (&Attempt<'_>, &Offered<'_>),
        before: Option<&Presented<'_>>,
    ) -> bool {
        let Some((challenged, _)) =
            presented.answers.filter(|at| at.is_same_realm).and_then(|at| self.session.challenge(at))
        else {
            return false;
        };
        let credentials = &presented.credentials;
        std::ptr::eq(challenged, asking)
            && presented.is_attempt
            && credentials.scheme == Scheme::Digest
            && credentials.defects().is_empty()
            && matches!(presented.verdict(), None | Some(Verdict::Match))
            && presented.row.others.is_empty()
            && presented.header == offered.header
            && attempt.transaction.forwarded_from().is_none()
            && attempt.transaction.transport == asking.transaction.transport
            && has_terms(credentials, &offered.challenge)
            && is_counted(presented, before)
            && (before.is_some() || is_prompt(self.session, attempt, presented))
            && attempt.ack_credentials.iter().all(|copy| copy.nonce_count == presented.nonce_count)
            && attempt.request().is_some_and(|request| {
                (request.to_tag.is_none() || asking.is_in_dialog())
                    && is_for(credentials, self.session.text(request.uri))
            })
            && !credentials_facts::repeats_branch(self.session, attempt, presented)
    }
}

/// Whether request and answer were captured whole, and nobody changed what was asked for.
fn is_whole(attempt: &Attempt<'_>) -> bool {
    let is_proven = |proof: Option<Proof>| !matches!(proof, Some(Proof::Mismatch { .. }));
    !attempt.is_sent_again
        && attempt.request().is_some_and(|request| request.has_all_headers && !request.is_ambiguous)
        && attempt.transaction.ack().is_none_or(|ack| ack.difference.is_none())
        && attempt.answer().is_some_and(|answer| {
            // Who repeats an answer over and over misses its ACK.
            answer.repeats() <= 1
                && answer.has_all_headers
                && !answer.is_ambiguous
                && answer.infos().iter().all(|info| is_proven(info.proof))
        })
}

/// Whether a request was sent when the one before had its answer, and with a higher number.
fn follows(before: &Attempt<'_>, attempt: &Attempt<'_>) -> bool {
    let numbers = before.transaction.cseq.zip(attempt.transaction.cseq);
    let times = before.answer().zip(attempt.request());
    numbers.is_some_and(|(one, other)| one < other)
        && times.is_some_and(|(answer, request)| answer.time <= request.time)
}

/// Whether an answer asks for credentials in the form that is usual for its method.
fn is_challenge(attempt: &Attempt<'_>, offered: &Offered<'_>) -> bool {
    let transaction = attempt.transaction;
    let (status, header) = match transaction.method {
        Method::Register => (401, HeaderKind::Www),
        _ => (407, HeaderKind::Proxy),
    };
    let is_acknowledged = match transaction.ack() {
        Some(ack) => ack.difference.is_none() && ack.credentials.is_empty(),
        None => transaction.method != Method::Invite,
    };
    attempt.status() == Some(status)
        && offered.header == header
        && offered.challenge.scheme == Scheme::Digest
        && offered.challenge.defects().is_empty()
        && offered.challenge.malformation().is_none()
        && !stale_format::is_odd(offered)
        && is_acknowledged
        && transaction.forwarded_from().is_none()
        && attempt.answer().is_some_and(|answer| answer.challenges.len() == 1 && answer.security_server().is_none())
}

fn raw<'a>(params: &Params<'a>, name: Name) -> Option<&'a [u8]> {
    params.get(name).map(|param| param.raw)
}

/// Whether credentials take up the algorithm, the opaque text and a qop of their challenge, letter by letter.
fn has_terms(sent: &Credentials<'_>, asked: &Challenge<'_>) -> bool {
    let [sent_opaque, asked_opaque] = [&sent.params, &asked.params].map(|params| raw(params, Name::Opaque));
    let [sent_qop, asked_qop] = [&sent.params, &asked.params].map(|params| raw(params, Name::Qop).unwrap_or_default());
    let is_same_algorithm = match (raw(&sent.params, Name::Algorithm), raw(&asked.params, Name::Algorithm)) {
        (Some(sent), Some(asked)) => sent == asked,
        _ => sent.algorithm() == asked.algorithm(),
    };
    let is_offered = match sent_qop.is_empty() {
        true => asked_qop.is_empty(),
        false => asked_qop.split(|byte| *byte == b',').any(|qop| qop.trim_ascii() == sent_qop),
    };
    is_same_algorithm
        && is_offered
        && asked_opaque.is_none_or(|opaque| opaque.is_empty() || sent_opaque == Some(opaque))
}

/// Whether the nonce count is one higher than before, or the first.
fn is_counted(presented: &Presented<'_>, before: Option<&Presented<'_>>) -> bool {
    let expected = match before {
        Some(before) => before.nonce_count.map(|count| count.saturating_add(1)),
        None => Some(1),
    };
    presented.nonce_count == expected
        || presented.nonce_count.is_none() && before.is_none_or(|before| before.nonce_count.is_none())
}

/// Whether a nonce was used as soon as clients do that ask nobody.
fn is_prompt(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    nonce_facts::wait(session, attempt, presented).is_some_and(|wait| wait <= nonce_facts::ANSWER_PROMPTLY)
}

/// Whether credentials are an account's, and for this very request.
fn is_for(credentials: &Credentials<'_>, request_uri: &[u8]) -> bool {
    let is_anonymous = credentials.username().is_some_and(|user| user.eq_ignore_ascii_case(b"anonymous"));
    credentials.uri().as_deref() == Some(request_uri) && credentials.params.get(Name::Auts).is_none() && !is_anonymous
}
