//! What several rules ask of a session. Facts, no findings.

use std::time::Duration;

use crate::auth::Scheme;
use crate::base::FrameRef;
use crate::base::Untrusted;
use crate::base::limits::beginning;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::base::without_secrets;
use crate::digest::Verdict;
use crate::history::AccountKey;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Finding;
use crate::rules::Subject;
use crate::rules::answer_facts;
use crate::rules::recovery;
use crate::rules::said;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Judgement;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// How long a client may take to answer a challenge before it counts as unanswered: as long as its server may take for the request.
pub const ANSWER_WITHIN: Duration = TRANSACTION_TIMEOUT;

/// Wire bytes as text for a finding; sinks escape it again. Of what is too long to be read, the beginning.
pub fn text(bytes: &[u8]) -> String {
    let shown = beginning(bytes);
    if shown.len() == bytes.len() {
        return Untrusted(bytes).to_text();
    }
    // A password whose end is cut off is not known for one.
    let safe = without_secrets(bytes);
    Untrusted(beginning(&safe)).to_text() + "…"
}

/// Why credentials have no verdict, behind an "and": nobody gave the password, something else is missing, or they are no digest.
pub fn unchecked(presented: &Presented<'_>) -> String {
    match presented.verdict() {
        _ if lacks_scheme(presented) => "they name no scheme".to_owned(),
        _ if !is_digest(presented) => "only digests can be checked".to_owned(),
        Some(Verdict::Unverifiable(reason)) => format!("the digest could not be recomputed: {reason}"),
        _ => "the password was not given to check them".to_owned(),
    }
}

/// Whether credentials are of the scheme Digest: of all others, no password tells whether they are right.
pub fn is_digest(presented: &Presented<'_>) -> bool {
    presented.credentials.scheme == Scheme::Digest
}

/// Whether credentials begin without the word that says what they are.
pub fn lacks_scheme(presented: &Presented<'_>) -> bool {
    presented.credentials.scheme_raw.is_empty()
}

/// What is advised then.
pub const NAME_SCHEME: &str = "Let the client begin the header with the word Digest (RFC 3261 section 25.1)";

/// Wire bytes as text between quotes.
pub fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", text(bytes))
}

/// `user@realm`, or what of it is known. A user name that has a domain of its own stands in quotes: it is another one than the same
/// without it.
pub fn account(user: &[u8], realm: &[u8]) -> String {
    match (user.is_empty(), realm.is_empty()) {
        (false, false) if has_domain(user, realm) => quoted(user),
        (false, false) if user.contains(&b'@') => format!("{} in realm {}", quoted(user), quoted(realm)),
        (false, false) => format!("{}@{}", text(user), text(realm)),
        (false, true) => text(user),
        (true, false) => format!("realm {}", quoted(realm)),
        (true, true) => "an unnamed user".to_owned(),
    }
}

/// Whether the realm is the domain of a user name.
fn has_domain(user: &[u8], realm: &[u8]) -> bool {
    user.strip_suffix(realm).is_some_and(|name| name.len() > 1 && name.ends_with(b"@"))
}

/// `frame 3`, `frames 3, 5 and 7`, `frames 3, 5, 7 … 31 (15 in all)`.
pub fn frames_text(frames: &[FrameRef]) -> String {
    let mut numbers: Vec<String> = frames.iter().map(|frame| frame.number.to_string()).collect();
    // One request may hold several rows.
    numbers.dedup();
    match numbers.as_slice() {
        [] => "no frame".to_owned(),
        [one] => format!("frame {one}"),
        [many @ .., last] if many.len() <= 5 => format!("frames {} and {last}", many.join(", ")),
        [a, b, c, .., last] => format!("frames {a}, {b}, {c} … {last} ({} in all)", numbers.len()),
        _ => format!("{} frames", numbers.len()),
    }
}

/// `1 REGISTER`, `3 REGISTERs`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A duration as people say it: `0.7 ms`, `12.4 s`, `3 min`, `24.3 h`.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1000.0)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else if seconds < 10_800.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

/// Whom and what an attempt is about.
pub fn subject(session: &Session<'_>, attempt: &Attempt<'_>) -> Subject {
    let user = attempt.credentials.iter().map(|presented| presented.username()).find(|user| !user.is_empty());
    Subject {
        user: user.map_or_else(|| session.sender(attempt), std::borrow::Cow::into_owned),
        client: Some(attempt.transaction.flow().source.address),
        ..server(session, attempt)
    }
}

