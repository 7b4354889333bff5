//! Calls that were refused a moment ago: a B2BUA that is refused behind it refuses its own caller in turn, under another Call-ID.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::base::CaptureTime;
use crate::base::FrameRef;

/// A refusal is passed back at once; some play an announcement first.
const PASSED_BACK_WITHIN: Duration = Duration::from_secs(5);

/// Refusals, and challenges, that are remembered: those of a moment.
const RECENT_MAX: usize = 128;

/// A call that got a final answer other than a 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    /// Who called.
    pub caller: IpAddr,
    /// Who refused it.
    pub server: IpAddr,
    /// A hash of its Call-ID.
    pub call: u64,
    /// A hash of the end of the number that is called: what B2BUAs put before it differs. `None` where none is named.
    pub called: Option<u64>,
    /// The number is an extension, which others call as well.
    pub is_short: bool,
    /// With what it was refused: 401 or 407 where nothing followed the challenge.
    pub status: u16,
    /// When the request was sent.
    pub began: CaptureTime,
    /// When it was refused.
    pub time: CaptureTime,
    /// The refusal.
    pub at: FrameRef,
}

/// The latest refused calls.
#[derive(Debug, Default)]
pub struct RefusedCalls {
    recent: VecDeque<RefusedCall>,
    /// Calls that were challenged, and did not go on so far: each once.
    challenged: VecDeque<RefusedCall>,
    /// The hashes of their Call-IDs: most calls are not among them.
    known: HashSet<u64, RandomState>,
}

impl RefusedCalls {
    /// Notes one.
    pub fn note(&mut self, call: RefusedCall) {
        self.went_on(call.call);
        let is_challenge = matches!(call.status, 401 | 407);
        let calls = if is_challenge { &mut self.challenged } else { &mut self.recent };
        if calls.len() >= RECENT_MAX
            && let Some(oldest) = calls.pop_front()
            && is_challenge
        {
            self.known.remove(&oldest.call);
        }
        calls.push_back(call);
        if is_challenge {
            self.known.insert(call.call);
        }
    }

    /// Notes that a call, by the hash of its Call-ID, was answered by something else than a challenge.
    pub fn went_on(&mut self, call: u64) {
        if !self.known.remove(&call) {
            return;
        }
        // Mostly it was challenged a moment ago.
        if let Some(place) = self.challenged.iter().rposition(|challenged| challenged.call == call) {
            self.challenged.remove(place);
        }
    }

    /// The refusal that a server got for a call of its own, made and refused while this one waited: what it passes back.
    pub fn behind(&self, outer: &RefusedCall) -> Option<RefusedCall> {
        let is_made_meanwhile = |inner: &RefusedCall| {
            // A B2BUA may have an address for each side. Other clients of the same server call the same number for themselves.
            let is_other_side = inner.caller != outer.caller && inner.server != outer.server && !inner.is_short;
            (inner.caller == outer.server || is_other_side)
                && inner.called.is_some()
                && inner.called == outer.called
                && inner.server != outer.caller
                && inner.call != outer.call
                && inner.began >= outer.began
                && inner.time <= outer.time
                && outer.time.since(inner.time) <= PASSED_BACK_WITHIN
        };
        let mut newest = self.recent.iter().rev().chain(self.challenged.iter().rev());
        let is_behind = |inner: &&RefusedCall| {
            // What becomes of a challenge that a B2BUA cannot answer is its own choice.
            is_made_meanwhile(inner) && (inner.status == outer.status || matches!(inner.status, 401 | 407))
        };
        let found = *newest.find(is_behind)?;
        // It may have tried another server then, and pass back what that said in words of its own.
        let is_later = |other: &RefusedCall| other.time > found.time && is_made_meanwhile(other);
        let is_last = found.status == outer.status || !self.recent.iter().chain(&self.challenged).any(is_later);
        is_last.then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    fn call(parties: [u8; 2], call: u64, began: i64, time: i64) -> RefusedCall {
        let [caller, server] = parties.map(|host| IpAddr::from([192, 0, 2, host]));
        let number = FrameNumber::from(u64::try_from(time).expect("it is not negative"));
        let at = FrameRef { input: InputId(0), number };
        let [began, time] = [began, time].map(|seconds| CaptureTime::from_ns(seconds * 1_000_000_000));
        RefusedCall { caller, server, call, called: Some(9), is_short: false, status: 403, began, time, at }
    }

    #[test]
    fn what_was_refused_while_a_call_waited_is_behind_it() {
        let mut calls = RefusedCalls::default();
        calls.note(call([2, 3], 7, 11, 12));
        let frame = |outer: &RefusedCall| calls.behind(outer).map(|inner| inner.at.number.value());
        assert_eq!(frame(&call([1, 2], 6, 10, 13)), Some(12));
        // Begun before, long past, under the same Call-ID, or back to the caller.
        assert_eq!(frame(&call([1, 2], 6, 12, 13)), None);
        assert_eq!(frame(&call([1, 2], 6, 10, 20)), None);
        assert_eq!(frame(&call([1, 2], 7, 10, 13)), None);
        assert_eq!(frame(&call([3, 2], 6, 10, 13)), None);
        // To another number, or with another answer.
        assert_eq!(frame(&RefusedCall { called: Some(8), ..call([1, 2], 6, 10, 13) }), None);
        assert_eq!(frame(&RefusedCall { called: None, ..call([1, 2], 6, 10, 13) }), None);
        assert_eq!(frame(&RefusedCall { status: 486, ..call([1, 2], 6, 10, 13) }), None);
    }

    #[test]
    fn a_challenge_that_nobody_answered_is_a_refusal() {
        let mut calls = RefusedCalls::default();
        let asked = RefusedCall { status: 407, ..call([2, 3], 7, 11, 12) };
        let outer = call([1, 2], 6, 10, 13);
        calls.note(asked);
        assert_eq!(calls.behind(&outer).map(|inner| inner.at.number.value()), Some(12));
        calls.went_on(8);
        assert!(calls.behind(&outer).is_some());
        calls.went_on(7);
        assert_eq!(calls.behind(&outer), None);
    }

    #[test]
    fn an_extension_is_called_by_others_too() {
        let mut calls = RefusedCalls::default();
        let outer = call([1, 2], 6, 10, 13);
        calls.note(RefusedCall { is_short: true, ..call([5, 3], 7, 11, 12) });
        assert_eq!(calls.behind(&outer), None);
        calls.note(RefusedCall { is_short: true, ..call([2, 3], 8, 11, 12) });
        assert_eq!(calls.behind(&outer).map(|inner| inner.at.number.value()), Some(12));
    }

    #[test]
    fn a_b2bua_may_have_an_address_for_each_side() {
        let mut calls = RefusedCalls::default();
        calls.note(call([5, 3], 7, 11, 12));
        let frame = |outer: &RefusedCall| calls.behind(outer).map(|inner| inner.at.number.value());
        assert_eq!(frame(&call([1, 2], 6, 10, 13)), Some(12));
        // Another call of the same client, and another client of the same server.
        assert_eq!(frame(&call([5, 2], 6, 10, 13)), None);
        assert_eq!(frame(&call([1, 3], 6, 10, 13)), None);
    }
}
