//! How each `-sess` session began: its A1 stays with the nonce and the cnonce of the session's first request, while later requests
//! carry their own (RFC 7616 §3.4.2).

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
    known: WireMap<Arc<[u8]>, Known>,
    order: VecDeque<Arc<[u8]>>,
    held_bytes: usize,
    has_forgotten: bool,
}

/// How a session may have begun, and whether it may have begun otherwise.
#[derive(Default)]
struct Known {
    starts: Vec<Start>,
    is_unsure: bool,
}

/// Devices of one user that begin a session with one nonce: some servers give the same to everybody within a second.
const STARTS_MAX: usize = 4;

/// What the A1 of a session is made of beside the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The nonce, where the session began with another one (`nextnonce`).
    pub(super) nonce: Option<Box<[u8]>>,
    /// The cnonce of the first request.
    pub(super) cnonce: Box<[u8]>,
}

impl Start {
    fn len_bytes(&self) -> usize {
        self.cnonce.len() + self.nonce.as_ref().map_or(0, |nonce| nonce.len())
    }
}

/// What is known of how a session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Begun<'s> {
    /// In the order in which they were seen.
    pub(super) starts: &'s [Start],
    /// The session may have begun before the capture or unseen, or was forgotten: a digest that does not fit shows nothing.
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
    pub(super) fn note(&mut self, username: &[u8], nonce: &[u8], cnonce: &[u8], this: Beginning) -> Begun<'_> {
        let is_first = match this.nonce_count {
            // Some count from zero.
            Some(count) => count <= 1,
            None => this.is_nonce_issued && !self.has_forgotten,
        };
        if username.len() + nonce.len() + cnonce.len() > SESSION_LEN_BYTES_MAX {
            return Begun { starts: &[], is_unknown: this.nonce_count != Some(1) };
        }
        let key = self.entry(username, nonce, cnonce.len());
        let Some(known) = self.known.get_mut(&key) else { return Begun { starts: &[], is_unknown: true } };
        let own = |start: &Start| start.nonce.is_none();
        let has_own = known.starts.iter().any(own);
        let is_known = known.starts.iter().any(|start| own(start) && *start.cnonce == *cnonce);
        if !has_own || (this.nonce_count == Some(1) && !is_known && known.starts.len() < STARTS_MAX) {
            known.starts.push(Start { nonce: None, cnonce: cnonce.into() });
            self.held_bytes += cnonce.len();
            known.is_unsure |= !is_first;
        } else if this.nonce_count == Some(1) && !is_known {
            known.is_unsure = true;
        }
        // The first request of a session is its own beginning, unless the session goes on with another nonce.
        let is_continued = known.starts.iter().any(|start| !own(start));
        Begun { starts: &known.starts, is_unknown: known.is_unsure && (!is_first || is_continued) }
    }

    /// The session of this nonce goes on with the next one: no challenge came between (RFC 7616 §3.4.2).
    pub(super) fn go_on(&mut self, username: &[u8], nonce: &[u8], next: &[u8]) {
        let Some(known) = self.known.get(&key(username, nonce)) else { return };
        let with_nonce = |start: &Start| Start { nonce: start.nonce.clone().or(Some(nonce.into())), ..start.clone() };
        let starts: Vec<Start> = known.starts.iter().map(with_nonce).collect();
        let (is_unsure, len_bytes) = (known.is_unsure, starts.iter().map(Start::len_bytes).sum());
        if username.len() + next.len() + len_bytes > SESSION_LEN_BYTES_MAX
            || self.known.contains_key(&key(username, next))
        {
            return;
        }
        let key = self.entry(username, next, len_bytes);
        self.held_bytes += len_bytes;
        self.known.insert(key, Known { starts, is_unsure });
    }

    /// The key of a session, which is there from now on, with room for so many bytes.
    fn entry(&mut self, username: &[u8], nonce: &[u8], len_bytes: usize) -> Arc<[u8]> {
        let key = key(username, nonce);
        if !self.known.contains_key(&key) {
            self.make_room(key.len() + len_bytes);
            self.held_bytes += key.len();
            self.order.push_back(Arc::clone(&key));
            self.known.insert(Arc::clone(&key), Known::default());
        }
        key
    }

    fn make_room(&mut self, len_bytes: usize) {
        while (self.order.len() >= SESSIONS_MAX || self.held_bytes + len_bytes > SESSIONS_BYTES_MAX)
            && let Some(oldest) = self.order.pop_front()
        {
            let known = self.known.remove(&oldest).map_or(0, |known| known.starts.iter().map(Start::len_bytes).sum());
            self.held_bytes -= oldest.len() + known;
            self.has_forgotten = true;
        }
    }

    /// The first cnonce seen with this user and nonce, without noting anything.
    pub(super) fn known_cnonce(&self, username: &[u8], nonce: &[u8]) -> Option<&[u8]> {
        let known = self.known.get(&key(username, nonce))?;
        known.starts.iter().find(|start| start.nonce.is_none()).map(|start| &*start.cnonce)
    }
}

