//! A request that is answered more than once, and not alike: a server that keeps no state, or was restarted, answers each copy anew (RFC
//! 3261 §8.2.7). What the client does next shows which of the answers it heard.

use serde::Deserialize;
use serde::Serialize;

use crate::session::Answer;
use crate::session::ChallengeRow;
use crate::session::CredentialsRow;
use crate::session::NonceId;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::Transaction;
use crate::session::marks::rare_parts;
use crate::session::run::CANDIDATES_MAX;
use crate::session::run::Placement;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::Method;
use crate::sip::StartLine;

/// How many answers are kept beside the one that counts: a client sends its request eleven times at most (RFC 3261 §17.1.2.2).
const OTHERS_MAX: usize = 12;

/// Final answers of one transaction beside the one that counts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Others {
    answers: Vec<Answer>,
    /// The client's credentials said which one it heard.
    is_settled: bool,
}

impl Run {
    /// A final response: the first one counts until something shows that the client heard another.
    pub(super) fn final_response(&mut self, index: usize, sighting: Sighting<'_>, status: u16) -> Placement {
        let Some(transaction) = self.transactions.get_mut(index) else { return Placement::Dropped };
        let (asked, resent) = (transaction.flow(), transaction.resent_last());
        if let Some(answer) = &mut transaction.answer {
            let is_repeat = answer.is_repeated_by(&sighting, resent);
            answer.seen_again(&sighting, is_repeat, asked);
            if self.is_known_answer(index, &sighting, status) {
                return Placement::Known;
            }
        }
        let bytes = sighting.challenges.iter().map(|row| row.value.len()).sum::<usize>();
        let answer = self.keep_answer(index, sighting, status);
        let Some(transaction) = self.transactions.get_mut(index) else { return Placement::Dropped };
        let Some(first) = &transaction.answer else {
            transaction.answer = Some(answer);
            return Placement::New;
        };
        self.has_others = true;
        self.rows_bytes = self.rows_bytes.saturating_add(bytes).saturating_add(size_of::<Answer>());
        // Who repeats its request has heard no answer.
        let counts = answer.is_success() && !first.is_success();
        transaction.others_mut().answers.push(answer);
        if counts {
            transaction.prefer(|other| other.status == status);
            return Placement::New;
        }
        Placement::Known
    }

    /// Whether a success behind a failure answers something that the capture lacks: nobody is seen to have repeated the request, or the
    /// client had heard of the failure. It may be a repeat, or a retry under the old branch.
    pub(super) fn is_of_unseen_repeat(&self, index: usize, status: u16) -> bool {
        let Some(known) = self.transactions.get(index) else { return false };
        let has_failed = known.answer.as_ref().is_some_and(|answer| answer.status >= 300);
        let is_news = !known.other_answers().iter().any(|other| other.status == status);
        (200..=299).contains(&status)
            && has_failed
            && is_news
            && (known.retransmissions() == 0 || known.ack().is_some())
    }

    /// Whether a final response is one that the transaction was given before, or finds no place.
    fn is_known_answer(&self, index: usize, sighting: &Sighting<'_>, status: u16) -> bool {
        let Some(transaction) = self.transactions.get(index) else { return true };
        let mut known = transaction.answer.iter().chain(transaction.other_answers());
        let is_full = transaction.other_answers().len() >= OTHERS_MAX && status >= 300;
        is_full || known.any(|known| self.is_alike(known, sighting, status))
    }

    /// Whether a response says what that answer says: what was cut off may have been the same.
    fn is_alike(&self, known: &Answer, sighting: &Sighting<'_>, status: u16) -> bool {
        let has_nonces = || nonces(&known.challenges).eq(nonces(&sighting.challenges));
        let is_cut = !known.has_all_headers || !sighting.message.has_all_headers;
        let has_tag = || known.to_tag.is_none_or(|tag| Some(self.texts.get(tag)) == to_tag(sighting.message));
        known.status == status && (is_cut || (has_nonces() && has_tag()))
    }

