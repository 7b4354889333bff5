//! Which messages were sent before: `sip.resend`. As in Wireshark, over UDP, by addresses, Call-ID, CSeq, and status.

use crate::base::Flow;
use crate::base::Transport;
use crate::base::WireMap;
use crate::filter::Subject;

/// The latest request and response of each Call-ID in each direction.
#[derive(Debug)]
pub(super) struct Resends {
    sent: WireMap<(Flow, Box<[u8]>), Sent>,
    calls_max: usize,
    /// Messages that may repeat one that was forgotten.
    pub(super) forgotten: u64,
}

/// What was sent last.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    cseq: u32,
    method: Box<[u8]>,
    /// 0 for a request.
    status: u16,
}

impl Resends {
    pub(super) fn new(calls_max: usize) -> Resends {
        Resends { sent: WireMap::default(), calls_max, forgotten: 0 }
    }

    /// Whether a message repeats the one before it; then it is remembered.
    pub(super) fn is_resend(&mut self, subject: &Subject<'_>) -> bool {
        let message = subject.message;
        let Some(cseq) = message.cseq().filter(|_| subject.transport == Transport::Udp) else { return false };
        let key = (subject.flow, Box::from(message.call_id()));
        let status = message.status().unwrap_or_default();
        let sent = Sent { cseq: cseq.number, method: cseq.method.into(), status };
        // What is forgotten is not taken for a copy.
        if self.sent.len() >= self.calls_max && !self.sent.contains_key(&key) {
            self.forgotten += self.sent.len() as u64;
            self.sent.clear();
        }
        match self.sent.get_mut(&key) {
            Some(last) if *last == sent => true,
            Some(last) => {
                *last = sent;
                false
            }
            None => {
                self.sent.insert(key, sent);
                false
            }
        }
    }
}
