//! A closed run, judged: its attempts, its exchanges and how it ended.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::net::IpAddr;

use std::fmt;

use serde::Serialize;
use serde::Serializer;

use crate::base::CaptureTime;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Exchange;
use crate::session::Judgement;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Run;
use crate::session::TextId;
use crate::session::Transaction;
use crate::session::attempt::ChallengeAt;
use crate::session::hops::Sides;
use crate::session::judge;
use crate::session::judge::Around;
use crate::session::lookup::Lookup;
use crate::session::product::is_of_other_product;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// One Call-ID's story.
#[derive(Debug)]
pub struct Session<'run> {
    /// The messages.
    pub run: &'run Run,
    /// The latest time of the capture.
    pub end: CaptureTime,
    /// The attempts in order of their first message.
    pub attempts: Vec<Attempt<'run>>,
    /// The attempts by client, server, method and From tag.
    pub exchanges: Vec<Exchange>,
    /// The NATs that it was seen on both sides of.
    pub sides: Sides,
    /// How it ended.
    pub outcome: SessionOutcome,
    /// Only one direction was captured: requests without answers and answers without requests prove nothing.
    pub is_one_way: bool,
    /// Something was refused, failed, or was left open: not every request was answered well and heard to be, and every challenge with
    /// credentials that were let past.
    pub has_trouble: bool,
    /// The form of some credentials or of a challenge is odd, or may be.
    pub has_odd_form: bool,
    /// Where credentials stand that try to prove something: the attempt, and which of its rows.
    presented: Vec<(usize, usize)>,
    lookup: OnceCell<Lookup>,
}

/// How a session ended. The names are those of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionOutcome {
    /// The last attempt was accepted, after a challenge or with credentials.
    Accepted,
    /// The last attempt's credentials were refused.
    Refused,
    /// A challenge was the last word.
    UnansweredChallenge,
    /// 403, or 404 to a REGISTER, to credentials.
    Forbidden,
    /// Another final answer.
    Failed,
    /// Nobody answered.
    NoAnswer,
    /// Accepted without being asked: authenticated by address, or open.
    NotChallenged,
    /// The capture does not tell.
    Undecided,
}

impl SessionOutcome {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            SessionOutcome::Accepted => "accepted",
            SessionOutcome::Refused => "refused",
            SessionOutcome::UnansweredChallenge => "unanswered_challenge",
            SessionOutcome::Forbidden => "forbidden",
            SessionOutcome::Failed => "failed",
            SessionOutcome::NoAnswer => "no_answer",
            SessionOutcome::NotChallenged => "not_challenged",
            SessionOutcome::Undecided => "undecided",
        }
    }

    /// The name with blanks, for people.
    pub fn words(self) -> String {
        self.name().replace('_', " ")
    }
}