/// Makes a finding one for all clients of the server that answered: what is true of a server is said once.
pub fn about_server(finding: Finding, session: &Session<'_>, attempt: &Attempt<'_>) -> Finding {
    let subject = server(session, attempt);
    let key = said::server_key(&subject);
    Finding { subject, ..finding }.merged_by(key)
}

/// The server that was asked, and its realm, whoever asked it.
pub fn server(session: &Session<'_>, attempt: &Attempt<'_>) -> Subject {
    let realm = attempt.credentials.iter().map(|presented| presented.realm()).find(|realm| !realm.is_empty());
    let offered = || attempt.challenges.iter().map(|offered| offered.realm()).find(|realm| !realm.is_empty());
    Subject {
        realm: realm.or_else(offered).map(std::borrow::Cow::into_owned).unwrap_or_default(),
        user: Vec::new(),
        caller: session.is_caller().then_some(attempt.transaction.flow().source.port),
        client: None,
        server: Some(attempt.transaction.flow().destination.address),
    }
}

/// Whether the capture shows what credentials a request carried, or that it carried none.
pub fn shows_credentials(attempt: &Attempt<'_>) -> bool {
    attempt.has_credentials() || attempt.request().is_some_and(|request| request.has_all_headers)
}

/// The request and the answer of an attempt.
pub fn frames_of(attempt: &Attempt<'_>) -> impl Iterator<Item = FrameRef> {
    let request = attempt.request().map(|request| request.at);
    let answer = attempt.answer().map(|answer| answer.at);
    request.into_iter().chain(answer)
}

/// The frames of some attempts, in order.
pub fn frames_of_all<'a, 'run: 'a>(attempts: impl IntoIterator<Item = &'a Attempt<'run>>) -> Vec<FrameRef> {
    let mut frames: Vec<FrameRef> = attempts.into_iter().flat_map(frames_of).collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}

