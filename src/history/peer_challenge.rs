//! Challenges from the other party of a dialog, which is not the client's server.

use crate::base::FrameRef;
use crate::history::PairKey;

/// A request within a dialog that the party which called asked credentials for.
#[derive(Clone, Debug)]
pub struct PeerChallenge {
    /// The client, and the peer that challenged it.
    pub pair: PairKey,
    /// The method of the challenged request.
    pub method: String,
    /// The realm of the challenge.
    pub realm: Box<[u8]>,
    /// The user of the client.
    pub user: Box<[u8]>,
    /// 401 or 407.
    pub status: u16,
    /// The challenge.
    pub challenged: FrameRef,
    /// The request that answers it.
    pub answered: Option<FrameRef>,
    /// The INVITE of the peer; `None` where the capture begins within the dialog.
    pub invited: Option<FrameRef>,
    /// The INVITE came from the peer itself, by its Vias.
    pub is_direct: bool,
    /// The report's number of the session.
    pub session: u64,
}

/// How many are kept.
const KEPT_MAX: usize = 1000;

/// All of them.
#[derive(Debug, Default)]
pub struct PeerChallenges {
    all: Vec<PeerChallenge>,
    refused: u64,
}

impl PeerChallenges {
    /// Keeps one.
    pub fn add(&mut self, challenge: PeerChallenge) {
        if self.all.len() < KEPT_MAX {
            self.all.push(challenge);
        } else {
            self.refused += 1;
        }
    }

    /// All that were kept.
    pub fn all(&self) -> &[PeerChallenge] {
        &self.all
    }

    /// How many found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
