//! Who got in and who did not: what the first line of a report says.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;
use crate::history::PairKey;
use crate::report::client;
use crate::report::client::Client;
use crate::report::client::Reach;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::session::Run;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;
use crate::sip::uri::without_plus;

/// Every user of every address.
pub struct Clients {
    /// Boxed: most of a hash table is room, and it is moved each time it grows.
    clients: WireMap<(IpAddr, Vec<u8>), Box<Client>>,
    clients_max: usize,
    /// Sessions of clients beyond those.
    refused: u64,
    /// Call-IDs of which a REGISTER or INVITE was accepted without anybody being asked.
    unasked: BTreeMap<String, u64>,
    /// Who is no client but an attacker, and by which rule.
    attackers: BTreeMap<IpAddr, &'static Rule>,
    /// What else was done to clients.
    attacks: Vec<&'static Rule>,
}

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// SIP messages of the capture.
    pub sip_messages: u64,
    /// Those of them that fit a display filter; `None` without one.
    pub matched: Option<u64>,
    /// Messages are missing.
    pub is_lossy: bool,
    /// The first 401 or 407 whose headers were cut.
    pub cut_challenge: Option<u16>,
    /// Headers of some message were cut.
    pub has_cut_headers: bool,
}

/// Callers of one port that are taken for one PBX.
const CALLERS_MIN: usize = 3;

impl Clients {
    /// Nobody yet; at most `clients_max` are told apart.
    pub fn new(clients_max: usize) -> Clients {
        Clients {
            clients: WireMap::default(),
            clients_max,
            refused: 0,
            unasked: BTreeMap::new(),
            attackers: BTreeMap::new(),
            attacks: Vec::new(),
        }
    }

    fn client(&mut self, address: IpAddr, user: Vec<u8>) -> Option<&mut Client> {
        let key = (address, user);
        let is_full = self.clients.len() >= self.clients_max && !self.clients.contains_key(&key);
        if is_full || key.1.len() > NAME_BYTES_MAX {
            self.refused += 1;
            return None;
        }
        Some(self.clients.entry(key).or_default())
    }

    /// The client that a finding names.
    fn key_of(&self, finding: &Finding) -> Option<(IpAddr, Vec<u8>)> {
        let address = finding.subject.client?;
        let exact = (address, finding.subject.user.clone());
        let is_known = self.clients.contains_key(&exact);
        Some(if is_known { exact } else { (address, without_plus(&exact.1).to_vec()) })
    }

    /// Takes the outcome of a session, by the report's number.
    pub fn note(&mut self, session: &Session<'_>, findings: &[Finding], number: u64) {
        if let Some((address, user)) = client::other_side_let_past(session)
            && let Some(client) = self.client(address, user)
        {
            client.note_let_past();
        }
        let Some(address) = session.client() else { return };
        // A number may have the sign of international ones in From (RFC 3966 §5.1.4), and not where it registers. An account's name is exact.
        let mut user = session.user();
        if session.is_caller() {
            user = without_plus(&user).to_vec();
        }
        let Some(client) = self.client(address, user) else { return };
        client.note(session, findings, number);
    }

    /// Takes a finding that spans sessions, and the names of the rules that it explains.
    pub fn note_trouble(&mut self, finding: &Finding, explained: &[&str]) {
        let Some(key) = self.key_of(finding) else { return };
        // Its sessions were noted, and with them their client: it makes no other one.
        if let Some(client) = self.clients.get_mut(&key) {
            if finding.severity >= Severity::High {
                client.note_trouble_across(finding.rule, explained);
            }
            // Whoever got in behind it did not fail in the end.
            if !client.is_in {
                client.note_failure(finding.rule.label);
            }
        }
    }

    /// What is over of what kept clients out: by session and rule, how long behind it they got in for good, as far as is known.
    pub fn history(&self) -> HashMap<(u64, &'static str), Option<Duration>> {
        let all = self.clients.values().flat_map(|client| client.history());
        all.flat_map(|(rule, after, sessions)| sessions.iter().map(move |session| ((*session, rule), after))).collect()
    }

    /// Whether the client of a finding that spans sessions registers for good since.
    pub fn registers_since(&self, finding: &Finding, refused: CaptureTime) -> bool {
        self.key_of(finding)
            .and_then(|key| self.clients.get(&key))
            .is_some_and(|client| client.registers_since(refused))
    }

