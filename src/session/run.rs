//! One Call-ID, from its first message until it falls silent: the messages sorted into transactions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::session::Ack;
use crate::session::Answer;
use crate::session::Copy;
use crate::session::CopyKind;
use crate::session::CredentialsRow;
use crate::session::Request;
use crate::session::Sighting;
use crate::session::TextId;
use crate::session::Texts;
use crate::session::Transaction;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::Method;

/// Two appearances of one packet that lie closer than this are one packet seen twice: RFC 3261 §17.1.1.2 waits T1, 500 ms,
/// before it retransmits.
const DUPLICATE_WITHIN: Duration = Duration::from_millis(50);

/// The transactions of one Call-ID.
#[derive(Debug)]
pub struct Run {
    /// The Call-ID.
    pub call_id: Arc<[u8]>,
    /// The frame of the first message.
    pub first: FrameRef,
    /// When the first message came.
    pub started: CaptureTime,
    /// When the latest message came.
    pub last_seen: CaptureTime,
    /// In order of their first message.
    pub transactions: Vec<Transaction>,
    /// What the transactions' text ids stand for.
    pub texts: Texts,
    /// Messages that found no place because the run had too many transactions.
    pub dropped: u64,
    /// Made once a run is long: most runs hold a handful of transactions, and scanning those is cheaper.
    index: Option<HashMap<Key, Vec<usize>>>,
}

/// From this many transactions on, a run keeps an index.
const INDEXED_FROM: usize = 24;

/// How many transactions of the same method and CSeq are compared with a message, newest first. Bounds hostile dialogs.
const CANDIDATES_MAX: usize = 64;

/// What makes a message part of a transaction, but for the hop. Without a branch (RFC 2543 peers), Call-ID, CSeq and the
/// From tag must do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    cseq: Option<u32>,
    method: Method,
}

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A new request, or the first final response to one.
    New,
    /// Another appearance of a message, a provisional response, or an ACK.
    Known,
    /// The run is full.
    Dropped,
}

impl Run {
    /// A run that begins with this message.
    pub fn new(call_id: Arc<[u8]>, sighting: &Sighting<'_>) -> Run {
        Run {
            call_id,
            first: sighting.frames.last,
            started: sighting.time,
            last_seen: sighting.time,
            transactions: Vec::new(),
            texts: Texts::default(),
            dropped: 0,
            index: None,
        }
    }

    /// Puts a message where it belongs.
    pub fn push(&mut self, sighting: Sighting<'_>, limits: &Limits) -> Placement {
        self.last_seen = self.last_seen.max(sighting.time);
        let message = sighting.message;
        let cseq = message.cseq();
        let Some(method) = message.method().or(cseq.map(|cseq| cseq.method)) else {
            self.dropped += 1;
            return Placement::Dropped;
        };
        let key = Key { cseq: cseq.map(|cseq| cseq.number), method: Method::parse(method) };
        if message.status().is_some() {
            self.response(sighting, key, limits)
        } else if key.method == Method::Ack {
            self.ack(sighting, key)
        } else {
            self.request(sighting, key, limits)
        }
    }

    /// The transactions with that method and CSeq number, newest first.
    fn candidates(&self, key: &Key) -> Vec<usize> {
        match &self.index {
            Some(index) => {
                index.get(key).map(|all| all.iter().rev().copied().take(CANDIDATES_MAX).collect()).unwrap_or_default()
            }
            None => {
                let all = self.transactions.iter().enumerate().rev();
                all.filter(|(_, known)| known.cseq == key.cseq && known.method == key.method).map(|(i, _)| i).collect()
            }
        }
    }

    fn transaction(&self, index: usize) -> Option<&Transaction> {
        self.transactions.get(index)
    }

    fn request(&mut self, sighting: Sighting<'_>, key: Key, limits: &Limits) -> Placement {
        let branch = branch_of(sighting.message);
        if let Some(index) = self.same_request(&sighting, &key, branch) {
            self.add_copy(index, &sighting);
            return Placement::Known;
        }
        if self.transactions.len() >= limits.session_transactions_max {
            self.dropped += 1;
            return Placement::Dropped;
        }
        let forwarded_from = self.previous_hop(&sighting, &key);
        let request = self.keep_request(&sighting, sighting.credentials.clone());
        let branch = branch.map(|branch| self.texts.keep(branch));
        self.add(key, Transaction { branch, request: Some(request), forwarded_from, ..blank(&sighting) });
        Placement::New
    }

