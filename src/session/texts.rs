//! The texts of one run, each kept once: a From URI or a User-Agent is the same in nearly every message.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde::Serialize;

/// A text of a run: where it stands, from 1, so that its absence takes no room. Two may stand for equal texts, so that they are not
/// compared: the texts are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TextId(NonZeroU32);

impl TextId {
    /// The text that stands there.
    fn at(start: usize) -> TextId {
        let number = u32::try_from(start).unwrap_or(u32::MAX).saturating_add(1);
        TextId(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }
}

/// The texts of one run, in order of appearance, each behind its length in one buffer: one allocation a run, not one a text.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Texts {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// Where the latest ones begin.
    latest: u32,
    latest_count: u8,
}

/// How many of the latest texts are compared before a text is kept again: about those of one transaction, which is where equal
/// ones stand. Bounds the work a hostile dialog can cause.
const COMPARED_MAX: u8 = 12;

/// Room that is made at first: half of all runs need no more.
const ROOM_BYTES: usize = 192;

/// Room is a multiple of this: the allocator would leave the rest of it empty.
const ROOM_STEP_BYTES: usize = 64;

/// Stands before a length in four bytes. Shorter ones are written in one.
const LONG: u8 = u8::MAX;

impl Texts {
    /// Keeps a text; a recent equal one is used again.
    pub fn keep(&mut self, text: &[u8]) -> TextId {
        self.recent(text).unwrap_or_else(|| self.add(text))
    }

    /// Keeps a text that is hardly among the recent ones.
    pub(super) fn add(&mut self, text: &[u8]) -> TextId {
        let start = self.bytes.len();
        let needed = 1 + size_of::<u32>() + text.len();
        if self.bytes.capacity() - start < needed {
            // Runs are many and short: doubling would leave half of their memory empty.
            let room = (start + needed + start / 4).next_multiple_of(ROOM_STEP_BYTES).max(ROOM_BYTES);
            self.bytes.reserve_exact(room - start);
        }
        match u8::try_from(text.len()) {
            Ok(len) if len < LONG => self.bytes.push(len),
            _ => {
                self.bytes.push(LONG);
                self.bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
        if self.latest_count < COMPARED_MAX {
            self.latest_count += 1;
        } else {
            let next = self.behind(self.latest as usize).and_then(first).map_or(start, |(_, rest)| self.start_of(rest));
            self.latest = u32::try_from(next).unwrap_or(u32::MAX);
        }
        TextId::at(start)
    }

    /// What they take up.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The text's bytes.
    pub fn get(&self, id: TextId) -> &[u8] {
        self.behind(id.0.get() as usize - 1).and_then(first).map(|(text, _)| text).unwrap_or_default()
    }

    /// One of the latest texts that equals this one. Lengths are compared first, and mostly settle it.
    fn recent(&self, text: &[u8]) -> Option<TextId> {
        let mut rest = self.behind(self.latest as usize)?;
        while let Some((known, next)) = first(rest) {
            if known == text {
                return Some(TextId::at(self.start_of(rest)));
            }
            rest = next;
        }
        None
    }

    fn behind(&self, start: usize) -> Option<&[u8]> {
        self.bytes.get(start..)
    }

    /// Where something begins that reaches to the end.
    fn start_of(&self, rest: &[u8]) -> usize {
        self.bytes.len() - rest.len()
    }
}

/// The first text of these bytes, and what comes behind it.
fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes.split_first()? {
        (&LONG, rest) => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        (&len, rest) => (usize::from(len), rest),
    };
    rest.split_at_checked(len)
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

    #[test]
    fn texts_of_any_length_are_kept_and_old_ones_not_looked_for() {
        let mut texts = Texts::default();
        let lens = [0, 1, 253, 254, 255, 256, 70_000];
        let kept: Vec<(TextId, Vec<u8>)> = lens.map(|len| vec![b'x'; len]).map(|text| (texts.keep(&text), text)).into();
        for (id, text) in &kept {
            assert_eq!(texts.get(*id), text);
            assert_eq!(texts.keep(text).0, id.0);
        }
        for number in 0..COMPARED_MAX {
            texts.keep(&[number, 0]);
        }
        for (id, text) in &kept {
            assert_eq!(texts.get(*id), text);
            assert!(texts.recent(text).is_none());
        }
        assert!(texts.recent(&[0, 0]).is_some());
    }
}
