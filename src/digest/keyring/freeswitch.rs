//! FreeSWITCH's directory: `<domain name>` holds `<user id>`, which holds `<params>` with `password` or `a1-hash`. A user's file
//! alone has no domain: then the realm is any. And its gateways, under which FreeSWITCH itself logs in: `<gateway>` holds `username` and
//! `password`, for whatever realm asks. Read with quick-xml, which lends its slices of the file; values are unescaped here, into
//! buffers that are wiped.

use quick_xml::Reader;
use quick_xml::events::BytesStart;
use quick_xml::events::Event;

use crate::auth::HashName;
use crate::digest::keyring::KeyringError;
use crate::digest::keyring::KeyringErrorKind;
use crate::digest::keyring::RowAccount;
use crate::digest::keyring::Rows;
use crate::digest::keyring::WarningKind;
use crate::digest::keyring::value::Value;
use crate::digest::secret::Secret;

/// Whether it is XML.
pub(super) fn is_freeswitch(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    text.starts_with(b"<") && text.get(1).is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'?' | b'!'))
}

const NOT_XML: &str = "not well-formed XML: check this line and the one above it, or write the users as CSV";

/// The file in which FreeSWITCH puts everything together, variables replaced.
const EXPANDED: &str = "log/freeswitch.xml.fsxml";

/// Attributes looked at of one element. Bounds what a hostile file can cost.
const ATTRIBUTES_MAX: usize = 64;

/// What is open at a place of the file.
#[derive(Default)]
struct Open {
    domain: Option<Value<'static>>,
    user: Option<User>,
    /// Within `<params>`: a user's parameters stand there, and a gateway's in the gateway itself.
    is_params: bool,
    /// Within a user, or in a profile.
    gateway: Option<Gateway>,
}

#[derive(Default)]
struct Gateway {
    /// Where its secret stands.
    line: usize,
    username: Option<Value<'static>>,
    /// What it logs in as, where that is another one.
    auth_username: Option<Value<'static>>,
    password: Option<Value<'static>>,
}

struct User {
    id: Value<'static>,
    /// Where its secret stands.
    line: usize,
    password: Option<Value<'static>>,
    a1_hash: Option<Value<'static>>,
}

pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), KeyringError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        rows.error(1 + newlines(before), KeyringErrorKind::Malformed("not UTF-8: save the file as UTF-8"))
    })?;
    let mut reader = Reader::from_str(text);
    let mut open = Open::default();
    let (mut at, mut line) = (0, 1);
    loop {
        // An element's line is the one it begins on.
        let begins = usize::try_from(reader.buffer_position()).unwrap_or(at);
        line += newlines(bytes.get(at..begins).unwrap_or_default());
        at = begins;
        match reader.read_event() {
            Err(_) => return Err(rows.error(line, KeyringErrorKind::Malformed(NOT_XML))),
            Ok(Event::Eof) => return Ok(()),
            Ok(Event::Start(element)) => open.start(&element, line, rows),
            Ok(Event::Empty(element)) if element.name().as_ref() == "param" => open.param(&element, line, rows),
            Ok(Event::End(element)) => open.end(element.name().as_ref(), rows)?,
            Ok(_) => {}
        }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

impl Open {
    fn start(&mut self, element: &BytesStart<'_>, line: usize, rows: &mut Rows) {
        match element.name().as_ref() {
            "domain" => self.domain = attribute(element, "name").filter(|name| !is_variable(name)),
            "user" => {
                self.user = attribute(element, "id").map(|id| User { id, line, password: None, a1_hash: None });
            }
            "params" => self.is_params = true,
            "gateway" => self.gateway = Some(Gateway { line, ..Gateway::default() }),
            "param" => self.param(element, line, rows),
            _ => {}
        }
    }

    fn end(&mut self, name: &str, rows: &mut Rows) -> Result<(), KeyringError> {
        match name {
            "domain" => self.domain = None,
            "params" => self.is_params = false,
            "gateway" => {
                if let Some(gateway) = self.gateway.take() {
                    return add_gateway(rows, &gateway);
                }
            }
            "user" => {
                if let Some(user) = self.user.take() {
                    return add(rows, &user, self.domain.as_ref());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn param(&mut self, element: &BytesStart<'_>, line: usize, rows: &mut Rows) {
        let Some(name) = attribute(element, "name") else { return };
        let asked: &[&[u8]] = match (&self.gateway, &self.user) {
            (Some(_), _) => &[b"username", b"auth-username", b"password"],
            (None, Some(_)) if self.is_params => &[b"password", b"a1-hash"],
            _ => return,
        };
        let Some(value) = attribute(element, "value").filter(|_| asked.contains(&name.bytes())) else { return };
        if is_variable(&value) {
            rows.warn(line, WarningKind::Variable(EXPANDED));
        } else if let Some(gateway) = &mut self.gateway {
            gateway.set(name.bytes(), value, line);
        } else if let Some(user) = &mut self.user {
            user.set(name.bytes(), value, line);
        }
    }
}

impl Gateway {
    fn set(&mut self, name: &[u8], value: Value<'static>, line: usize) {
        match name {
            b"username" => self.username = Some(value),
            b"auth-username" => self.auth_username = Some(value),
            _ => (self.password, self.line) = (Some(value), line),
        }
    }
}

impl User {
    fn set(&mut self, name: &[u8], value: Value<'static>, line: usize) {
        let secret = if name == b"password" { &mut self.password } else { &mut self.a1_hash };
        (*secret, self.line) = (Some(value), line);
    }
}

fn add_gateway(rows: &mut Rows, gateway: &Gateway) -> Result<(), KeyringError> {
    let user = gateway.auth_username.as_ref().or(gateway.username.as_ref()).and_then(Value::filled);
    let Some((user, password)) = user.zip(gateway.password.as_ref().and_then(Value::filled)) else { return Ok(()) };
    rows.add_forms(gateway.line, RowAccount { user, realm: b"*" }, Some(password), Vec::new())
}

fn add(rows: &mut Rows, user: &User, domain: Option<&Value<'_>>) -> Result<(), KeyringError> {
    let account = RowAccount { user: user.id.bytes(), realm: domain.and_then(Value::filled).unwrap_or(b"*") };
    let a1_hash = user.a1_hash.as_ref().and_then(Value::filled).map(|hex| Secret::ha1(HashName::Md5, hex)).transpose();
    let a1_hash = a1_hash.map_err(|error| rows.error(user.line, error.into()))?;
    let password = user.password.as_ref().and_then(Value::filled);
    rows.add_forms(user.line, account, password, a1_hash.into_iter().collect())
}

/// `$${name}`, which the preprocessor replaces.
fn is_variable(value: &Value<'_>) -> bool {
    value.bytes().windows(3).any(|part| part == b"$${")
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<Value<'static>> {
    // Unchecked: looking for a second one of a name compares each with each.
    let mut attributes = element.attributes();
    let mut attributes = attributes.with_checks(false).take(ATTRIBUTES_MAX).filter_map(Result::ok);
    let found = attributes.find(|attribute| attribute.key.as_ref() == name)?;
    Some(unescaped(&found.value))
}

/// The five entities of XML and numbered characters; anything else stands as written.
fn unescaped(text: &str) -> Value<'static> {
    let mut rest = text;
    let mut pending = [0_u8; 4];
    let (mut from, mut until) = (0, 0);
    let bytes = std::iter::from_fn(move || {
        if from < until {
            from += 1;
            return pending.get(from - 1).copied();
        }
        let character = match entity(rest) {
            Some((character, after)) => {
                rest = after;
                character
            }
            None => {
                let mut characters = rest.chars();
                let character = characters.next()?;
                rest = characters.as_str();
                character
            }
        };
        until = character.encode_utf8(&mut pending).len();
        from = 1;
        pending.first().copied()
    });
    Value::rewritten(text.len(), bytes)
}

/// The character that an entity at the start of the text stands for, and what follows it.
fn entity(text: &str) -> Option<(char, &str)> {
    let text = text.strip_prefix('&')?;
    // `#x10FFFF;` is the longest.
    let end = text.bytes().take(9).position(|byte| byte == b';')?;
    let (name, after) = (text.get(..end)?, text.get(end + 1..)?);
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    Some((character, after))
}
