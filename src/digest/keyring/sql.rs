//! The statements of an SQL dump that fill a table named `subscriber`; whatever else the dump holds is passed over, line by
//! line. Strings are read as the database that wrote them does: MySQL escapes with a backslash, the standard with a second
//! quote.

use crate::digest::keyring::KeyringError;
use crate::digest::keyring::KeyringErrorKind;
use crate::digest::keyring::Rows;
use crate::digest::keyring::subscriber;
use crate::digest::keyring::subscriber::Column;
use crate::digest::keyring::value::Value;
use crate::digest::keyring::value::c_unescaped;

/// Columns of a table. Bounds what a hostile file can cost.
const COLUMNS_MAX: usize = 256;

/// What a dump begins with, comments left out.
const FIRST_WORDS: [&[u8]; 13] = [
    b"INSERT",
    b"REPLACE",
    b"COPY",
    b"CREATE",
    b"SET",
    b"DROP",
    b"LOCK",
    b"PRAGMA",
    b"BEGIN",
    b"START",
    b"SELECT",
    b"USE",
    b"\\restrict",
];

/// Whether the first line that says something is a statement.
pub(super) fn is_sql(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"--") && !line.starts_with(b"/*"));
    first.is_some_and(|line| FIRST_WORDS.iter().any(|word| after_word(line, word).is_some()))
}

/// What follows a keyword, in any letter case, and the blank behind it.
fn after_word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(word.len())?;
    let ends = rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'(' | b';'));
    (front.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_ascii_start())
}

pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), KeyringError> {
    let mut dump = Dump { cursor: Cursor { rest: bytes, line: 1 }, is_mysql: false, columns: Vec::new() };
    loop {
        let mut statement = dump.cursor;
        let line = dump.cursor.line();
        if line.starts_with(b"-- MySQL dump") || line.starts_with(b"-- MariaDB dump") {
            dump.is_mysql = true;
        }
        let word = if line.trim_ascii().is_empty() { b"" } else { statement.word() };
        match word.to_ascii_uppercase().as_slice() {
            b"INSERT" | b"REPLACE" => dump.insert(statement, rows)?,
            b"CREATE" => dump.create(statement),
            b"COPY" => dump.copy(statement, rows)?,
            _ => {}
        }
        if dump.cursor.rest.is_empty() {
            return Ok(());
        }
    }
}

const NO_COLUMNS: &str = "the columns are not named: dump the table with its CREATE TABLE, or with --complete-insert";
const NOT_A_VALUE: &str =
    "a value of INSERT cannot be read: expected 'text', a number or NULL, and a comma or a parenthesis behind it";

/// The words that begin a definition in CREATE TABLE which is no column.
const NO_COLUMN: [&[u8]; 9] =
    [b"PRIMARY", b"KEY", b"UNIQUE", b"CONSTRAINT", b"INDEX", b"CHECK", b"FOREIGN", b"FULLTEXT", b"EXCLUDE"];

struct Dump<'a> {
    cursor: Cursor<'a>,
    is_mysql: bool,
    /// What `CREATE TABLE` said.
    columns: Vec<Column>,
}

impl<'a> Dump<'a> {
    /// The columns of `CREATE TABLE subscriber`: the first word of each definition, however they stand in lines.
    fn create(&mut self, mut statement: Cursor<'a>) {
        if !statement.word().eq_ignore_ascii_case(b"TABLE") {
            return;
        }
        self.is_mysql |= statement.is_next(b'`');
        let mut name = statement.identifier();
        if name.eq_ignore_ascii_case(b"IF") {
            statement.word();
            statement.word();
            name = statement.identifier();
        }
        if !is_subscriber_table(name) || !statement.take(b'(') {
            return;
        }
        self.columns.clear();
        while self.columns.len() < COLUMNS_MAX {
            statement.skip_comments();
            let name = statement.identifier();
            if !name.is_empty() && !NO_COLUMN.iter().any(|word| name.eq_ignore_ascii_case(word)) {
                self.columns.push(Column::named(name));
            }
            if !statement.ends_definition(self.is_mysql) {
                break;
            }
        }
        self.cursor = statement;
        self.cursor.line();
    }

