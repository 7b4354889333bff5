//! Asterisk's `pjsip.conf`: sections of `type=auth`, and those of phones and peers in the `sip.conf` of chan_sip; with templates, `+` and
//! the comments of Asterisk's `config.c`. Only what says something about a secret is kept of a section, so that templates of templates
//! cost nothing.

use std::rc::Rc;

use crate::auth::HashName;
use crate::base::WireMap;
use crate::digest::keyring::KeyringError;
use crate::digest::keyring::KeyringErrorKind;
use crate::digest::keyring::RowAccount;
use crate::digest::keyring::Rows;
use crate::digest::keyring::WarningKind;
use crate::digest::keyring::value::Value;
use crate::digest::secret::Secret;

/// Digests of one section; Asterisk knows three algorithms.
const DIGESTS_MAX: usize = 8;
/// Bytes of a value.
const VALUE_LEN_BYTES_MAX: usize = 4096;
/// Sections of one name that are compared. Bounds what a hostile file can cost.
const NAMESAKES_MAX: usize = 16;

/// Whether the first line that says something is a section or names another file.
pub(super) fn is_pjsip(bytes: &[u8]) -> bool {
    let mut lines = Lines { rest: bytes, number: 0, depth: 0 };
    let first = std::iter::from_fn(|| lines.next()).find(|(_, line)| !line.bytes().trim_ascii().is_empty());
    first.is_some_and(|(_, line)| {
        let line = line.bytes().trim_ascii();
        (line.starts_with(b"[") && line.contains(&b']')) || is_directive(line)
    })
}

fn is_directive(line: &[u8]) -> bool {
    [&b"#include"[..], b"#tryinclude", b"#exec"].iter().any(|word| line.starts_with(word))
}

/// A value and the line it stands on. Shared, so that a template costs its heirs nothing.
type Placed<'a> = Rc<(usize, Value<'a>)>;

/// What is kept of a section: of each option the last value, as Asterisk takes it.
#[derive(Clone, Default)]
struct Section<'a> {
    name: Box<[u8]>,
    is_template: bool,
    kind: Option<Placed<'a>>,
    auth_type: Option<Placed<'a>>,
    username: Option<Placed<'a>>,
    password: Option<Placed<'a>>,
    md5_cred: Option<Placed<'a>>,
    realm: Option<Placed<'a>>,
    digests: Vec<Placed<'a>>,
    secret: Option<Placed<'a>>,
    remote_secret: Option<Placed<'a>>,
    md5_secret: Option<Placed<'a>>,
    default_user: Option<Placed<'a>>,
}

const NO_SECTION: &str = "an option stands before the first section: expected [name]";
const NO_BRACKET: &str = "a section is not closed: expected [name], [name](!) or [name](template)";
const NO_BASE: &str =
    "a section builds on one that does not stand above it: give the files in one, in the order of Asterisk";
const TOO_LONG: &str = "a value is longer than 4096 bytes";
const NO_DIGEST: &str = "expected password_digest=ALGORITHM:HEX, with MD5, SHA-256 or SHA-512-256";

pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), KeyringError> {
    let mut config = Config::default();
    let mut lines = Lines { rest: bytes, number: 0, depth: 0 };
    while let Some((number, line)) = lines.next() {
        let text = line.bytes().trim_ascii();
        let read = if text.is_empty() {
            Ok(())
        } else if text.starts_with(b"[") {
            config.open(text)
        } else if text.starts_with(b"#") {
            if is_directive(text) {
                rows.warn(number, WarningKind::NotFollowed);
            }
            Ok(())
        } else {
            config.option(number, &line)
        };
        read.map_err(|kind| rows.error(number, KeyringErrorKind::Malformed(kind)))?;
    }
    config.sections.iter().filter(|section| !section.is_template).try_for_each(|section| section.add(rows))
}

#[derive(Default)]
struct Config<'a> {
    sections: Vec<Section<'a>>,
    /// The sections of a name, as indices.
    names: WireMap<Box<[u8]>, Vec<usize>>,
    /// The section that options belong to.
    current: Option<usize>,
}