impl fmt::Display for SessionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// As its name.
impl Serialize for SessionOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'run> Session<'run> {
    /// Judges a closed run.
    pub fn judge(run: &'run Run, around: Around<'_>) -> Session<'run> {
        let sides = Sides::of(run);
        let (attempts, exchanges) = judge::judge(run, &sides, around);
        let outcome = outcome(run, &attempts);
        let is_one_way = is_one_way(run, &attempts);
        let has_trouble = has_trouble(&attempts, &exchanges);
        let has_odd_form = attempts.iter().any(has_odd_form);
        let presented = presented(&attempts);
        let lookup = OnceCell::new();
        Session {
            run,
            end: around.end,
            attempts,
            exchanges,
            sides,
            outcome,
            is_one_way,
            has_trouble,
            has_odd_form,
            presented,
            lookup,
        }
    }

    /// Whether the capture ends before the client could answer the last word of the server, which asked it for another answer: the
    /// first challenge, one that says stale, or one that brings a new nonce in place of one that had been good, or was not given here.
    pub fn is_cut_short(&self) -> bool {
        let mut newest = own(self.run, &self.attempts).rev();
        let Some((last, answer)) = newest.next().and_then(|last| Some((last, last.answer()?))) else { return false };
        let brings_other =
            |presented: &Presented<'_>| last.challenges.iter().any(|offered| offered.nonce != presented.nonce);
        let may_be_old = |presented: &Presented<'_>| {
            let first = presented.nonce.and_then(|nonce| self.lookup().let_past_first(nonce));
            presented.is_refused() && brings_other(presented) && (first.is_some() || presented.answers.is_none())
        };
        let asks_anew = match last.outcome {
            // Whoever does not hear a challenge has had time to, and of cut headers nobody knows whether they answer one.
            AttemptOutcome::Challenged => !last.is_hidden() && !last.has_given_up_unheard(),
            AttemptOutcome::Stale => newest.next().is_none_or(|before| before.outcome != AttemptOutcome::Stale),
            AttemptOutcome::Refused => last.credentials.iter().any(may_be_old),
            _ => false,
        };
        asks_anew && self.end.since(answer.time) < TRANSACTION_TIMEOUT
    }

    /// Whether a refused attempt is the last word only because the capture ends: the client could not answer yet, or the answer to that is
    /// still under way.
    pub fn is_left_open(&self, index: usize) -> bool {
        let Some(behind) = self.attempts.get(index + 1..) else { return false };
        let is_answer = |last: &Attempt<'_>| {
            last.outcome == AttemptOutcome::Undecided
                && last.credentials.iter().any(|presented| presented.answers.is_some_and(|at| at.attempt == index))
        };
        match behind {
            [] => self.is_cut_short(),
            [last] => is_answer(last),
            _ => false,
        }
    }

    /// Every row of credentials that tries to prove something, with the index of its attempt.
    pub fn presented(&self) -> impl Iterator<Item = (usize, &Attempt<'run>, &Presented<'run>)> {
        self.presented.iter().filter_map(|&(index, row)| {
            let attempt = self.attempts.get(index)?;
            Some((index, attempt, attempt.credentials.get(row)?))
        })
    }

    /// The attempts of an exchange.
    pub fn attempts_of<'s>(
        &'s self,
        exchange: &'s Exchange,
    ) -> impl DoubleEndedIterator<Item = &'s Attempt<'run>> + 's {
        exchange.attempts.iter().filter_map(|&index| self.attempts.get(index))
    }

    /// Where its nonces and realms are used and offered.
    pub fn lookup(&self) -> &Lookup {
        self.lookup.get_or_init(|| Lookup::new(self.run, &self.attempts))
    }

    /// The challenge that credentials answer, and the attempt whose answer holds it.
    pub fn challenge(&self, at: ChallengeAt) -> Option<(&Attempt<'run>, &Offered<'run>)> {
        let attempt = self.attempts.get(at.attempt)?;
        Some((attempt, attempt.challenges.get(at.challenge)?))
    }

    /// The final answer to an attempt, on each of the first hops where it was seen.
    pub fn answers_of(&self, attempt: &Attempt<'run>) -> impl Iterator<Item = &'run Answer> {
        let behind = attempt.hops.iter().take(HOPS_MAX).filter_map(|hop| self.run.transactions.get(*hop));
        attempt.answer().into_iter().chain(behind.filter_map(|hop| hop.answer.as_ref()))
    }

    /// The challenge that credentials answer.
    pub fn challenge_of(&self, presented: &Presented<'_>) -> Option<&Offered<'run>> {
        Some(self.challenge(presented.answers?)?.1)
    }

    /// Whether an attempt at or after `index` was let past, in the same exchange.
    pub fn is_accepted_later(&self, index: usize) -> bool {
        let exchange = self.attempts.get(index).and_then(|attempt| self.exchanges.get(attempt.exchange));
        exchange.and_then(|exchange| exchange.let_past_last).is_some_and(|last| last >= index)
    }

    /// Whether there is anything about authentication to tell: a challenge or credentials.
    pub fn has_authentication(&self) -> bool {
        self.attempts.iter().any(|attempt| {
            attempt.is_challenged()
                || !attempt.challenges.is_empty()
                || !attempt.credentials.is_empty()
                || !attempt.ack_credentials.is_empty()
        })
    }

    /// The attempt of a transaction, by the transaction's index in the run. A later hop that adds nothing has none of its own.
    pub fn attempt_of(&self, transaction: usize) -> Option<usize> {
        self.attempts.binary_search_by_key(&transaction, |attempt| attempt.transaction_index).ok()
    }

    /// The method of its first attempt.
    pub fn method(&self) -> Option<&'run Method> {
        self.attempts.first().map(|attempt| &attempt.transaction.method)
    }

    /// The attempts of whoever began it, on whatever hop, without those of a call's other side.
    pub fn own_attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt<'run>> {
        let client = self.client();
        self.attempts.iter().filter(move |attempt| Some(attempt.transaction.flow().destination.address) != client)
    }

    /// The credentials of whoever began it. Within a call the other side may show an account, too, and a proxy one of its own on the next hop.
    fn own_credentials(&self) -> impl Iterator<Item = &Presented<'run>> {
        let client = self.client();
        let is_of_client = move |attempt: &&Attempt<'run>| {
            let source = attempt.transaction.flow().source.address;
            attempt.is_own_hop() && client.is_some_and(|client| self.sides.are_of_one(source, client))
        };
        self.own_attempts().filter(is_of_client).flat_map(|attempt| &attempt.credentials)
    }

    /// Who it is about: the user of the first credentials, else of the From URI.
    pub fn user(&self) -> Vec<u8> {
        match self.own_credentials().find(|presented| !presented.username().is_empty()) {
            Some(presented) => presented.username().into_owned(),
            None => self.from_user().to_vec(),
        }
    }

    /// Whether it is a call that shows no account: whom it is from need be no user of the server's.
    pub fn is_caller(&self) -> bool {
        self.method() == Some(&Method::Invite) && self.own_credentials().next().is_none()
    }

    /// The user part of the first From URI, that of a response where no request was captured.
    pub fn from_user(&self) -> &'run [u8] {
        let requested = self.attempts.iter().find_map(Attempt::request).map(|request| request.from);
        let answered = || self.attempts.iter().find_map(|attempt| attempt.transaction.unseen_from());
        requested.or_else(answered).map(|from| Uri::user_of(self.text(from))).unwrap_or_default()
    }

    /// The user who sent an attempt without credentials: within a call the other side has its own From.
    pub fn sender(&self, attempt: &Attempt<'_>) -> Vec<u8> {
        match attempt.from().filter(|_| Some(attempt.transaction.flow().source.address) != self.client()) {
            Some(from) => Uri::user_of(self.text(from)).to_vec(),
            None => self.user(),
        }
    }

    /// The realms challenged or answered, in order of appearance.
    pub fn realms(&self) -> Vec<Vec<u8>> {
        let mut realms: Vec<Vec<u8>> = Vec::new();
        // Most sessions have one; in a hostile one each message brings another.
        let mut further: HashSet<Vec<u8>> = HashSet::new();
        let mut add = |realm: &[u8]| {
            let is_known = realms.iter().take(REALMS_SEARCHED).any(|known| known == realm) || further.contains(realm);
            if realm.is_empty() || is_known {
                return;
            }
            if realms.len() >= REALMS_SEARCHED {
                further.insert(realm.to_vec());
            }
            realms.push(realm.to_vec());
        };
        for attempt in &self.attempts {
            attempt.credentials.iter().for_each(|presented| add(&presented.realm()));
            attempt.challenges.iter().for_each(|offered| add(&offered.realm()));
        }
        realms
    }

    /// Whether credentials were let past by who asked for them, however the request ended.
    pub fn is_let_past(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.has_credentials() && attempt.is_let_past())
    }

    /// Whether a call rang with credentials that was held back without them: who asked for them let them past, however it ends.
    pub fn rang_with_credentials(&self, attempt: &Attempt<'_>) -> bool {
        let was_held_back = |presented: &Presented<'_>| {
            let asking = presented.answers.and_then(|at| self.attempts.get(at.attempt));
            asking.is_some_and(|asking| asking.transaction.provisional_at().is_none())
        };
        attempt.transaction.provisional_at().is_some()
            && !attempt.is_challenged()
            && !attempt.credentials.iter().any(Presented::is_wrong)
            && attempt.credentials.iter().any(|presented| presented.is_attempt && was_held_back(presented))
    }

    /// The status of the attempt that decides the outcome; `None` where that was never answered.
    pub fn final_status(&self) -> Option<u16> {
        own(self.run, &self.attempts)
            .rev()
            .find(|attempt| attempt.outcome != AttemptOutcome::Undecided)
            .and_then(Attempt::status)
    }

    /// The address of who sent the first request.
    pub fn client(&self) -> Option<IpAddr> {
        self.attempts.first().map(|attempt| attempt.transaction.flow().source.address)
    }

    /// Whether another product answers than the one that asked for these credentials, by their own words: it may stand behind it.
    pub fn is_answered_by_other_product(&self, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
        let asking = presented.answers.and_then(|at| self.attempts.get(at.attempt)?.answer());
        let answers = asking.zip(attempt.answer());
        answers.is_some_and(|(asking, answer)| is_of_other_product(self.run, asking, answer))
    }

    /// The bytes of a text.
    pub fn text(&self, id: TextId) -> &'run [u8] {
        self.run.text(id)
    }
}

