//! Options that say whose secrets to verify with.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

/// Where secrets come from.
#[derive(Args, Debug)]
#[command(next_help_heading = "Secrets: sipauth verifies those it is given, and guesses none")]
pub struct SecretOptions {
    /// Who has which password: CSV `user,realm,password` (`*` is any realm), htdigest, Asterisk's pjsip.conf or sip.conf, a subscriber dump
    /// of Kamailio or OpenSIPS, FreeSWITCH's directory and gateways, Wireshark's authorization_users_sip; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    pub credentials: Vec<PathBuf>,

    /// The format of credentials files, where their content does not tell.
    #[arg(long, value_enum, value_name = "TYPE")]
    pub credentials_type: Option<CredentialsType>,

    /// One account: the user name as in the digest.
    #[arg(long, value_name = "USER")]
    pub user: Option<OsString>,

    /// The realm of that account.
    #[arg(long, requires = "user", default_value = "*", value_name = "REALM")]
    pub realm: OsString,

    /// Read that account's password from stdin.
    #[arg(long, requires = "user", group = "secret")]
    pub password_stdin: bool,

    /// Ask for that account's password.
    #[arg(long, requires = "user", group = "secret")]
    pub ask_password: bool,

    /// That account's password; the process list shows it.
    #[arg(long, requires = "user", group = "secret", value_name = "SECRET")]
    pub password: Option<OsString>,

    /// That account's HA1: 32 hex digits are MD5, 64 are SHA-256 unless `sha-512-256:` stands before.
    #[arg(long, requires = "user", group = "secret", value_name = "[ALGORITHM:]HEX")]
    pub ha1: Option<OsString>,
}

impl SecretOptions {
    /// How many of them read stdin.
    pub fn stdin_readers(&self) -> usize {
        let files = self.credentials.iter().filter(|path| *path == Path::new("-")).count();
        files + usize::from(self.password_stdin)
    }
}

/// Formats of credentials files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialsType {
    /// RFC 4180.
    Csv,
    /// `user:realm:HA1`, also `user:realm:algorithm:HA1`.
    Htdigest,
    /// Asterisk's pjsip.conf or sip.conf.
    Pjsip,
    /// A dump of the subscriber table of Kamailio or OpenSIPS: SQL, CSV or tab-separated text.
    Subscriber,
    /// FreeSWITCH's directory or gateways, in XML.
    Freeswitch,
    /// Wireshark's authorization_users_sip.
    Wireshark,
}
