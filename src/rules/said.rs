//! What was said often enough: a finding that most sessions share is made once, and then only counted.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::WireMap;
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
    keys: WireMap<&'static str, BTreeSet<String>>,
    len: usize,
}

impl Said {
    /// Notes that a shared finding needs no more frames. `key` is that of [`Finding::merge`].
    pub fn note(&mut self, rule: &'static Rule, key: &str) {
        if self.len < SAID_MAX && self.keys.entry(rule.name).or_default().insert(key.to_owned()) {
            self.len += 1;
        }
    }

    /// A finding that only counts, where the rule said it often enough; None where it has to be made in full. Good for
    /// findings whose severity is always that of their rule.
    pub fn again(&self, rule: &'static Rule, key: &str) -> Option<Finding> {
        let key = merge_key(key);
        let is_said = self.keys.get(rule.name).is_some_and(|keys| keys.contains(&key));
        is_said.then(|| Finding { merge: Some(key), is_repeat: true, ..Finding::new(rule, "") })
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
