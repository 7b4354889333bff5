//! Runs a target over mutations of its corpus without instrumentation, dozens of times as fast as cargo-fuzz does where a target
//! is large: `cargo run --release --example unguided TARGET RUNS [SEED]` in `fuzz/`. The input that fails is kept in `artifacts/`.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use sipauth_fuzz::targets;
use sipauth_fuzz::targets::mutation::Random;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (name, runs) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse().ok()));
    let target = targets::ALL.into_iter().find(|(target, _)| *target == name);
    let (Some((_, run)), Some(runs)) = (target, runs) else {
        eprintln!("unguided TARGET RUNS [SEED]; targets: {}", targets::ALL.map(|(name, _)| name).join(" "));
        return ExitCode::from(2);
    };
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files =
        std::fs::read_dir(fuzz.join("corpus").join(&name)).expect("there is a corpus: make it with the example seeds");
    let mut files: Vec<_> = files.map(|file| file.expect("a file can be listed").path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("a seed can be read")).collect();
    let mut random = Random::new(words.next().and_then(|word| word.parse().ok()).unwrap_or(1));
    for number in 0..runs {
        if number % 100_000 == 0 {
            println!("{name}: {number} runs");
        }
        let input = random.input(&seeds, number);
        if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
            let place = fuzz.join("artifacts").join(format!("{name}-{number}"));
            std::fs::create_dir_all(fuzz.join("artifacts")).expect("a folder can be made");
            std::fs::write(&place, &input).expect("the input can be kept");
            eprintln!("the input is {}", place.display());
            return ExitCode::FAILURE;
        }
    }
    println!("{name}: {runs} runs over {} seeds", seeds.len());
    ExitCode::SUCCESS
}