/// The row of credentials as evidence.
pub fn credentials_evidence(attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<Evidence> {
    let request = attempt.request()?;
    Some(Evidence {
        at: request.at,
        header: presented.header.credentials_header(),
        value: EvidenceValue::Credentials(presented.row.value.clone(), presented.nonce),
    })
}

/// The rows of challenges of an answer as evidence.
pub fn challenge_evidence(attempt: &Attempt<'_>) -> Vec<Evidence> {
    let Some(answer) = attempt.answer() else { return Vec::new() };
    let rows = answer.challenges.iter().map(|row| Evidence {
        at: answer.at,
        header: row.header.challenge_header(),
        value: EvidenceValue::Challenge(row.value.clone(), row.nonces.clone()),
    });
    rows.collect()
}

/// The status line as evidence.
pub fn status_evidence(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<Evidence> {
    let answer = attempt.answer()?;
    let value = format!("{} {}", answer.status, text(session.text(answer.reason)));
    Some(Evidence { at: answer.at, header: "Status", value: EvidenceValue::Text(value) })
}

/// OPTIONS, and NOTIFY outside a dialog, are pings: whoever sends them wants any answer, a challenge included.
pub fn is_ping(attempt: &Attempt<'_>) -> bool {
    let method = &attempt.transaction.method;
    *method == Method::Options || (*method == Method::Notify && !attempt.is_in_dialog())
}

/// How long the capture goes on behind an attempt's answer.
pub fn capture_after(attempt: &Attempt<'_>, context: &Context<'_>) -> Duration {
    attempt.answer().map(|answer| context.goes_on_behind(answer.time)).unwrap_or_default()
}

/// A sentence that says how soon behind an attempt's answer the capture ends.
pub fn ends_behind(attempt: &Attempt<'_>, context: &Context<'_>) -> String {
    format!(
        " The capture ends {} after that answer: the client may have tried again.",
        duration_text(capture_after(attempt, context))
    )
}

/// Whether a datagram of this request's sender to its receiver lost a fragment: its next request may have been that one.
pub fn may_be_lost(attempt: &Attempt<'_>, context: &Context<'_>) -> bool {
    let flow = attempt.transaction.flow();
    context.lost_between.holds(flow.source.address, flow.destination.address, attempt.transaction.transport)
}

/// The account that a request speaks for: the To URI of a REGISTER, else the From URI.
pub fn account_key<'run>(session: &Session<'run>, attempt: &Attempt<'_>) -> Option<AccountKey<'run>> {
    let request = attempt.request()?;
    let aor = if attempt.transaction.method == Method::Register { request.to } else { request.from };
    Some(AccountKey { source: attempt.transaction.flow().source.address, aor: session.text(aor).into() })
}

/// The realm whose challenge credentials answer, or should have named; else the one they name.
pub fn answered_realm(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> Vec<u8> {
    match session.challenge_of(presented).or_else(|| mismatched_challenge(session, index, presented)) {
        Some(offered) => offered.realm().into_owned(),
        None => presented.realm().into_owned(),
    }
}

/// Whether the request was called off: a CANCEL has its CSeq number (RFC 3261 §9.1).
pub fn is_cancelled(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    session.run.transactions.iter().any(|other| {
        other.method == Method::Cancel
            && other.cseq == attempt.transaction.cseq
            && other.is_same_hop(attempt.transaction)
    })
}

/// The challenge whose realm credentials should have named: they use its nonce under another realm, or are the next request
/// behind it, name a realm that nobody on this hop asked for, and none that was.
pub fn mismatched_challenge<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<&'s Offered<'run>> {
    if !presented.is_attempt || presented.realm().is_empty() {
        return None;
    }
    match presented.answers {
        Some(at) if at.is_same_realm => None,
        Some(at) => {
            let (asked, offered) = session.challenge(at)?;
            let attempt = session.attempts.get(index)?;
            let (one, other) = (asked.transaction.flow(), attempt.transaction.flow());
            // Who was asked may have moved, and who asked may be one of several. Where both are others, the credentials are on
            // their way, and two servers of one secret made the same nonce.
            let is_between_others =
                one.source.address != other.source.address && one.destination.address != other.destination.address;
            // Servers of one secret give the same nonce for two realms within a second, and both may be answered.
            let is_answered = attempt.credentials.iter().any(|other| {
                other.answers.is_some_and(|answers| answers.is_same_realm && answers.attempt == at.attempt)
                    && other.realm() == offered.realm()
            });
            (!is_between_others && !is_answered).then_some(offered)
        }
        None => challenge_passed_over(session, index, presented),
    }
}

/// How many attempts back a realm counts as asked for. Bounds the search in endless sessions.
const ASKED_BEFORE_MAX: usize = 64;

fn challenge_passed_over<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<&'s Offered<'run>> {
    let attempt = session.attempts.get(index)?;
    let exchange = session.exchanges.get(attempt.exchange)?;
    let position = exchange.attempts.binary_search(&index).ok()?;
    let before = exchange.attempts.get(position.saturating_sub(ASKED_BEFORE_MAX)..position)?;
    let mut before = before.iter().rev().filter_map(|&index| session.attempts.get(index)).peekable();
    let previous = *before.peek()?;
    let is_known_realm = before.any(|other| other.offers_realm(&presented.realm()));
    // Credentials that went along before the challenge are in transit, or a cached answer to another realm.
    let is_carried_along = previous.credentials.iter().any(|other| {
        other.realm() == presented.realm() && !other.is_refused() && !previous.is_asked_in_place_of(other)
    });
    if is_known_realm || is_carried_along || answer_facts::answers_any(attempt, &previous.challenges) {
        return None;
    }
    let refused_again = attempt.challenges.iter().any(|offered| previous.offers_realm(&offered.realm()));
    previous.challenges.first().filter(|_| refused_again || attempt.status().is_none_or(|status| status >= 400))
}

/// The attempt that a finding about several stands for: the first that nothing made good, else the first.
pub fn lead(session: &Session<'_>, attempts: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut attempts = attempts.into_iter();
    let first = attempts.next()?;
    Some(
        std::iter::once(first).chain(attempts).find(|&index| !recovery::has_recovered(session, index)).unwrap_or(first),
    )
}

/// Whether credentials answer a challenge that this capture shows, perhaps one of another Call-ID.
pub fn answers_known_challenge(context: &Context<'_>, presented: &Presented<'_>) -> bool {
    match presented.answers {
        Some(at) => at.is_same_realm,
        None => presented.nonce.and_then(|id| context.nonces.get(id)).is_some_and(|nonce| nonce.issued().is_some()),
    }
}

/// How many attempts back a challenge is looked for. Bounds the search in endless sessions: a nonce that served that often was the
/// newest.
const CHALLENGED_BACK_MAX: usize = 1024;

/// The newest answer before a request that challenged this client for a realm under this kind of header.
pub fn newest_challenge<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    realm: &[u8],
    header: HeaderKind,
) -> Option<&'s Attempt<'run>> {
    let attempt = session.attempts.get(index)?;
    let sent = attempt.request()?.moment();
    let before = session.attempts.iter().take(index).rev().take(CHALLENGED_BACK_MAX);
    before.into_iter().find(|earlier| {
        earlier.transaction.is_same_hop(attempt.transaction)
            && earlier.answer().is_some_and(|answer| answer.moment().is_before(sent))
            && earlier.challenges.iter().any(|offered| offered.header == header && offered.realm() == realm)
    })
}

/// The newer challenge that credentials with an old nonce pass over, refused for it or not.
pub fn newer_challenge<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let (known_since, realm, header) = match presented.answers {
        Some(at) => {
            let (issuer, offered) = session.challenge(Some(at).filter(|at| at.is_same_realm)?)?;
            (issuer.answer()?.moment(), offered.realm(), offered.header)
        }
        // Its challenge is not in the capture: it came before the first use.
        None => {
            let first = session.lookup().used_first(presented.nonce?).filter(|first| *first < index)?;
            (session.attempts.get(first)?.request()?.moment(), presented.realm(), presented.header)
        }
    };
    let newest = newest_challenge(session, index, &realm, header)?;
    let nonce = presented.credentials.nonce();
    let has_same_nonce = newest.challenges.iter().any(|other| other.challenge.nonce() == nonce);
    let is_newer = known_since.is_before(newest.answer()?.moment());
    (is_newer && !has_same_nonce && !was_under_way(session, index, presented, newest)).then_some(newest)
}

/// The same of credentials that name a nonce of another Call-ID instead: the client was asked just before, and answers as if it
/// had not been.
pub fn ignored_challenge<'s, 'run>(
    session: &'s Session<'run>,
    context: &Context<'_>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let issued = presented.nonce.and_then(|id| context.nonces.get(id)?.issued());
    // One whose challenge the capture lacks was good before it was refused; else it is unknown, and not known to be old.
    let was_good =
        || presented.nonce.and_then(|id| session.lookup().let_past_first(id)).is_some_and(|first| first < index);
    if presented.answers.is_some() || (issued.is_none() && was_good()) {
        return newer_challenge(session, index, presented);
    }
    let exchange = session.exchanges.get(session.attempts.get(index)?.exchange)?;
    let position = exchange.attempts.binary_search(&index).ok()?.checked_sub(1)?;
    let before = session.attempts.get(*exchange.attempts.get(position)?)?;
    let newest = newest_challenge(session, index, &presented.realm(), presented.header)?;
    // One that another Call-ID was given later is not the older one.
    (std::ptr::eq(before, newest) && issued?.time < newest.answer()?.time).then_some(newest)
}

/// A challenge may cross a request that is under way. At the server that looks as if the client had answered within less
/// than the time that its answers take.
const UNDER_WAY_MAX: Duration = Duration::from_millis(100);

fn was_under_way(session: &Session<'_>, index: usize, presented: &Presented<'_>, newest: &Attempt<'_>) -> bool {
    let sent = |index: usize| session.attempts.get(index)?.request().map(|request| request.time);
    let (Some(answers), Some(replaced), Some(now)) = (presented.answers, newest.answer(), sent(index)) else {
        return false;
    };
    let issued = session.challenge(answers).and_then(|(issuer, _)| issuer.answer()).map(|answer| answer.time);
    let uses = |attempt: &Attempt<'_>| attempt.credentials.iter().any(|other| other.nonce == presented.nonce);
    let first_use = (answers.attempt + 1..index).find(|&other| session.attempts.get(other).is_some_and(uses));
    let Some((issued, answered)) = issued.zip(first_use.and_then(sent)) else { return false };
    // A client that had not seen the new nonce takes it next.
    let exchange = session.attempts.get(index).and_then(|attempt| session.exchanges.get(attempt.exchange));
    let next = exchange.and_then(|exchange| {
        let position = exchange.attempts.binary_search(&index).ok()?;
        session.attempts.get(*exchange.attempts.get(position + 1)?)
    });
    let takes_it_next = next.is_some_and(|next| next.has_credentials() && !uses(next));
    takes_it_next && now.since(replaced.time) < UNDER_WAY_MAX.min(answered.since(issued) / 2)
}

/// How many uses of one nonce count are looked at. Bounds the search in endless sessions.
const USES_MAX: usize = 64;

/// An earlier attempt that used the same nonce with the same nonce count, with no challenge in between that delivered the
/// nonce anew.
pub fn same_nonce_count<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let attempt = session.attempts.get(index)?;
    let nonce_count = presented.nonce_count?;
    let nonce = presented.nonce?;
    let earlier_use = |other: &Presented<'_>| {
        other.nonce == Some(nonce) && other.username() == presented.username() && other.nonce_count == Some(nonce_count)
    };
    // Most requests are the first with their nonce, and short sessions need no index to see that.
    let is_used_before = |other: &Attempt<'_>| other.credentials.iter().any(|used| used.nonce == Some(nonce));
    if index < USES_MAX && !session.attempts.iter().take(index).any(is_used_before) {
        return None;
    }
    let uses = session.lookup().counted(nonce, Some(nonce_count));
    let before = uses.get(..uses.partition_point(|use_at| *use_at < index))?;
    let with_attempt = before.iter().rev().filter_map(|&use_at| Some((use_at, session.attempts.get(use_at)?)));
    let (position, earlier) = with_attempt.take(USES_MAX).find(|(_, earlier)| {
        earlier.transaction.flow().source.address == attempt.transaction.flow().source.address
            && !is_same_request(earlier, attempt)
            // An answer that the capture lacks may have brought the nonce anew.
            && earlier.answer().is_some()
            && earlier.credentials.iter().any(earlier_use)
    })?;
    let is_delivered_again = session.lookup().is_offered_between(nonce, position, index);
    // A realm that was satisfied is repeated beside one that is answered for the first time (RFC 3261 §22.3).
    let adds_realm = attempt.credentials.iter().any(|other| {
        other.realm() != presented.realm() && !earlier.credentials.iter().any(|known| known.realm() == other.realm())
    });
    (!is_delivered_again && !adds_realm).then_some(earlier)
}

