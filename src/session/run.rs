//! One Call-ID, from its first message until it falls silent: the messages sorted into transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::WireMap;
use crate::digest::Reason;
use crate::digest::Verdict;
use crate::session::Copy;
use crate::session::CopyKind;
use crate::session::CredentialsRow;
use crate::session::Marks;
use crate::session::Request;
use crate::session::Sighting;
use crate::session::TextId;
use crate::session::Texts;
use crate::session::Transaction;
use crate::session::Transactions;
use crate::session::bodies::Bodies;
use crate::session::marks::listens_at;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::Method;
use crate::sip::address::Address;
use crate::sip::via::Via;

/// Two appearances of one packet that lie closer than this are one packet seen twice: RFC 3261 §17.1.1.2 waits T1, 500 ms,
/// before it retransmits.
pub(super) const DUPLICATE_WITHIN: Duration = Duration::from_millis(50);

/// The transactions of one Call-ID.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    /// The Call-ID.
    #[serde(skip)]
    pub call_id: Arc<[u8]>,
    /// The frame of the first message.
    pub first: FrameRef,
    /// When the first message came.
    pub started: CaptureTime,
    /// When the latest message came.
    pub last_seen: CaptureTime,
    /// In order of their first message.
    pub transactions: Transactions,
    /// What the transactions' text ids stand for.
    pub texts: Texts,
    /// Messages that found no place because the run had too many transactions.
    pub dropped: u32,
    /// Requests that the capture holds twice.
    pub duplicates: u32,
    /// Whether any was answered more than once, and not alike.
    pub(super) has_others: bool,
    /// The highest CSeq number of them.
    cseq_max: Option<u32>,
    /// What rows, copies and frames take up, by estimate.
    pub(super) rows_bytes: usize,
    /// The other frames of messages that are made of several, by the frame that completed them. Few messages are.
    other_frames: BTreeMap<FrameRef, Box<[FrameRef]>>,
    /// Few runs keep any.
    bodies: Option<Box<Bodies>>,
    /// Made once a run is long: most runs hold a handful of transactions, and scanning those is cheaper.
    #[serde(skip)]
    pub(super) index: Option<Box<Index>>,
}

/// From this many transactions on, a run keeps an index.
const INDEXED_FROM: usize = 24;

/// How many transactions of the same method and CSeq are compared with a message, newest first. Bounds hostile dialogs.
pub(super) const CANDIDATES_MAX: usize = 64;

/// What of a message says which transactions it may belong to; branch, hop and From tag say which of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) cseq: Option<u32>,
    pub(super) method: Method,
}