/// The length keeps ("ab", "c") and ("a", "bc") apart.
fn key(username: &[u8], nonce: &[u8]) -> Arc<[u8]> {
    [&username.len().to_be_bytes(), username, nonce].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUED: Beginning = Beginning { nonce_count: None, is_nonce_issued: true };

    fn count(nonce_count: u32) -> Beginning {
        Beginning { nonce_count: Some(nonce_count), is_nonce_issued: true }
    }

    /// The cnonces that it may have begun with, and whether it may have begun otherwise.
    fn said(begun: Begun<'_>) -> String {
        let nonce = |start: &Start| start.nonce.as_deref().map(|nonce| [nonce, b"/"].concat()).unwrap_or_default();
        let starts = begun.starts.iter().map(|start| [&nonce(start), &*start.cnonce].concat());
        let starts: Vec<String> = starts.map(|start| String::from_utf8_lossy(&start).into()).collect();
        starts.join(" ") + if begun.is_unknown { "?" } else { "" }
    }

    #[test]
    fn the_first_cnonce_stays_and_memory_is_bounded() {
        let mut sessions = Sessions::default();
        assert_eq!(said(sessions.note(b"u", b"n", b"1", ISSUED)), "1");
        assert_eq!(said(sessions.note(b"u", b"n", b"2", ISSUED)), "1");
        assert_eq!(said(sessions.note(b"un", b"", b"3", ISSUED)), "3");
        for number in 0..SESSIONS_MAX {
            sessions.note(b"u", number.to_string().as_bytes(), b"x", ISSUED);
        }
        assert_eq!((sessions.known.len(), sessions.order.len()), (SESSIONS_MAX, SESSIONS_MAX));
        assert_eq!(said(sessions.note(b"u", b"n", b"4", ISSUED)), "4?");
        assert_eq!(said(sessions.note(b"u", &[0; SESSION_LEN_BYTES_MAX], b"4", ISSUED)), "?");
    }

    #[test]
    fn long_names_and_nonces_take_no_more_memory() {
        let mut sessions = Sessions::default();
        let mut nonce = [b'n'; 1000];
        for number in 0..4 * SESSIONS_BYTES_MAX / nonce.len() {
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            sessions.note(b"u", &nonce, b"c", ISSUED);
            sessions.note(b"u", &nonce, b"d", count(1));
            sessions.go_on(b"u", &nonce, format!("next of {number}").as_bytes());
        }
        let held =
            |(key, known): (&Arc<[u8]>, &Known)| key.len() + known.starts.iter().map(Start::len_bytes).sum::<usize>();
        let held: usize = sessions.known.iter().map(held).sum();
        assert_eq!(sessions.held_bytes, held);
        assert!(held <= SESSIONS_BYTES_MAX + SESSION_LEN_BYTES_MAX && sessions.order.len() == sessions.known.len());
    }

    #[test]
    fn a_session_that_began_unseen_is_not_known() {
        let from_before = |nonce_count| Beginning { nonce_count, is_nonce_issued: false };
        let mut sessions = Sessions::default();
        assert_eq!(said(sessions.note(b"u", b"n", b"1", from_before(Some(2)))), "1?");
        assert_eq!(said(sessions.note(b"u", b"n", b"2", from_before(Some(3)))), "1?");
        assert_eq!(said(sessions.note(b"v", b"n", b"1", from_before(Some(1)))), "1");
        assert_eq!(said(sessions.note(b"w", b"n", b"1", from_before(None))), "1?");
        // The challenge is there, and the request that counts 1 is not.
        assert_eq!(said(sessions.note(b"x", b"n", b"1", count(2))), "1?");
    }

    #[test]
    fn devices_that_share_a_nonce_begin_sessions_of_their_own() {
        let mut sessions = Sessions::default();
        assert_eq!(said(sessions.note(b"u", b"n", b"a", count(1))), "a");
        assert_eq!(said(sessions.note(b"u", b"n", b"b", count(1))), "a b");
        assert_eq!(said(sessions.note(b"u", b"n", b"c", count(2))), "a b");
        for cnonce in [b"d", b"e"] {
            sessions.note(b"u", b"n", cnonce, count(1));
        }
        // Its own it knows; what comes behind it does not.
        assert_eq!(said(sessions.note(b"u", b"n", b"f", count(1))), "a b d e");
        assert_eq!(said(sessions.note(b"u", b"n", b"g", count(2))), "a b d e?");
    }

    #[test]
    fn a_session_goes_on_with_the_next_nonce() {
        let mut sessions = Sessions::default();
        sessions.note(b"u", b"n", b"a", count(1));
        sessions.go_on(b"u", b"n", b"m");
        assert_eq!(said(sessions.note(b"u", b"m", b"b", count(1))), "n/a b");
        sessions.go_on(b"u", b"m", b"l");
        assert_eq!(said(sessions.note(b"u", b"l", b"c", count(2))), "n/a m/b c?");
        sessions.go_on(b"v", b"n", b"k");
        assert_eq!(said(sessions.note(b"v", b"k", b"c", count(1))), "c");
    }
}
