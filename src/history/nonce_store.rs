//! Nonces by their ids and by their texts.

use hashbrown::HashTable;

use crate::base::Chunks;
use crate::base::WireMap;
use crate::history::nonce::Nonce;
use crate::session::NonceId;

/// Nonces, by their ids and by the hashes of their texts. Ids are given once; the room of those that are forgotten is used again.
#[derive(Debug, Default)]
pub(super) struct NonceStore {
    slots: Chunks<Option<Nonce>>,
    free: Vec<u32>,
    by_id: WireMap<NonceId, u32>,
    // The latest nonce of each text; older ones hang on it.
    by_key: HashTable<u32>,
    next: u32,
}

impl NonceStore {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// A nonce.
    pub(super) fn get(&self, id: NonceId) -> Option<&Nonce> {
        self.at(*self.by_id.get(&id)?)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, id: NonceId) -> Option<&mut Nonce> {
        self.slots.get_mut(*self.by_id.get(&id)? as usize)?.as_mut()
    }

    /// The latest with that text.
    pub(super) fn latest(&self, key: u64) -> Option<&Nonce> {
        let slot = self.by_key.find(key, |slot| self.at(*slot).is_some_and(|nonce| nonce.key == key))?;
        self.at(*slot)
    }

    /// Adds a nonce. `None` when there are no ids any more.
    pub(super) fn push(&mut self, make: impl FnOnce(NonceId) -> Nonce) -> Option<NonceId> {
        let id = NonceId(self.next);
        self.next = self.next.checked_add(1)?;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(None);
                slot
            }
        };
        *self.slots.get_mut(slot as usize)? = Some(make(id));
        self.by_id.insert(id, slot);
        self.link(slot);
        Some(id)
    }

    /// Makes the nonce in a slot the latest of its text.
    fn link(&mut self, slot: u32) {
        let NonceStore { slots, by_key, .. } = self;
        let known = |slot: &u32| slots.get(*slot as usize).and_then(Option::as_ref);
        let key_of = |slot: &u32| known(slot).map_or(0, |nonce| nonce.key);
        let key = key_of(&slot);
        let before = match by_key.find_mut(key, |other| key_of(other) == key) {
            Some(latest) => known(&std::mem::replace(latest, slot)).map(|before| before.id),
            None => {
                by_key.insert_unique(key, slot, key_of);
                None
            }
        };
        if let Some(nonce) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) {
            nonce.same_value = before;
        }
    }

    /// Keeps those of which `is_kept` says so, asked from the newest to the oldest.
    pub(super) fn retain_newest_first(&mut self, mut is_kept: impl FnMut(&Nonce) -> bool) {
        let mut ids: Vec<(NonceId, u32)> = self.by_id.iter().map(|(id, slot)| (*id, *slot)).collect();
        ids.sort_unstable();
        self.by_key.clear();
        let kept = ids.iter().rev().filter(|(_, slot)| self.at(*slot).is_some_and(&mut is_kept));
        let mut kept: Vec<u32> = kept.map(|(_, slot)| *slot).collect();
        kept.reverse();
        let mut wanted = kept.iter().peekable();
        for (id, slot) in ids {
            if wanted.next_if_eq(&&slot).is_none() {
                self.by_id.remove(&id);
                self.free.push(slot);
                self.slots.get_mut(slot as usize).into_iter().for_each(|forgotten| *forgotten = None);
            }
        }
        // The oldest first: the newest of a text is to stand before the others.
        kept.into_iter().for_each(|slot| self.link(slot));
    }

    /// All of them, from the newest to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Nonce> {
        let mut ids: Vec<(NonceId, u32)> = self.by_id.iter().map(|(id, slot)| (*id, *slot)).collect();
        ids.sort_unstable();
        ids.into_iter().rev().filter_map(|(_, slot)| self.at(slot))
    }

    fn at(&self, slot: u32) -> Option<&Nonce> {
        self.slots.get(slot as usize)?.as_ref()
    }
}
