//! Inputs made of seeds, for runs that no coverage guides: the same in every run.

/// Seeds are cut at this length: what stands behind shows little that is new.
const INPUT_BYTES_MAX: usize = 4096;

/// Knuth's linear congruential generator.
pub struct Random(u64);

impl Random {
    /// The numbers that follow this one.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The n-th input: a seed, and behind the last of them mutations of seeds.
    pub fn input(&mut self, seeds: &[Vec<u8>], number: usize) -> Vec<u8> {
        let seed = |number: usize| seeds.get(number).map(Vec::as_slice).unwrap_or_default();
        if number < seeds.len() {
            return start(seed(number));
        }
        let (one, other) = (self.below(seeds.len()), self.below(seeds.len()));
        let mut input = start(seed(one));
        self.mutate(&mut input, seed(other));
        input
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    /// One to four changes: a bit, a byte, a part removed, a part said twice, a part of another seed.
    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            let end = (at + 1 + self.below(16)).min(input.len());
            match self.below(5) {
                0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
                1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = [0, 0xff, b'"', b'\r'][at % 4]),
                2 => drop(input.drain(at..end)),
                3 => input.extend_from_within(at..end),
                _ => {
                    let from = self.below(other.len());
                    let part = other.iter().skip(from).take(end - at);
                    drop(input.splice(at..at, part.copied().collect::<Vec<u8>>()));
                }
            }
        }
    }
}

fn start(seed: &[u8]) -> Vec<u8> {
    seed.iter().take(INPUT_BYTES_MAX).copied().collect()
}
