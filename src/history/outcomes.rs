//! How the sessions of one user ended, and how one server challenges, across Call-IDs: for what only a comparison shows.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::net::IpAddr;

use crate::base::Endpoint;
use crate::base::FrameRef;
use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;
use crate::sip::Method;

/// A user, as one source uses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey {
    /// Who sends.
    pub client: IpAddr,
    /// The user name of the credentials, or that of the From URI.
    pub user: Box<[u8]>,
}

/// How one session of a user ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// What it was about.
    pub method: Method,
    /// The realm that asked.
    pub realm: Box<[u8]>,
    /// Who asked.
    pub server: IpAddr,
    /// The port that it came from.
    pub port: u16,
    /// The report's number of the session.
    pub session: u64,
    /// The last request.
    pub at: FrameRef,
    /// The last answer.
    pub answer_at: FrameRef,
    /// The status of that.
    pub status: u16,
    /// What became of it.
    pub kind: EndingKind,
}

/// What became of a session, for comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndingKind {
    /// The credentials were let past.
    LetPast,
    /// They were refused, or forbidden.
    Refused {
        /// What explains it, or the outcome's name: two that failed alike have the same.
        why: &'static str,
        /// The digest was recomputed and is right.
        is_digest_right: bool,
    },
    /// The client did not answer the challenge.
    Unanswered {
        /// As above.
        why: &'static str,
    },
}

impl EndingKind {
    /// What explains the failure; `None` where there was none.
    pub fn why(self) -> Option<&'static str> {
        match self {
            EndingKind::LetPast => None,
            EndingKind::Refused { why, .. } | EndingKind::Unanswered { why } => Some(why),
        }
    }
}

/// How the sessions of one user ended: the first of each method that was let past, and the first of each that was not.
#[derive(Debug, Default)]
pub struct UserOutcomes {
    let_past: Vec<Ending>,
    failed: Vec<Ending>,
}

/// Methods that are kept of one user.
const METHODS_MAX: usize = 8;

impl UserOutcomes {
    fn note(&mut self, ending: Ending) {
        let kept = if ending.kind == EndingKind::LetPast { &mut self.let_past } else { &mut self.failed };
        let has_room = kept.len() < METHODS_MAX;
        match kept.iter_mut().find(|known| known.method == ending.method) {
            // The first in the capture counts, whichever session closes first.
            Some(known) if ending.at < known.at => *known = ending,
            Some(_) => {}
            // Most users have one: room for four at once would be most of what is kept here.
            None if has_room => {
                kept.reserve_exact(1);
                kept.push(ending);
            }
            None => {}
        }
    }

    /// The session of that method that was let past.
    pub fn let_past(&self, method: &Method) -> Option<&Ending> {
        self.let_past.iter().find(|ending| ending.method == *method)
    }

    /// The sessions that failed, of methods that never succeeded.
    pub fn failed(&self) -> impl Iterator<Item = &Ending> {
        self.failed.iter().filter(|ending| self.let_past(&ending.method).is_none())
    }
}

/// The users of one client in one realm, where some of them failed.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// The client.
    pub client: IpAddr,
    /// The realm that asked.
    pub realm: Box<[u8]>,
    /// How many never got in.
    pub failed_count: usize,
    /// The same, by the reason.
    pub failed_by_reason: BTreeMap<&'static str, usize>,
    /// How many of them were refused with a right digest.
    pub right_count: usize,
    /// Those, with how they failed: the first 64 of them, in order.
    pub failed: Vec<(Box<[u8]>, Ending)>,
    /// How many did.
    pub let_past_count: usize,
    /// The first of them.
    pub let_past_first: Option<(Box<[u8]>, Ending)>,
}

/// Users that failed of one client and realm that are named.
const FAILED_MAX: usize = 64;

/// A user who registers and is refused with other methods.
#[derive(Clone, Debug)]
pub struct MethodDifference {
    /// Who.
    pub user: UserKey,
    /// A REGISTER that was let past.
    pub registered: Ending,
    /// The refusals, one a method.
    pub refused: Vec<Ending>,
}

/// A server that asked one client for the same realm with 401 once, and with 407 once.
#[derive(Clone, Debug)]
pub struct MixedModes {
    /// Who asks.
    pub server: Endpoint,
    /// What was asked for.
    pub method: Method,
    /// The realm.
    pub realm: Box<[u8]>,
    /// The client.
    pub client: IpAddr,
    /// The answers, 401 first, each with its session's number.
    pub seen: [(FrameRef, u64); 2],
}

/// A challenge to a request outside of a dialog.
#[derive(Clone, Debug)]
pub struct Challenged<'a> {
    /// Who asks.
    pub server: Endpoint,
    /// Who is asked.
    pub client: IpAddr,
    /// For what.
    pub method: &'a Method,
    /// The realm.
    pub realm: &'a [u8],
    /// Whether with 407, else with 401.
    pub is_proxy: bool,
    /// The answer.
    pub at: FrameRef,
    /// The report's number of the session.
    pub session: u64,
}

