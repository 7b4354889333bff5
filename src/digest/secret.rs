//! A password or an HA1. It cannot be printed, compared from outside or serialised, and is wiped on drop.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::auth::HashName;
use crate::base::encoding::unhex;
use crate::digest::milenage;
use crate::digest::response::Account;
use crate::digest::response::ha1;

/// What proves who somebody is.
pub struct Secret {
    pub(super) kind: SecretKind,
    // Boxed, so that a growing list of secrets leaves no copies behind.
    bytes: Zeroizing<Box<[u8]>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretKind {
    Password,
    /// `H(user:realm:password)` as lower-case hex, good for this hash function alone.
    Ha1(HashName),
    /// RES of one AKA challenge, as bytes.
    AkaRes,
    /// A SIM's key and its OPc: 16 bytes each.
    AkaKey,
}

impl Secret {
    /// A password as the user knows it: bytes, never trimmed or converted.
    pub fn password(bytes: &[u8]) -> Secret {
        Secret { kind: SecretKind::Password, bytes: Zeroizing::new(bytes.into()) }
    }

    /// An HA1 of `hash`. Its digits may be of either case.
    ///
    /// # Errors
    ///
    /// When `hex` has another number of digits than `hash` gives, or holds something else than digits.
    pub fn ha1(hash: HashName, hex: &[u8]) -> Result<Secret, Ha1Error> {
        if !hex.iter().all(u8::is_ascii_hexdigit) {
            return Err(Ha1Error::NotHex);
        }
        if hex.len() != hash.hex_len() {
            return Err(Ha1Error::WrongLength { hash: hash.name(), expected: hash.hex_len(), got: hex.len() });
        }
        let mut bytes: Zeroizing<Box<[u8]>> = Zeroizing::new(hex.into());
        bytes.make_ascii_lowercase();
        Ok(Secret { kind: SecretKind::Ha1(hash), bytes })
    }

    /// RES, what a SIM answered to one AKA challenge, in hex: 4 to 16 bytes (3GPP TS 33.102 §6.3.7).
    ///
    /// # Errors
    ///
    /// When it has another length, or holds something else than digits.
    pub fn aka_res(hex: &[u8]) -> Result<Secret, AkaError> {
        let bytes = unhex(hex).filter(|bytes| (4..=16).contains(&bytes.len())).ok_or(AkaError::Res)?;
        Ok(Secret { kind: SecretKind::AkaRes, bytes: Zeroizing::new(bytes.as_slice().into()) })
    }

    /// The key of a SIM with the operator's value, both in hex, 32 digits each.
    ///
    /// # Errors
    ///
    /// When one has another length, or holds something else than digits.
    pub fn aka_key(k: &[u8], operator: OperatorValue<'_>) -> Result<Secret, AkaError> {
        let block = |hex: &[u8]| {
            let bytes = unhex(hex)?;
            Some(Zeroizing::new(<[u8; 16]>::try_from(bytes.as_slice()).ok()?))
        };
        let key = block(k).ok_or(AkaError::K)?;
        let opc = match operator {
            OperatorValue::Op(hex) => milenage::opc(&key, &*block(hex).ok_or(AkaError::Op)?),
            OperatorValue::Opc(hex) => block(hex).ok_or(AkaError::Opc)?,
        };
        let both = Zeroizing::new([&key[..], &opc[..]].concat());
        Ok(Secret { kind: SecretKind::AkaKey, bytes: Zeroizing::new(both.as_slice().into()) })
    }

    /// An HA1 as `[ALGORITHM:]HEX`: without an algorithm 32 digits are MD5, and 64 are SHA-256.
    ///
    /// # Errors
    ///
    /// When the algorithm is not known, or the digits do not fit it. The text is never repeated in the error.
    pub fn parse_ha1(text: &[u8]) -> Result<Secret, Ha1Error> {
        match text.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let algorithm = text.get(..colon).unwrap_or_default();
                let hash = hash_of_algorithm(algorithm).ok_or(Ha1Error::UnknownAlgorithm)?;
                Secret::ha1(hash, text.get(colon + 1..).unwrap_or_default())
            }
            None => Secret::ha1(guess_hash(text)?, text),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it is the HA1 that this password gives for that user and realm.
    pub(super) fn is_made_of(&self, username: &[u8], realm: &[u8], password: &[u8]) -> bool {
        let SecretKind::Ha1(hash) = self.kind else { return false };
        ha1(hash, Account { username, realm }, password).as_bytes() == self.bytes()
    }