/// The same request sent to several servers, or again over another transport, keeps its CSeq and its credentials.
fn is_same_request(one: &Attempt<'_>, other: &Attempt<'_>) -> bool {
    one.transaction.method == other.transaction.method
        && one.transaction.cseq == other.transaction.cseq
        && one.transaction.flow() != other.transaction.flow()
}

/// Whether the response is right but for the case of its hex digits, which servers that compare bytes refuse.
pub fn has_uppercase_response(presented: &Presented<'_>) -> bool {
    presented.credentials.response().is_some_and(|response| {
        response.iter().all(u8::is_ascii_hexdigit) && response.iter().any(u8::is_ascii_uppercase)
    })
}

/// Every row of credentials of the session that tries to prove something, with the index of its attempt.
pub fn presented<'s, 'run>(
    session: &'s Session<'run>,
) -> impl Iterator<Item = (usize, &'s Attempt<'run>, &'s Presented<'run>)> + 's {
    session.presented()
}

/// Whether the answer to credentials says that the server could have refused the digest: 401, 407, 403, 404 to a REGISTER.
pub fn is_turned_away(presented: &Presented<'_>) -> bool {
    matches!(presented.judgement, Judgement::Refused | Judgement::Forbidden)
}

/// Where the secret came from that a digest was checked with.
pub fn source(presented: &Presented<'_>) -> String {
    presented.source().map_or_else(|| "the keyring".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_cut_off_is_not_shown() {
        let uri = format!("sip:{}:secret{}@h", "a".repeat(1010), "x".repeat(100));
        assert!(!text(uri.as_bytes()).contains("secret"), "{}", text(uri.as_bytes()));
        assert!(text(&[b'a'; 2000]).ends_with("a…"));
    }
}
