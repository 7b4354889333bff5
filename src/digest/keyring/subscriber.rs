//! Dumps of the `subscriber` table of Kamailio and OpenSIPS: `INSERT` statements of mysqldump, pg_dump and sqlite, `COPY` text
//! of pg_dump, and exports as CSV or tab-separated text with a header row. How a statement is read is in `sql.rs`.

use crate::auth::HashName;
use crate::digest::keyring::KeyringError;
use crate::digest::keyring::KeyringErrorKind;
use crate::digest::keyring::RowAccount;
use crate::digest::keyring::Rows;
use crate::digest::keyring::csv::Reader;
use crate::digest::keyring::sql;
use crate::digest::keyring::value::Value;
use crate::digest::keyring::value::c_unescaped;
use crate::digest::secret::Secret;
use crate::digest::secret::guess_hash;

/// A column that says something about a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Username,
    Domain,
    Password,
    /// The HA1 of the user name; its length names the hash.
    Ha1,
    /// The HA1 of `username@domain`.
    Ha1b,
    Ha1Sha256,
    Ha1Sha512t256,
    /// `id`, `rpid`, `email_address` and whatever was added.
    Other,
}

const NAMES: [(&[u8], Column); 7] = [
    (b"username", Column::Username),
    (b"domain", Column::Domain),
    (b"password", Column::Password),
    (b"ha1", Column::Ha1),
    (b"ha1b", Column::Ha1b),
    (b"ha1_sha256", Column::Ha1Sha256),
    (b"ha1_sha512t256", Column::Ha1Sha512t256),
];

impl Column {
    pub(super) fn named(name: &[u8]) -> Column {
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim_ascii()));
        known.map_or(Column::Other, |(_, column)| *column)
    }
}

/// Whether a header row names the table's columns, or a statement is about such a table.
pub(super) fn is_subscriber(bytes: &[u8]) -> bool {
    header(bytes).is_some() || sql::is_sql(bytes)
}

pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), KeyringError> {
    match header(bytes) {
        Some(separator) => read_table(bytes, separator, rows),
        None => sql::read(bytes, rows),
    }
}

/// The separator of the header row, if there is one: `username` and a secret among its cells.
fn header(bytes: &[u8]) -> Option<u8> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // A statement names columns as well.
    if sql::is_sql(line) {
        return None;
    }
    [b',', b'\t', b';'].into_iter().find(|separator| {
        let cells = line.split(|byte| byte == separator).map(unquoted);
        let columns: Vec<Column> = cells.map(Column::named).collect();
        columns.contains(&Column::Username) && has_secret(&columns)
    })
}

fn has_secret(columns: &[Column]) -> bool {
    columns.iter().any(|column| !matches!(column, Column::Username | Column::Domain | Column::Other))
}

fn unquoted(cell: &[u8]) -> &[u8] {
    let cell = cell.trim_ascii();
    cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell)
}

fn read_table(bytes: &[u8], separator: u8, rows: &mut Rows) -> Result<(), KeyringError> {
    let mut reader = Reader::new(bytes, separator);
    let mut columns: Vec<Column> = Vec::new();
    loop {
        let line = reader.line;
        let Some(cells) = reader.row().map_err(|kind| rows.error(line, kind))? else { return Ok(()) };
        if columns.is_empty() {
            columns = cells.iter().map(|cell| Column::named(cell.bytes())).collect();
        } else if !matches!(cells.as_slice(), [only] if only.bytes().is_empty()) {
            let cells: Vec<_> = cells.into_iter().map(|cell| null_or(cell, separator)).collect();
            add(rows, line, &columns, &cells)?;
        }
    }
}

/// mysql prints NULL, and COPY writes `\N`. The clients that separate by tabs escape what they print.
fn null_or(cell: Value<'_>, separator: u8) -> Option<Value<'_>> {
    match cell {
        Value::AsWritten(b"NULL" | b"\\N") => None,
        Value::AsWritten(text) if separator == b'\t' => Some(c_unescaped(text)),
        cell => Some(cell),
    }
}

/// Adds what one row of the table knows. A password is good for the plain name and for `name@domain`: both servers compute the
/// HA1 over whatever the client sends.
pub(super) fn add(
    rows: &mut Rows,
    line: usize,
    columns: &[Column],
    cells: &[Option<Value<'_>>],
) -> Result<(), KeyringError> {
    if cells.len() != columns.len() {
        return Err(rows.error(line, KeyringErrorKind::Columns { got: cells.len(), expected: columns.len() }));
    }
    let cell = |wanted: Column| {
        let (_, value) = columns.iter().zip(cells).find(|(column, _)| **column == wanted)?;
        value.as_ref().and_then(Value::filled)
    };
    let user = cell(Column::Username).unwrap_or_default();
    let realm = cell(Column::Domain).unwrap_or(b"*");
    let full = [user, b"@", realm].concat();
    let password = cell(Column::Password);
    let plain = [
        (Column::Ha1, None),
        (Column::Ha1Sha256, Some(HashName::Sha256)),
        (Column::Ha1Sha512t256, Some(HashName::Sha512_256)),
    ];
    let with_domain = [(Column::Ha1b, None)];
    for (user, ha1s) in [(user, &plain[..]), (&full, &with_domain)] {
        if user.len() == full.len() && realm == b"*" {
            continue;
        }
        let account = RowAccount { user, realm };
        let mut found = Vec::with_capacity(ha1s.len());
        for (column, hash) in ha1s {
            let Some(ha1) = cell(*column) else { continue };
            let hash = hash.map_or_else(|| guess_hash(ha1), Ok).map_err(|error| rows.error(line, error.into()))?;
            found.push(Secret::ha1(hash, ha1).map_err(|error| rows.error(line, error.into()))?);
        }
        rows.add_forms(line, account, password, found)?;
    }
    if password.is_none() && plain.iter().chain(&with_domain).all(|(column, _)| cell(*column).is_none()) {
        rows.without_secret.push(line);
    }
    Ok(())
}
