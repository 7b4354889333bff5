//! The fuzz targets on a stable toolchain: over their seeds, and over mutations of these that are the same in every run.

use std::path::Path;
use std::sync::OnceLock;

use crate::targets;
use crate::targets::seeds;
use crate::targets::seeds::Seeds;

/// How many inputs are made of the seeds of one target.
const MUTATIONS: usize = 300;
/// Seeds are cut at this length: what stands behind shows little that is new.
const INPUT_BYTES_MAX: usize = 4096;

/// Seeds for all targets are read once.
fn seeds_of(target: &str) -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = SEEDS.get_or_init(|| seeds::of_samples(root).expect("the samples can be read"));
    seeds.0.get(target).map(Vec::as_slice).unwrap_or_default()
}

/// Knuth's linear congruential generator.
struct Random(u64);

impl Random {
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

fn try_target(name: &str) {
    let (_, run) = targets::ALL.into_iter().find(|(target, _)| *target == name).expect("a target");
    let seeds = seeds_of(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let mut random = Random(name.len() as u64);
    for number in 0..MUTATIONS {
        let seed = |number: usize| seeds.get(number % seeds.len()).expect("a seed");
        let mut input: Vec<u8> = seed(number).iter().take(INPUT_BYTES_MAX).copied().collect();
        if number >= seeds.len() {
            let other = random.below(seeds.len());
            random.mutate(&mut input, seed(other));
        }
        run(&input);
    }
}

/// A test for each target, so that they run side by side and say which one fails.
macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            try_target(stringify!($name));
        })*

        #[test]
        fn every_target_has_its_test() {
            assert_eq!(targets::ALL.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

tests! { auth_header capture decode filter formats framing hep keyrings message reassembly tls uri verify websocket }
