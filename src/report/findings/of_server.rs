//! What many clients suffer at one server in the same way is one trouble, and told once.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::history::PairKey;
use crate::report::findings::Collected;
use crate::report::findings::Findings;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::transaction::dialog_identity_changed;

/// Rules that speak of a server, or of the way to it, and not of what an account sent.
const RULES: [&str; 3] = ["auth-retry-no-response", "no-response-at-all", "registrar-rejects-contact"];

/// So many clients are no chance: their own paths or settings do not fail alike.
const CLIENTS_MIN: usize = 5;

/// Users that are named.
const NAMED_MAX: usize = 16;

/// What such findings have in common.
#[derive(PartialEq, Eq, Hash)]
struct Trouble {
    rule: &'static str,
    severity: Severity,
    /// Fault, confidence, cause, and what explains it.
    verdict: [&'static str; 4],
    server: IpAddr,
    title: String,
    remedy: Vec<String>,
}

impl Trouble {
    fn of(collected: &Collected) -> Option<Trouble> {
        let finding = &collected.finding;
        let is_told = RULES.contains(&finding.rule.name) && finding.merge.is_none();
        let is_of_sessions = collected.sessions_count == collected.united + 1;
        Some(Trouble {
            rule: finding.rule.name,
            severity: finding.severity,
            verdict: [
                finding.fault.name(),
                finding.confidence.name(),
                finding.cause.unwrap_or_default(),
                finding.explained_by.unwrap_or_default(),
            ],
            server: finding.subject.server.filter(|_| is_told && is_of_sessions)?,
            title: finding.title.clone(),
            remedy: finding.remedy.iter().map(ToString::to_string).collect(),
        })
    }
}

impl Findings {
    /// Makes one of those that say the same of one server, of many clients.
    pub fn unite_by_server(&mut self) {
        let mut places: HashMap<Trouble, Vec<usize>> = HashMap::new();
        for (index, collected) in self.collected.iter().enumerate() {
            if let Some(trouble) = Trouble::of(collected) {
                places.entry(trouble).or_default().push(index);
            }
        }
        let mut into: Vec<Option<usize>> = vec![None; self.collected.len()];
        for alike in places.values() {
            let findings: Vec<&Finding> =
                alike.iter().filter_map(|&index| Some(&self.collected.get(index)?.finding)).collect();
            let mut clients: Vec<_> =
                findings.iter().map(|finding| (finding.subject.client, &finding.subject.user)).collect();
            clients.sort_unstable();
            clients.dedup();
            let (Some(&first), true) = (alike.first(), clients.len() >= CLIENTS_MIN) else { continue };
            let said = said_of(&clients.iter().map(|(_, user)| user.as_slice()).collect::<Vec<_>>());
            if let Some(known) = self.collected.get_mut(first) {
                known.finding.explanation.push_str(&said);
                known.finding.subject.user.clear();
                known.finding.subject.client = None;
                let server = known.finding.subject.server.map(|server| server.to_string()).unwrap_or_default();
                let advice = format!("Look at {server} first, and at what the ways of all these clients share");
                // What else is advised is for one client's own way.
                known.finding.remedy.truncate(1);
                known.finding.remedy.insert(0, advice.into());
                if known.finding.fault == Fault::Path {
                    known.finding.fault = Fault::Unknown;
                }
            }
            for &index in alike.iter().skip(1) {
                into.get_mut(index).into_iter().for_each(|place| *place = Some(first));
            }
        }
        self.put_into(&into);
    }

    /// Takes back what is told once for all sessions of an account, where its client is an attacker: nobody is to mend his program.
    pub(super) fn take_back_advice(&mut self, claims: &BTreeMap<PairKey, &'static Rule>) {
        let is_of_attacker = |collected: &Collected| {
            let Subject { client, server, .. } = collected.finding.subject;
            collected.finding.rule.name == dialog_identity_changed::RULE.name
                && client.zip(server).is_some_and(|(client, server)| claims.contains_key(&PairKey { client, server }))
        };
        let gone: Vec<Severity> =
            self.collected.extract_if(.., |one| is_of_attacker(one)).map(|one| one.finding.severity).collect();
        gone.into_iter().for_each(|severity| self.uncount(severity));
    }

    fn put_into(&mut self, into: &[Option<usize>]) {
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
        self.sessions_count = self.united + 1;
    }
}

fn said_of(users: &[&[u8]]) -> String {
    let mut names: Vec<String> = users.iter().map(|user| facts::text(user)).filter(|name| !name.is_empty()).collect();
    names.dedup();
    let number = names.len();
    let more = number.saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match number {
        0 => String::new(),
        _ => format!(" It is the same for {} users: {}{more}.", number, names.join(", ")),
    }
}
