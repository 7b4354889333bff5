//! The first cnonce of each `-sess` session: its A1 stays with the cnonce of the session's first request, while later
//! requests carry their own (RFC 7616 §3.4.2).

use std::collections::HashMap;
use std::collections::VecDeque;

/// Sessions remembered; past it the oldest is forgotten, and its later requests are tried with their own cnonce only.
pub(super) const SESSIONS_MAX: usize = 4096;

/// Bytes of user name, nonce and cnonce of a session that is remembered.
pub(super) const SESSION_LEN_BYTES_MAX: usize = 2048;

/// Bounded memory of first cnonces.
#[derive(Default)]
pub(super) struct Sessions {
    first: HashMap<Box<[u8]>, Box<[u8]>>,
    order: VecDeque<Box<[u8]>>,
}

impl Sessions {
    /// The first cnonce seen with this user and nonce: `cnonce` itself when this is the first. The user is part of the
    /// key, because some servers give one nonce to everybody within a second.
    pub(super) fn first_cnonce(&mut self, username: &[u8], nonce: &[u8], cnonce: &[u8]) -> Option<&[u8]> {
        if username.len() + nonce.len() + cnonce.len() > SESSION_LEN_BYTES_MAX {
            return None;
        }
        let key = key(username, nonce);
        if !self.first.contains_key(&key) {
            if self.order.len() >= SESSIONS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.first.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        Some(self.first.entry(key).or_insert_with(|| cnonce.into()))
    }

    /// The first cnonce seen with this user and nonce, without noting anything.
    pub(super) fn known_cnonce(&self, username: &[u8], nonce: &[u8]) -> Option<&[u8]> {
        self.first.get(&key(username, nonce)).map(AsRef::as_ref)
    }
}

/// The length keeps ("ab", "c") and ("a", "bc") apart.
fn key(username: &[u8], nonce: &[u8]) -> Box<[u8]> {
    [&username.len().to_be_bytes(), username, nonce].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cnonce_stays_and_memory_is_bounded() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.first_cnonce(b"u", b"n", b"1"), Some(&b"1"[..]));
        assert_eq!(sessions.first_cnonce(b"u", b"n", b"2"), Some(&b"1"[..]));
        assert_eq!(sessions.first_cnonce(b"un", b"", b"3"), Some(&b"3"[..]));
        for number in 0..SESSIONS_MAX {
            sessions.first_cnonce(b"u", number.to_string().as_bytes(), b"x");
        }
        assert_eq!((sessions.first.len(), sessions.order.len()), (SESSIONS_MAX, SESSIONS_MAX));
        assert_eq!(sessions.first_cnonce(b"u", b"n", b"4"), Some(&b"4"[..]));
        assert_eq!(sessions.first_cnonce(b"u", &[0; SESSION_LEN_BYTES_MAX], b"4"), None);
    }
}
