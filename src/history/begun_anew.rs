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
use crate::session::Request;
use crate::session::Run;
use crate::session::Session;
use crate::session::TextId;
use crate::session::Transaction;
use crate::sip::Method;

/// Who registers whom where, or calls in whose name.
type Asker = (Service, Endpoint, IpAddr, Box<[u8]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Service {
    Registration,
    Call,
}

impl Service {
    fn of(method: &Method) -> Option<Service> {
        match method {
            Method::Register => Some(Service::Registration),
            Method::Invite => Some(Service::Call),
            _ => None,
        }
    }

    /// A client that asks anew so soon may have crossed the challenge, or asks for several things at a time: so does a PBX, which
    /// places many calls.
    fn anew_after(self) -> Duration {
        match self {
            Service::Registration => Duration::from_secs(1),
            Service::Call => Duration::from_secs(4),
        }
    }
}

/// How many of them are looked at behind one challenge. Bounds the search where a clock was set back.
const LOOKED_AT_MAX: usize = 16;

/// The REGISTERs and INVITEs with which Call-IDs begin, without credentials. What comes of a challenge long before the end of the
/// capture is known without.
#[derive(Debug, Default)]
pub struct BegunAnew {
    begun: WireMap<Asker, BTreeSet<(CaptureTime, FrameRef)>>,
}

impl BegunAnew {
    /// Looks through the runs that are left when the capture ends.
    pub fn of<'r>(runs: impl Iterator<Item = &'r Run>, end: CaptureTime) -> BegunAnew {
        let mut begun: WireMap<Asker, BTreeSet<(CaptureTime, FrameRef)>> = WireMap::default();
        for run in runs.filter(|run| end.since(run.started) < TRANSACTION_TIMEOUT) {
            let Some(first) = run.transactions.first() else { continue };
            let Some(request) = first.request.as_ref().filter(|request| request.has_all_headers) else { continue };
            let service = Service::of(&first.method).filter(|_| request.credentials.is_empty());
            if let Some(asker) = service.map(|service| asker(service, first, request, |text| run.text(text))) {
                begun.entry(asker).or_default().insert((request.time, request.at));
            }
        }
        BegunAnew { begun }
    }

    /// When and in which frame the client of an attempt that was challenged asked anew, where it had time to answer before.
    pub fn behind(&self, session: &Session<'_>, attempt: &Attempt<'_>) -> Option<(CaptureTime, FrameRef)> {
        let (request, answer) = attempt.request().zip(attempt.answer())?;
        let service = Service::of(&attempt.transaction.method).filter(|_| !attempt.has_credentials())?;
        let asker = asker(service, attempt.transaction, request, |text| session.text(text));
        let from = (answer.time.plus(service.anew_after()), answer.at);
        // What lies before it in the file came before, whatever a clock says that was set.
        let mut begun = self.begun.get(&asker)?.range(from..).take(LOOKED_AT_MAX);
        begun.find(|(time, at)| answer.moment().is_before(Moment { time: *time, at: *at })).copied()
    }
}

fn asker<'t>(
    service: Service,
    transaction: &Transaction,
    request: &Request,
    text: impl Fn(TextId) -> &'t [u8],
) -> Asker {
    let whom = match service {
        Service::Registration => request.to,
        Service::Call => request.from,
    };
    (service, transaction.flow().source, transaction.flow().destination.address, text(whom).into())
}