/// The only user that got in, by the client's address and port and by the server; `None` where several did.
pub type OnlyUsers<'a> = HashMap<(IpAddr, u16, IpAddr), Option<&'a UserKey>>;

/// The clients that a server asked lately, by one status.
type Asked = VecDeque<(IpAddr, FrameRef, u64)>;

/// How many clients are remembered of a server and status. One that mixes shows it to any of them.
const CLIENTS_MAX: usize = 64;

#[derive(Debug, Default)]
struct Modes {
    asked: [Asked; 2],
    mixed: Option<MixedModes>,
}

/// All that is remembered of outcomes.
#[derive(Debug)]
pub struct Outcomes {
    users: WireMap<UserKey, UserOutcomes>,
    modes: WireMap<(Endpoint, Method, Box<[u8]>), Modes>,
    outcomes_max: usize,
    refused: u64,
}

impl Outcomes {
    /// Nothing yet; at most `outcomes_max` users, and as many ways of asking, are kept.
    pub fn new(outcomes_max: usize) -> Outcomes {
        Outcomes { users: WireMap::default(), modes: WireMap::default(), outcomes_max, refused: 0 }
    }

    /// Notes how a session of a user ended.
    pub fn ended(&mut self, key: UserKey, ending: Ending) {
        let is_full = self.users.len() >= self.outcomes_max && !self.users.contains_key(&key);
        if is_full || key.user.len().max(ending.realm.len()) > NAME_BYTES_MAX {
            self.refused += 1;
            return;
        }
        self.users.entry(key).or_default().note(ending);
    }

    /// How a user registered at a server; `None` where no REGISTER of his is known that was let past there.
    pub fn registered(&self, key: &UserKey, server: IpAddr) -> Option<&Ending> {
        self.users.get(key)?.let_past(&Method::Register).filter(|ending| ending.server == server)
    }

    /// The port from which a server refused a user that never got in, and never tried to register, anywhere.
    pub fn refused_from(&self, key: &UserKey, server: IpAddr) -> Option<u16> {
        let UserOutcomes { let_past, failed } = self.users.get(key)?;
        let has_registered = failed.iter().any(|ending| ending.method == Method::Register);
        let refused = failed.iter().find(|ending| ending.server == server)?;
        (let_past.is_empty() && !has_registered).then_some(refused.port)
    }

    /// How a user got in at a server with another realm than that one, where none of his got in with that one.
    pub fn let_past_elsewhere(&self, key: &UserKey, server: IpAddr, realm: &[u8]) -> Option<&Ending> {
        let let_past = &self.users.get(key)?.let_past;
        let is_known = let_past.iter().any(|ending| ending.server == server && *ending.realm == *realm);
        let_past.iter().find(|ending| ending.server == server && !ending.realm.is_empty()).filter(|_| !is_known)
    }

    /// How a user got in at a server with that realm, from that port.
    pub fn let_past_with(&self, key: &UserKey, place: (IpAddr, u16), realm: &[u8]) -> Option<&Ending> {
        let mut let_past = self.users.get(key)?.let_past.iter();
        let_past.find(|ending| (ending.server, ending.port) == place && *ending.realm == *realm)
    }