    /// The transaction that this request appeared in before, on the same hop.
    fn same_request(&self, sighting: &Sighting<'_>, key: &Key, branch: Option<&[u8]>) -> Option<usize> {
        let from_tag = sighting.message.from().and_then(|from| from.tag);
        self.candidates(key).into_iter().find(|&index| {
            let Some(known) = self.transaction(index) else { return false };
            let Some(request) = &known.request else { return false };
            let is_same_key = match branch {
                Some(branch) => known.branch.is_some_and(|id| self.texts.get(id) == branch),
                None => known.branch.is_none() && request.from_tag.map(|id| self.texts.get(id)) == from_tag,
            };
            // A client that answers a challenge under its old branch sent another request all the same.
            is_same_key && known.flow == sighting.flow && has_same_credentials(request, &sighting.credentials)
        })
    }

    fn add_copy(&mut self, index: usize, sighting: &Sighting<'_>) {
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        let Some(request) = &transaction.request else { return };
        let is_duplicate = request.link != sighting.link || sighting.time.since(request.time) < DUPLICATE_WITHIN;
        let kind = if is_duplicate { CopyKind::Duplicate } else { CopyKind::Retransmission };
        transaction.copies.push(Copy { at: sighting.frames.last, kind });
    }

    /// The transaction of which this request is the continuation on the next hop: its Vias hold that branch (RFC 3261
    /// §16.6), or the receiver sent the same request on under a Via of its own, as transparent B2BUAs do.
    fn previous_hop(&self, sighting: &Sighting<'_>, key: &Key) -> Option<usize> {
        let from_tag = sighting.message.from().and_then(|from| from.tag);
        let branches: Vec<&[u8]> = sighting.message.via_branches().collect();
        self.candidates(key).into_iter().find(|&index| {
            let Some(known) = self.transaction(index) else { return false };
            let Some(request) = &known.request else { return false };
            if known.flow == sighting.flow {
                return false;
            }
            let is_nested = known.branch.is_some_and(|id| branches.contains(&self.texts.get(id)));
            let is_relayed = known.flow.destination.address == sighting.flow.source.address
                && request.from_tag.map(|id| self.texts.get(id)) == from_tag;
            is_nested || is_relayed
        })
    }

    fn keep_request(&mut self, sighting: &Sighting<'_>, credentials: Vec<CredentialsRow>) -> Request {
        let message = sighting.message;
        let (from, to) = (message.from().unwrap_or_default(), message.to().unwrap_or_default());
        let texts = &mut self.texts;
        Request {
            at: sighting.frames.last,
            other_frames: sighting.frames.others.clone(),
            time: sighting.time,
            link: sighting.link,
            uri: texts.keep(message.request_uri().unwrap_or_default()),
            from: texts.keep(from.uri),
            from_tag: from.tag.map(|tag| texts.keep(tag)),
            to: texts.keep(to.uri),
            to_tag: to.tag.map(|tag| texts.keep(tag)),
            user_agent: message.value(HeaderName::UserAgent).map(|agent| texts.keep(agent)),
            len_bytes: u32::try_from(message.bytes.len()).unwrap_or(u32::MAX),
            has_all_headers: message.has_all_headers,
            is_ambiguous: sighting.is_ambiguous,
            via_count: u8::try_from(message.via_branches().count()).unwrap_or(u8::MAX),
            credentials,
        }
    }

    fn response(&mut self, sighting: Sighting<'_>, key: Key, limits: &Limits) -> Placement {
        let status = sighting.message.status().unwrap_or_default();
        let index = match self.request_of(&sighting, &key) {
            Some(index) => index,
            None if self.transactions.len() >= limits.session_transactions_max => {
                self.dropped += 1;
                return Placement::Dropped;
            }
            None => self.unseen_request(&sighting, key),
        };
        if status < 200 {
            let Some(transaction) = self.transactions.get_mut(index) else { return Placement::Known };
            transaction.has_provisional = true;
            if status > 100 {
                transaction.provisional_at.get_or_insert(sighting.time);
            }
            return Placement::Known;
        }
        self.final_response(index, sighting, status)
    }

    /// The transaction that a response answers: the same branch and CSeq (RFC 3261 §17.1.3), best on the reverse flow.
    fn request_of(&self, sighting: &Sighting<'_>, key: &Key) -> Option<usize> {
        let branch = branch_of(sighting.message);
        let from_tag = sighting.message.from().and_then(|from| from.tag);
        let fits = |index: &usize| {
            self.transaction(*index).is_some_and(|known| match branch {
                Some(branch) => known.branch.is_some_and(|id| self.texts.get(id) == branch),
                None => {
                    let request_tag = known.request.as_ref().and_then(|request| request.from_tag);
                    known.branch.is_none() && request_tag.is_none_or(|id| Some(self.texts.get(id)) == from_tag)
                }
            })
        };
        let is_reverse = |index: &usize, exactly: bool| {
            self.transaction(*index).is_some_and(|known| {
                let back = sighting.flow.reversed();
                if exactly { known.flow == back } else { known.flow.source.address == back.source.address }
            })
        };
        let known = self.candidates(key);
        let candidates = || known.iter().copied().filter(fits);
        candidates()
            .find(|index| is_reverse(index, true))
            .or_else(|| candidates().find(|index| is_reverse(index, false)))
            .or_else(|| candidates().next())
    }

