//! Files of secrets, in every format.

use sipauth::digest::KeyringFormat;
use sipauth::digest::keyring;

/// One input.
pub fn run(bytes: &[u8]) {
    let kinds = [None].into_iter().chain(KeyringFormat::ALL.map(Some));
    for kind in kinds {
        match keyring::read(bytes, "file", kind) {
            Ok((keyring, warnings)) => {
                assert!(keyring.len() <= keyring::ENTRIES_MAX);
                warnings.iter().for_each(|warning| drop(warning.to_string()));
            }
            Err(error) => drop(error.to_string()),
        }
    }
}