/// Hops of one request whose answers are looked at: more than Max-Forwards lets it go (RFC 3261 §8.1.1.6). Bounds the search in endless
/// sessions.
const HOPS_MAX: usize = 70;

/// Realms of a session that are looked through one by one: more than a chain of proxies has.
const REALMS_SEARCHED: usize = 8;

/// The attempts of the first method. What a proxy did with a request on its next hops is not the client's outcome: the
/// answer that it passed back is. Nor is a re-INVITE: whatever becomes of it, the call that was accepted goes on (RFC 3261 §14.1).
pub(super) fn own<'s, 'run>(
    run: &'s Run,
    attempts: &'s [Attempt<'run>],
) -> impl DoubleEndedIterator<Item = &'s Attempt<'run>> {
    let first = attempts.first().map(|attempt| attempt.transaction);
    let is_own = move |attempt: &&Attempt<'_>| {
        Some(&attempt.transaction.method) == first.map(|first| &first.method)
            && attempt.is_own_hop()
            && !first.is_some_and(|first| is_of_server(run, first, attempt))
    };
    let is_call = |attempt: &Attempt<'_>| attempt.transaction.method == Method::Invite;
    let mut calls = attempts.iter().enumerate().filter(move |(_, attempt)| is_own(attempt) && is_call(attempt));
    let answered = calls.find(|(_, attempt)| attempt.outcome == AttemptOutcome::Accepted);
    let all = attempts.iter().enumerate();
    all.filter(move |(index, attempt)| {
        // Behind a forking proxy the same request is answered on each branch, and one is enough (RFC 3261 §16.7).
        let is_behind_call = answered.is_some_and(|(answered, accepted)| {
            *index > answered && (attempt.is_in_dialog() || is_branch(run, accepted, attempt))
        });
        is_own(attempt) && !is_behind_call
    })
    .map(|(_, attempt)| attempt)
}

