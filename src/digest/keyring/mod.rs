//! Who has which secret: bytes of a credentials file in, entries out. One format a file. Reading the file itself, and
//! wiping the buffer it was read into, is the caller's.

use serde::Deserialize;
use serde::Serialize;

mod csv;
mod error;
mod freeswitch;
mod htdigest;
mod pjsip;
mod sql;
mod subscriber;
mod value;
mod wireshark;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::base::WireMap;
use crate::digest::secret::Secret;

pub use error::{KeyringError, KeyringErrorKind, Warning, WarningKind};

/// Secrets of one user and realm: the old one, the new one, and one in between. sipauth verifies known secrets; it is no
/// tool to find unknown ones.
pub const SECRETS_MAX: usize = 3;

/// Entries of one keyring.
pub const ENTRIES_MAX: usize = 100_000;

/// The formats of credentials files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringFormat {
    /// RFC 4180 rows of user, realm, password, or as its header row says.
    Csv,
    /// `user:realm:HA1` lines, also `user:realm:algorithm:HA1`.
    Htdigest,
    /// Asterisk's `pjsip.conf`: its sections of `type=auth`; or its `sip.conf`: phones and peers.
    Pjsip,
    /// A dump of the `subscriber` table of Kamailio or OpenSIPS: SQL, CSV or tab-separated text.
    Subscriber,
    /// FreeSWITCH's directory or gateways, in XML.
    Freeswitch,
    /// Wireshark's `authorization_users_sip`.
    Wireshark,
}

impl KeyringFormat {
    /// Every format.
    pub const ALL: [KeyringFormat; 6] = [
        KeyringFormat::Csv,
        KeyringFormat::Htdigest,
        KeyringFormat::Pjsip,
        KeyringFormat::Subscriber,
        KeyringFormat::Freeswitch,
        KeyringFormat::Wireshark,
    ];

    /// The name on the command line: `csv`, `htdigest`, `pjsip`, `subscriber`, `freeswitch`, `wireshark`.
    pub fn name(self) -> &'static str {
        match self {
            KeyringFormat::Csv => "csv",
            KeyringFormat::Htdigest => "htdigest",
            KeyringFormat::Pjsip => "pjsip",
            KeyringFormat::Subscriber => "subscriber",
            KeyringFormat::Freeswitch => "freeswitch",
            KeyringFormat::Wireshark => "wireshark",
        }
    }

    /// The format by content: what a program writes at the top of its file, or the shape of every line; else CSV.
    pub fn of(bytes: &[u8]) -> KeyringFormat {
        type Test = fn(&[u8]) -> bool;
        let tests: [(KeyringFormat, Test); 5] = [
            (KeyringFormat::Wireshark, wireshark::is_wireshark),
            (KeyringFormat::Freeswitch, freeswitch::is_freeswitch),
            (KeyringFormat::Pjsip, pjsip::is_pjsip),
            (KeyringFormat::Subscriber, subscriber::is_subscriber),
            (KeyringFormat::Htdigest, htdigest::is_htdigest),
        ];
        tests.into_iter().find(|(_, is_it)| is_it(bytes)).map_or(KeyringFormat::Csv, |(kind, _)| kind)
    }
}

/// Where an entry came from. Displays as `creds.csv:2`, or as the option's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceId {
    /// The file's name or the option's.
    pub label: Arc<str>,
    /// The line on which the entry begins, from 1; None for an option.
    pub line: Option<NonZeroU32>,
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.label),
            None => f.write_str(&self.label),
        }
    }
}

/// Secrets by user and realm.
#[derive(Default)]
pub struct Keyring {
    entries: Vec<Entry>,
    /// Boxed: most of a hash table is room, and it is moved each time it grows.
    users: WireMap<Box<[u8]>, Box<Realms>>,
    /// The realm of the entry before. Mostly all have the same: its text is then there once, and no check waits for memory to compare it.
    latest_realm: Option<Arc<[u8]>>,
}

/// One secret and where it came from.
pub(super) struct Entry {
    pub(super) secret: Secret,
    pub(super) source: SourceId,
}

/// The entries of one user, as indexes.
#[derive(Default)]
pub(super) struct Realms {
    /// The realm that was named first: most users have one.
    first: Option<(Arc<[u8]>, Vec<usize>)>,
    others: BTreeMap<Arc<[u8]>, Vec<usize>>,
    any: Vec<usize>,
}

