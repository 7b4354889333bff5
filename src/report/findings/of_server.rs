//! What many clients suffer at one server in the same way is one trouble, and told once.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::report::findings::Collected;
use crate::report::findings::Findings;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge::challenge_header_missing;
use crate::rules::challenge::challenge_header_wrong_kind;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::facts;
use crate::rules::path::auth_retry_no_response;
use crate::rules::path::no_response_at_all;

/// Rules that speak of a server, or of the way to it, and not of what an account sent.
static OF_SERVERS: [&Rule; 3] =
    [&auth_retry_no_response::RULE, &no_response_at_all::RULE, &registrar_rejects_contact::RULE];

/// Rules that prove a server at fault, whoever asks it: one client is enough.
static PROVEN: [&Rule; 2] = [&challenge_header_missing::RULE, &challenge_header_wrong_kind::RULE];

/// So many clients are no chance: their own paths or settings do not fail alike.
const CLIENTS_MIN: usize = 5;

/// Users that are named.
const NAMED_MAX: usize = 16;

/// What such findings have in common.
#[derive(PartialEq, Eq, Hash)]
struct ServerTrouble {
    rule: &'static str,
    severity: Severity,
    /// Fault, confidence, cause, and what explains it.
    verdict: [&'static str; 4],
    server: IpAddr,
    title: String,
    remedy: Vec<String>,
}

impl ServerTrouble {
    fn of(collected: &Collected) -> Option<ServerTrouble> {
        let finding = &collected.finding;
        let is_told = (finding.rule.is_among(&OF_SERVERS) || is_proven(finding)) && finding.merge.is_none();
        let is_of_sessions = collected.sessions_count == collected.united + 1;
        Some(ServerTrouble {
            rule: finding.rule.name,
            severity: finding.severity,
            verdict: [
                finding.fault.name(),
                finding.confidence.name(),
                finding.cause.unwrap_or_default(),
                finding.explained_by.unwrap_or_default(),
            ],
            server: finding.subject.server.filter(|_| is_told && is_of_sessions)?,
            title: no_response_at_all::broad_title(finding),
            remedy: finding.remedy.iter().map(ToString::to_string).collect(),
        })
    }
}

impl Findings {
    /// Makes one of those that say the same of one server, of many clients.
    pub fn unite_by_server(&mut self) {
        let mut places: HashMap<ServerTrouble, Vec<usize>> = HashMap::new();
        for (index, collected) in self.collected.iter().enumerate() {
            if let Some(trouble) = ServerTrouble::of(collected) {
                places.entry(trouble).or_default().push(index);
            }
        }
        let mut into: Vec<Option<usize>> = vec![None; self.collected.len()];
        for alike in places.values() {
            let subjects = alike.iter().filter_map(|&index| Some(&self.collected.get(index)?.finding.subject));
            let clients: BTreeSet<_> = subjects.map(|subject| (subject.client, subject.user.as_slice())).collect();
            let Some((&first, known)) = alike.first().and_then(|first| Some((first, self.collected.get(*first)?)))
            else {
                continue;
            };
            let is_proven = is_proven(&known.finding);
            if !is_proven && clients.len() < CLIENTS_MIN {
                continue;
            }
            let users = clients.iter().map(|(_, user)| *user).filter(|user| !user.is_empty()).collect();
            let said = said_of(clients.len(), &users);
            let has_many = clients.len() > 1;
            let mut titles = alike.iter().filter_map(|&index| Some(&self.collected.get(index)?.finding.title));
            let is_worded_alike = titles.all(|title| *title == known.finding.title);
            if let Some(known) = self.collected.get_mut(first).filter(|_| has_many) {
                tell_of_many(&mut known.finding, &said);
                if !is_worded_alike {
                    no_response_at_all::narrow(&mut known.finding);
                }
            }
            for &index in alike.iter().skip(1) {
                into.get_mut(index).into_iter().for_each(|place| *place = Some(first));
            }
        }
        self.put_into(&into);
    }

    /// Makes each a part of the one before it at that place.
    pub(super) fn put_into(&mut self, into: &[Option<usize>]) {
        let mut kept: Vec<Collected> = Vec::with_capacity(self.collected.len());
        let mut now_at: Vec<usize> = Vec::with_capacity(into.len());
        for (collected, place) in std::mem::take(&mut self.collected).into_iter().zip(into) {
            let known = place.and_then(|place| now_at.get(place).copied());
            now_at.push(known.unwrap_or(kept.len()));
            match known {
                Some(known) => {
                    self.uncount_of(collected.pair, collected.finding.severity);
                    kept.get_mut(known).into_iter().for_each(|known| known.unite_many(&collected));
                }
                None => kept.push(collected),
            }
        }
        self.collected = kept;
        self.index();
    }
}

impl Collected {
    /// The other may stand for several itself.
    fn unite_many(&mut self, other: &Collected) {
        self.united += other.united + 1;
        self.absorb(&other.finding, &other.sessions);
        self.finding.excluded.retain(|text| other.finding.excluded.contains(text));
        self.sessions_count = self.united + 1;
    }
}

fn is_proven(finding: &Finding) -> bool {
    finding.rule.is_among(&PROVEN) && finding.fault == Fault::Server && finding.confidence == Confidence::Proven
}

/// Makes what is said of one client that of many: what it has for itself is not the reason.
fn tell_of_many(finding: &mut Finding, said: &str) {
    finding.explanation.push_str(said);
    finding.subject.user.clear();
    finding.subject.client = None;
    if is_proven(finding) {
        return;
    }
    // What else is advised is for one client's own way.
    finding.remedy.truncate(1);
    if let Some(server) = finding.subject.server {
        let advice = format!("Look at {server} first, and at what the ways of all these clients share");
        finding.remedy.insert(0, advice.into());
    }
    if finding.fault == Fault::Path {
        finding.fault = Fault::Unknown;
    }
}

/// Whom else it is the same for.
fn said_of(clients: usize, users: &BTreeSet<&[u8]>) -> String {
    let named: Vec<String> = users.iter().take(NAMED_MAX).map(|user| facts::text(user)).collect();
    let more = users.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = if named.is_empty() { String::new() } else { format!(": {}{more}", named.join(", ")) };
    format!(" It is the same for {clients} clients{names}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_and_each_user_is_named_once() {
        let said =
            |clients, users: &[&'static str]| said_of(clients, &users.iter().map(|user| user.as_bytes()).collect());
        assert_eq!(said(5, &["asterisk", "asterisk"]), " It is the same for 5 clients: asterisk.");
        assert_eq!(said(6, &[]), " It is the same for 6 clients.");
        let many: Vec<&'static str> = "a b c d e f g h i j k l m n o p q r".split(' ').collect();
        assert!(said(18, &many).ends_with("o, p and 2 more."), "{}", said(18, &many));
    }
}