impl Key {
    /// `None` where neither the start line nor CSeq names a method.
    fn of(message: &Message<'_>) -> Option<Key> {
        let cseq = message.cseq();
        let method = message.method().or(cseq.map(|cseq| cseq.method))?;
        Some(Key { cseq: cseq.map(|cseq| cseq.number), method: Method::parse(method) })
    }
}

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A new request, or the first final response to one.
    New,
    /// Another appearance of a message, a provisional response, or an ACK.
    Known,
    /// The run is full, or the message has no method or no Call-ID.
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
            transactions: Transactions::default(),
            texts: Texts::default(),
            dropped: 0,
            duplicates: 0,
            has_others: false,
            cseq_max: None,
            rows_bytes: 0,
            other_frames: BTreeMap::new(),
            bodies: None,
            index: None,
        }
    }

    /// Puts a message where it belongs.
    pub fn push(&mut self, sighting: Sighting<'_>, limits: &Limits) -> Placement {
        self.last_seen = self.last_seen.max(sighting.time);
        if !sighting.frames.others.is_empty() {
            self.other_frames.insert(sighting.frames.last, sighting.frames.others.clone());
        }
        let message = sighting.message;
        let Some(key) = Key::of(message) else {
            self.dropped = self.dropped.saturating_add(1);
            return Placement::Dropped;
        };
        let identity = Identity::of(message);
        if message.status().is_some() {
            self.response(sighting, identity, key, limits)
        } else if key.method == Method::Ack {
            self.ack(sighting, identity, key)
        } else {
            self.request(sighting, identity, key, limits)
        }
    }

    /// Whether a request of the run waits for that answer: however late it comes, nothing new begins with it.
    pub(super) fn awaits(&self, sighting: &Sighting<'_>) -> bool {
        let Some(key) = Key::of(sighting.message).filter(|_| sighting.message.status().is_some()) else { return false };
        let asked = self.request_of(sighting, &Identity::of(sighting.message), &key);
        let asked = asked.and_then(|index| self.transactions.get(index));
        asked.is_some_and(|asked| asked.request.is_some() && asked.answer.is_none())
    }

    /// The newest transaction with that method and CSeq number that fits.
    pub(super) fn newest(&self, key: &Key, fits: impl Fn(&Transaction) -> bool) -> Option<usize> {
        // Numbers count up, so that most requests need not be compared with those before them.
        if key.cseq > self.cseq_max {
            return None;
        }
        match &self.index {
            Some(index) => {
                let newest = index.0.get(key)?.iter().rev().take(CANDIDATES_MAX).copied();
                newest.filter_map(|index| Some((index, self.transactions.get(index)?))).find(|(_, known)| fits(known))
            }
            None => {
                let newest = self.transactions.iter().enumerate().rev();
                newest
                    .filter(|(_, known)| known.cseq == key.cseq && known.method == key.method)
                    .find(|(_, known)| fits(known))
            }
        }
        .map(|(index, _)| index)
    }

    fn request(&mut self, sighting: Sighting<'_>, identity: Identity<'_>, key: Key, limits: &Limits) -> Placement {
        if let Some(index) = self.same_request(&key, &sighting, &identity) {
            self.add_copy(index, &sighting);
            return Placement::Known;
        }
        if let Some(index) = self.overtaken(&key, &sighting, &identity) {
            self.adopt(index, sighting, &identity, &key);
            return Placement::New;
        }
        if self.is_full(limits) {
            self.dropped = self.dropped.saturating_add(1);
            return Placement::Dropped;
        }
        self.settle(&sighting.credentials);
        let forwarded_from = self.previous_hop(&key, &sighting, &identity);
        let mut transaction = Transaction::new(&sighting, sighting.flow, &key);
        let (request, marks) = self.keep_request(sighting, &identity);
        // It is another one than those before it, or hardly ever the same.
        transaction.branch = identity.branch.map(|branch| self.texts.add(branch));
        transaction.adopt(request, marks, forwarded_from);
        self.add(key, transaction);
        Placement::New
    }

    /// Whether it takes no further transaction.
    fn is_full(&self, limits: &Limits) -> bool {
        self.transactions.len() >= limits.session_transactions_max || self.rows_bytes >= limits.session_rows_bytes_max
    }

    /// The transaction that this request appeared in before, on the same hop.
    fn same_request(&self, key: &Key, sighting: &Sighting<'_>, identity: &Identity<'_>) -> Option<usize> {
        self.newest(key, |known| {
            let Some(request) = &known.request else { return false };
            let is_same_key = match identity.branch {
                Some(branch) => self.has_branch(known, branch),
                None => known.branch.is_none() && self.has_from_tag(request, identity),
            };
            // A client that answers a challenge under its old branch sent another request all the same.
            is_same_key && known.flow() == sighting.flow && has_same_credentials(request, &sighting.credentials)
        })
    }

    /// The transaction of which only responses were seen so far, and this is the request: a capture of several queues or
    /// points may hold them in the wrong order, and a hole in a TCP stream holds a request back.
    fn overtaken(&self, key: &Key, sighting: &Sighting<'_>, identity: &Identity<'_>) -> Option<usize> {
        let brings =
            |known: &Transaction| known.answer.as_ref().is_some_and(|answer| answer.brought_any(&sighting.credentials));
        // Some servers give the same one with each answer.
        let is_given_anew =
            || self.transactions.iter().rev().take(CANDIDATES_MAX).filter(|known| brings(known)).count() > 1;
        self.newest(key, |known| {
            known.request.is_none()
                && known.flow() == sighting.flow
                // Nobody names a nonce before it is issued, nor acknowledges the answer to what is still to be sent.
                && (!brings(known) || is_given_anew())
                && known.ack().is_none()
                && identity.branch.map_or(known.branch.is_none(), |branch| self.has_branch(known, branch))
        })
    }

    fn adopt(&mut self, index: usize, sighting: Sighting<'_>, identity: &Identity<'_>, key: &Key) {
        let forwarded_from = self.previous_hop(key, &sighting, identity);
        self.started = self.started.min(sighting.time);
        let (request, marks) = self.keep_request(sighting, identity);
        if let Some(transaction) = self.transactions.get_mut(index) {
            transaction.adopt(request, marks, forwarded_from);
        }
    }

    pub(super) fn has_branch(&self, known: &Transaction, branch: &[u8]) -> bool {
        known.branch.is_some_and(|id| self.texts.get(id) == branch)
    }

    pub(super) fn has_from_tag(&self, request: &Request, identity: &Identity<'_>) -> bool {
        request.from_tag.map(|id| self.texts.get(id)) == identity.from.tag
    }

    fn add_copy(&mut self, index: usize, sighting: &Sighting<'_>) {
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        let Some(request) = &transaction.request else { return };
        // A retransmission is seen twice as well: what follows any appearance that closely is the same packet.
        let is_duplicate =
            request.link != sighting.link || sighting.time.since(transaction.last_sent()) < DUPLICATE_WITHIN;
        let kind = if is_duplicate { CopyKind::Duplicate } else { CopyKind::Retransmission };
        self.duplicates = self.duplicates.saturating_add(u32::from(is_duplicate));
        let listens_at = if is_duplicate { None } else { listens_at(sighting) };
        transaction.add_copy(Copy { at: sighting.frames.last, kind }, sighting.time, listens_at);
    }

    /// The transaction of which this request is the continuation on the next hop: its Vias hold that branch (RFC 3261
    /// §16.6), or the receiver sent the same request on under a Via of its own, as transparent B2BUAs do.
    fn previous_hop(&self, key: &Key, sighting: &Sighting<'_>, identity: &Identity<'_>) -> Option<usize> {
        self.newest(key, |known| {
            let Some(request) = &known.request else { return false };
            if known.flow() == sighting.flow {
                return false;
            }
            let is_nested = || sighting.message.via_branches().any(|branch| self.has_branch(known, branch));
            let is_relayed = known.flow().destination.address == sighting.flow.source.address
                && self.has_from_tag(request, identity);
            // Old stacks send no branch: on both sides of a NAT it is the same request to the same server at once.
            let is_other_side = || {
                identity.branch.is_none()
                    && known.branch.is_none()
                    && known.flow().destination == sighting.flow.destination
                    && self.has_from_tag(request, identity)
                    && has_same_credentials(request, &sighting.credentials)
                    && sighting.time.since(request.time) < DUPLICATE_WITHIN
            };
            is_relayed || is_nested() || is_other_side()
        })
    }

    /// Marks a message that can be read two ways after all. A digest over it is neither right nor wrong.
    pub(super) fn contradict(&mut self, flow: Flow, message: &Message<'_>) {
        let cseq = message.cseq();
        let Some(method) = message.method().or(cseq.map(|cseq| cseq.method)) else { return };
        let key = Key { cseq: cseq.map(|cseq| cseq.number), method: Method::parse(method) };
        let identity = Identity::of(message);
        let is_response = message.status().is_some();
        let flow = if is_response { flow.reversed() } else { flow };
        let index = self.newest(&key, |known| {
            known.flow() == flow
                && identity.branch.map_or(known.branch.is_none(), |branch| self.has_branch(known, branch))
        });
        let Some(transaction) = index.and_then(|index| self.transactions.get_mut(index)) else { return };
        match (is_response, &mut transaction.answer, &mut transaction.request) {
            (true, Some(answer), _) => answer.is_ambiguous = true,
            (false, _, Some(request)) => {
                request.is_ambiguous = true;
                let rows = request.credentials.iter_mut();
                let known = rows.flat_map(|row| std::iter::once(&mut row.first).chain(&mut row.others));
                for checked in known.filter_map(|known| known.checked.as_mut()) {
                    checked.verdict = Verdict::Unverifiable(Reason::Ambiguous);
                }
            }
            _ => {}
        }
    }

    fn keep_request(&mut self, sighting: Sighting<'_>, identity: &Identity<'_>) -> (Request, Option<Box<Marks>>) {
        let message = sighting.message;
        if sighting.keeps_body {
            self.bodies.get_or_insert_default().keep(sighting.frames.last, message.body());
        }
        let (from, to) = (identity.from, identity.to);
        let texts = &mut self.texts;
        let marks = Marks::of(&sighting, identity.via, texts);
        let request = Request {
            at: sighting.frames.last,
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
            via_count: message.via_count(),
            credentials: sighting.credentials.into(),
        };
        (request, marks)
    }

    fn response(&mut self, sighting: Sighting<'_>, identity: Identity<'_>, key: Key, limits: &Limits) -> Placement {
        let status = sighting.message.status().unwrap_or_default();
        let asked = self.request_of(&sighting, &identity, &key);
        let index = match asked.filter(|index| !self.is_of_unseen_repeat(*index, status)) {
            Some(index) => index,
            None if self.is_full(limits) => {
                self.dropped = self.dropped.saturating_add(1);
                return Placement::Dropped;
            }
            None => self.unseen_request(&sighting, &identity, key),
        };
        // A status that cannot be read says nothing.
        if status < 100 {
            return Placement::Known;
        }
        if status < 200 {
            let Some(transaction) = self.transactions.get_mut(index) else { return Placement::Known };
            transaction.add_provisional(status, sighting.time);
            return Placement::Known;
        }
        self.final_response(index, sighting, status)
    }

    /// The transaction that a response answers: the same branch and CSeq (RFC 3261 §17.1.3), best on the reverse flow.
    fn request_of(&self, sighting: &Sighting<'_>, identity: &Identity<'_>, key: &Key) -> Option<usize> {
        let fits = |known: &Transaction| match (identity.branch, &known.request) {
            (Some(branch), _) => self.has_branch(known, branch),
            (None, None) => known.branch.is_none(),
            (None, Some(request)) => {
                known.branch.is_none() && (request.from_tag.is_none() || self.has_from_tag(request, identity))
            }
        };
        let back = sighting.flow.reversed();
        self.newest(key, |known| known.flow() == back && fits(known))
            .or_else(|| self.newest(key, |known| known.flow().source.address == back.source.address && fits(known)))
            .or_else(|| self.newest(key, fits))
    }

    pub(super) fn add(&mut self, key: Key, transaction: Transaction) -> usize {
        let index = self.transactions.len();
        self.cseq_max = self.cseq_max.max(key.cseq);
        self.transactions.push(transaction);
        match &mut self.index {
            Some(by_key) => by_key.0.entry(key).or_default().push(index),
            None if self.transactions.len() >= INDEXED_FROM => {
                self.index = Some(Box::new(Index::of(&self.transactions)))
            }
            None => {}
        }
        index
    }

    /// Whether the message that this frame completed came in several frames.
    pub fn is_made_of_several(&self, message: FrameRef) -> bool {
        self.other_frames.contains_key(&message)
    }

    /// Every frame of the message that this frame completed, in capture order.
    pub fn frames_of(&self, message: FrameRef) -> impl Iterator<Item = FrameRef> + '_ {
        self.other_frames.get(&message).into_iter().flatten().copied().chain([message])
    }

    /// The bytes of a text.
    pub fn text(&self, id: TextId) -> &[u8] {
        self.texts.get(id)
    }

    /// The body of the request that this frame completed, where it was kept.
    pub fn body(&self, request: FrameRef) -> Option<&[u8]> {
        self.bodies.as_ref()?.get(request)
    }

    /// What the bodies that were kept take up.
    pub fn bodies_len_bytes(&self) -> usize {
        self.bodies.as_ref().map_or(0, |bodies| bodies.len_bytes())
    }
}

