//! Group G: attacks, and what invites them.

pub mod accepted_without_credentials;
pub mod account_guessed;
pub mod blocked_after_failures;
pub mod brute_force;
pub mod cleartext_transport;
pub mod credentials_to_foreign_host;
pub mod digest_leak;
pub mod replay_suspected;
pub mod scanner_agent;
pub mod spread_account_use;
pub mod user_enumeration;
pub mod weak_algorithm_md5;

use std::collections::BTreeMap;
use crate::history::Conduct;
use crate::history::Pair;
use crate::history::PairKey;
use crate::rules::CaptureFacts;
use crate::rules::Confidence;
use crate::rules::Rule;
