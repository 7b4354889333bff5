//! Whom a server asks for credentials, whom it lets in without, and when it last answered whom.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::IpAddr;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::WireMap;
use crate::history::Trail;

/// The methods whose acceptance without a challenge matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// REGISTER: who is reached under a name.
    Register,
    /// INVITE: who calls at whose expense.
    Invite,
}

/// An answer to one client.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The client.
    pub client: IpAddr,
    /// When.
    pub time: CaptureTime,
    /// In which frame.
    pub at: FrameRef,
}

/// One server that challenges.
#[derive(Debug, Default)]
pub struct Server {
    /// The first challenge to each method.
    pub asks: BTreeMap<Entry, Answered>,
    /// Who was let in without: by method and client.
    pub unasked: BTreeMap<(Entry, IpAddr), Trail>,
    latest: Option<Answered>,
    latest_of_others: Option<Answered>,
}

/// Acceptances without a challenge that wait for their server's first challenge.
const WAITING_MAX: usize = 1024;

/// Clients that are kept of one server.
const UNASKED_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Unasked {
    entry: Entry,
    client: IpAddr,
    at: FrameRef,
}

/// All servers that challenge.
#[derive(Debug, Default)]
pub struct Servers {
    servers: WireMap<IpAddr, Server>,
    servers_max: usize,
    waiting: VecDeque<(IpAddr, Unasked)>,
    refused: u64,
}

impl Servers {
    /// None yet; at most `servers_max` are kept.
    pub fn new(servers_max: usize) -> Servers {
        Servers { servers_max, ..Servers::default() }
    }

    /// Notes a challenge, which makes its sender a server.
    pub fn challenged(&mut self, server: IpAddr, entry: Option<Entry>, answered: Answered) {
        if self.servers.len() >= self.servers_max && !self.servers.contains_key(&server) {
            self.refused += 1;
            return;
        }
        let known = self.servers.entry(server).or_default();
        if let Some(entry) = entry {
            known.asks.entry(entry).or_insert(answered);
        }
    }

    /// Notes an answer of whatever kind.
    pub fn answered(&mut self, server: IpAddr, answered: Answered) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.answer(answered);
        }
    }

    /// Notes a request that was accepted and brought no credentials.
    pub fn let_in_unasked(&mut self, server: IpAddr, entry: Entry, client: IpAddr, at: FrameRef) {
        let unasked = Unasked { entry, client, at };
        match self.servers.get_mut(&server) {
            Some(server) => self.refused += u64::from(!server.add(unasked)),
            None => {
                if self.waiting.len() >= WAITING_MAX {
                    self.waiting.pop_front();
                }
                self.waiting.push_back((server, unasked));
            }
        }
    }

    /// The first request of that kind of a client that was accepted without credentials.
    pub fn let_in(&self, server: IpAddr, entry: Entry, client: IpAddr) -> Option<FrameRef> {
        let known = self.servers.get(&server).and_then(|known| known.unasked.get(&(entry, client)));
        let is_same = |unasked: &Unasked| unasked.entry == entry && unasked.client == client;
        let mut waiting = self.waiting.iter().filter(|(of, unasked)| *of == server && is_same(unasked));
        known
            .and_then(|trail| trail.frames().first().copied())
            .or_else(|| waiting.next().map(|(_, unasked)| unasked.at))
    }

    /// Ends the capture: what waited is given to the servers that turned out to challenge.
    pub fn settle(&mut self) {
        for (server, unasked) in std::mem::take(&mut self.waiting) {
            if let Some(server) = self.servers.get_mut(&server) {
                self.refused += u64::from(!server.add(unasked));
            }
        }
    }

    /// The latest answer to anybody but this client.
    pub fn answered_others(&self, server: IpAddr, client: IpAddr) -> Option<Answered> {
        let server = self.servers.get(&server)?;
        server.latest.filter(|answered| answered.client != client).or(server.latest_of_others)
    }

    /// Whether that address challenges others.
    pub fn is_server(&self, address: IpAddr) -> bool {
        self.servers.contains_key(&address)
    }

    /// Every server, in order of its address.
    pub fn all(&self) -> Vec<(IpAddr, &Server)> {
        let mut all: Vec<(IpAddr, &Server)> = self.servers.iter().map(|(address, server)| (*address, server)).collect();
        all.sort_by_key(|(address, _)| *address);
        all
    }

    /// How many servers and clients found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Server {
    fn answer(&mut self, answered: Answered) {
        match self.latest {
            Some(latest) if latest.client == answered.client => {
                if answered.time > latest.time {
                    self.latest = Some(answered);
                }
            }
            Some(latest) if answered.time > latest.time => {
                (self.latest, self.latest_of_others) = (Some(answered), Some(latest));
            }
            Some(_) => {
                if self.latest_of_others.is_none_or(|other| answered.time > other.time) {
                    self.latest_of_others = Some(answered);
                }
            }
            None => self.latest = Some(answered),
        }
    }

    fn add(&mut self, unasked: Unasked) -> bool {
        let key = (unasked.entry, unasked.client);
        if self.unasked.len() >= UNASKED_MAX && !self.unasked.contains_key(&key) {
            return false;
        }
        self.unasked.entry(key).or_default().add(unasked.at, 0);
        true
    }
}