    pub(super) fn is_same(&self, other: &Secret) -> bool {
        self.kind == other.kind && self.bytes == other.bytes
    }
}

/// The operator's value that Milenage needs beside K.
#[derive(Clone, Copy)]
pub enum OperatorValue<'a> {
    /// OP, one for all SIMs of an operator.
    Op(&'a [u8]),
    /// OPc, which was made of OP and the SIM's key.
    Opc(&'a [u8]),
}

/// The hash function whose HA1 an algorithm uses. `-sess` starts from the same one (RFC 7616 §3.4.2).
pub(super) fn hash_of_algorithm(name: &[u8]) -> Option<HashName> {
    let (front, back) = name.split_at(name.len().saturating_sub("-sess".len()));
    HashName::from_bytes(if back.eq_ignore_ascii_case(b"-sess") { front } else { name })
}

/// The hash function that an HA1 without a name has by its length.
pub(super) fn guess_hash(hex: &[u8]) -> Result<HashName, Ha1Error> {
    match hex.len() {
        _ if !hex.iter().all(u8::is_ascii_hexdigit) => Err(Ha1Error::NotHex),
        32 => Ok(HashName::Md5),
        64 => Ok(HashName::Sha256),
        128 => Ok(HashName::Sha512),
        got => Err(Ha1Error::NoSuchLength { got }),
    }
}

/// Says nothing about the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a text is no HA1. Never repeats the text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ha1Error {
    /// The word before the colon is no algorithm.
    #[error("unknown algorithm before the colon: write md5:, sha-256:, sha-512-256: or sha-512:")]
    UnknownAlgorithm,
    /// Something else than hex digits.
    #[error("not an HA1: only the digits 0-9 and a-f are allowed; is it a password?")]
    NotHex,
    /// The number of digits fits no algorithm.
    #[error("not an HA1: {got} hex digits; MD5 has 32, SHA-256 and SHA-512-256 have 64, SHA-512 has 128")]
    NoSuchLength {
        /// Digits given.
        got: usize,
    },
    /// The number of digits does not fit the algorithm.
    #[error("not an HA1 of {hash}: {got} hex digits; it has {expected}")]
    WrongLength {
        /// The algorithm.
        hash: &'static str,
        /// Digits needed.
        expected: usize,
        /// Digits given.
        got: usize,
    },
}

/// Why a text is no value of AKA. Never repeats the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AkaError {
    /// RES.
    #[error("res is not 8 to 32 hex digits")]
    Res,
    /// K.
    #[error("k is not 32 hex digits")]
    K,
    /// OP.
    #[error("op is not 32 hex digits")]
    Op,
    /// OPc.
    #[error("opc is not 32 hex digits")]
    Opc,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HashName, String> {
        Secret::parse_ha1(text.as_bytes()).map_err(|error| error.to_string()).map(|secret| match secret.kind {
            SecretKind::Ha1(hash) => hash,
            _ => unreachable!("an HA1 was parsed"),
        })
    }

    #[test]
    fn the_length_names_the_algorithm_unless_it_is_written() {
        assert_eq!(parse(&"A".repeat(32)), Ok(HashName::Md5));
        assert_eq!(parse(&"0".repeat(64)), Ok(HashName::Sha256));
        assert_eq!(parse(&format!("sha-512-256:{}", "0".repeat(64))), Ok(HashName::Sha512_256));
        assert_eq!(parse(&format!("MD5-sess:{}", "0".repeat(32))), Ok(HashName::Md5));
    }

    #[test]
    fn errors_do_not_repeat_the_secret() {
        for text in ["hunter2", "hunter2:secret", "md5:hunter2", "deadbeef", "sha-256:deadbeef"] {
            let error = parse(text).unwrap_err();
            for part in text.split(':').filter(|part| !["md5", "sha-256"].contains(part)) {
                assert!(!error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::password(b"hunter2")), "[redacted]");
    }
}
