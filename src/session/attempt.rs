//! One request and its final answer, judged: which challenge its credentials answer, and what became of them.

use std::time::Duration;

use std::fmt;

use serde::Serialize;
use serde::Serializer;

use crate::auth::Challenge;
use crate::auth::Credentials;
use crate::auth::Scheme;
use crate::auth::Stale;
use crate::base::Transport;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::digest::Checked;
use crate::digest::SourceId;
use crate::digest::Verdict;
use crate::digest::near_miss::Closest;
use crate::session::Answer;
use crate::session::Copy;
use crate::session::CredentialsRow;
use crate::session::HeaderKind;
use crate::session::NonceId;
use crate::session::Request;
use crate::session::TextId;
use crate::session::Transaction;
use crate::session::judge::RETRANSMISSIONS_OF_PATIENCE;
use crate::sip::Method;

/// A transaction that counts: not an ACK, not a CANCEL, not the same request on a later hop.
#[derive(Debug)]
pub struct Attempt<'run> {
    /// The transaction.
    pub transaction: &'run Transaction,
    /// Its place among the transactions of the run.
    pub transaction_index: usize,
    /// The credentials of the request.
    pub credentials: Vec<Presented<'run>>,
    /// The credentials of the ACK.
    pub ack_credentials: Vec<Presented<'run>>,
    /// The challenges of the answer.
    pub challenges: Vec<Offered<'run>>,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// Other appearances of the request, on every hop.
    pub copies: Vec<Copy>,
    /// The transactions of the request on later hops, which add nothing of their own, as indices into the run's.
    pub hops: Vec<usize>,
    /// The later hop whose request or answer it has, where the capture lacks that on its own.
    pub behind: Option<&'run Transaction>,
    /// The exchange it belongs to, as an index into the session's.
    pub exchange: usize,
    /// Its sender had sent the same request before, to another address or from another port (RFC 3261 §18.1.1, RFC 3263
    /// §4.3): unlike a forwarded request it is the client's own.
    pub is_sent_again: bool,
}

/// One challenge of an answer.
#[derive(Debug)]
pub struct Offered<'run> {
    /// Under which header.
    pub header: HeaderKind,
    /// What it says.
    pub challenge: Challenge<'run>,
    /// Its nonce.
    pub nonce: Option<NonceId>,
}

/// One row of credentials of a request.
#[derive(Debug)]
pub struct Presented<'run> {
    /// Under which header.
    pub header: HeaderKind,
    /// The row as kept.
    pub row: &'run CredentialsRow,
    /// What it says.
    pub credentials: Credentials<'run>,
    /// The nonce it names; `None` where it names none.
    pub nonce: Option<NonceId>,
    /// What the digest room said; `None` where no secret was given for that user.
    pub checked: Option<&'run Checked>,
    /// What the search for a near miss came to, of a digest that is wrong.
    pub closest: Closest,
    /// The challenge it answers, where this session holds it.
    pub answers: Option<ChallengeAt>,
    /// What the server made of it.
    pub judgement: Judgement,
    /// Whether it tries to prove something: an empty response to an empty nonce does not, and a SIM that asks for another
    /// challenge with auts proves nothing either (RFC 3310 §3.4).
    pub is_attempt: bool,
    /// Its nonce count, where that is well formed.
    pub nonce_count: Option<u32>,
}

/// A challenge of the session that credentials name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeAt {
    /// The attempt whose answer holds it.
    pub attempt: usize,
    /// Which of that answer's challenges.
    pub challenge: usize,
    /// Whether the realm is that of the challenge; else only the nonce is.
    pub is_same_realm: bool,
}

/// What became of one row of credentials (RFC 3261 §22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A 2xx, or a challenge of another realm: this realm's owner let it pass.
    Accepted,
    /// Another final answer: the request got past authentication.
    Passed,
    /// A final answer of a server that may not have looked at them: it is in trouble, wants something else first, or another party
    /// answered a digest that is known to be wrong.
    Unjudged,
    /// Challenged again for the same realm.
    Refused,
    /// Challenged again with `stale=true`.
    Stale,
    /// 403, or 404 to a REGISTER.
    Forbidden,
    /// 400: the server says it could not read the request.
    BadRequest,
    /// No final answer was seen.
    None,
}

impl Judgement {
    /// Whether who asked for them was seen to be content.
    pub fn is_let_past(self) -> bool {
        matches!(self, Judgement::Accepted | Judgement::Passed)
    }
}

/// What became of an attempt. The names are those of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptOutcome {
    /// A 2xx.
    Accepted,
    /// Challenged for a realm it had no credentials for.
    Challenged,
    /// Challenged again for a realm it had credentials for.
    Refused,
    /// The same, with `stale=true`.
    Stale,
    /// 403, or 404 to a REGISTER, to credentials.
    Forbidden,
    /// Another final answer, which may not be about authentication.
    Failed,
    /// No final answer, although the capture goes on.
    NoAnswer,
    /// The capture ends before an answer was due.
    Undecided,
}