impl<'a> Config<'a> {
    /// `[name]`, `[name](!)`, `[name](base,base)`, `[name](+)`.
    fn open(&mut self, text: &[u8]) -> Result<(), &'static str> {
        let text = text.get(1..).unwrap_or_default();
        let end = text.iter().position(|byte| *byte == b']').ok_or(NO_BRACKET)?;
        let (name, rest) = text.split_at(end);
        let list = rest.get(1..).unwrap_or_default().trim_ascii().strip_prefix(b"(");
        let list = list.map(|list| list.split(|byte| *byte == b')').next().unwrap_or_default());
        let words: Vec<&[u8]> =
            list.into_iter().flat_map(|list| list.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).collect();
        if let Some(added) = words.iter().find_map(|word| word.strip_prefix(b"+")) {
            self.current = Some(self.find(name, added).ok_or(NO_BASE)?);
        } else {
            self.sections.push(Section { name: name.into(), ..Section::default() });
            self.current = self.sections.len().checked_sub(1);
        }
        for word in words.into_iter().filter(|word| !word.is_empty() && !word.starts_with(b"+")) {
            let base = if word == b"!" { None } else { Some(self.find(word, b"").ok_or(NO_BASE)?) };
            let base = base.and_then(|base| self.sections.get(base)).cloned();
            let Some(section) = self.current.and_then(|current| self.sections.get_mut(current)) else { continue };
            match base {
                Some(base) => section.inherit(&base),
                None => section.is_template = true,
            }
        }
        // Named last: a section does not build on itself.
        if let Some(current) = self.current {
            let namesakes = self.names.entry(name.into()).or_default();
            if namesakes.len() < NAMESAKES_MAX && !namesakes.contains(&current) {
                namesakes.push(current);
            }
        }
        Ok(())
    }

    /// The first section of that name; with `type=auth` as the filter, the first that is one.
    fn find(&self, name: &[u8], filter: &[u8]) -> Option<usize> {
        let wanted = filter.strip_prefix(b"type=");
        self.names.get(name)?.iter().copied().find(|index| {
            let kind = self.sections.get(*index).and_then(|section| section.kind.as_ref());
            wanted.is_none_or(|wanted| kind.is_some_and(|kind| kind.1.bytes().eq_ignore_ascii_case(wanted)))
        })
    }

    /// `name = value`, `name => value`, `name += value`. A line without `=` is none: Asterisk passes it over, too.
    fn option(&mut self, number: usize, line: &Value<'a>) -> Result<(), &'static str> {
        match line {
            Value::AsWritten(text) => self.set(number, text, Value::AsWritten),
            Value::Rewritten(text) => self.set(number, text, |part| Value::rewritten(part.len(), part.iter().copied())),
        }
    }

    fn set<'t>(&mut self, number: usize, text: &'t [u8], keep: fn(&'t [u8]) -> Value<'a>) -> Result<(), &'static str> {
        let section = self.current.and_then(|current| self.sections.get_mut(current)).ok_or(NO_SECTION)?;
        let Some(equals) = text.iter().position(|byte| *byte == b'=') else { return Ok(()) };
        let (name, value) = text.split_at(equals);
        let (name, is_added) = name.strip_suffix(b"+").map_or((name, false), |name| (name, true));
        let value = value.get(1..).unwrap_or_default();
        let value = value.strip_prefix(b">").unwrap_or(value).trim_ascii_end();
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"password_digest") {
            let room = DIGESTS_MAX.saturating_sub(section.digests.len());
            let digests = value.split(|byte| *byte == b',').take(room);
            section.digests.extend(digests.map(|digest| Rc::new((number, keep(digest.trim_ascii())))));
            return Ok(());
        }
        let Some(slot) = section.slot(name) else { return Ok(()) };
        let before = slot.as_ref().filter(|_| is_added).map_or(&b""[..], |before| before.1.bytes());
        let len = before.len() + value.len();
        if len > VALUE_LEN_BYTES_MAX {
            return Err(TOO_LONG);
        }
        let value = if before.is_empty() {
            keep(value.trim_ascii_start())
        } else {
            Value::rewritten(len, before.iter().chain(value).copied())
        };
        *slot = Some(Rc::new((number, value)));
        Ok(())
    }
}

