//! The nonces that sessions of the report show, and their rows in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::time::Duration;

use crate::auth::AuthenticationInfo;
use crate::base::CaptureTime;
use crate::history::Nonce;
use crate::history::Nonces;
use crate::report::build::frame_at;
use crate::report::build::hex_of;
use crate::report::build::milliseconds;
use crate::report::build::text;
use crate::report::model;
use crate::report::model::Time;
use crate::report::pseudonyms::Pseudonyms;
use crate::report::redact::nonce_name;
use crate::session::NonceId;
use crate::session::Session;

/// When the rows of nonces are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonceRows {
    /// Behind all sessions.
    #[default]
    AtEnd,
    /// Once many are listed, those that nobody uses any more; the others behind all sessions. One that is used again later
    /// has another row then, which counts everything.
    AtRest,
    /// Never: the report does not show them.
    Never,
}

/// Nobody is expected to use a nonce after such a silence: servers let them live for minutes.
const REST_AFTER: Duration = Duration::from_secs(600);

/// Nonces that are listed before it is worth looking who is at rest.
const CROWD: usize = 1024;

/// Nonces to be told of, with their texts: the history does not keep those.
#[derive(Debug, Default)]
pub(super) struct NonceList {
    pub(super) rows: NonceRows,
    texts: BTreeMap<NonceId, Box<[u8]>>,
    /// Rows for the end, of nonces that are forgotten.
    made: BTreeMap<NonceId, model::Nonce>,
    /// How many there were when those at rest had been handed out.
    awake: usize,
}

impl NonceList {
    /// Lists the nonces of a session.
    pub(super) fn list(&mut self, session: &Session<'_>) {
        if self.rows == NonceRows::Never {
            return;
        }
        for (id, value) in nonces_of(session) {
            self.texts.entry(id).or_insert_with(|| value.into());
        }
    }

    /// The rows of those that are at rest, where it is time for them. Looks at every nonce, but only when half as many
    /// came as were awake the last time.
    pub(super) fn at_rest(
        &mut self,
        nonces: &Nonces,
        now: CaptureTime,
        names: Option<&Pseudonyms>,
    ) -> impl Iterator<Item = model::Nonce> + use<> {
        let mut rows = Vec::new();
        if self.rows == NonceRows::AtRest && self.texts.len() >= self.awake.saturating_add(self.awake / 2).max(CROWD) {
            self.texts.retain(|id, value| {
                let Some(nonce) = nonces.get(*id) else { return false };
                let is_at_rest = latest(nonce).is_none_or(|latest| now.since(latest) >= REST_AFTER);
                if is_at_rest {
                    rows.push(row(nonces, *id, nonce, value, names));
                }
                !is_at_rest
            });
            self.awake = self.texts.len();
        }
        rows.into_iter()
    }

    /// The rows of nonces that are going to be forgotten, where they are told of before the end.
    pub(super) fn before_forgetting(
        &mut self,
        unwanted: &HashSet<NonceId, impl BuildHasher>,
        nonces: &Nonces,
        names: Option<&Pseudonyms>,
    ) -> Vec<model::Nonce> {
        let mut rows = Vec::new();
        self.texts.retain(|id, value| {
            if !unwanted.contains(id) {
                return true;
            }
            let made = nonces.get(*id).map(|nonce| row(nonces, *id, nonce, value, names));
            match self.rows {
                NonceRows::AtEnd => self.made.extend(made.map(|row| (*id, row))),
                NonceRows::AtRest => rows.extend(made),
                NonceRows::Never => {}
            }
            false
        });
        rows
    }

    /// The rows of all that are left, in order.
    pub(super) fn rest<'l>(
        &'l self,
        nonces: &'l Nonces,
        names: Option<&'l Pseudonyms>,
    ) -> impl Iterator<Item = model::Nonce> + 'l {
        let ids: BTreeSet<NonceId> = self.made.keys().chain(self.texts.keys()).copied().collect();
        ids.into_iter().filter_map(move |id| match self.made.get(&id) {
            Some(made) => Some(made.clone()),
            None => Some(row(nonces, id, nonces.get(id)?, self.texts.get(&id)?, names)),
        })
    }
}

/// When a nonce was last heard of.
fn latest(nonce: &Nonce) -> Option<CaptureTime> {
    nonce.last_used().max(nonce.issued().map(|issue| issue.time))
}

/// The nonces that a session shows, with their texts.
fn nonces_of<'s>(session: &'s Session<'_>) -> impl Iterator<Item = (NonceId, Cow<'s, [u8]>)> + 's {
    session.attempts.iter().flat_map(|attempt| {
        let presented = attempt.credentials.iter().chain(&attempt.ack_credentials);
        let used = presented.filter_map(|presented| Some((presented.nonce?, presented.credentials.nonce()?)));
        let infos = attempt.answer().into_iter().flat_map(|answer| answer.infos());
        let announced =
            infos.filter_map(|info| Some((info.nextnonce?, AuthenticationInfo::parse(&info.value).nextnonce()?)));
        let offered = attempt.challenges.iter();
        used.chain(offered.filter_map(|offered| Some((offered.nonce?, offered.challenge.nonce()?)))).chain(announced)
    })
}

fn row(nonces: &Nonces, id: NonceId, nonce: &Nonce, value: &[u8], names: Option<&Pseudonyms>) -> model::Nonce {
    let lifetime = nonce.issued().zip(nonce.last_used()).map(|(issue, last)| milliseconds(issue.time, last));
    let mut row = model::Nonce {
        id: nonce_name(id),
        value: text(value),
        value_hex: hex_of(value),
        realm: text(&nonce.realm),
        issued: nonce.issued().map(|issue| frame_at(issue.at)),
        issued_at: nonce.issued().map(|issue| Time(issue.time)),
        last_used_at: nonce.last_used().map(Time),
        uses: nonce.uses.into(),
        accepted: nonce.accepted.into(),
        lifetime_ms: lifetime,
        refused: nonce.refused.into(),
        stack: stack(nonces, id, nonce, value),
    };
    if let Some(names) = names {
        names.nonce(&mut row);
    }
    row
}

/// The stack that a nonce's form tells of, and how old it was when it was last used, by its own time.
fn stack(nonces: &Nonces, id: NonceId, nonce: &Nonce, value: &[u8]) -> Option<model::Stack> {
    let format = nonces.format(id, value, nonce.last_used().or(nonce.issued().map(|issue| issue.time))?)?;
    let age = format.issued.zip(nonce.last_used()).map(|(issued, used)| milliseconds(issued, used));
    Some(model::Stack {
        name: format.stack.name().to_owned(),
        inferred: true,
        issued_at: format.issued.map(Time),
        expires_at: format.expires.map(Time),
        age_at_use_ms: age,
    })
}