impl Realms {
    /// Entries of exactly this realm.
    pub(super) fn exact(&self, realm: &[u8]) -> &[usize] {
        match &self.first {
            Some((name, entries)) if **name == *realm => entries,
            _ => self.others.get(realm).map_or(&[], Vec::as_slice),
        }
    }

    /// The same, to add to.
    fn named(&mut self, realm: Arc<[u8]>) -> &mut Vec<usize> {
        match self.first.get_or_insert_with(|| (Arc::clone(&realm), Vec::with_capacity(1))) {
            (name, entries) if *name == realm => entries,
            _ => self.others.entry(realm).or_default(),
        }
    }

    /// The text of the realm that was named first.
    pub(super) fn first_name(&self) -> Option<&Arc<[u8]>> {
        self.first.as_ref().map(|(name, _)| name)
    }

    /// Entries for any realm.
    pub(super) fn any(&self) -> &[usize] {
        &self.any
    }
}

impl Keyring {
    /// An empty keyring.
    pub fn new() -> Keyring {
        Keyring::default()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries there are; identical rows count once.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds one account; `*` as the realm stands for any. `label` names where it came from: `--user`.
    ///
    /// # Errors
    ///
    /// When the user is `*`, or the entry is one too many ([`SECRETS_MAX`], [`ENTRIES_MAX`]).
    pub fn account(&mut self, user: &[u8], realm: &[u8], secret: Secret, label: &str) -> Result<(), KeyringError> {
        self.add(user, realm, Entry { secret, source: SourceId { label: label.into(), line: None } })
    }

    /// Adds all entries of `other`.
    ///
    /// # Errors
    ///
    /// When an entry is one too many ([`SECRETS_MAX`], [`ENTRIES_MAX`]); those before it have been added.
    pub fn merge(&mut self, other: Keyring) -> Result<(), KeyringError> {
        if self.users.is_empty() {
            *self = other;
            return Ok(());
        }
        let mut places = Vec::with_capacity(other.entries.len());
        for (user, realms) in other.users {
            let named = realms.first.into_iter().chain(realms.others);
            for (realm, indexes) in named.chain([(ANY_REALM.into(), realms.any)]) {
                places.extend(indexes.into_iter().map(|index| (index, user.clone(), realm.clone())));
            }
        }
        // In the order of the file, so that an error names the first entry that is one too many.
        places.sort_unstable_by_key(|(index, _, _)| *index);
        for (entry, (_, user, realm)) in other.entries.into_iter().zip(places) {
            self.add(&user, &realm, entry)?;
        }
        Ok(())
    }

    fn add(&mut self, user: &[u8], realm: &[u8], entry: Entry) -> Result<(), KeyringError> {
        let Entry { secret, source } = entry;
        let refuse = |source: SourceId, kind| Err(KeyringError { place: source, kind });
        if user == ANY_USER {
            return refuse(source, KeyringErrorKind::UserWildcard);
        }
        if !self.users.contains_key(user) {
            self.users.insert(user.into(), Box::default());
        }
        let shared = self.latest_realm.take().filter(|known| **known == *realm).unwrap_or_else(|| realm.into());
        self.latest_realm = Some(Arc::clone(&shared));
        let Some(realms) = self.users.get_mut(user) else { return Ok(()) };
        let same = if realm == ANY_REALM { &mut realms.any } else { realms.named(shared) };
        if same.iter().filter_map(|index| self.entries.get(*index)).any(|known| known.secret.is_same(&secret)) {
            return Ok(());
        }
        if same.len() >= SECRETS_MAX {
            return refuse(source, KeyringErrorKind::TooManySecrets);
        }
        if self.entries.len() >= ENTRIES_MAX {
            return refuse(source, KeyringErrorKind::TooManyEntries);
        }
        same.push(self.entries.len());
        self.entries.push(Entry { secret, source });
        Ok(())
    }

    pub(super) fn realms_of(&self, user: &[u8]) -> Option<&Realms> {
        self.users.get(user).map(Box::as_ref)
    }

    pub(super) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// Where a user's first entry for a realm of its own stands; where there is none, the first for any realm.
    pub(super) fn place_of(&self, user: &[u8]) -> Option<&SourceId> {
        let realms = self.realms_of(user)?;
        let named = realms.first.as_ref().and_then(|(_, entries)| entries.first());
        self.entry(*named.or(realms.any.first())?).map(|entry| &entry.source)
    }

    pub(super) fn users(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.users.keys().map(AsRef::as_ref)
    }
}

/// Says how much it holds, and nothing of it.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} entries)", self.entries.len())
    }
}