impl<'a> Section<'a> {
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Placed<'a>>> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_slice() {
            b"type" => &mut self.kind,
            b"auth_type" => &mut self.auth_type,
            b"username" => &mut self.username,
            b"password" => &mut self.password,
            b"md5_cred" => &mut self.md5_cred,
            b"realm" => &mut self.realm,
            b"secret" => &mut self.secret,
            b"remotesecret" => &mut self.remote_secret,
            b"md5secret" => &mut self.md5_secret,
            b"defaultuser" => &mut self.default_user,
            _ => return None,
        })
    }

    /// Takes what the other has; what this one says later counts.
    fn inherit(&mut self, base: &Section<'a>) {
        let pairs = [
            (&mut self.kind, &base.kind),
            (&mut self.auth_type, &base.auth_type),
            (&mut self.username, &base.username),
            (&mut self.password, &base.password),
            (&mut self.md5_cred, &base.md5_cred),
            (&mut self.realm, &base.realm),
            (&mut self.secret, &base.secret),
            (&mut self.remote_secret, &base.remote_secret),
            (&mut self.md5_secret, &base.md5_secret),
            (&mut self.default_user, &base.default_user),
        ];
        for (own, other) in pairs {
            if other.is_some() {
                own.clone_from(other);
            }
        }
        let room = DIGESTS_MAX.saturating_sub(self.digests.len());
        self.digests.extend(base.digests.iter().take(room).cloned());
    }

    /// Adds its secrets, by its type.
    fn add(&self, rows: &mut Rows) -> Result<(), KeyringError> {
        match text(&self.kind).to_ascii_lowercase().as_slice() {
            b"auth" => self.add_auth(rows),
            b"friend" | b"peer" | b"user" => self.add_peer(rows),
            _ => Ok(()),
        }
    }

    /// `sip.conf`: clients log in under the section's name, and Asterisk itself at a peer as `defaultuser`, once called `username`. An
    /// md5secret goes before the secret.
    fn add_peer(&self, rows: &mut Rows) -> Result<(), KeyringError> {
        let is_set = |option: &&Placed<'a>| !option.1.bytes().is_empty();
        let login = self.default_user.as_ref().or(self.username.as_ref()).filter(is_set);
        let (md5, secret) = (self.md5_secret.as_ref().filter(is_set), self.secret.as_ref().filter(is_set));
        let remote = self.remote_secret.as_ref().filter(is_set).or(md5).or(secret);
        let accounts = [(Some(&*self.name), md5.or(secret)), (login.map(|login| login.1.bytes()), remote)];
        for (user, placed) in accounts.into_iter().filter_map(|(user, placed)| user.zip(placed)) {
            let account = RowAccount { user, realm: b"*" };
            match md5.is_some_and(|md5| Rc::ptr_eq(md5, placed)) {
                true => {
                    let ha1 = Secret::ha1(HashName::Md5, placed.1.bytes());
                    let ha1 = ha1.map_err(|error| rows.error(placed.0, error.into()))?;
                    rows.add_forms(placed.0, account, None, vec![ha1])?;
                }
                false => rows.add_forms(placed.0, account, Some(placed.1.bytes()), Vec::new())?,
            }
        }
        Ok(())
    }

    /// `userpass` has a password, `md5` an md5_cred, and `digest`, which came with SHA-256, any of them.
    fn add_auth(&self, rows: &mut Rows) -> Result<(), KeyringError> {
        let auth_type = text(&self.auth_type).to_ascii_lowercase();
        let has = |types: &[&str]| types.iter().any(|name| name.as_bytes() == auth_type);
        if has(&["google_oauth"]) {
            return Ok(());
        }
        let password = self.password.as_ref().filter(|_| !has(&["md5"]));
        let md5_cred = self.md5_cred.as_ref().filter(|_| has(&["md5", "digest"]));
        let mut ha1s = Vec::new();
        for placed in md5_cred.into_iter().filter(|placed| !placed.1.bytes().is_empty()) {
            let secret = Secret::ha1(HashName::Md5, placed.1.bytes());
            ha1s.push(secret.map_err(|error| rows.error(placed.0, error.into()))?);
        }
        for placed in self.digests.iter().filter(|placed| !placed.1.bytes().is_empty()) {
            let error = |kind| rows.error(placed.0, kind);
            if !placed.1.bytes().contains(&b':') {
                return Err(error(KeyringErrorKind::Malformed(NO_DIGEST)));
            }
            ha1s.push(Secret::parse_ha1(placed.1.bytes()).map_err(|kind| error(kind.into()))?);
        }
        let Some(first) = password.or(md5_cred).or(self.digests.first()) else { return Ok(()) };
        // Without a realm the section is good for the server's default, or for whoever asks.
        let realm = Some(text(&self.realm)).filter(|realm| !realm.is_empty()).unwrap_or(b"*");
        let account = RowAccount { user: text(&self.username), realm };
        rows.add_forms(first.0, account, password.map(|placed| placed.1.bytes()), ha1s)
    }
}

fn text<'s>(option: &'s Option<Placed<'_>>) -> &'s [u8] {
    option.as_ref().map_or(&[], |placed| placed.1.bytes())
}

/// The lines of the file without their comments.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
    /// How many `;--` are open.
    depth: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<(usize, Value<'a>)> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        self.number += 1;
        Some((self.number, self.uncommented(line)))
    }

    /// `;` begins a comment unless a backslash stands before it; `;--` up to `--;` is one over several lines, and nests.
    fn uncommented(&mut self, line: &'a [u8]) -> Value<'a> {
        let mut kept: Vec<&[u8]> = Vec::new();
        let mut from = 0;
        let mut at = 0;
        while let Some(found) = line.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b';')) {
            let here = at + found;
            let (before, behind) = line.split_at(here);
            at = here + 1;
            if before.ends_with(b"\\") {
                if self.depth == 0 {
                    kept.extend(line.get(from..here - 1));
                    from = here;
                }
            } else if behind.starts_with(b";--") && behind.get(3) != Some(&b'-') {
                if self.depth == 0 {
                    kept.extend(line.get(from..here));
                }
                self.depth = self.depth.saturating_add(1);
                at = here + 3;
            } else if self.depth > 0 {
                if before.ends_with(b"--") {
                    self.depth -= 1;
                    from = at;
                }
            } else {
                kept.extend(line.get(from..here));
                from = line.len();
                break;
            }
        }
        if self.depth == 0 {
            kept.extend(line.get(from..));
        }
        kept.retain(|part| !part.is_empty());
        match kept.as_slice() {
            [] => Value::AsWritten(&[]),
            [only] => Value::AsWritten(only),
            parts => {
                let len = parts.iter().map(|part| part.len()).sum();
                Value::rewritten(len, parts.iter().copied().flatten().copied())
            }
        }
    }
}