    /// Takes those who are no clients but attackers: that they do not get in is as it should be.
    pub fn note_attacks(&mut self, claims: &BTreeMap<PairKey, &'static Rule>) {
        for (pair, rule) in claims {
            self.attackers.entry(pair.client).or_insert(rule);
        }
        let attackers = &self.attackers;
        self.clients.retain(|(address, _), client| client.is_in || !attackers.contains_key(address));
    }

    /// Makes one client of the callers of one port that showed no account, where they are several: a PBX calls in the name of whoever it
    /// likes. Where one there has calls that are let on, it is that one.
    pub fn fold_callers(&mut self) {
        let mut callers: BTreeMap<(IpAddr, u16), BTreeSet<Vec<u8>>> = BTreeMap::new();
        let mut accounts: BTreeMap<(IpAddr, u16), Vec<u8>> = BTreeMap::new();
        for ((address, user), client) in &self.clients {
            let Some(port) = client.port.flatten() else { continue };
            let place = (*address, port);
            if !client.has_account {
                callers.entry(place).or_default().insert(user.clone());
            } else if client.call_passed.is_some() && accounts.get(&place).is_none_or(|known| user < known) {
                accounts.insert(place, user.clone());
            }
        }
        for (place, users) in callers.into_iter().filter(|(_, users)| users.len() >= CALLERS_MIN) {
            let account = accounts.remove(&place);
            let (address, name) = (place.0, users.first().cloned().unwrap_or_default());
            let mut all = users.into_iter().filter_map(|user| self.clients.remove(&(address, user)));
            let Some(mut one) = all.next() else { continue };
            all.for_each(|other| one.absorb(*other));
            match account.and_then(|user| self.clients.get_mut(&(address, user))) {
                Some(known) => known.absorb((*one).without_failure()),
                None => drop(self.clients.insert((address, name), one)),
            }
        }
    }

    /// Takes an attack of somebody who is a client, too, or is not seen himself.
    pub fn note_attack(&mut self, rule: &'static Rule) {
        self.attacks.push(rule);
    }

    /// Takes a run in which nobody was asked for credentials.
    pub fn note_unasked(&mut self, run: &Run) {
        let Some(first) = run.transactions.first() else { return };
        let is_accepted = |known: &Transaction| {
            known.method == first.method
                // One that the capture lacks, or cut, may have carried credentials.
                && known.request.as_ref().is_some_and(|request| request.has_all_headers)
                && known.answer.as_ref().is_some_and(|answer| (200..=299).contains(&answer.status))
        };
        if matches!(first.method, Method::Register | Method::Invite) && run.transactions.iter().any(is_accepted) {
            *self.unasked.entry(first.method.to_string()).or_insert(0) += 1;
        }
    }