impl AttemptOutcome {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            AttemptOutcome::Accepted => "accepted",
            AttemptOutcome::Challenged => "challenged",
            AttemptOutcome::Refused => "refused",
            AttemptOutcome::Stale => "stale",
            AttemptOutcome::Forbidden => "forbidden",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::NoAnswer => "no_answer",
            AttemptOutcome::Undecided => "undecided",
        }
    }

    /// The name with blanks, for people.
    pub fn words(self) -> String {
        self.name().replace('_', " ")
    }
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// As its name.
impl Serialize for AttemptOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A repeat that comes this long behind an answer did not cross it: twice the time after which the first one is sent.
const UNHEARD_FROM: Duration = Duration::from_secs(1);

/// T1 is half a second, and a few times that where links are slow (RFC 3261 §17.1.1.1).
const REPEATED_FIRST_WITHIN: Duration = Duration::from_secs(2);

impl<'run> Attempt<'run> {
    /// The request, where it was seen: as it was passed on, where the capture lacks it on its own hop.
    pub fn request(&self) -> Option<&'run Request> {
        self.transaction.request.as_ref().or(self.behind.and_then(|behind| behind.request.as_ref()))
    }

    /// The From URI of the request, that of its response where the capture lacks it.
    pub fn from(&self) -> Option<TextId> {
        self.request().map(|request| request.from).or(self.transaction.unseen_from())
    }

    /// The final answer, where it was seen: on a later hop, where the capture lacks it on its own.
    pub fn answer(&self) -> Option<&'run Answer> {
        self.transaction.answer.as_ref().or(self.behind.and_then(|behind| behind.answer.as_ref()))
    }

    /// The final status; `None` without an answer.
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }

    /// Whether headers were cut that may have held credentials: its own, or those of a request that could not be told to be its own.
    pub fn is_hidden(&self) -> bool {
        match self.request() {
            Some(request) => !request.has_all_headers,
            None => self.answer().is_some_and(|answer| !answer.has_all_headers),
        }
    }

    /// Whether it is what a client sent, and not what a proxy made of it on its next hop.
    pub fn is_own_hop(&self) -> bool {
        self.transaction.forwarded_from().is_none() || self.is_sent_again
    }

    /// Whether the answer is a 401 or a 407.
    pub fn is_challenged(&self) -> bool {
        matches!(self.status(), Some(401 | 407))
    }

    /// Whether the request carried credentials that hold a digest or more than a name. An IMS client's first REGISTER has
    /// an Authorization header with an empty response: that is an announcement, not an attempt (RFC 3310 §4).
    pub fn has_credentials(&self) -> bool {
        self.credentials.iter().any(|presented| presented.is_attempt)
    }

    /// Whether who got those credentials asks for others in their place: registrars and user agents answer 401, and on a way there is one
    /// of them (RFC 3261 §22.2). Proxies ask under the other header, and may be several.
    pub fn is_asked_in_place_of(&self, presented: &Presented<'_>) -> bool {
        self.status() == Some(401)
            && presented.header == HeaderKind::Www
            && self.challenges.iter().all(|offered| offered.header == HeaderKind::Www)
            && !self.offers_realm(&presented.realm())
    }

    /// Whether one of its credentials was refused: with or without `stale`.
    pub fn is_refused(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Refused | AttemptOutcome::Stale)
    }

    /// Whether the server was seen to be content with the credentials, or to need none: accepted, or turned down for what
    /// was asked and not for who asked (486, 423 …). A server in trouble (408, 5xx) may not have looked at them.
    pub fn is_let_past(&self) -> bool {
        match self.outcome {
            AttemptOutcome::Accepted => true,
            AttemptOutcome::Failed => {
                let has = |judgement| self.credentials.iter().any(|presented| presented.judgement == judgement);
                has(Judgement::Passed) && !has(Judgement::Unjudged)
            }
            _ => false,
        }
    }

    /// Whether the client went on to repeat its request behind the answer: over UDP who gets one stops (RFC 3261 §17.1.1.2,
    /// §17.1.2.2). It never came to the client, or the client could not tell what it answers. One repeat may have crossed it.
    pub fn is_unheard(&self) -> bool {
        let transaction = self.transaction;
        transaction.transport == Transport::Udp
            && transaction.retransmissions() > 1
            && self.answer().is_some_and(|answer| transaction.last_sent().since(answer.time) >= UNHEARD_FROM)
    }

    /// Whether the answer to credentials is not in the capture, and came as likely as not: over UDP a request is repeated until there is one
    /// (RFC 3261 §17.1.1.2, §17.1.2.2), or something else shows that there was.
    pub fn has_unseen_answer(&self) -> bool {
        self.has_credentials()
            && self.answer().is_none()
            && match self.outcome {
                AttemptOutcome::Undecided => true,
                _ => {
                    self.transaction.transport == Transport::Udp
                        && self.transaction.retransmissions() < RETRANSMISSIONS_OF_PATIENCE
                }
            }
    }

    /// Whether the final answer came when nobody waited for one any more: timers B and F end a transaction (RFC 3261 §17.1.1.2, §17.1.2.2),
    /// the former only where an INVITE was not answered at all.
    pub fn is_answered_too_late(&self) -> bool {
        let is_waiting = self.transaction.method == Method::Invite && self.transaction.has_provisional();
        let took = self.answer().zip(self.request()).map(|(answer, request)| answer.time.since(request.time));
        !is_waiting && took.is_some_and(|took| took > TRANSACTION_TIMEOUT)
    }

    /// Whether a refusal that may be about a repeat (400, 482) came only after the client had repeated its request so often that the first
    /// answers must have been lost. Whoever is slow answers 5xx, and a call may wait for others.
    pub fn is_refused_after_silence(&self) -> bool {
        matches!(self.status(), Some(400 | 482))
            && self.transaction.method != Method::Invite
            && self.transaction.transport == Transport::Udp
            && !self.transaction.has_provisional()
            && self.transaction.retransmissions() >= RETRANSMISSIONS_OF_PATIENCE
            && self.is_repeated_by_timer()
            && self.answer().is_some_and(|answer| answer.time >= self.transaction.last_sent())
    }

    /// Whether the client repeats its request as one that waits for an answer does: soon, and for no longer than timer F lets it (RFC 3261
    /// §17.1.2.2). Some devices send the very same REGISTER every few seconds to keep a way open.
    pub fn is_repeated_by_timer(&self) -> bool {
        let Some(request) = self.request() else { return false };
        let first = self.transaction.resent_first().map(|again| again.since(request.time));
        first.is_some_and(|first| first <= REPEATED_FIRST_WITHIN)
            && self.transaction.last_sent().since(request.time) <= TRANSACTION_TIMEOUT + REPEATED_FIRST_WITHIN
    }

    /// Whether it repeated its request so often behind the answer that there is no doubt left, wherever the capture ends.
    pub fn has_given_up_unheard(&self) -> bool {
        self.is_unheard() && self.transaction.retransmissions() > RETRANSMISSIONS_OF_PATIENCE
    }

    /// Whether the request ends a registration, a subscription or a publication: without it, that expires by itself.
    pub fn is_removal(&self) -> bool {
        self.transaction.marks().is_some_and(|marks| marks.is_removal)
    }

    /// Whether the answer holds a challenge; an empty header is none.
    pub fn has_challenge(&self) -> bool {
        self.challenges.iter().any(|offered| !offered.is_blank())
    }

    /// Whether the request was sent within a dialog (RFC 3261 §12.2).
    pub fn is_in_dialog(&self) -> bool {
        self.request().is_some_and(|request| request.to_tag.is_some())
    }

    /// Whether the server was seen to offer a challenge for that realm in this answer.
    pub fn offers_realm(&self, realm: &[u8]) -> bool {
        self.challenges.iter().any(|offered| offered.realm() == realm)
    }
}

