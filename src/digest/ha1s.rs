//! The HA1s computed from a password, kept by realm and hash function, bounded, and wiped on drop.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::auth::HashName;
use crate::digest::response::Account;
use crate::digest::response::ha1;
use crate::digest::secret::Secret;
use crate::digest::secret::SecretKind;

/// HA1s kept for one entry. An entry for any realm meets realms from the wire: past this, the oldest gives way.
const HA1S_MAX: usize = 8;

/// Bytes of a realm that is kept beside others.
const REALM_LEN_BYTES_MAX: usize = 1024;

/// The HA1s of one password: a check then costs two hashes and not three.
#[derive(Default)]
pub(super) struct Ha1s {
    known: Vec<Ha1>,
    oldest: usize,
}

struct Ha1 {
    hash: HashName,
    realm: Arc<[u8]>,
    hex: Zeroizing<Box<[u8]>>,
}

impl Ha1s {
    /// The HA1 of `secret` for this account; None where it is an HA1 of another algorithm. `known_realm` is the text of a realm that many
    /// accounts share: where it is this one's, no copy is made.
    pub(super) fn ha1<'s>(
        &'s mut self,
        secret: &'s Secret,
        hash: HashName,
        account: Account<'_>,
        known_realm: Option<&Arc<[u8]>>,
    ) -> Option<&'s [u8]> {
        match secret.kind {
            SecretKind::Ha1(its) => (its == hash).then(|| secret.bytes()),
            SecretKind::Password => self.computed(secret, hash, account, known_realm),
            // AKA's HA1 is another for each challenge.
            SecretKind::AkaRes | SecretKind::AkaKey => None,
        }
    }

    fn computed(
        &mut self,
        secret: &Secret,
        hash: HashName,
        account: Account<'_>,
        known_realm: Option<&Arc<[u8]>>,
    ) -> Option<&[u8]> {
        let realm = account.realm;
        let is_known = |known: &Ha1| known.hash == hash && *known.realm == *realm;
        let index = match self.known.iter().position(is_known) {
            Some(index) => index,
            None => {
                let hex = Zeroizing::new(ha1(hash, account, secret.bytes()).as_bytes().into());
                let shared = known_realm.filter(|known| ***known == *realm).cloned();
                self.add(Ha1 { hash, realm: shared.unwrap_or_else(|| realm.into()), hex })
            }
        };
        self.known.get(index).map(|known| &**known.hex)
    }

    fn add(&mut self, ha1: Ha1) -> usize {
        if ha1.realm.len() > REALM_LEN_BYTES_MAX {
            self.known.clear();
            self.oldest = 0;
        }
        if self.known.len() < HA1S_MAX {
            // Most accounts have one realm.
            self.known.reserve_exact(1);
            self.known.push(ha1);
            return self.known.len() - 1;
        }
        let index = self.oldest;
        self.oldest = (self.oldest + 1) % HA1S_MAX;
        if let Some(slot) = self.known.get_mut(index) {
            *slot = ha1;
        }
        index
    }
}
