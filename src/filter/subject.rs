//! What a filter is asked about: a message with its packet, or a message of a session that has closed.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Transport;
use crate::history::Nonces;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Message;

/// One value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'m> {
    Bytes(Cow<'m, [u8]>),
    /// Without the quotes that it may have stood in.
    Unquoted(Cow<'m, [u8]>),
    /// Some of the bytes of another value; empty where they lie outside of it.
    Part(Cow<'m, [u8]>),
    Number(i64),
    Flag(bool),
    Address(IpAddr),
    Nanoseconds(i128),
    Rank(u8),
    There,
}

impl<'m> Value<'m> {
    pub(super) fn text(text: &'m [u8]) -> Value<'m> {
        Value::Bytes(Cow::Borrowed(text))
    }
}

/// A message, and what is known of its packet.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'m> {
    /// The message.
    pub message: &'m Message<'m>,
    /// Who to whom.
    pub flow: Flow,
    /// Over what.
    pub transport: Transport,
    /// The frame that completed it.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
    /// When the capture began.
    pub began: CaptureTime,
    /// Which TCP connection, where a filter asks for it.
    pub tcp_stream: Option<u64>,
    /// Whether the same was sent before, where a filter asks for it.
    pub is_resend: bool,
}

/// A session that has closed, and what was found in it.
#[derive(Clone, Copy)]
pub struct Closed<'s> {
    /// The session.
    pub session: &'s Session<'s>,
    /// Its findings.
    pub findings: &'s [Finding],
    /// Its number in the report; `None` where that has no place for it: nobody was asked for credentials.
    pub number: Option<u64>,
    /// Where its nonces come from.
    pub nonces: &'s Nonces,
}

/// One of its messages: the attempt that it is the request of, or the ACK.
#[derive(Clone, Copy)]
pub(super) struct Spoken<'s> {
    pub(super) closed: Closed<'s>,
    pub(super) attempt: Option<(&'s Attempt<'s>, Role)>,
}

/// What a message is in its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Request,
    Ack,
}

impl<'s> Spoken<'s> {
    pub(super) fn findings(&self, found: &mut dyn FnMut(Value<'s>)) {
        for finding in self.closed.findings {
            found(Value::text(finding.rule.name.as_bytes()));
            found(Value::text(finding.rule.code.as_bytes()));
        }
    }

    pub(super) fn severities(&self, found: &mut dyn FnMut(Value<'s>)) {
        for finding in self.closed.findings {
            found(Value::Rank(match finding.severity {
                Severity::Info => 0,
                Severity::Low => 1,
                Severity::Medium => 2,
                Severity::High => 3,
                Severity::Critical => 4,
            }));
        }
    }

    pub(super) fn verdicts(&self, found: &mut dyn FnMut(Value<'s>)) {
        for presented in self.presented() {
            let name = presented.verdict().map_or("not_checked", |verdict| verdict.name());
            found(Value::text(name.as_bytes()));
        }
    }

    pub(super) fn nonce_ages(&self, found: &mut dyn FnMut(Value<'s>)) {
        let Some((attempt, role)) = self.attempt else { return };
        let used = match role {
            Role::Request => attempt.request().map(|request| request.time),
            Role::Ack => attempt.transaction.ack().map(|ack| ack.time),
        };
        let Some(used) = used else { return };
        for nonce in self.presented().iter().filter_map(|presented| presented.nonce) {
            let issued = self.closed.nonces.get(nonce).and_then(|nonce| nonce.issued());
            if let Some(issue) = issued.filter(|issue| issue.time <= used) {
                found(Value::Nanoseconds(i128::from(used.as_ns()) - i128::from(issue.time.as_ns())));
            }
        }
    }

    fn presented(&self) -> &'s [Presented<'s>] {
        match self.attempt {
            None => &[],
            Some((attempt, Role::Request)) => &attempt.credentials,
            Some((attempt, Role::Ack)) => &attempt.ack_credentials,
        }
    }
}