/// Any realm. A challenge's realm of one asterisk is matched by it, too.
const ANY_REALM: &[u8] = b"*";
/// Refused: trying one secret for everybody is guessing.
const ANY_USER: &[u8] = b"*";

/// Reads a credentials file of that `kind`, or of the kind that its content shows. `name` stands in errors and sources.
///
/// # Errors
///
/// When a line cannot be read, or goes past a limit. Errors name the line and never repeat what stands on it.
pub fn read(bytes: &[u8], name: &str, kind: Option<KeyringFormat>) -> Result<(Keyring, Vec<Warning>), KeyringError> {
    let label: Arc<str> = name.into();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let place = SourceId { label, line: NonZeroU32::new(1) };
        return Err(KeyringError { place, kind: KeyringErrorKind::Utf16 });
    }
    // A byte order mark is what some editors write before UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = Rows { keyring: Keyring::new(), warnings: Vec::new(), untold: 0, without_secret: Vec::new(), label };
    match kind.unwrap_or_else(|| KeyringFormat::of(bytes)) {
        KeyringFormat::Csv => csv::read(bytes, &mut rows)?,
        KeyringFormat::Htdigest => htdigest::read(bytes, &mut rows)?,
        KeyringFormat::Pjsip => pjsip::read(bytes, &mut rows)?,
        KeyringFormat::Subscriber => subscriber::read(bytes, &mut rows)?,
        KeyringFormat::Freeswitch => freeswitch::read(bytes, &mut rows)?,
        KeyringFormat::Wireshark => wireshark::read(bytes, &mut rows)?,
    }
    if let Some(first) = rows.without_secret.first() {
        let kind = WarningKind::WithoutSecret(rows.without_secret.len());
        rows.warnings.push(Warning { place: rows.place(*first), kind });
    }
    if rows.untold > 0 {
        let place = SourceId { label: Arc::clone(&rows.label), line: None };
        rows.warnings.push(Warning { place, kind: WarningKind::More(rows.untold) });
    }
    if rows.keyring.is_empty() && rows.warnings.is_empty() {
        let place = SourceId { label: rows.label, line: None };
        rows.warnings.push(Warning { place, kind: WarningKind::NoRows });
    }
    Ok((rows.keyring, rows.warnings))
}

/// What the readers of the formats write to.
struct Rows {
    keyring: Keyring,
    warnings: Vec<Warning>,
    /// Warnings past [`WARNINGS_MAX`].
    untold: usize,
    /// The lines of rows that hold no secret.
    without_secret: Vec<usize>,
    label: Arc<str>,
}

/// Warnings told of one file: nobody reads a thousand, and the first show what is wrong.
const WARNINGS_MAX: usize = 20;

impl Rows {
    fn add(&mut self, line: usize, account: RowAccount<'_>, secret: Secret) -> Result<(), KeyringError> {
        let RowAccount { user, realm } = account;
        if user.is_empty() {
            self.warn(line, WarningKind::EmptyUser);
        }
        if realm.is_empty() {
            self.warn(line, WarningKind::EmptyRealm);
        }
        for (column, value) in [("user", user), ("realm", realm)] {
            if value.trim_ascii().len() != value.len() {
                self.warn(line, WarningKind::EdgeBlanks(column));
            }
            if std::str::from_utf8(value).is_err() {
                self.warn(line, WarningKind::NotUtf8(column));
            }
        }
        let source = self.place(line);
        self.keyring.add(user, realm, Entry { secret, source })
    }

    /// A password, with a word on what looks like a slip.
    fn password(&mut self, line: usize, password: &[u8]) -> Secret {
        if password.trim_ascii().len() != password.len() {
            self.warn(line, WarningKind::EdgeBlanks("password"));
        }
        if std::str::from_utf8(password).is_err() {
            self.warn(line, WarningKind::NotUtf8("password"));
        }
        Secret::password(password)
    }

