//! A list that grows without moving what it holds: a `Vec` of millions asks for twice its room each time, and for a moment has both.

/// Items of one piece.
const PIECE_LEN: usize = 1024;

/// Items by their number, from 0.
#[derive(Debug)]
pub struct Chunks<T> {
    /// All but the last are full.
    pieces: Vec<Vec<T>>,
}

impl<T> Chunks<T> {
    /// Adds the next one.
    pub fn push(&mut self, item: T) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < PIECE_LEN => last.push(item),
            _ => {
                // The first piece grows as usual: short lists are the most.
                let mut piece = Vec::with_capacity(if self.pieces.is_empty() { 0 } else { PIECE_LEN });
                piece.push(item);
                self.pieces.push(piece);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let before = self.pieces.len().saturating_sub(1) * PIECE_LEN;
        self.pieces.last().map_or(0, |last| before + last.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The item of that number.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / PIECE_LEN)?.get(index % PIECE_LEN)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pieces.get_mut(index / PIECE_LEN)?.get_mut(index % PIECE_LEN)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten()
    }
}

/// All of them, in order, for good.
impl<T> IntoIterator for Chunks<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter().flatten()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Chunks<T> {
        Chunks { pieces: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_numbers() {
        let mut chunks = Chunks::default();
        assert!(chunks.is_empty() && chunks.get(0).is_none());
        for number in 0..3 * PIECE_LEN + 1 {
            chunks.push(number);
            assert_eq!((chunks.len(), chunks.get(number)), (number + 1, Some(&number)));
        }
        chunks.get_mut(PIECE_LEN).into_iter().for_each(|number| *number = 7);
        assert_eq!(chunks.iter().nth(PIECE_LEN), Some(&7));
        assert_eq!(chunks.get(3 * PIECE_LEN + 1), None);
    }
}
