//! The texts of one run, each kept once: a From URI or a User-Agent is the same in nearly every message.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde::Serialize;

/// A text of a run: its number, from 1, so that its absence takes no room. Two numbers may stand for equal texts, so that they are not
/// compared: the texts are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TextId(NonZeroU32);

impl TextId {
    /// The text of that index.
    fn of(index: usize) -> TextId {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        TextId(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }
}

/// The texts of one run, in order of appearance, end to end in one buffer: two allocations a run, not one a text.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Texts {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// How many of the latest texts are compared before a text is kept again: about those of one transaction, which is where equal
/// ones stand. Bounds the work a hostile dialog can cause.
const COMPARED_MAX: usize = 12;

/// Room that is made beyond a text that does not fit.
const ROOM_BYTES: usize = 160;

impl Texts {
    /// Keeps a text; a recent equal one is used again.
    pub fn keep(&mut self, text: &[u8]) -> TextId {
        self.recent(text).map_or_else(|| self.add(text), TextId::of)
    }

    /// Keeps a text that is hardly among the recent ones.
    pub(super) fn add(&mut self, text: &[u8]) -> TextId {
        // Runs are many and short: doubling would leave half of their memory empty.
        if self.bytes.capacity() - self.bytes.len() < text.len() {
            self.bytes.reserve_exact(text.len() + self.bytes.len() / 3 + ROOM_BYTES);
        }
        if self.ends.is_empty() {
            self.ends.reserve_exact(COMPARED_MAX);
        }
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        TextId::of(self.ends.len() - 1)
    }

    /// What they take up.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity().saturating_add(self.ends.capacity().saturating_mul(size_of::<u32>()))
    }

    /// The text's bytes.
    pub fn get(&self, id: TextId) -> &[u8] {
        self.at(id.0.get() as usize - 1)
    }

    /// The latest text that equals this one. Lengths are compared first, and mostly settle it.
    fn recent(&self, text: &[u8]) -> Option<usize> {
        let oldest = self.ends.len().saturating_sub(COMPARED_MAX);
        let before = oldest.checked_sub(1).and_then(|before| self.ends.get(before));
        let mut start = before.copied().unwrap_or_default();
        let latest = self.ends.get(oldest..)?;
        let place = latest.iter().position(|&end| {
            let known = start as usize..end as usize;
            start = end;
            known.len() == text.len() && self.bytes.get(known) == Some(text)
        });
        Some(oldest + place?)
    }

    fn at(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = start.zip(self.ends.get(index)).map(|(start, end)| start as usize..*end as usize);
        range.and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_kept_once() {
        let mut texts = Texts::default();
        let (a, b, empty) = (texts.keep(b"a"), texts.keep(b"bc"), texts.keep(b""));
        let kept = [texts.keep(b"bc"), texts.keep(b"")];
        assert_eq!(kept.map(|id| id.0), [b, empty].map(|id| id.0));
        assert_eq!((texts.get(a), texts.get(b), texts.get(empty)), (&b"a"[..], &b"bc"[..], &b""[..]));
    }
}