    /// Adds one secret in its forms, as databases keep them: a password, and the HA1s made of it. Those that the password
    /// gives are not needed beside it.
    fn add_forms(
        &mut self,
        line: usize,
        account: RowAccount<'_>,
        password: Option<&[u8]>,
        ha1s: Vec<Secret>,
    ) -> Result<(), KeyringError> {
        let mut room = SECRETS_MAX;
        if let Some(password) = password {
            let secret = self.password(line, password);
            self.add(line, account, secret)?;
            room -= 1;
        }
        let gives =
            |ha1: &Secret| password.is_some_and(|password| ha1.is_made_of(account.user, account.realm, password));
        let others: Vec<Secret> = ha1s.into_iter().filter(|ha1| !gives(ha1)).collect();
        if password.is_some() && !others.is_empty() {
            self.warn(line, WarningKind::Ha1Differs);
        }
        others.into_iter().take(room).try_for_each(|ha1| self.add(line, account, ha1))
    }

    fn warn(&mut self, line: usize, kind: WarningKind) {
        if self.warnings.len() >= WARNINGS_MAX {
            self.untold += 1;
            return;
        }
        let place = self.place(line);
        self.warnings.push(Warning { place, kind });
    }

    fn error(&self, line: usize, kind: KeyringErrorKind) -> KeyringError {
        KeyringError { place: self.place(line), kind }
    }

    fn place(&self, line: usize) -> SourceId {
        SourceId { label: Arc::clone(&self.label), line: u32::try_from(line).ok().and_then(NonZeroU32::new) }
    }
}

/// Whose secret a row holds.
#[derive(Clone, Copy)]
struct RowAccount<'r> {
    user: &'r [u8],
    realm: &'r [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_secret_of_a_user_and_realm_is_refused() {
        let mut keyring = Keyring::new();
        for password in [&b"one"[..], b"two", b"three", b"three"] {
            keyring.account(b"alice", b"*", Secret::password(password), "--user").unwrap();
        }
        keyring.account(b"alice", b"example.com", Secret::password(b"four"), "--user").unwrap();
        keyring.account(b"bob", b"*", Secret::password(b"four"), "--user").unwrap();
        assert_eq!(keyring.len(), 5);
        let error = keyring.account(b"alice", b"*", Secret::password(b"four"), "--user").unwrap_err();
        assert_eq!(error.kind, KeyringErrorKind::TooManySecrets);
        assert!(error.to_string().starts_with("--user: a fourth secret for one user and realm; at most 3"), "{error}");
    }

    #[test]
    fn limits_hold_across_files() {
        let rows = "alice,r,1\nalice,r,2\nalice,*,1\n";
        let (mut keyring, _) = read(rows.as_bytes(), "one.csv", None).unwrap();
        keyring.merge(read(rows.as_bytes(), "two.csv", None).unwrap().0).unwrap();
        assert_eq!(keyring.len(), 3);
        let (more, _) = read(b"bob,r,1\nalice,r,3\nalice,r,4\n", "three.csv", None).unwrap();
        let error = keyring.merge(more).unwrap_err();
        assert_eq!(error.place.to_string(), "three.csv:3");
        assert_eq!(error.kind, KeyringErrorKind::TooManySecrets);
    }

    #[test]
    fn a_secret_for_everybody_is_refused() {
        let error = read(b"*,example.com,hunter2\n", "creds.csv", None).unwrap_err();
        assert_eq!((error.place.to_string().as_str(), error.kind), ("creds.csv:1", KeyringErrorKind::UserWildcard));
    }

    #[test]
    fn the_kind_follows_the_content() {
        let hex = "0".repeat(32);
        let check = |text: &str, kind| assert_eq!(KeyringFormat::of(text.as_bytes()), kind, "{text}");
        check(&format!("alice:example.com:{hex}\n"), KeyringFormat::Htdigest);
        check(&format!("# people\r\nalice:a,b:MD5:{hex}\r\n\r\n"), KeyringFormat::Htdigest);
        check("alice,example.com,secret\n", KeyringFormat::Csv);
        check(&format!("alice:example.com:{hex}\nalice,example.com,secret\n"), KeyringFormat::Csv);
        check("", KeyringFormat::Csv);
    }
}