    /// `ok`, `problems` or `nothing_found`.
    pub fn verdict(&self, has_high: bool) -> &'static str {
        let has_trouble = |client: &Client| client.failure().or(client.removal_refused()).is_some();
        if has_high || !self.attackers.is_empty() || self.clients.values().any(|client| has_trouble(client)) {
            "problems"
        } else if self.clients.values().any(|client| client.has_authenticated()) {
            "ok"
        } else {
            "nothing_found"
        }
    }

    /// How many sessions are of clients that found no place: the verdict in words leaves them out.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The verdict in words, a line for each kind of answer.
    pub fn headlines(&self, verdict: &str, seen: Seen) -> Vec<String> {
        let mut lines = Vec::new();
        let all = self.clients.len();
        let failing = |reach: Reach| {
            let failing = self.clients.values().filter(move |client| client.has_failed() && client.reach() == reach);
            count(failing.filter_map(|client| client.label().or(client.failure())))
        };
        let labels_where = |is_in: bool| {
            let others = self.clients.values().filter(move |client| !client.has_failed() && client.is_in == is_in);
            count(others.filter_map(|client| client.label().or(client.removal_refused())))
        };
        let (beside, open) = (labels_where(true), labels_where(false));
        for reach in Reach::ALL {
            let failing = failing(reach);
            if !failing.is_empty() {
                let total: usize = failing.iter().map(|(number, _)| number).sum();
                let least = if self.refused > 0 { "at least " } else { "" };
                lines.push(format!("{least}{total} of {} {}: {}", clients(all), reach.words(), list(&failing)));
            }
        }
        if !beside.is_empty() {
            let number: usize = beside.iter().map(|(number, _)| number).sum();
            lines.push(format!("{number} of {} got in, but not without trouble: {}", clients(all), list(&beside)));
        }
        if !open.is_empty() {
            let number: usize = open.iter().map(|(number, _)| number).sum();
            let verb = if number == 1 { "was" } else { "were" };
            lines.push(format!("{number} of {} {verb} not seen to get in: {}", clients(all), list(&open)));
        }
        let attacks = count(self.attackers.values().chain(&self.attacks).map(|rule| rule.label));
        if !attacks.is_empty() {
            lines.push(format!("attacks: {}", list(&attacks)));
        }
        match verdict {
            "ok" => lines.push(self.success()),
            "nothing_found" => lines.push(self.nothing(seen)),
            _ if lines.is_empty() => lines.push("see the findings below".to_owned()),
            _ => {}
        }
        lines
    }

    fn success(&self) -> String {
        // Servers ping, too: those are no clients that failed.
        let all = self.clients.values().filter(|client| client.has_tried).count();
        let inside = self.clients.values().filter(|client| client.has_authenticated()).count();
        let open = self.clients.values().filter(|client| client.is_left_open()).count();
        match (inside, all, open) {
            (1, 1, 0) => "The client authenticated".to_owned(),
            (1, 1, _) => {
                "The client authenticated; the capture ends before it could answer its last challenge".to_owned()
            }
            _ if inside == all && open == 0 => format!("All {} authenticated", clients(all)),
            _ if inside == all => format!(
                "All {} authenticated; the capture ends before {open} of them could answer the last challenge",
                clients(all)
            ),
            _ => format!(
                "{inside} of {} authenticated; the capture does not show how it ended for the others",
                clients(all)
            ),
        }
    }

    fn nothing(&self, Seen { sip_messages, matched, is_lossy, cut_challenge, has_cut_headers }: Seen) -> String {
        let messages = match (sip_messages, matched) {
            (0, _) if is_lossy => return "No SIP in what could be read of this capture".to_owned(),
            (0, _) => return "No SIP in this capture".to_owned(),
            (_, Some(0)) => return "Nothing in this capture fits the filter".to_owned(),
            (all, Some(1)) if all > 1 => "1 message fits the filter".to_owned(),
            (all, Some(matched)) if matched < all => format!("{matched} messages fit the filter"),
            (1, _) => "1 SIP message".to_owned(),
            _ => format!("{sip_messages} SIP messages"),
        };
        let unasked: Vec<String> = self.unasked.iter().map(|(method, number)| format!("{number} {method}")).collect();
        let accepted = match unasked.is_empty() {
            true => String::new(),
            false => format!("; {} accepted without a challenge", unasked.join(" and ")),
        };
        let cut_short = self.clients.values().filter(|client| client.is_cut_short()).count();
        if let Some(status) = cut_challenge {
            return format!(
                "{messages}; a {status} is among them, but their headers are cut: capture again with -s 0{accepted}"
            );
        }
        match (self.clients.is_empty(), is_lossy) {
            (false, _) if cut_short > 0 && has_cut_headers => format!(
                "{messages}; a challenge is among them, and headers are cut that may hold the answer: capture again with -s 0"
            ),
            (false, _) if cut_short == 1 && self.clients.len() == 1 => {
                format!("{messages}; the capture ends before the client could answer its challenge")
            }
            (false, _) if cut_short > 0 => format!(
                "{messages}; the capture ends before {cut_short} of {} could answer a challenge",
                clients(self.clients.len())
            ),
            (false, _) if has_cut_headers => format!(
                "{messages}, and none that shows whether a client authenticated; headers are cut: capture again with -s 0"
            ),
            (false, _) => format!("{messages}, and none that shows whether a client authenticated"),
            (true, true) => format!("{messages}; what the capture kept of them holds no authentication{accepted}"),
            (true, false) => format!("{messages}, and no authentication among them{accepted}"),
        }
    }
}

/// Equal labels counted, the most frequent first.
fn count<'l>(labels: impl Iterator<Item = &'l str>) -> Vec<(usize, &'l str)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    labels.for_each(|label| *counts.entry(label).or_insert(0) += 1);
    let mut counts: Vec<(usize, &str)> = counts.into_iter().map(|(label, number)| (number, label)).collect();
    counts.sort_by_key(|(number, label)| (std::cmp::Reverse(*number), *label));
    counts
}

fn list(counts: &[(usize, &str)]) -> String {
    counts.iter().map(|(number, label)| format!("{number} {label}")).collect::<Vec<_>>().join(", ")
}

fn clients(number: usize) -> String {
    if number == 1 { "1 client".to_owned() } else { format!("{number} clients") }
}
