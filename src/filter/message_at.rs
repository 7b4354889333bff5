//! A message of a Call-ID by its frame, and by which of the frame's messages it is: one TCP segment may bring an ACK and the next INVITE.

use crate::base::FrameRef;
use crate::session::Ack;
use crate::session::Transaction;
use crate::sip::Message;
use crate::sip::Method;

/// Which message of which frame.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageAt {
    /// The frame that completed it.
    pub frame: FrameRef,
    /// `None` for a request.
    status: Option<u16>,
    method: Method,
    /// `None` for an ACK as well: one that does not fit its INVITE has another number, and is its ACK all the same.
    cseq: Option<u32>,
}

impl MessageAt {
    /// A message that this frame completed.
    pub(super) fn of(message: &Message<'_>, frame: FrameRef) -> MessageAt {
        let cseq = message.cseq();
        let method = message.method().or(cseq.map(|cseq| cseq.method)).unwrap_or_default();
        let method = Method::parse(method);
        let cseq = cseq.map(|cseq| cseq.number).filter(|_| method != Method::Ack);
        MessageAt { frame, status: message.status(), method, cseq }
    }

    /// The request of a transaction, or another appearance of it, in this frame.
    pub fn request(transaction: &Transaction, frame: FrameRef) -> MessageAt {
        MessageAt { frame, status: None, method: transaction.method.clone(), cseq: transaction.cseq }
    }

    /// The answer of a transaction; `None` where there is none.
    pub fn answer(transaction: &Transaction) -> Option<MessageAt> {
        let answer = transaction.answer.as_ref()?;
        Some(MessageAt { status: Some(answer.status), ..MessageAt::request(transaction, answer.at) })
    }

    /// An ACK.
    pub fn ack(ack: &Ack) -> MessageAt {
        MessageAt { frame: ack.at, status: None, method: Method::Ack, cseq: None }
    }
}
