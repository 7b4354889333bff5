//! Which user a hashed user name stands for: `H(username:realm)` of every user known (RFC 7616 §3.4.4).

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::auth::HashName;
use crate::base::limits::NAME_BYTES_MAX;
use crate::digest::hash::hash_joined;

/// Realms whose hashes are kept at a time.
const REALMS_MAX: usize = 4;

/// Hashes computed in all, a bound on work: realms come from the wire, and each new one costs a hash of it for every user. Enough for
/// 100,000 users in 200 realms.
const HASHES_MAX: usize = 20_000_000;

/// Hashed user names of the realms seen last.
#[derive(Default)]
pub(super) struct UserHashes {
    realms: VecDeque<Realm>,
    hashes: usize,
}

struct Realm {
    hash: HashName,
    realm: Box<[u8]>,
    users: HashMap<Box<[u8]>, Box<[u8]>>,
}

impl UserHashes {
    /// The user among `users` whose hash in `realm` is `hashed`, in any letter case.
    pub(super) fn user<'u>(
        &mut self,
        hash: HashName,
        realm: &[u8],
        hashed: &[u8],
        users: impl ExactSizeIterator<Item = &'u [u8]>,
    ) -> Option<&[u8]> {
        if hashed.len() != hash.hex_len() || realm.len() > NAME_BYTES_MAX {
            return None;
        }
        let known = self.realms.iter().position(|known| known.hash == hash && *known.realm == *realm);
        let index = match known {
            Some(index) => index,
            None => self.add(hash, realm, users)?,
        };
        self.realms.get(index)?.users.get(hashed.to_ascii_lowercase().as_slice()).map(AsRef::as_ref)
    }

    fn add<'u>(
        &mut self,
        hash: HashName,
        realm: &[u8],
        users: impl ExactSizeIterator<Item = &'u [u8]>,
    ) -> Option<usize> {
        if self.hashes + users.len() > HASHES_MAX {
            return None;
        }
        self.hashes += users.len();
        if self.realms.len() >= REALMS_MAX {
            self.realms.pop_front();
        }
        let users = users.map(|user| (hash_joined(hash, &[user, realm]).as_bytes().into(), user.into())).collect();
        self.realms.push_back(Realm { hash, realm: realm.into(), users });
        self.realms.len().checked_sub(1)
    }
}
