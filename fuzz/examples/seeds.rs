//! Makes the corpora that the targets begin with, of the samples: `cargo run --example seeds` in `fuzz/`.

use std::path::Path;

use sipauth_fuzz::targets::seeds;

fn main() -> std::io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, seeds) in seeds::of_samples(&fuzz.join(".."))?.0 {
        let folder = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:04}")), seed)?;
        }
        println!("{target}: {} seeds", seeds.len());
    }
    Ok(())
}
