//! What was said often enough: a finding that most sessions share is made once, and then only counted.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::finding::merge_key;

/// Findings remembered, over all rules. Past it each is made anew, which costs time alone.
const SAID_MAX: usize = 10_000;

/// The shared findings that have all the frames they will show.
#[derive(Debug, Default)]
pub struct Said {
    /// By rule: they are so few that one is found sooner than its name is hashed.
    keys: Vec<(&'static Rule, BTreeSet<String>)>,
    len: usize,
}

impl Said {
    /// Notes that a shared finding needs no more frames. `key` is that of [`Finding::merge`].
    pub fn note(&mut self, rule: &'static Rule, key: &str) {
        if self.len >= SAID_MAX {
            return;
        }
        let known = match self.keys.iter().position(|(known, _)| std::ptr::eq(*known, rule)) {
            Some(place) => self.keys.get_mut(place),
            None => {
                self.keys.push((rule, BTreeSet::new()));
                self.keys.last_mut()
            }
        };
        self.len += usize::from(known.is_some_and(|(_, keys)| keys.insert(key.to_owned())));
    }

    /// A finding that only counts, where the rule said it often enough; None where it has to be made in full. Good for
    /// findings whose severity is always that of their rule.
    pub fn again(&self, rule: &'static Rule, key: &str) -> Option<Finding> {
        let (_, keys) = self.keys.iter().find(|(known, _)| std::ptr::eq(*known, rule))?;
        let key = merge_key(key);
        keys.contains(&key).then(|| Finding { merge: Some(key), is_repeat: true, ..Finding::new(rule, "") })
    }
}

/// What findings about one server and realm are merged by.
pub(super) fn server_key(server: &Subject) -> String {
    let address = server.server.map(address_key).unwrap_or_default();
    [&*address, " ", &facts::text(&server.realm)].concat()
}

/// What findings about one address are merged by. It is made for most sessions and shown nowhere: a number is made sooner than a text.
pub(super) fn address_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_bits().to_string(),
        IpAddr::V6(address) => address.to_string(),
    }
}
