//! Who asked anew, without credentials, as the capture came to its end: whoever does so leaves unanswered what he was asked before.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Endpoint;
use crate::base::FrameRef;
use crate::base::Moment;
use crate::base::WireMap;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::session::Attempt;
use crate::session::Run;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// Who registers whom where.
type Registration = (Endpoint, IpAddr, Box<[u8]>);

/// A client that asks anew so soon may have crossed the challenge, or asks for several things at a time.
const ANEW_AFTER: Duration = Duration::from_secs(1);

/// How many of them are looked at behind one challenge. Bounds the search where a clock was set back.
const LOOKED_AT_MAX: usize = 16;

/// The REGISTERs with which Call-IDs begin, without credentials. What comes of a challenge long before the end of the
/// capture is known without.
#[derive(Debug, Default)]
pub struct BegunAnew {
    begun: WireMap<Registration, BTreeSet<(CaptureTime, FrameRef)>>,
}

impl BegunAnew {
    /// Looks through the runs that are left when the capture ends.
    pub fn of<'r>(runs: impl Iterator<Item = &'r Run>, end: CaptureTime) -> BegunAnew {
        let mut begun: WireMap<Registration, BTreeSet<(CaptureTime, FrameRef)>> = WireMap::default();
        for run in runs.filter(|run| end.since(run.started) < TRANSACTION_TIMEOUT) {
            let Some(first) = run.transactions.first() else { continue };
            let Some(request) = first.request.as_ref().filter(|request| request.has_all_headers) else { continue };
            if first.method == Method::Register && request.credentials.is_empty() {
                begun.entry(registration(first, run.text(request.to))).or_default().insert((request.time, request.at));
            }
        }
        BegunAnew { begun }
    }

    /// When and in which frame the client of an attempt that was challenged asked anew, where it had time to answer before.
    pub fn behind(&self, session: &Session<'_>, attempt: &Attempt<'_>) -> Option<(CaptureTime, FrameRef)> {
        let (request, answer) = attempt.request().zip(attempt.answer())?;
        let is_bare_register = attempt.transaction.method == Method::Register && !attempt.has_credentials();
        let registration = is_bare_register.then(|| registration(attempt.transaction, session.text(request.to)))?;
        let from = (answer.time.plus(ANEW_AFTER), answer.at);
        // What lies before it in the file came before, whatever a clock says that was set.
        let mut begun = self.begun.get(&registration)?.range(from..).take(LOOKED_AT_MAX);
        begun.find(|(time, at)| answer.moment().is_before(Moment { time: *time, at: *at })).copied()
    }
}

fn registration(transaction: &Transaction, to: &[u8]) -> Registration {
    (transaction.flow().source, transaction.flow().destination.address, to.into())
}