    fn unseen_request(&mut self, sighting: &Sighting<'_>, key: Key) -> usize {
        let branch = branch_of(sighting.message).map(|branch| self.texts.keep(branch));
        let transaction = Transaction { flow: sighting.flow.reversed(), branch, ..blank(sighting) };
        self.add(key, transaction)
    }

    fn final_response(&mut self, index: usize, sighting: Sighting<'_>, status: u16) -> Placement {
        let message = sighting.message;
        let Some(transaction) = self.transactions.get_mut(index) else { return Placement::Dropped };
        if let Some(answer) = &mut transaction.answer {
            answer.repeats = answer.repeats.saturating_add(1);
            return Placement::Known;
        }
        let reason = match message.start {
            crate::sip::StartLine::Response { reason, .. } => message.text(reason),
            crate::sip::StartLine::Request { .. } => &[],
        };
        let server = message.value(HeaderName::Server).or(message.value(HeaderName::UserAgent));
        transaction.answer = Some(Answer {
            at: sighting.frames.last,
            time: sighting.time,
            status,
            reason: self.texts.keep(reason),
            server: server.map(|server| self.texts.keep(server)),
            has_all_headers: message.has_all_headers,
            is_ambiguous: sighting.is_ambiguous,
            repeats: 0,
            challenges: sighting.challenges,
        });
        Placement::New
    }

    /// An ACK joins its INVITE: by branch after a refusal, by CSeq after a 2xx (RFC 3261 §17.1.1.3, §13.2.2.4).
    fn ack(&mut self, sighting: Sighting<'_>, key: Key) -> Placement {
        let invite = Key { method: Method::Invite, ..key };
        let branch = branch_of(sighting.message);
        let has_branch = |known: &Transaction| branch.is_some() && known.branch.map(|id| self.texts.get(id)) == branch;
        let is_hop = |known: &Transaction| known.flow.source.address == sighting.flow.source.address;
        let invites = self.candidates(&invite);
        let pick = |fits: &dyn Fn(&Transaction) -> bool| {
            invites.iter().copied().find(|&index| self.transaction(index).is_some_and(fits))
        };
        let index = pick(&|known| has_branch(known) && is_hop(known)).or_else(|| pick(&is_hop));
        if let Some(transaction) = index.and_then(|index| self.transactions.get_mut(index)) {
            transaction.ack.get_or_insert(Ack {
                at: sighting.frames.last,
                time: sighting.time,
                credentials: sighting.credentials,
            });
        }
        Placement::Known
    }

    fn add(&mut self, key: Key, transaction: Transaction) -> usize {
        let index = self.transactions.len();
        self.transactions.push(Transaction { method: key.method.clone(), cseq: key.cseq, ..transaction });
        match &mut self.index {
            Some(by_key) => by_key.entry(key).or_default().push(index),
            None if self.transactions.len() >= INDEXED_FROM => self.index = Some(index_of(&self.transactions)),
            None => {}
        }
        index
    }

    /// The bytes of a text.
    pub fn text(&self, id: TextId) -> &[u8] {
        self.texts.get(id)
    }
}

fn index_of(transactions: &[Transaction]) -> HashMap<Key, Vec<usize>> {
    let mut index: HashMap<Key, Vec<usize>> = HashMap::new();
    for (position, known) in transactions.iter().enumerate() {
        index.entry(Key { cseq: known.cseq, method: known.method.clone() }).or_default().push(position);
    }
    index
}

fn blank(sighting: &Sighting<'_>) -> Transaction {
    Transaction {
        flow: sighting.flow,
        transport: sighting.transport,
        method: Method::Register,
        cseq: None,
        branch: None,
        request: None,
        provisional_at: None,
        has_provisional: false,
        answer: None,
        ack: None,
        copies: Vec::new(),
        forwarded_from: None,
    }
}

/// A branch without the magic cookie identifies nothing (RFC 3261 §17.2.3), yet old stacks keep it equal within a
/// transaction: it is compared as it stands.
fn branch_of<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    message.top_via().and_then(|via| via.branch)
}

fn has_same_credentials(request: &Request, rows: &[CredentialsRow]) -> bool {
    request.credentials.len() == rows.len()
        && request.credentials.iter().zip(rows).all(|(a, b)| a.header == b.header && a.value == b.value)
}