impl Offered<'_> {
    /// The realm, unescaped; empty where there is none.
    pub fn realm(&self) -> std::borrow::Cow<'_, [u8]> {
        self.challenge.realm().unwrap_or_default()
    }

    /// Whether the header is there and says nothing.
    pub fn is_blank(&self) -> bool {
        self.challenge.scheme == Scheme::Other(b"") && self.challenge.params.is_empty()
    }

    /// Whether it says `stale=true`.
    pub fn is_stale(&self) -> bool {
        self.challenge.stale() == Some(Stale::True)
    }
}

impl Presented<'_> {
    /// The realm, unescaped; empty where there is none.
    pub fn realm(&self) -> std::borrow::Cow<'_, [u8]> {
        self.credentials.realm().unwrap_or_default()
    }

    /// The user name, unescaped; empty where there is none.
    pub fn username(&self) -> std::borrow::Cow<'_, [u8]> {
        self.credentials.username().unwrap_or_default()
    }

    /// The digest's verdict; `None` where no secret was given.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.closest {
            Closest::One(near_miss) => Some(Verdict::NearMiss(near_miss.variant)),
            _ => self.checked.map(|checked| checked.verdict),
        }
    }

    /// Whether the digest is known not to be right over what was sent.
    pub fn is_wrong(&self) -> bool {
        self.verdict().is_some_and(Verdict::is_wrong)
    }

    /// Where the secret came from that decided.
    pub fn source(&self) -> Option<&'_ SourceId> {
        match &self.closest {
            Closest::One(near_miss) => Some(&near_miss.source),
            _ => self.checked?.source.as_ref(),
        }
    }

    /// Whether the server refused it.
    pub fn is_refused(&self) -> bool {
        matches!(self.judgement, Judgement::Refused | Judgement::Stale)
    }
}
