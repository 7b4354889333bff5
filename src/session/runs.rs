//! The runs that are followed: by Call-ID for messages, by place for the queues, which look at each of them again and again.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::base::Chunks;
use crate::session::kept::Kept;

/// Where a run is kept. Another one that is put there later has another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunPlace {
    slot: u32,
    round: u32,
}

/// Room for a run.
#[derive(Debug)]
struct Slot {
    kept: Option<Kept>,
    /// How many were kept here before.
    round: u32,
}

/// Every run that is followed.
#[derive(Debug, Default)]
pub(super) struct Runs {
    slots: Chunks<Slot>,
    free: Vec<u32>,
    /// A number for each run, and not the run: the table is moved each time it grows, and every message looks something up in it.
    by_call: HashTable<u32>,
    /// Drawn anew for each run of the program: whoever sends the packets cannot choose Call-IDs that collide.
    seed: RandomState,
}

impl Runs {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_call.len()
    }

    /// Where the run of a Call-ID is.
    pub(super) fn place_of(&self, call_id: &[u8]) -> Option<RunPlace> {
        let is_it = |slot: &u32| self.at(*slot).is_some_and(|kept| **kept.call_id() == *call_id);
        let slot = *self.by_call.find(self.seed.hash_one(call_id), is_it)?;
        Some(RunPlace { slot, round: self.slots.get(slot as usize)?.round })
    }

    /// The run in a place; `None` where it is not kept any more.
    pub(super) fn get_mut(&mut self, place: RunPlace) -> Option<&mut Kept> {
        let slot = self.slots.get_mut(place.slot as usize)?;
        slot.kept.as_mut().filter(|_| slot.round == place.round)
    }

    /// The run of a Call-ID.
    pub(super) fn of_call(&mut self, call_id: &[u8]) -> Option<&mut Kept> {
        let place = self.place_of(call_id)?;
        self.get_mut(place)
    }

    /// Adds a run of which there is none yet; `None`, and nothing kept, when there are no numbers any more.
    pub(super) fn insert(&mut self, kept: Kept) -> Option<RunPlace> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { kept: None, round: 0 });
                slot
            }
        };
        let Runs { slots, by_call, seed, .. } = self;
        let room = slots.get_mut(slot as usize)?;
        let place = RunPlace { slot, round: room.round };
        let hash = seed.hash_one(&**kept.call_id());
        room.kept = Some(kept);
        let hash_of = |slot: &u32| {
            let kept = slots.get(*slot as usize).and_then(|slot| slot.kept.as_ref());
            kept.map_or(0, |kept| seed.hash_one(&**kept.call_id()))
        };
        by_call.insert_unique(hash, slot, hash_of);
        Some(place)
    }

    /// Takes a run out.
    pub(super) fn remove(&mut self, place: RunPlace) -> Option<Kept> {
        let slot = self.slots.get_mut(place.slot as usize).filter(|slot| slot.round == place.round)?;
        let kept = slot.kept.take()?;
        slot.round = slot.round.wrapping_add(1);
        let hash = self.seed.hash_one(&**kept.call_id());
        if let Ok(entry) = self.by_call.find_entry(hash, |slot| *slot == place.slot) {
            entry.remove();
        }
        self.free.push(place.slot);
        Some(kept)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.slots.iter().filter_map(|slot| slot.kept.as_ref())
    }

    /// Takes all of them out, in no order.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Kept> + use<> {
        std::mem::take(self).slots.into_iter().filter_map(|slot| slot.kept)
    }

    fn at(&self, slot: u32) -> Option<&Kept> {
        self.slots.get(slot as usize)?.kept.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CaptureTime;
    use crate::base::Endpoint;
    use crate::base::Flow;
    use crate::base::FrameNumber;
    use crate::base::FrameRef;
    use crate::base::Frames;
    use crate::base::InputId;
    use crate::base::Transport;
    use crate::session::LinkId;
    use crate::session::Run;
    use crate::session::Sighting;
    use crate::sip::parse::Source;

    fn new(call_id: &[u8]) -> Kept {
        let message = crate::sip::parse(b"", Source { is_cut: false, header_fields_max: 100 });
        let end = Endpoint { address: [192, 0, 2, 1].into(), port: 5060 };
        let sighting = Sighting {
            message: &message,
            flow: Flow { source: end, destination: end },
            transport: Transport::Udp,
            link: LinkId::default(),
            frames: Frames::one(FrameRef { input: InputId(0), number: FrameNumber::FIRST }),
            time: CaptureTime::from_ns(0),
            is_ambiguous: false,
            is_cut: false,
            credentials: Vec::new(),
            challenges: Vec::new(),
            keeps_body: false,
        };
        Kept::new(Run::new(call_id.into(), &sighting), CaptureTime::from_ns(0))
    }

    #[test]
    fn a_place_is_that_of_one_run_alone() {
        let mut runs = Runs::default();
        let [one, other] = [b"a", b"b"].map(|call_id| runs.insert(new(call_id)).expect("there is room"));
        assert_eq!((runs.len(), runs.place_of(b"a"), runs.place_of(b"b")), (2, Some(one), Some(other)));
        assert!(runs.remove(one).is_some() && runs.remove(one).is_none());
        let later = runs.insert(new(b"a")).expect("there is room");
        assert!(runs.get_mut(one).is_none() && runs.get_mut(later).is_some() && runs.of_call(b"c").is_none());
        assert_eq!((runs.len(), runs.iter().count(), runs.take_all().count()), (2, 2, 2));
        assert_eq!(runs.place_of(b"a"), None);
    }
}
