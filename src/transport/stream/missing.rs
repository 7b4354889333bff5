//! What of a stream is not in the capture, as the numbers of its two sides show.

use crate::base::Framer;
use crate::base::LostPiece;
use crate::base::PieceOf;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::stream::Phase;
use crate::transport::stream::Stream;
use crate::transport::stream::WINDOW_BYTES;

impl<F: Framer> Stream<F> {
    /// Takes what its receiver acknowledges. Bytes that the capture lacks may yet come where its frames are out of order: what seems unsaid may
    /// have been said, but it is a hole only once the stream is over.
    pub(in crate::transport) fn compare_with<S: FnMut(Payload<'_>)>(
        &mut self,
        acknowledged: u32,
        out: &mut Outlet<'_, S>,
    ) {
        if self.lacks_before(acknowledged) {
            self.is_lacking = true;
            self.note_missing(out);
        }
    }

    /// The stream is over, or its other side: bytes that its receiver has and that never came are a hole.
    pub(in crate::transport) fn note_unfilled<S: FnMut(Payload<'_>)>(
        &self,
        acknowledged: Option<u32>,
        out: &mut Outlet<'_, S>,
    ) {
        if self.is_lacking && acknowledged.is_some_and(|acknowledged| self.lacks_before(acknowledged)) {
            self.note_gap(out);
        }
    }

    /// Whether bytes before that one are not in the capture. A FIN takes a number, too, and may be what is missing.
    fn lacks_before(&self, acknowledged: u32) -> bool {
        let missing = self.offset_of(acknowledged).saturating_sub(self.next);
        self.phase == Phase::Open && (2..=WINDOW_BYTES).contains(&missing)
    }

    /// Bytes are missing.
    pub(super) fn note_gap<S: FnMut(Payload<'_>)>(&self, out: &mut Outlet<'_, S>) {
        out.ledger.events.tcp_gap.add(out.now);
        self.note_missing(out);
    }

    /// Whose they were matters where nothing seems to follow.
    fn note_missing<S: FnMut(Payload<'_>)>(&self, out: &mut Outlet<'_, S>) {
        let (source, destination) = (self.flow.source.address, self.flow.destination.address);
        out.ledger.lost(LostPiece { source, destination, of: PieceOf::Stream });
    }
}
