//! CSV as RFC 4180 says, with CRLF or LF. Read by hand, because a general reader keeps copies of the fields that it
//! cannot wipe: here a value is borrowed from the input, or copied once into a buffer that is wiped.

use crate::digest::keyring::KeyringError;
use crate::digest::keyring::KeyringErrorKind;
use crate::digest::keyring::RowAccount;
use crate::digest::keyring::Rows;
use crate::digest::keyring::WarningKind;
use crate::digest::keyring::value::Value;
use crate::digest::secret::OperatorValue;
use crate::digest::secret::Secret;
use crate::digest::secret::guess_hash;
use crate::digest::secret::hash_of_algorithm;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    User,
    Realm,
    Password,
    Ha1,
    Algorithm,
    /// `res`, `k`, `op` and `opc`.
    Aka(Aka),
}

/// The columns of AKA.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aka {
    Res,
    K,
    Op,
    Opc,
}

const HEADINGS: [(&[u8], Column); 9] = [
    (b"user", Column::User),
    (b"realm", Column::Realm),
    (b"password", Column::Password),
    (b"ha1", Column::Ha1),
    (b"algorithm", Column::Algorithm),
    (b"res", Column::Aka(Aka::Res)),
    (b"k", Column::Aka(Aka::K)),
    (b"op", Column::Aka(Aka::Op)),
    (b"opc", Column::Aka(Aka::Opc)),
];

/// The order without a header row.
const DEFAULT_COLUMNS: [Column; 3] = [Column::User, Column::Realm, Column::Password];

pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), KeyringError> {
    let mut reader = Reader::new(bytes, separator(bytes));
    let mut columns = DEFAULT_COLUMNS.to_vec();
    let mut is_first = true;
    loop {
        let line = reader.line;
        let Some(cells) = reader.row().map_err(|kind| rows.error(line, kind))? else { return Ok(()) };
        if let [only] = cells.as_slice()
            && only.bytes().is_empty()
        {
            continue;
        }
        if is_first && cells.len() == 1 {
            return Err(rows.error(line, KeyringErrorKind::NotCsv));
        }
        if std::mem::take(&mut is_first) && is_header(&cells) {
            columns = read_headings(&cells).map_err(|kind| rows.error(line, kind))?;
        } else {
            read_row(rows, line, &columns, &cells)?;
        }
    }
}