/// Whether the server that was asked sends this to somebody else: a B2BUA that keeps the Call-ID, or a proxy that answers the next hop itself.
fn is_of_server(run: &Run, first: &Transaction, attempt: &Attempt<'_>) -> bool {
    let known = attempt.transaction;
    let (asked, sent) = (first.flow(), known.flow());
    let is_beyond =
        asked.destination.address == sent.source.address && asked.source.address != sent.destination.address;
    let tag =
        |known: &Transaction| known.request.as_ref().map(|request| request.from_tag.map(|tag| run.text(tag).to_vec()));
    is_beyond && (attempt.is_sent_again || tag(first).zip(tag(known)).is_some_and(|(one, other)| one != other))
}

/// Whether two attempts are one request to two servers.
fn is_branch(run: &Run, one: &Attempt<'_>, other: &Attempt<'_>) -> bool {
    let tag = |attempt: &Attempt<'_>| attempt.request().map(|request| request.from_tag.map(|tag| run.text(tag)));
    one.transaction.cseq.is_some()
        && one.transaction.cseq == other.transaction.cseq
        && one.transaction.flow().destination.address != other.transaction.flow().destination.address
        && tag(one) == tag(other)
}

/// The last finished attempt of the first method decides.
fn outcome(run: &Run, attempts: &[Attempt<'_>]) -> SessionOutcome {
    let same = || own(run, attempts);
    let Some(last) = same().rev().find(|attempt| attempt.outcome != AttemptOutcome::Undecided) else {
        return SessionOutcome::Undecided;
    };
    let was_asked = same().any(|attempt| attempt.is_challenged() || attempt.has_credentials());
    match last.outcome {
        AttemptOutcome::Accepted if was_asked => SessionOutcome::Accepted,
        AttemptOutcome::Accepted => SessionOutcome::NotChallenged,
        // A challenge that was answered, and the answer still under way, is not the last word.
        AttemptOutcome::Challenged
            if same().next_back().is_some_and(Attempt::has_credentials)
                && last.status() != same().next_back().and_then(Attempt::status) =>
        {
            SessionOutcome::Undecided
        }
        AttemptOutcome::Challenged if run.agrees_on_ipsec(last.transaction) => SessionOutcome::Undecided,
        AttemptOutcome::Challenged => SessionOutcome::UnansweredChallenge,
        AttemptOutcome::Refused | AttemptOutcome::Stale if is_being_answered(run, attempts, last) => {
            SessionOutcome::Undecided
        }
        AttemptOutcome::Refused | AttemptOutcome::Stale => SessionOutcome::Refused,
        AttemptOutcome::Forbidden => SessionOutcome::Forbidden,
        AttemptOutcome::Failed => SessionOutcome::Failed,
        AttemptOutcome::NoAnswer => SessionOutcome::NoAnswer,
        AttemptOutcome::Undecided => SessionOutcome::Undecided,
    }
}

/// Whether a client that was asked for a new nonce has sent it, and the capture ends before the answer. Whose digest was wrong has not
/// mended it by that.
fn is_being_answered(run: &Run, attempts: &[Attempt<'_>], refused: &Attempt<'_>) -> bool {
    let is_refused =
        |at: usize| attempts.get(at).is_some_and(|other| other.transaction_index == refused.transaction_index);
    let is_answer = |presented: &Presented<'_>| presented.answers.is_some_and(|at| is_refused(at.attempt));
    let last = own(run, attempts).next_back().filter(|last| last.outcome == AttemptOutcome::Undecided);
    let is_wrong = refused.credentials.iter().any(Presented::is_wrong);
    !is_wrong && last.is_some_and(|last| last.credentials.iter().any(is_answer))
}

fn has_trouble(attempts: &[Attempt<'_>], exchanges: &[Exchange]) -> bool {
    let is_well = |attempt: &Attempt<'_>| {
        matches!(attempt.outcome, AttemptOutcome::Accepted | AttemptOutcome::Challenged)
            && !attempt.has_given_up_unheard()
            && attempt.credentials.iter().all(|presented| presented.judgement == Judgement::Accepted)
    };
    let is_open = |exchange: &Exchange| exchange.let_past_last != exchange.attempts.last().copied();
    !attempts.iter().all(is_well) || exchanges.iter().any(is_open)
}

fn has_odd_form(attempt: &Attempt<'_>) -> bool {
    attempt.credentials.iter().any(|presented| !presented.credentials.is_plain())
        || attempt.challenges.iter().any(|offered| !offered.challenge.is_plain())
}

fn presented(attempts: &[Attempt<'_>]) -> Vec<(usize, usize)> {
    let all = attempts.iter().enumerate().flat_map(|(index, attempt)| {
        let rows = attempt.credentials.iter().enumerate();
        rows.filter(|(_, presented)| presented.is_attempt).map(move |(row, _)| (index, row))
    });
    all.collect()
}

/// No answer was seen although the client plainly got one (it acknowledged it, or answered a challenge), or answers were
/// seen and no request. Credentials that no bare request came before may use a cached nonce: they show nothing until it is counted on.
fn is_one_way(run: &Run, attempts: &[Attempt<'_>]) -> bool {
    let has_request = run.transactions.iter().any(|transaction| transaction.request.is_some());
    let has_answer =
        run.transactions.iter().any(|transaction| transaction.answer.is_some() || transaction.has_provisional());
    let mut requests = run.transactions.iter().filter_map(|transaction| transaction.request.as_ref());
    let was_asked = requests.by_ref().any(|request| request.credentials.is_empty())
        && requests.any(|request| !request.credentials.is_empty());
    let got_answer = was_asked || run.transactions.iter().any(|transaction| transaction.ack().is_some());
    (has_request && !has_answer && (got_answer || counts_on(attempts))) || (has_answer && !has_request)
}

/// Whether a client goes on with a nonce, one count after the other, and repeats no request: it is content with what it hears.
fn counts_on(attempts: &[Attempt<'_>]) -> bool {
    let mut pairs = attempts.iter().zip(attempts.iter().skip(1));
    pairs.any(|(before, next)| {
        let is_next = |sent: &Presented<'_>| {
            let is_before = |known: &Presented<'_>| known.nonce == sent.nonce && known.nonce_count < sent.nonce_count;
            sent.nonce.is_some() && before.credentials.first().is_some_and(is_before)
        };
        before.has_unseen_answer()
            && before.transaction.retransmissions() == 0
            && next.transaction.cseq > before.transaction.cseq
            && next.credentials.first().is_some_and(is_next)
    })
}