    fn keep_answer(&mut self, index: usize, sighting: Sighting<'_>, status: u16) -> Answer {
        let message = sighting.message;
        let reason = match message.start {
            StartLine::Response { reason, .. } => message.text(reason),
            StartLine::Request { .. } => &[],
        };
        let server = message.value(HeaderName::Server).or(message.value(HeaderName::UserAgent));
        let transaction = self.transactions.get(index);
        let is_acknowledged_by_hop = status >= 300 && transaction.is_some_and(|known| known.method == Method::Invite);
        let is_tag_kept = is_acknowledged_by_hop || !sighting.challenges.is_empty();
        let to_tag = is_tag_kept.then(|| to_tag(message)).flatten();
        let rare = transaction.and_then(|asked| rare_parts(&sighting, asked, &mut self.texts));
        Answer {
            at: sighting.frames.last,
            time: sighting.time,
            status,
            reason: self.texts.keep(reason),
            server: server.map(|server| self.texts.keep(server)),
            has_all_headers: message.has_all_headers,
            is_ambiguous: sighting.is_ambiguous,
            to_tag: to_tag.map(|tag| self.texts.keep(tag)),
            challenges: sighting.challenges.into(),
            rare,
        }
    }

    /// Takes note of which answer a request shows its client to have heard: the one that brought the nonce that it names. On every hop.
    pub(super) fn settle(&mut self, credentials: &[CredentialsRow]) {
        if !self.has_others || credentials.is_empty() {
            return;
        }
        for transaction in self.transactions.iter_mut().rev().take(CANDIDATES_MAX) {
            if transaction.other_answers().is_empty() {
                continue;
            }
            transaction.settle(|answer| answer.brought_any(credentials));
        }
    }

    /// Takes note of which answer an ACK shows to have been heard: the one whose To tag it repeats (RFC 3261 §17.1.1.3).
    pub(super) fn heard_by_ack(&mut self, index: usize, tag: Option<&[u8]>) {
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        let is_open = transaction.ack().is_none() && transaction.others().is_some_and(|others| !others.is_settled);
        let texts = &self.texts;
        let has_tag = |answer: &Answer| answer.to_tag.is_some_and(|id| Some(texts.get(id)) == tag);
        let is_refused = transaction.answer.as_ref().is_some_and(|answer| answer.status >= 300 && !has_tag(answer));
        if is_open && is_refused {
            transaction.prefer(has_tag);
        }
    }
}

impl Transaction {
    /// Final answers beside the one that counts, in order but for the one that it took the place of.
    pub fn other_answers(&self) -> &[Answer] {
        self.others().map_or(&[], |others| &others.answers)
    }

    fn settle(&mut self, is_named: impl Fn(&Answer) -> bool) {
        if self.others().is_none_or(|others| others.is_settled) {
            return;
        }
        let is_heard = self.answer.as_ref().is_some_and(&is_named) || self.prefer(is_named);
        self.others_mut().is_settled = is_heard;
    }

    /// Lets the latest other answer of that kind count; false where there is none.
    pub(super) fn prefer(&mut self, is_heard: impl Fn(&Answer) -> bool) -> bool {
        if self.other_answers().is_empty() {
            return false;
        }
        let Transaction { answer, .. } = self;
        let first = answer.take();
        let others = self.others_mut();
        let found = others.answers.iter().rposition(is_heard);
        let heard = found.map(|index| others.answers.remove(index));
        let is_found = heard.is_some();
        if is_found {
            others.answers.extend(first);
            others.answers.sort_by_key(|other| other.at);
            self.answer = heard;
        } else {
            self.answer = first;
        }
        is_found
    }
}

impl Answer {
    /// Whether it brought a nonce that those credentials name.
    pub(super) fn brought_any(&self, credentials: &[CredentialsRow]) -> bool {
        let mut named = credentials.iter().flat_map(CredentialsRow::known).filter_map(|known| known.nonce);
        named.any(|nonce| nonces(&self.challenges).any(|brought| brought == Some(nonce)))
    }
}

fn nonces(rows: &[ChallengeRow]) -> impl Iterator<Item = Option<NonceId>> {
    rows.iter().flat_map(|row| row.nonces.iter().copied())
}

fn to_tag<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    message.to().and_then(|to| to.tag)
}
