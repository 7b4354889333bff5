//! Everything that no session alone shows, in one place.

use crate::base::Limits;
use crate::history::Logins;
use crate::history::PeerChallenges;
use crate::history::RefusedCalls;
use crate::history::Servers;
use crate::history::Sources;
use crate::history::Trail;
use crate::history::Uses;

/// What was seen across sessions.
#[derive(Debug, Default)]
pub struct Chronicle {
    /// By source and server.
    pub sources: Sources,
    /// By server.
    pub servers: Servers,
    /// By account.
    pub logins: Logins,
    /// By digest.
    pub uses: Uses,
    /// Challenges from the other party of a dialog.
    pub peers: PeerChallenges,
    /// Credentials that were sent in clear.
    pub in_clear: Trail,
    /// Some of them by Basic, which is the password itself (RFC 7617 §2).
    pub has_clear_basic: bool,
    /// Some of them by Bearer, whose token is good for whoever has it (RFC 6750 §5.2).
    pub has_clear_token: bool,
    /// Some of them by a scheme that hides the password.
    pub has_clear_digest: bool,
    /// Calls that were refused a moment ago.
    pub refused_calls: RefusedCalls,
    /// Challenges that offer MD5 only.
    pub md5_only: Trail,
}

impl Chronicle {
    /// Nothing seen yet.
    pub fn new(limits: &Limits) -> Chronicle {
        Chronicle {
            sources: Sources::new(limits.accounts_max, limits.source_names_max),
            servers: Servers::new(limits.accounts_max),
            logins: Logins::new(limits.accounts_max),
            uses: Uses::new(limits.digests_max),
            ..Chronicle::default()
        }
    }

    /// What found no place, by the name of its diagnostic.
    pub fn refused(&self) -> [(&'static str, u64, &'static str); 4] {
        [
            (
                "sources_not_followed",
                self.sources.refused() + self.servers.refused() + self.peers.refused(),
                "sources, servers or names that a source tried, without a place in the history",
            ),
            ("logins_not_followed", self.logins.refused(), "accounts or places of use without a place in the history"),
            (
                "replays_not_listed",
                self.uses.refused(),
                "digests repeated from elsewhere, beyond those that are listed",
            ),
            (
                "digests_forgotten",
                self.uses.forgotten(),
                "digests that made room for later ones: a replay long after them is not seen",
            ),
        ]
    }
}