fn is_header(cells: &[Value<'_>]) -> bool {
    let names: Vec<&[u8]> = cells.iter().map(Value::bytes).collect();
    names.first().is_some_and(|name| is_heading(name, b"user")) || are_headings(&names)
}

/// What stands between the cells: a comma, or what spreadsheets of many countries write in its place, where the header row shows that.
fn separator(bytes: &[u8]) -> u8 {
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_it = |separator: &u8| are_headings(&header.split(|byte| byte == separator).collect::<Vec<_>>());
    [b';', b'\t'].into_iter().find(is_it).unwrap_or(b',')
}

/// Whether these are the names of columns, in whatever order: a user among them, and nothing else.
fn are_headings(cells: &[&[u8]]) -> bool {
    let is_known = |cell: &&[u8]| HEADINGS.iter().any(|(heading, _)| is_heading(cell, heading));
    cells.len() > 1 && cells.iter().any(|cell| is_heading(cell, b"user")) && cells.iter().all(is_known)
}

fn is_heading(cell: &[u8], heading: &[u8]) -> bool {
    cell.trim_ascii().eq_ignore_ascii_case(heading)
}

fn read_headings(cells: &[Value<'_>]) -> Result<Vec<Column>, KeyringErrorKind> {
    let mut columns = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let known = HEADINGS.iter().find(|(heading, _)| is_heading(cell.bytes(), heading));
        let (_, column) = known.ok_or(KeyringErrorKind::UnknownHeading { column: index + 1 })?;
        if columns.contains(column) {
            return Err(KeyringErrorKind::RepeatedHeading { column: index + 1 });
        }
        columns.push(*column);
    }
    if columns.iter().any(|column| matches!(column, Column::Password | Column::Ha1 | Column::Aka(_))) {
        Ok(columns)
    } else {
        Err(KeyringErrorKind::NoSecretHeading)
    }
}

fn read_row(rows: &mut Rows, line: usize, columns: &[Column], cells: &[Value<'_>]) -> Result<(), KeyringError> {
    if cells.len() != columns.len() {
        return Err(rows.error(line, KeyringErrorKind::Columns { got: cells.len(), expected: columns.len() }));
    }
    let cell = |wanted: Column| {
        let pair = columns.iter().zip(cells).find(|(column, _)| **column == wanted);
        pair.map(|(_, cell)| cell.bytes())
    };
    let user = cell(Column::User).unwrap_or_default();
    let realm = cell(Column::Realm).unwrap_or(b"*");
    let ha1 = cell(Column::Ha1).map(<[u8]>::trim_ascii).filter(|ha1| !ha1.is_empty());
    let algorithm = cell(Column::Algorithm).map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
    // Who exports a table leaves it empty where it is not known, and only this one is to have none (RFC 3261 §22.1).
    let password = cell(Column::Password).filter(|password| !password.is_empty() || user == b"anonymous");
    let aka = |key| cell(Column::Aka(key)).map(<[u8]>::trim_ascii).filter(|hex| !hex.is_empty());
    let sim = aka_secret([Aka::Res, Aka::K, Aka::Op, Aka::Opc].map(aka)).map_err(|kind| rows.error(line, kind))?;
    if let Some(sim) = sim {
        rows.add(line, RowAccount { user, realm }, sim)?;
        if password.is_none() && ha1.is_none() {
            return Ok(());
        }
    }
    let secret = match (password, ha1) {
        (None, None) => {
            rows.without_secret.push(line);
            return Ok(());
        }
        (Some(_), Some(_)) => return Err(rows.error(line, KeyringErrorKind::TwoSecrets)),
        (Some(password), None) => {
            if algorithm.is_some() {
                rows.warn(line, WarningKind::AlgorithmUnused);
            }
            rows.password(line, password)
        }
        (None, Some(ha1)) => ha1_secret(algorithm, ha1).map_err(|kind| rows.error(line, kind))?,
    };
    rows.add(line, RowAccount { user, realm }, secret)
}

/// The secret of a SIM, if there is one.
fn aka_secret(columns: [Option<&[u8]>; 4]) -> Result<Option<Secret>, KeyringErrorKind> {
    Ok(match columns {
        [None, None, None, None] => None,
        [Some(res), None, None, None] => Some(Secret::aka_res(res)?),
        [None, Some(k), Some(op), None] => Some(Secret::aka_key(k, OperatorValue::Op(op))?),
        [None, Some(k), None, Some(opc)] => Some(Secret::aka_key(k, OperatorValue::Opc(opc))?),
        _ => return Err(KeyringErrorKind::AkaColumns),
    })
}

fn ha1_secret(algorithm: Option<&[u8]>, ha1: &[u8]) -> Result<Secret, KeyringErrorKind> {
    let hash = match algorithm {
        Some(name) => hash_of_algorithm(name).ok_or(KeyringErrorKind::UnknownAlgorithm)?,
        None => guess_hash(ha1)?,
    };
    Ok(Secret::ha1(hash, ha1)?)
}

/// Splits the input into rows and cells.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    separator: u8,
    /// The line that comes next, from 1.
    pub(super) line: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first line.
    pub(super) fn new(bytes: &'a [u8], separator: u8) -> Reader<'a> {
        Reader { rest: bytes, separator, line: 1 }
    }

    /// The cells of the next row; None at the end. A blank line is a row of one empty cell.
    pub(super) fn row(&mut self) -> Result<Option<Vec<Value<'a>>>, KeyringErrorKind> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut cells = Vec::with_capacity(DEFAULT_COLUMNS.len());
        loop {
            cells.push(match self.rest.strip_prefix(b"\"") {
                Some(quoted) => self.quoted(quoted)?,
                None => Value::AsWritten(self.bare()),
            });
            if let Some((first, rest)) = self.rest.split_first()
                && *first == self.separator
            {
                self.rest = rest;
            } else {
                self.end_line();
                return Ok(Some(cells));
            }
        }
    }

    fn end_line(&mut self) {
        self.rest = self.rest.strip_prefix(b"\r").unwrap_or(self.rest);
        self.rest = self.rest.strip_prefix(b"\n").unwrap_or(self.rest);
        self.line += 1;
    }

    fn bare(&mut self) -> &'a [u8] {
        let is_end = |byte: &u8| *byte == self.separator || *byte == b'\n';
        let end = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (mut cell, rest) = self.rest.split_at(end);
        if rest.first() != Some(&self.separator)
            && let Some(before) = cell.strip_suffix(b"\r")
        {
            cell = before;
        }
        self.rest = rest;
        cell
    }

    /// Reads up to the closing quote; `text` begins after the opening one.
    fn quoted(&mut self, text: &'a [u8]) -> Result<Value<'a>, KeyringErrorKind> {
        let mut from = 0;
        let mut doubled = 0_usize;
        let end = loop {
            let rest = text.get(from..).unwrap_or_default();
            let quote = from + rest.iter().position(|byte| *byte == b'"').ok_or(KeyringErrorKind::QuoteNotClosed)?;
            if text.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            doubled += 1;
            from = quote + 2;
        };
        let (inner, rest) = text.split_at(end);
        self.rest = rest.strip_prefix(b"\"").unwrap_or(rest);
        if !(self.rest.is_empty()
            || [&[self.separator][..], b"\n", b"\r\n"].iter().any(|end| self.rest.starts_with(end)))
        {
            return Err(KeyringErrorKind::TextAfterQuote);
        }
        self.line += inner.iter().filter(|byte| **byte == b'\n').count();
        Ok(if doubled == 0 { Value::AsWritten(inner) } else { unquote(inner, doubled) })
    }
}

fn unquote(inner: &[u8], doubled: usize) -> Value<'_> {
    let mut bytes = inner.iter().copied();
    let value = std::iter::from_fn(move || {
        let byte = bytes.next()?;
        if byte == b'"' {
            bytes.next();
        }
        Some(byte)
    });
    Value::rewritten(inner.len().saturating_sub(doubled), value)
}