    /// The only user that got in at a server from each port of a client; `None` where several did.
    pub fn only_users(&self) -> OnlyUsers<'_> {
        let mut all = OnlyUsers::new();
        for (key, ending) in self.users.iter().flat_map(|(key, known)| known.let_past.iter().map(move |one| (key, one)))
        {
            let only = all.entry((key.client, ending.port, ending.server)).or_insert(Some(key));
            *only = only.filter(|only| *only == key);
        }
        all
    }

    /// Notes how a server challenged a client.
    pub fn challenged(&mut self, challenged: &Challenged<'_>) {
        if challenged.realm.len() > NAME_BYTES_MAX {
            self.refused += 1;
            return;
        }
        let key = (challenged.server, challenged.method.clone(), challenged.realm.into());
        if self.modes.len() >= self.outcomes_max && !self.modes.contains_key(&key) {
            self.refused += 1;
            return;
        }
        self.modes.entry(key).or_default().note(challenged);
    }

    /// Every user who registered and was refused with another method that never succeeded, in order.
    pub fn method_differences(&self) -> Vec<MethodDifference> {
        let differing = self.users.iter().filter_map(|(key, outcomes)| {
            let registered = outcomes.let_past(&Method::Register)?;
            let is_refused = |ending: &&Ending| matches!(ending.kind, EndingKind::Refused { .. });
            let mut refused: Vec<Ending> = outcomes.failed().filter(is_refused).cloned().collect();
            refused.sort_by_key(|ending| ending.at);
            let is_any = !refused.is_empty();
            is_any.then(|| MethodDifference { user: key.clone(), registered: registered.clone(), refused })
        });
        let mut all: Vec<MethodDifference> = differing.collect();
        all.sort_by(|one, other| one.user.cmp(&other.user));
        all
    }

    /// The users of each client and realm of which one failed, in order.
    pub fn neighbours(&self) -> Vec<Neighbours> {
        type Group<'a> = (Vec<(&'a UserKey, &'a Ending)>, Vec<(&'a UserKey, &'a Ending)>);
        let mut groups: BTreeMap<(IpAddr, &[u8]), Group<'_>> = BTreeMap::new();
        for (key, outcomes) in self.users.iter().filter(|(_, outcomes)| outcomes.let_past.is_empty()) {
            let Some(ending) = outcomes.failed.iter().min_by_key(|ending| (ending.at, &ending.realm)) else { continue };
            groups.entry((key.client, &ending.realm)).or_default().0.push((key, ending));
        }
        for (key, outcomes) in &self.users {
            let Some(ending) = outcomes.let_past.iter().min_by_key(|ending| (ending.at, &ending.realm)) else {
                continue;
            };
            if let Some((_, let_past)) = groups.get_mut(&(key.client, &*ending.realm)) {
                let_past.push((key, ending));
            }
        }
        let groups = groups.into_iter().map(|((client, realm), (mut failed, let_past))| {
            // One frame may hold requests of several.
            failed.sort_by_key(|(key, ending)| (ending.at, *key));
            let mut failed_by_reason = BTreeMap::new();
            for (_, ending) in &failed {
                *failed_by_reason.entry(ending.kind.why().unwrap_or_default()).or_insert(0) += 1;
            }
            let is_right = |kind: &EndingKind| matches!(kind, EndingKind::Refused { is_digest_right: true, .. });
            let owned = |(key, ending): &(&UserKey, &Ending)| (key.user.clone(), (*ending).clone());
            Neighbours {
                client,
                realm: realm.into(),
                failed_count: failed.len(),
                failed_by_reason,
                right_count: failed.iter().filter(|(_, ending)| is_right(&ending.kind)).count(),
                failed: failed.iter().take(FAILED_MAX).map(owned).collect(),
                let_past_count: let_past.len(),
                let_past_first: let_past.iter().min_by_key(|(key, ending)| (ending.at, *key)).map(owned),
            }
        });
        groups.collect()
    }

    /// Every server that asked one client for the same with 401 and with 407, in order.
    pub fn mixed_modes(&self) -> Vec<MixedModes> {
        let mut mixed: Vec<MixedModes> = self.modes.values().filter_map(|modes| modes.mixed.clone()).collect();
        mixed.sort_by(|one, other| {
            let key = |mixed: &MixedModes| (mixed.seen, mixed.server, mixed.client, mixed.method.to_string());
            (key(one), &one.realm).cmp(&(key(other), &other.realm))
        });
        mixed
    }

    /// How many users and ways of asking found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Modes {
    fn note(&mut self, challenged: &Challenged<'_>) {
        let [with_401, with_407] = &mut self.asked;
        let (mine, others) = if challenged.is_proxy { (with_407, with_401) } else { (with_401, with_407) };
        let now = (challenged.at, challenged.session);
        let is_client = |(client, _, _): &&(IpAddr, FrameRef, u64)| *client == challenged.client;
        if self.mixed.is_none()
            && let Some(&(client, at, session)) = others.iter().find(is_client)
        {
            let seen = if challenged.is_proxy { [(at, session), now] } else { [now, (at, session)] };
            let (server, method, realm) = (challenged.server, challenged.method.clone(), challenged.realm.into());
            self.mixed = Some(MixedModes { server, method, realm, client, seen });
        }
        if mine.iter().any(|known| is_client(&known)) {
            return;
        }
        if mine.len() >= CLIENTS_MAX {
            mine.pop_front();
        }
        mine.push_back((challenged.client, challenged.at, challenged.session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    #[test]
    fn users_of_one_frame_stand_in_the_order_of_their_names() {
        let at = FrameRef { input: InputId(0), number: FrameNumber::FIRST };
        let address = IpAddr::from([192, 0, 2, 1]);
        // The maps have another order each time.
        for _ in 0..20 {
            let mut outcomes = Outcomes::new(100);
            for name in [b'd', b'b', b'a', b'e', b'c'] {
                let is_in = name > b'c';
                let kind = if is_in {
                    EndingKind::LetPast
                } else {
                    EndingKind::Refused { why: "refused", is_digest_right: false }
                };
                let ending = Ending {
                    method: Method::Register,
                    realm: b"r"[..].into(),
                    server: address,
                    port: 5060,
                    session: 1,
                    at,
                    answer_at: at,
                    status: 403,
                    kind,
                };
                outcomes.ended(UserKey { client: address, user: [name][..].into() }, ending);
            }
            let neighbours = outcomes.neighbours();
            let failed: Vec<&[u8]> = neighbours[0].failed.iter().map(|(user, _)| &**user).collect();
            assert_eq!(failed, [b"a", b"b", b"c"]);
            assert_eq!(neighbours[0].let_past_first.as_ref().map(|(user, _)| &**user), Some(&b"d"[..]));
        }
    }
}
