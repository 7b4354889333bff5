//! The first cnonce of each `-sess` session: its A1 stays with the cnonce of the session's first request, while later
//! requests carry their own (RFC 7616 §3.4.2).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::WireMap;

/// Sessions remembered; past it the oldest is forgotten, and of its later requests only those can be checked that repeat its cnonce.
pub(super) const SESSIONS_MAX: usize = 65_536;

/// Bytes of user names, nonces and cnonces of all of them: a usual session has a hundred.
const SESSIONS_BYTES_MAX: usize = 16 << 20;

/// Bytes of user name, nonce and cnonce of a session that is remembered.
pub(super) const SESSION_LEN_BYTES_MAX: usize = 2048;

/// Bounded memory of first cnonces.
#[derive(Default)]
pub(super) struct Sessions {
    first: WireMap<Arc<[u8]>, Known>,
    order: VecDeque<Arc<[u8]>>,
    held_bytes: usize,
    has_forgotten: bool,
}

/// The cnonce of the first request that was seen of a session, and whether there may have been one before.
struct Known {
    cnonce: Box<[u8]>,
    is_unsure: bool,
}

/// What is known of the first request of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FirstCnonce<'s> {
    /// Its cnonce, where it is another than that of the request at hand.
    pub(super) other: Option<&'s [u8]>,
    /// The session may have begun before the capture, or was forgotten: a digest that does not fit shows nothing.
    pub(super) is_unknown: bool,
}

/// What speaks for a request to be the first of its session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    /// Its nonce count, where it has one.
    pub(super) nonce_count: Option<u32>,
    /// The capture holds the challenge that brought its nonce.
    pub(super) is_nonce_issued: bool,
}

impl Sessions {
    /// What is known of the session that this user and nonce stand for; where nothing is, `cnonce` begins it. The user is part of
    /// the key, because some servers give one nonce to everybody within a second.
    pub(super) fn note(&mut self, username: &[u8], nonce: &[u8], cnonce: &[u8], this: Beginning) -> FirstCnonce<'_> {
        let is_first = this.nonce_count == Some(1) || (this.is_nonce_issued && !self.has_forgotten);
        if username.len() + nonce.len() + cnonce.len() > SESSION_LEN_BYTES_MAX {
            return FirstCnonce { other: None, is_unknown: this.nonce_count != Some(1) };
        }
        let key = key(username, nonce);
        if !self.first.contains_key(&key) {
            let len_bytes = key.len() + cnonce.len();
            self.make_room(len_bytes);
            self.held_bytes += len_bytes;
            self.order.push_back(Arc::clone(&key));
        }
        let known = self.first.entry(key).or_insert_with(|| Known { cnonce: cnonce.into(), is_unsure: !is_first });
        FirstCnonce { other: Some(&*known.cnonce).filter(|first| *first != cnonce), is_unknown: known.is_unsure }
    }

    fn make_room(&mut self, len_bytes: usize) {
        while (self.order.len() >= SESSIONS_MAX || self.held_bytes + len_bytes > SESSIONS_BYTES_MAX)
            && let Some(oldest) = self.order.pop_front()
        {
            let known = self.first.remove(&oldest).map_or(0, |known| known.cnonce.len());
            self.held_bytes -= oldest.len() + known;
            self.has_forgotten = true;
        }
    }

    /// The first cnonce seen with this user and nonce, without noting anything.
    pub(super) fn known_cnonce(&self, username: &[u8], nonce: &[u8]) -> Option<&[u8]> {
        self.first.get(&key(username, nonce)).map(|known| &*known.cnonce)
    }
}

/// The length keeps ("ab", "c") and ("a", "bc") apart.
fn key(username: &[u8], nonce: &[u8]) -> Arc<[u8]> {
    [&username.len().to_be_bytes(), username, nonce].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUED: Beginning = Beginning { nonce_count: Some(7), is_nonce_issued: true };

    #[test]
    fn the_first_cnonce_stays_and_memory_is_bounded() {
        let mut sessions = Sessions::default();
        let known = |other| FirstCnonce { other, is_unknown: false };
        assert_eq!(sessions.note(b"u", b"n", b"1", ISSUED), known(None));
        assert_eq!(sessions.note(b"u", b"n", b"2", ISSUED), known(Some(b"1")));
        assert_eq!(sessions.note(b"un", b"", b"3", ISSUED), known(None));
        for number in 0..SESSIONS_MAX {
            sessions.note(b"u", number.to_string().as_bytes(), b"x", ISSUED);
        }
        assert_eq!((sessions.first.len(), sessions.order.len()), (SESSIONS_MAX, SESSIONS_MAX));
        assert_eq!(sessions.note(b"u", b"n", b"4", ISSUED), FirstCnonce { other: None, is_unknown: true });
        assert!(sessions.note(b"u", &[0; SESSION_LEN_BYTES_MAX], b"4", ISSUED).is_unknown);
    }

    #[test]
    fn long_names_and_nonces_take_no_more_memory() {
        let mut sessions = Sessions::default();
        let mut nonce = [b'n'; 2000];
        for number in 0..2 * SESSIONS_BYTES_MAX / nonce.len() {
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            sessions.note(b"u", &nonce, b"c", ISSUED);
        }
        let held: usize = sessions.first.iter().map(|(key, known)| key.len() + known.cnonce.len()).sum();
        assert!(
            sessions.held_bytes == held && held <= SESSIONS_BYTES_MAX && sessions.order.len() == sessions.first.len()
        );
    }

    #[test]
    fn a_session_that_began_before_the_capture_is_not_known() {
        let from_before = |nonce_count| Beginning { nonce_count, is_nonce_issued: false };
        let mut sessions = Sessions::default();
        assert!(sessions.note(b"u", b"n", b"1", from_before(Some(2))).is_unknown);
        assert!(sessions.note(b"u", b"n", b"2", from_before(Some(3))).is_unknown);
        assert!(!sessions.note(b"v", b"n", b"1", from_before(Some(1))).is_unknown);
        assert!(sessions.note(b"w", b"n", b"1", from_before(None)).is_unknown);
    }
}
