//! Messages of which the capture holds only the first fragment. They are no messages: their end is missing, and nobody can
//! say whether the other side got it. Yet they show what was tried.

use std::sync::Arc;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::WireMap;
use crate::base::limits::beginning;
use crate::session::Attempt;
use crate::session::judge::RETRANSMISSIONS_OF_PATIENCE;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::Method;

/// Messages that are remembered at a time, and those of one Call-ID.
const LOST_MAX: usize = 65_536;
const LOST_OF_CALL_MAX: usize = 256;

/// How long one is kept of which no other message comes: as long as a silent session.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// The first fragment of a message.
#[derive(Clone, Debug)]
pub struct Lost {
    /// Its frame.
    pub at: FrameRef,
    /// When, where the capture says.
    pub time: Option<CaptureTime>,
    /// Who to whom.
    pub flow: Flow,
    /// The status of a response; `None` for a request.
    pub status: Option<u16>,
    /// The method, from the request line or from CSeq.
    pub method: Method,
    /// The CSeq number.
    pub cseq: Option<u32>,
    /// Whether credentials stand in the part that is there.
    pub has_credentials: bool,
}

impl Lost {
    /// Whether it is a final response to this request.
    pub fn answers(&self, attempt: &Attempt<'_>) -> bool {
        let transaction = attempt.transaction;
        self.status.is_some_and(|status| status >= 200)
            && self.method == transaction.method
            && self.cseq == transaction.cseq
    }

    /// Whether a request is over with it: it is its final answer, and nothing shows that it did not arrive.
    pub fn ends(&self, attempt: &Attempt<'_>, all: &[Lost]) -> bool {
        self.answers(attempt)
            && attempt.transaction.flow().source.address == self.flow.destination.address
            && !self.is_unheard(attempt, all)
    }

    /// Whether the receiver of this final answer did not get it: it repeats the request, or the server the answer, and nobody acknowledges
    /// it. Nothing of what else came of the request was captured.
    pub fn is_unheard(&self, attempt: &Attempt<'_>, all: &[Lost]) -> bool {
        let transaction = attempt.transaction;
        let is_open = transaction.answer.is_none() && transaction.ack().is_none();
        let answers = all.iter().filter(|other| (other.status, other.cseq) == (self.status, self.cseq)).count();
        let is_behind = self.time.is_some_and(|time| transaction.last_sent() > time);
        let is_repeated = is_behind && transaction.retransmissions() >= RETRANSMISSIONS_OF_PATIENCE;
        let is_unacknowledged = transaction.method == Method::Invite && answers > RETRANSMISSIONS_OF_PATIENCE;
        is_open && (is_repeated || is_unacknowledged)
    }

    /// Whether it is a request of the same client for the same purpose, sent with credentials behind this one.
    pub fn retries(&self, attempt: &Attempt<'_>) -> bool {
        let transaction = attempt.transaction;
        self.status.is_none()
            && self.has_credentials
            && self.method == transaction.method
            && self.flow.source.address == transaction.flow().source.address
            && self.flow.destination.address == transaction.flow().destination.address
            && self.cseq > transaction.cseq
    }
}

/// All of them whose sessions are open, or may still begin, by Call-ID.
#[derive(Debug, Default)]
pub struct LostMessages {
    by_call: WireMap<Box<[u8]>, Vec<Lost>>,
    count: usize,
    /// When room was made the last time.
    cleared: Option<CaptureTime>,
    refused: u64,
}

impl LostMessages {
    /// Notes the first fragment of a message.
    pub fn note(&mut self, message: &Message<'_>, at: FrameRef, time: Option<CaptureTime>, flow: Flow) {
        let cseq = message.cseq();
        let Some(method) = message.method().or(cseq.map(|cseq| cseq.method)) else { return };
        let call_id = beginning(message.call_id());
        if call_id.is_empty() {
            return;
        }
        let of_call = self.by_call.get(call_id).map_or(0, Vec::len);
        if self.count >= LOST_MAX || of_call >= LOST_OF_CALL_MAX {
            self.refused += 1;
            return;
        }
        let names = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
        let lost = Lost {
            at,
            time,
            flow,
            status: message.status(),
            method: Method::parse(method),
            cseq: cseq.map(|cseq| cseq.number),
            has_credentials: message.headers.iter().any(|header| names.contains(&header.name)),
        };
        self.count += 1;
        self.by_call.entry(call_id.into()).or_default().push(lost);
    }

    /// Makes room, where there is none, by those that nothing came of; `now` is the tracker's clock. To be called before [`LostMessages::note`].
    pub fn make_room(&mut self, now: Option<CaptureTime>) {
        let Some(now) = now.filter(|_| self.count >= LOST_MAX) else { return };
        // The clock may have been set back since.
        if self.cleared.is_some_and(|cleared| cleared <= now && now.since(cleared) < KEPT_FOR) {
            return;
        }
        self.cleared = Some(now);
        let is_new = |lost: &Lost| lost.time.is_none_or(|time| now.since(time) < KEPT_FOR);
        self.by_call.retain(|_, lost| lost.iter().any(is_new));
        self.count = self.by_call.values().map(Vec::len).sum();
    }

    /// Those of a Call-ID, which closes with this.
    pub fn take(&mut self, call_id: &Arc<[u8]>) -> Vec<Lost> {
        if self.count == 0 {
            return Vec::new();
        }
        let taken = self.by_call.remove(beginning(call_id)).unwrap_or_default();
        self.count -= taken.len();
        taken
    }

    /// How many found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