    /// `COPY subscriber (id, username, …) FROM stdin;` and the rows behind it.
    fn copy(&mut self, mut statement: Cursor<'a>, rows: &mut Rows) -> Result<(), KeyringError> {
        if !is_subscriber_table(statement.identifier()) {
            return Ok(());
        }
        let columns = self.columns(&mut statement, rows)?;
        while !self.cursor.rest.is_empty() {
            let number = self.cursor.line;
            let line = self.cursor.line();
            if line == b"\\." {
                break;
            }
            let cells = line.split(|byte| *byte == b'\t').take(COLUMNS_MAX);
            let cells: Vec<_> = cells.map(|cell| (cell != b"\\N").then(|| c_unescaped(cell))).collect();
            subscriber::add(rows, number, &columns, &cells)?;
        }
        Ok(())
    }

    /// `INSERT INTO subscriber (…) VALUES (…),(…);`, which may run over several lines.
    fn insert(&mut self, mut statement: Cursor<'a>, rows: &mut Rows) -> Result<(), KeyringError> {
        let modifiers = (0..4).map(|_| statement.word().eq_ignore_ascii_case(b"INTO")).take_while(|is_into| !is_into);
        modifiers.for_each(drop);
        let is_mysql = self.is_mysql || statement.is_next(b'`');
        if !is_subscriber_table(statement.identifier()) {
            return Ok(());
        }
        let columns = self.columns(&mut statement, rows)?;
        let mut word = statement.word();
        if word.eq_ignore_ascii_case(b"OVERRIDING") {
            statement.word();
            statement.word();
            word = statement.word();
        }
        if !word.eq_ignore_ascii_case(b"VALUES") {
            return Ok(());
        }
        while statement.take(b'(') {
            statement.skip_blanks();
            let line = statement.line;
            let mut cells = Vec::with_capacity(columns.len());
            loop {
                let cell = statement.value(is_mysql).filter(|_| cells.len() < COLUMNS_MAX);
                cells.push(cell.ok_or_else(|| rows.error(line, KeyringErrorKind::Malformed(NOT_A_VALUE)))?);
                if statement.take(b')') {
                    break;
                }
                if !statement.take(b',') {
                    return Err(rows.error(line, KeyringErrorKind::Malformed(NOT_A_VALUE)));
                }
            }
            subscriber::add(rows, line, &columns, &cells)?;
            if !statement.take(b',') {
                break;
            }
        }
        self.cursor = statement;
        self.cursor.line();
        Ok(())
    }

    /// The columns in parentheses, else those of `CREATE TABLE`.
    fn columns(&self, statement: &mut Cursor<'a>, rows: &Rows) -> Result<Vec<Column>, KeyringError> {
        let line = statement.line;
        let mut columns = Vec::new();
        if statement.take(b'(') {
            while columns.len() < COLUMNS_MAX {
                columns.push(Column::named(statement.identifier()));
                if !statement.take(b',') {
                    break;
                }
            }
            statement.take(b')');
        } else {
            columns.clone_from(&self.columns);
        }
        if columns.is_empty() {
            return Err(rows.error(line, KeyringErrorKind::Malformed(NO_COLUMNS)));
        }
        Ok(columns)
    }
}

/// The table of that name, in whatever schema.
fn is_subscriber_table(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"subscriber")
}

