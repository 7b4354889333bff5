//! The lines of Apache's htdigest, `user:realm:HA1`, also `user:realm:algorithm:HA1`. They are read from the right: a
//! realm holds no colon, a user name may.

use crate::digest::keyring::KeyringError;
use crate::digest::keyring::KeyringErrorKind;
use crate::digest::keyring::RowAccount;
use crate::digest::keyring::Rows;
use crate::digest::secret::Secret;
use crate::digest::secret::guess_hash;
use crate::digest::secret::hash_of_algorithm;

/// Whether every line has the shape, and there is at least one.
pub(super) fn is_htdigest(bytes: &[u8]) -> bool {
    let mut lines = lines(bytes).peekable();
    lines.peek().is_some() && lines.all(|(_, line)| split(line).is_some_and(|row| guess_hash(row.ha1).is_ok()))
}

pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), KeyringError> {
    for (number, line) in lines(bytes) {
        let row = split(line).ok_or_else(|| rows.error(number, KeyringErrorKind::NotHtdigest))?;
        let hash = row.algorithm.and_then(hash_of_algorithm).map_or_else(|| guess_hash(row.ha1), Ok);
        let secret = hash.and_then(|hash| Secret::ha1(hash, row.ha1));
        let secret = secret.map_err(|error| rows.error(number, error.into()))?;
        rows.add(number, row.account, secret)?;
    }
    Ok(())
}

/// The lines that are neither blank nor a comment, with their numbers from 1.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| {
        let text = line.trim_ascii();
        !text.is_empty() && !text.starts_with(b"#")
    })
}

struct Row<'a> {
    account: RowAccount<'a>,
    algorithm: Option<&'a [u8]>,
    ha1: &'a [u8],
}

fn split(line: &[u8]) -> Option<Row<'_>> {
    let (front, ha1) = split_last(line)?;
    let (user, realm) = split_last(front)?;
    if hash_of_algorithm(realm).is_some()
        && let Some((user, before)) = split_last(user)
    {
        let account = RowAccount { user, realm: before };
        return Some(Row { account, algorithm: Some(realm), ha1: ha1.trim_ascii() });
    }
    Some(Row { account: RowAccount { user, realm }, algorithm: None, ha1: ha1.trim_ascii() })
}

fn split_last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().rposition(|byte| *byte == b':')?;
    Some((text.get(..colon)?, text.get(colon + 1..)?))
}

#[cfg(test)]
mod tests {
    use crate::auth::HashName;
    use crate::digest::keyring::KeyringFormat;
    use crate::digest::keyring::read;
    use crate::digest::secret::SecretKind;

    fn check(line: &str, user: &str, realm: &str, hash: HashName) {
        let (keyring, warnings) = read(line.as_bytes(), "users", None).unwrap();
        let index = keyring.realms_of(user.as_bytes()).unwrap().exact(realm.as_bytes())[0];
        assert!(keyring.entry(index).unwrap().secret.kind == SecretKind::Ha1(hash));
        assert_eq!(warnings, []);
    }

    #[test]
    fn lines_are_read_from_the_right() {
        let (md5, sha) = ("0".repeat(32), "A".repeat(64));
        check(&format!("alice:example.com:{md5}"), "alice", "example.com", HashName::Md5);
        check(&format!("sip:alice:example.com:{md5}\r\n"), "sip:alice", "example.com", HashName::Md5);
        check(&format!("alice:example.com:SHA-512-256:{sha}"), "alice", "example.com", HashName::Sha512_256);
        check(&format!("alice:example.com:{sha}"), "alice", "example.com", HashName::Sha256);
        check(&format!("alice:MD5:{md5}"), "alice", "MD5", HashName::Md5);
    }

    #[test]
    fn errors_name_the_line_and_no_value() {
        let check = |text: &str, expect: &str| {
            let error = read(text.as_bytes(), "users", Some(KeyringFormat::Htdigest)).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with(expect) && !error.contains("hunter2"), "{error}");
        };
        check("# a\nalice:hunter2\n", "users:2: expected user:realm:HA1");
        check("alice:r:hunter2\n", "users:1: not an HA1: only the digits");
        check("alice:r:SHA-256:00112233445566778899aabbccddeeff\n", "users:1: not an HA1 of SHA-256: 32 hex digits");
    }
}
