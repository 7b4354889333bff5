//! TCP connections by number, as Wireshark counts them: `tcp.stream`.

use crate::base::Endpoint;
use crate::base::WireMap;
use crate::filter::Subject;
use crate::filter::read;
use crate::packet::Segment;

/// Every connection of the capture, in order of its first segment.
#[derive(Debug)]
pub(super) struct Streams {
    known: WireMap<(Endpoint, Endpoint), Stream>,
    next: u64,
    streams_max: usize,
    /// Connections whose number was forgotten, to stay within `streams_max`.
    pub(super) forgotten: u64,
}

#[derive(Debug)]
struct Stream {
    number: u64,
    /// The first sequence number of each direction.
    first: [Option<u32>; 2],
}

impl Streams {
    pub(super) fn new(streams_max: usize) -> Streams {
        Streams { known: WireMap::default(), next: 0, streams_max, forgotten: 0 }
    }

    /// Notes a segment. A SYN with another sequence number opens a new connection between the same ports.
    pub(super) fn note(&mut self, segment: &Segment<'_>) {
        let (key, direction) = key(segment.flow.source, segment.flow.destination);
        let is_opening = segment.flags.syn && !segment.flags.ack;
        let known = self.known.get_mut(&key).filter(|known| {
            let first = known.first.get(direction).copied().flatten();
            !(is_opening && first.is_some_and(|first| first != segment.sequence))
        });
        if let Some(known) = known {
            if let Some(first) = known.first.get_mut(direction) {
                first.get_or_insert(segment.sequence);
            }
            return;
        }
        // Beyond the bound, connections are counted on, and those before are forgotten.
        if self.known.len() >= self.streams_max {
            self.forgotten += self.known.len() as u64;
            self.known.clear();
        }
        let mut first = [None; 2];
        if let Some(first) = first.get_mut(direction) {
            *first = Some(segment.sequence);
        }
        self.known.insert(key, Stream { number: self.next, first });
        self.next += 1;
    }

    /// The connection that a message came in.
    pub(super) fn of(&self, subject: &Subject<'_>) -> Option<u64> {
        if !read::is_over_tcp(subject.transport) {
            return None;
        }
        let (key, _) = key(subject.flow.source, subject.flow.destination);
        self.known.get(&key).map(|stream| stream.number)
    }
}

fn key(source: Endpoint, destination: Endpoint) -> ((Endpoint, Endpoint), usize) {
    if source <= destination { ((source, destination), 0) } else { ((destination, source), 1) }
}
