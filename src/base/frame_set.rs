//! A set of frames of several inputs: a bit for each frame up to the last one in it.

use crate::base::FrameRef;

/// Frames, by input and number.
#[derive(Clone, Debug, Default)]
pub struct FrameSet {
    inputs: Vec<Vec<u64>>,
}

impl FrameSet {
    /// Adds a frame. Its number says how much memory that takes: an eighth of a byte for each frame of its input.
    pub fn insert(&mut self, frame: FrameRef) {
        let Some((word, bit)) = place(frame.number.value()) else { return };
        let input = usize::from(frame.input.0);
        if self.inputs.len() <= input {
            self.inputs.resize(input + 1, Vec::new());
        }
        let Some(bits) = self.inputs.get_mut(input) else { return };
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        if let Some(word) = bits.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether a frame is in it.
    pub fn contains(&self, frame: FrameRef) -> bool {
        self.has(frame.input.0, frame.number.value())
    }

    /// The same, by the numbers of input and frame.
    pub fn has(&self, input: u16, number: u64) -> bool {
        let bits = self.inputs.get(usize::from(input));
        place(number)
            .is_some_and(|(word, bit)| bits.and_then(|bits| bits.get(word)).is_some_and(|word| word & bit != 0))
    }
}

fn place(number: u64) -> Option<(usize, u64)> {
    Some((usize::try_from(number / 64).ok()?, 1 << (number % 64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let frame = |input, number: u64| {
            let number = (1..number).fold(FrameNumber::FIRST, |at, _| at.next());
            FrameRef { input: InputId(input), number }
        };
        let mut set = FrameSet::default();
        for member in [frame(0, 1), frame(2, 64), frame(2, 129)] {
            set.insert(member);
        }
        let held: Vec<(u16, u64)> = (0..4)
            .flat_map(|input| (1..200).map(move |number| (input, number)))
            .filter(|(input, number)| set.contains(frame(*input, *number)))
            .collect();
        assert_eq!(held, [(0, 1), (2, 64), (2, 129)]);
    }
}