#[cfg(test)]
mod tests {
    use crate::digest::keyring::read;

    /// Entries and warnings, or the error.
    fn check(text: &str, expect: &str) {
        let shown = match read(text.as_bytes(), "c.csv", None) {
            Ok((keyring, warnings)) => {
                let mut lines = vec![keyring.len().to_string()];
                lines.extend(warnings.iter().map(ToString::to_string));
                lines.join("; ")
            }
            Err(error) => error.to_string(),
        };
        assert!(shown.starts_with(expect), "{text:?} gave {shown:?}, expected {expect:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    fn passwords(text: &str, user: &str) -> Vec<Vec<u8>> {
        let (keyring, _) = read(text.as_bytes(), "c.csv", None).unwrap();
        let realms = keyring.realms_of(user.as_bytes()).unwrap();
        realms.exact(b"r").iter().map(|index| keyring.entry(*index).unwrap().secret.bytes().to_vec()).collect()
    }

    #[test]
    fn rows_are_read_as_rfc_4180_says() {
        check("alice,*,hunter2", "1");
        check("alice,r,hunter2\r\nbob,r,hunter2\r\n\r\nbob,r,hunter2\r\n", "2");
        check("\u{feff}user,password,realm\nalice,hunter2,r\n", "1");
        check("User , PASSWORD\nalice,hunter2\n", "1");
        check("password,user,realm\nhunter2,alice,r\n", "1");
        check("user;realm;password\nalice;r;hunter2,\n", "1");
        check("realm\tuser\tpassword\r\nr\talice\thunter2\r\n", "1");
        assert_eq!(passwords("realm;password;user\nr;a,b;alice\n", "alice"), [b"a,b"]);
        check(
            "user,realm,password,ha1,algorithm\nalice,r,hunter2,,\nbob,r,,00112233445566778899aabbccddeeff,MD5\n",
            "2",
        );
        assert_eq!(passwords("alice,r,\"a\"\"b,\r\nc\"\r\n", "alice"), [b"a\"b,\r\nc"]);
        assert_eq!(passwords("alice,r, x\"y \r\n", "alice"), [b" x\"y "]);
        assert_eq!(passwords("anonymous,r,\n", "anonymous"), [b""]);
        assert_eq!(passwords("al,ice,r,x\n".replacen("al,ice", "\"al,ice\"", 1).as_str(), "al,ice"), [b"x"]);
    }

    #[test]
    fn errors_name_the_line_and_no_value() {
        check("alice,r,x\nalice,hunter2\n", "c.csv:2: columns: 2 where 3 are expected");
        check("alice,r,\"x\ny\"\nalice,r,hunter2,\n", "c.csv:3: columns: 4 where 3 are expected");
        check("user,hunter2,x\n", "c.csv:1: heading 2 is not one of");
        check("user,realm,user\n", "c.csv:1: heading 3 stands a second time");
        check("user,realm\nalice,r\n", "c.csv:1: no column holds a secret");
        check("alice,r,\"hunter2\n", "c.csv:1: a quote opened on this line is never closed");
        check("alice,r,\"hunter2\"x\n", "c.csv:1: text after a closing quote");
        check("user,password,ha1\nalice,hunter2,00\n", "c.csv:2: both a password and an ha1");
        check("user,ha1\nalice,hunter2\n", "c.csv:2: not an HA1: only the digits");
        check("user,password,k,opc\nalice,,hunter2,00\n", "c.csv:2: k is not 32 hex digits");
        check("user,res\nalice,hunter2\n", "c.csv:2: res is not 8 to 32 hex digits");
        check("user,k,op,opc\nalice,00,,\n", "c.csv:2: k needs op or opc beside it, one of them");
        check("user,k,op,opc\nalice,00,01,02\n", "c.csv:2: k needs op or opc beside it, one of them");
        check("alice:r:hunter2\n", "c.csv:1: this is no row of CSV");
        check("\u{1f}\u{8b}", "c.csv:1: this is no row of CSV");
        check("user,ha1,algorithm\nalice,00,hunter2\n", "c.csv:2: unknown algorithm");
        check("user,ha1,algorithm\nalice,00,SHA-256\n", "c.csv:2: not an HA1 of SHA-256: 2 hex digits; it has 64");
    }

    #[test]
    fn warnings_do_not_stop_the_run() {
        check("", "0; c.csv: no rows");
        check("alice,r,\n", "0; c.csv:1: 1 row without a secret, this one first: passed over");
        check("user,password,ha1\nbob,x,\nalice,,\neve,,\n", "1; c.csv:3: 2 rows without a secret, this one first");
        check("user,k,opc\nalice,,\n", "0; c.csv:2: 1 row without a secret");
        check("user,realm,password\n", "0; c.csv: no rows");
        check(",r,hunter2\n", "1; c.csv:1: the user is empty");
        check("alice,,hunter2\n", "1; c.csv:1: the realm is empty");
        check(
            "alice, r,hunter2 \n",
            "1; c.csv:1: the password begins or ends with a blank, which is kept; c.csv:1: the realm",
        );
        check("user,password,algorithm\nalice,hunter2,MD5\n", "1; c.csv:2: the algorithm is not used");
    }
}
