//! The secrets that the options name, read into a keyring. Once one is read, the process leaves no core dump.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;
use sha2::Digest;
use sha2::Sha256;
use zeroize::Zeroizing;

use sipauth::digest::Keyring;
use sipauth::digest::KeyringFormat;
use sipauth::digest::Secret;
use sipauth::digest::keyring;

use crate::cli::exit::usage;
use crate::cli::folders;
use crate::cli::output::Notes;
use crate::cli::secret_options::CredentialsType;
use crate::cli::secret_options::SecretOptions;

/// What was read, and from where.
pub struct Secrets {
    /// The secrets.
    pub keyring: Keyring,
    /// The options they came from, for the report: never the secrets.
    pub sources: Vec<String>,
}

/// Reads every secret that the options name.
pub fn read(options: &SecretOptions, notes: &Notes) -> Result<Secrets> {
    let mut secrets = Secrets { keyring: Keyring::new(), sources: Vec::new() };
    for path in &options.credentials {
        forbid_core_dumps();
        let bytes = read_file(path, "--credentials", notes)?;
        let name = path.to_string_lossy();
        let kind = options.credentials_type.map(|kind| match kind {
            CredentialsType::Csv => KeyringFormat::Csv,
            CredentialsType::Htdigest => KeyringFormat::Htdigest,
            CredentialsType::Pjsip => KeyringFormat::Pjsip,
            CredentialsType::Subscriber => KeyringFormat::Subscriber,
            CredentialsType::Freeswitch => KeyringFormat::Freeswitch,
            CredentialsType::Wireshark => KeyringFormat::Wireshark,
        });
        let (keyring, warnings) =
            keyring::read(&bytes, &short(path), kind).map_err(|error| usage(error.to_string()))?;
        warnings.iter().for_each(|warning| notes.warn(&warning.to_string()));
        secrets.keyring.merge(keyring).map_err(|error| usage(error.to_string()))?;
        secrets.sources.push(format!("--credentials {name}"));
    }
    if let Some(user) = &options.user {
        forbid_core_dumps();
        let (secret, source) = account_secret(options, notes)?;
        let realm = options.realm.as_bytes();
        secrets.keyring.account(user.as_bytes(), realm, secret, "--user").map_err(|error| usage(error.to_string()))?;
        secrets.sources.push(source.to_owned());
    }
    Ok(secrets)
}

/// Reads a TLS key log.
pub fn read_key_log(path: &Path, notes: &Notes) -> Result<Zeroizing<Vec<u8>>> {
    forbid_core_dumps();
    read_file(path, "--tls-keylog", notes)
}

/// What the names of strict redaction are made with: a file's content, else chance.
pub fn pseudonym_key(path: Option<&Path>, notes: &Notes) -> Result<[u8; 32]> {
    let Some(path) = path else {
        let mut key = [0; 32];
        rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| usage(format!("the system gives no random numbers: {error}; use --pseudonym-key")))?;
        return Ok(key);
    };
    let bytes = read_file(path, "--pseudonym-key", notes)?;
    // Fewer bytes could be guessed.
    if bytes.len() < 16 {
        return Err(usage(format!("{}: holds {} bytes; a key needs at least 16", path.display(), bytes.len())));
    }
    Ok(Sha256::digest(&bytes).into())
}

/// The name that stands in reports: the file's, without its folder.
fn short(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn read_file(path: &Path, option: &str, notes: &Notes) -> Result<Zeroizing<Vec<u8>>> {
    if path == Path::new("-") {
        return read_wiped(std::io::stdin()).map_err(|error| usage(format!("{option} -: {error}")));
    }
    let told = |error: std::io::Error| usage(format!("{}: {error}; give a file that can be read", path.display()));
    if path.is_dir() {
        let text = "is a folder; give its files one by one, each with its own option";
        return Err(usage(format!("{}: {text}", path.display())));
    }
    // What is no file, as the output of a program, can be read but once.
    if path.is_file() && folders::is_capture(path).is_ok_and(|is_capture| is_capture) {
        return Err(usage(format!(
            "{}: is a capture, and {option} wants secrets; name it without the option",
            path.display()
        )));
    }
    let file = fs::File::open(path).map_err(told)?;
    warn_if_shared(path, &file, notes);
    read_wiped(file).map_err(told)
}

/// Reads to the end. What grows leaves a copy of what it held where it was: each room is wiped before the next is used.
fn read_wiped(mut from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    loop {
        let room = bytes.capacity() - bytes.len();
        let read = from.by_ref().take(room as u64).read_to_end(&mut bytes)?;
        if read < room {
            return Ok(bytes);
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * bytes.capacity()));
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}

fn warn_if_shared(path: &Path, file: &fs::File, notes: &Notes) {
    use std::os::unix::fs::MetadataExt;
    let is_shared = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o077 != 0);
    if is_shared {
        notes.warn(&format!("{}: others may read this file of secrets; chmod 600 keeps it yours", path.display()));
    }
}

fn account_secret(options: &SecretOptions, notes: &Notes) -> Result<(Secret, &'static str)> {
    if let Some(password) = &options.password {
        notes.warn("--password shows the secret in the process list and the shell's history; --ask-password does not");
        return Ok((Secret::password(password.as_bytes()), "--user --password"));
    }
    if let Some(ha1) = &options.ha1 {
        let secret = Secret::parse_ha1(ha1.as_bytes()).map_err(|error| usage(format!("--ha1: {error}")))?;
        return Ok((secret, "--user --ha1"));
    }
    if options.password_stdin {
        let bytes = read_wiped(std::io::stdin()).map_err(|error| usage(format!("--password-stdin: {error}")))?;
        let password = first_line(&bytes);
        if password.is_empty() {
            return Err(usage("--password-stdin: stdin holds no password; pipe it in, or use --ask-password"));
        }
        return Ok((Secret::password(password), "--user --password-stdin"));
    }
    if options.ask_password {
        let asked = rpassword::prompt_password("Password: ")
            .map_err(|error| usage(format!("--ask-password: no terminal to ask at ({error}); use --password-stdin")))?;
        return Ok((Secret::password(Zeroizing::new(asked).as_bytes()), "--user --ask-password"));
    }
    Err(usage("--user needs a secret: --ask-password, --password-stdin, --password or --ha1"))
}

/// A password piped from `echo` or a file ends in a line end that is not part of it.
fn first_line(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Where the system refuses, the secrets are no worse off than in any other program.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
