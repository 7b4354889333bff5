//! Samples that were not recorded are built from `samples/<name>/scenario.txt`; `UPDATE_GOLDEN=1` builds them anew.

use std::path::Path;

#[test]
fn scenarios_rebuild_their_captures() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let folders = std::fs::read_dir(&samples)
        .expect("samples/ is part of the package")
        .map(|entry| entry.expect("a folder").path());
    let mut stale = Vec::new();
    for folder in folders {
        let Ok(text) = std::fs::read_to_string(folder.join("scenario.txt")) else { continue };
        let capture = folder.join("capture.pcap");
        let built = super::pcap(&text);
        if std::fs::read(&capture).is_ok_and(|committed| committed == built) {
            continue;
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&capture, built).expect("the sample can be written");
        } else {
            stale.push(capture);
        }
    }
    assert!(stale.is_empty(), "differ from their scenarios, run again with UPDATE_GOLDEN=1: {stale:?}");
}
