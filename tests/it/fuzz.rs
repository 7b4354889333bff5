//! The fuzz targets on a stable toolchain: over their seeds, and over mutations of these that are the same in every run.

use std::path::Path;
use std::sync::OnceLock;

use crate::targets;
use crate::targets::mutation::Random;
use crate::targets::seeds;
use crate::targets::seeds::Seeds;

/// How many inputs are made of the seeds of one target, beside these.
const MUTATIONS: usize = 300;

/// Seeds for all targets are read once.
fn seeds_of(target: &str) -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = SEEDS.get_or_init(|| seeds::of_samples(root).expect("the samples can be read"));
    seeds.0.get(target).map(Vec::as_slice).unwrap_or_default()
}

fn try_target(name: &str) {
    let (_, run) = targets::ALL.into_iter().find(|(target, _)| *target == name).expect("a target");
    let seeds = seeds_of(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let mut random = Random::new(name.len() as u64);
    for number in 0..seeds.len() + MUTATIONS {
        run(&random.input(seeds, number));
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
