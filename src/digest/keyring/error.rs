//! What can be wrong with a credentials file. Values are never repeated: a row with its columns in another order has the
//! password where the user belongs.

use thiserror::Error;

use crate::digest::keyring::ENTRIES_MAX;
use crate::digest::keyring::SECRETS_MAX;
use crate::digest::keyring::SourceId;
use crate::digest::secret::AkaError;
use crate::digest::secret::Ha1Error;

/// Why a credentials file or option was refused, and where. Displays as `creds.csv:7: …`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {kind}")]
pub struct KeyringError {
    /// File and line, or option.
    pub place: SourceId,
    /// What is wrong.
    #[source]
    pub kind: KeyringErrorKind,
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringErrorKind {
    /// A CSV row has too few or too many columns.
    #[error(
        "columns: {got} where {expected} are expected, with commas between them; a value with a comma goes in double quotes"
    )]
    Columns {
        /// Columns of the row.
        got: usize,
        /// Columns of the header row, or 3.
        expected: usize,
    },
    /// A first row that is none of CSV, in a file whose format nobody named.
    #[error(
        "this is no row of CSV, as which a file is read whose content shows no other format: write user,realm,password, or name the \
         format with --credentials-type"
    )]
    NotCsv,
    /// A heading is not known.
    #[error(
        "heading {column} is not one of user, realm, password, ha1, algorithm, res, k, op, opc; if `user` is an account \
         and no heading, write the line `user,realm,password` above it"
    )]
    UnknownHeading {
        /// Which one, from 1.
        column: usize,
    },
    /// A heading stands twice.
    #[error("heading {column} stands a second time: keep one")]
    RepeatedHeading {
        /// Which one, from 1.
        column: usize,
    },
    /// No heading names a secret.
    #[error("no column holds a secret: name one of them password or ha1")]
    NoSecretHeading,
    /// A quote is not closed.
    #[error("a quote opened on this line is never closed: write a quote within a value as \"\"")]
    QuoteNotClosed,
    /// Text after a closing quote.
    #[error("text after a closing quote: write a quote within a value as \"\", and put the whole value in quotes")]
    TextAfterQuote,
    /// A row has both.
    #[error("both a password and an ha1: use a row for each")]
    TwoSecrets,
    /// The algorithm of an HA1 is not known.
    #[error("unknown algorithm: write MD5, SHA-256, SHA-512-256 or SHA-512")]
    UnknownAlgorithm,
    /// The HA1 is none.
    #[error(transparent)]
    Ha1(#[from] Ha1Error),
    /// The values of AKA are none.
    #[error(transparent)]
    Aka(#[from] AkaError),
    /// K alone, or an operator's value alone, or both of them.
    #[error("k needs op or opc beside it, one of them; res stands in a row of its own")]
    AkaColumns,
    /// A line of an htdigest file has another shape.
    #[error("expected user:realm:HA1 or user:realm:algorithm:HA1")]
    NotHtdigest,
    /// A file of a program's own format has another shape.
    #[error("{0}")]
    Malformed(&'static str),
    /// One secret for everybody.
    #[error("the user `*` is refused: sipauth verifies known secrets and does not guess; name the user")]
    UserWildcard,
    /// Past [`SECRETS_MAX`].
    #[error(
        "a fourth secret for one user and realm; at most {SECRETS_MAX} are taken, for old and new passwords: sipauth \
         verifies known secrets and is no cracker; remove one"
    )]
    TooManySecrets,
    /// Past [`ENTRIES_MAX`].
    #[error("more than {ENTRIES_MAX} entries: give the users of this capture only")]
    TooManyEntries,
    /// UTF-16.
    #[error("the file is UTF-16: save it as UTF-8")]
    Utf16,
}

/// Something to tell the user that does not stop the run. Displays as `creds.csv:7: …`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {kind}")]
pub struct Warning {
    /// File and line; only the file when it is about the whole.
    pub place: SourceId,
    /// What it is.
    #[source]
    pub kind: WarningKind,
}

/// What to tell.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarningKind {
    /// The file is empty.
    #[error("no rows: nothing can be verified with this file")]
    NoRows,
    /// So many rows have neither password nor HA1, this one first.
    #[error(
        "{0} row{plural} without a secret, this one first: passed over; a password that is empty indeed is given with --user and \
         --password ''",
        plural = if *.0 == 1 { "" } else { "s" }
    )]
    WithoutSecret(usize),
    /// The user is empty.
    #[error("the user is empty: only credentials with an empty user name are verified with it")]
    EmptyUser,
    /// The realm is empty.
    #[error("the realm is empty: write * for any realm")]
    EmptyRealm,
    /// Blanks at the edge of a value.
    #[error("the {0} begins or ends with a blank, which is kept")]
    EdgeBlanks(&'static str),
    /// Bytes that are not UTF-8.
    #[error("the {0} is not UTF-8: its bytes are used as they are")]
    NotUtf8(&'static str),
    /// A password and an HA1 that was made of another.
    #[error("the HA1 was not made of the password beside it: both are tried, and the server may use either")]
    Ha1Differs,
    /// A value that another file holds.
    #[error("the value is a variable that another file sets; give {0}, which holds the values")]
    Variable(&'static str),
    /// A file that is named and not read.
    #[error("the file named here is not read: give it with --credentials, too")]
    NotFollowed,
    /// Warnings that are not told.
    #[error("{0} more warnings about this file")]
    More(usize),
    /// An algorithm beside a password.
    #[error("the algorithm is not used: a password verifies every algorithm")]
    AlgorithmUnused,
}
