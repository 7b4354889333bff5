//! The header fields of one message, in order, and where each name stands first: every room asks by name.

use crate::sip::Header;
use crate::sip::HeaderName;

/// Header fields of a usual message: room made at once.
const USUAL: usize = 20;

/// Room for more is not kept: a message may have thousands, and many rooms wait to be used again.
const KEPT_MAX: usize = 4 * USUAL;

/// The header fields of one message, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    rows: Vec<Header>,
    /// For each name, 1 + the index of its first row; 0 where there is none.
    first: [u32; HeaderName::COUNT],
    /// The names that stand there more than once.
    repeats: [bool; HeaderName::COUNT],
}

/// The room that the headers of one message took up, for those of another.
#[derive(Debug, Default)]
pub struct Room(Vec<Header>);

impl Room {
    /// For the headers of a usual message. Its default is none, which costs nothing: it stands in for one that is lent to a message.
    pub fn new() -> Room {
        Room(Vec::with_capacity(USUAL))
    }
}

impl Headers {
    /// None yet, in that room.
    pub fn new(room: Room) -> Headers {
        let Room(mut rows) = room;
        rows.clear();
        Headers { rows, first: [0; HeaderName::COUNT], repeats: [false; HeaderName::COUNT] }
    }

    /// Their room; `None` where it is too large to be kept.
    pub fn into_room(self) -> Option<Room> {
        (self.rows.capacity() <= KEPT_MAX).then_some(Room(self.rows))
    }

    /// Adds the next one.
    pub fn push(&mut self, header: Header) {
        self.rows.push(header);
        let place = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let name = header.name as usize;
        match (self.first.get_mut(name), self.repeats.get_mut(name)) {
            (Some(first @ 0), _) => *first = place,
            (_, Some(repeats)) => *repeats = true,
            _ => {}
        }
    }

    /// The first of that name.
    pub fn first(&self, name: HeaderName) -> Option<&Header> {
        self.rows.get(self.place(name)?)
    }

    /// Every one of that name, in order.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &Header> {
        let rows = self.place(name).and_then(|first| {
            let end = if self.repeats(name) { self.rows.len() } else { first.saturating_add(1) };
            self.rows.get(first..end)
        });
        rows.unwrap_or_default().iter().filter(move |header| header.name == name)
    }

    /// Whether there is one of that name.
    pub fn has(&self, name: HeaderName) -> bool {
        self.place(name).is_some()
    }

    /// Whether there is more than one of that name.
    pub fn repeats(&self, name: HeaderName) -> bool {
        self.repeats.get(name as usize).copied().unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.rows.iter()
    }

    /// The latest, to which a fold may add.
    pub fn last_mut(&mut self) -> Option<&mut Header> {
        self.rows.last_mut()
    }

    fn place(&self, name: HeaderName) -> Option<usize> {
        let place = *self.first.get(name as usize)?;
        place.checked_sub(1).map(|place| place as usize)
    }
}

impl<'h> IntoIterator for &'h Headers {
    type Item = &'h Header;
    type IntoIter = std::slice::Iter<'h, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn the_room_of_many_headers_is_not_kept() {
        let with = |count: usize| {
            let mut headers = Headers::new(Room::new());
            for _ in 0..count {
                headers.push(Header { name: HeaderName::Via, start: 0, value_at: Span::default() });
            }
            headers
        };
        let again = with(KEPT_MAX).into_room().map(Headers::new);
        assert!(again.is_some_and(|headers| {
            headers.is_empty() && !headers.has(HeaderName::Via) && !headers.repeats(HeaderName::Via)
        }));
        assert!(with(KEPT_MAX + 1).into_room().is_none());
    }
}