/// A place in the dump.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a [u8],
    /// The line of `rest`, from 1.
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Takes so many bytes and counts their lines.
    fn advance(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.line += taken.iter().filter(|byte| **byte == b'\n').count();
        self.rest = rest;
        taken
    }

    /// The rest of the line, without its end.
    fn line(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let line = self.advance(end.map_or(self.rest.len(), |end| end + 1));
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    fn skip_blanks(&mut self) {
        let blanks = self.rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.advance(blanks);
    }

    fn skip_comments(&mut self) {
        self.skip_blanks();
        while self.rest.starts_with(b"--") {
            self.line();
            self.skip_blanks();
        }
    }

    /// Takes what is left of a definition in CREATE TABLE, and the comma or the parenthesis behind it. Whether another one follows.
    fn ends_definition(&mut self, is_mysql: bool) -> bool {
        let mut depth = 0_usize;
        loop {
            self.skip_comments();
            let Some(&byte) = self.rest.first() else { return false };
            match byte {
                b'\'' => {
                    if self.string(is_mysql).is_none() {
                        // It runs to the end, and so does the statement.
                        self.advance(self.rest.len());
                    }
                    continue;
                }
                b'"' | b'`' => {
                    let text = self.rest.get(1..).unwrap_or_default();
                    let len = text.iter().position(|other| *other == byte).unwrap_or(text.len());
                    self.advance(len + 1);
                }
                b'(' => depth += 1,
                b')' | b',' if depth == 0 => {
                    self.advance(1);
                    return byte == b',';
                }
                b')' => depth -= 1,
                _ => {}
            }
            self.advance(1);
        }
    }

    fn is_next(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        self.rest.first() == Some(&byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.is_next(byte);
        self.advance(usize::from(is_next));
        is_next
    }

    /// A bare word; empty where there is none.
    fn word(&mut self) -> &'a [u8] {
        self.skip_blanks();
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'$' | b'.' | b'+' | b'-');
        self.advance(self.rest.iter().take_while(is_word).count())
    }

    /// A name, in quotes or bare; of a name with a schema, what stands behind the last dot.
    fn identifier(&mut self) -> &'a [u8] {
        loop {
            self.skip_blanks();
            let name = match self.rest.first() {
                Some(quote @ (b'`' | b'"')) => {
                    let quote = *quote;
                    self.advance(1);
                    let len = self.rest.iter().take_while(|byte| **byte != quote && **byte != b'\n').count();
                    let name = self.advance(len);
                    self.advance(1);
                    name
                }
                _ => self.word(),
            };
            if self.rest.first() != Some(&b'.') {
                return name.rsplit(|byte| *byte == b'.').find(|part| !part.is_empty()).unwrap_or(name);
            }
            self.advance(1);
        }
    }

    /// A value; `Some(None)` is NULL, and None is no value.
    fn value(&mut self, is_mysql: bool) -> Option<Option<Value<'a>>> {
        if !self.is_next(b'\'') {
            let word = self.word();
            // `_binary 'x'` of MySQL, `E'x'` of PostgreSQL, `N'x'` of the standard.
            let is_prefix = self.is_next(b'\'');
            return match word {
                b"E" | b"e" if is_prefix => self.string(true).map(Some),
                _ if is_prefix => self.string(is_mysql).map(Some),
                b"" => None,
                word if word.eq_ignore_ascii_case(b"NULL") => Some(None),
                word => Some(Some(Value::AsWritten(word))),
            };
        }
        self.string(is_mysql).map(Some)
    }

    /// A string in single quotes, which comes next.
    fn string(&mut self, has_backslash: bool) -> Option<Value<'a>> {
        self.advance(1);
        let mut escapes = false;
        let mut bytes = self.rest.iter().enumerate();
        let len = loop {
            match bytes.next()? {
                (_, b'\\') if has_backslash => {
                    bytes.next();
                    escapes = true;
                }
                (at, b'\'') if self.rest.get(at + 1) == Some(&b'\'') => {
                    bytes.next();
                    escapes = true;
                }
                (at, b'\'') => break at,
                _ => {}
            }
        };
        let text = self.advance(len);
        self.advance(1);
        Some(if escapes { unescaped(text, has_backslash) } else { Value::AsWritten(text) })
    }
}

/// A doubled quote is one; behind a backslash the letters are those of MySQL, and any other stands for itself.
fn unescaped(text: &[u8], has_backslash: bool) -> Value<'_> {
    let mut bytes = text.iter().copied();
    let value = std::iter::from_fn(move || {
        Some(match bytes.next()? {
            b'\\' if has_backslash => match bytes.next()? {
                b'0' => 0,
                b'b' => 0x08,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'Z' => 0x1a,
                other => other,
            },
            b'\'' => {
                bytes.next();
                b'\''
            }
            byte => byte,
        })
    });
    Value::rewritten(text.len(), value)
}