/// What of a message says where it belongs, read once.
pub(super) struct Identity<'a> {
    /// The top Via's branch. One without the magic cookie identifies nothing (RFC 3261 §17.2.3), yet old stacks keep it
    /// equal within a transaction: it is compared as it stands.
    pub(super) branch: Option<&'a [u8]>,
    /// The top Via.
    pub(super) via: Option<Via<'a>>,
    /// From and To, of a request or where there is no branch: responses mostly need neither.
    pub(super) from: Address<'a>,
    pub(super) to: Address<'a>,
}

impl<'a> Identity<'a> {
    fn of(message: &Message<'a>) -> Identity<'a> {
        let via = message.top_via();
        let branch = via.and_then(|via| via.branch);
        if branch.is_some() && message.status().is_some() {
            return Identity { branch, via, from: Address::default(), to: Address::default() };
        }
        Identity { branch, via, from: message.from().unwrap_or_default(), to: message.to().unwrap_or_default() }
    }
}

/// The transactions of a long run by method and CSeq number, in order.
#[derive(Debug, Default)]
pub(super) struct Index(WireMap<Key, Vec<usize>>);

impl Index {
    fn of(transactions: &Transactions) -> Index {
        let mut index = Index::default();
        for (position, known) in transactions.iter().enumerate() {
            index.0.entry(Key { cseq: known.cseq, method: known.method.clone() }).or_default().push(position);
        }
        index
    }
}

fn has_same_credentials(request: &Request, rows: &[CredentialsRow]) -> bool {
    request.credentials.len() == rows.len()
        && request.credentials.iter().zip(rows).all(|(a, b)| a.header == b.header && a.value == b.value)
}
