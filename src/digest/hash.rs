//! The hash functions behind one name, and their output as lower-case hex (RFC 7616 §3, §3.4.1).

use md5::Digest;
use md5::Md5;
use sha2::Sha256;
use sha2::Sha512;
use sha2::Sha512_256;
use zeroize::Zeroize;

use crate::auth::HashName;

/// Hex digits of the longest hash, SHA-512.
const HEX_LEN_MAX: usize = 128;

/// A hash under way, which may be gone on with in several ways. Its state is wiped on drop.
#[derive(Clone)]
pub enum Hasher {
    /// MD5.
    Md5(Md5),
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512/256.
    Sha512_256(Sha512_256),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// Starts a hash.
    #[inline]
    pub fn new(hash: HashName) -> Hasher {
        match hash {
            HashName::Md5 => Hasher::Md5(Md5::new()),
            HashName::Sha256 => Hasher::Sha256(Sha256::new()),
            HashName::Sha512_256 => Hasher::Sha512_256(Sha512_256::new()),
            HashName::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// Adds bytes.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512_256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Ends the hash.
    #[inline]
    pub fn finish(self) -> Hex {
        match self {
            Hasher::Md5(hasher) => Hex::of(&hasher.finalize()),
            Hasher::Sha256(hasher) => Hex::of(&hasher.finalize()),
            Hasher::Sha512_256(hasher) => Hex::of(&hasher.finalize()),
            Hasher::Sha512(hasher) => Hex::of(&hasher.finalize()),
        }
    }
}

/// `H(part:part:part)`: the parts with colons between them.
#[inline]
pub fn hash_joined(hash: HashName, parts: &[&[u8]]) -> Hex {
    match hash {
        HashName::Md5 => joined::<Md5>(parts),
        HashName::Sha256 => joined::<Sha256>(parts),
        HashName::Sha512_256 => joined::<Sha512_256>(parts),
        HashName::Sha512 => joined::<Sha512>(parts),
    }
}

/// A loop for each hash: to ask for its kind with every part takes an eighth of a check. The state is wiped on drop.
fn joined<D: Digest>(parts: &[&[u8]]) -> Hex {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    Hex::of(&hasher.finalize())
}

/// A hash as lower-case hex digits, on the stack. No `Debug`: an HA1 is as good as a password.
pub struct Hex {
    digits: [u8; HEX_LEN_MAX],
    len: usize,
}

impl Hex {
    #[inline]
    fn of(bytes: &[u8]) -> Hex {
        let mut digits = [0; HEX_LEN_MAX];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            if let [high, low] = pair {
                *high = hex_digit(byte >> 4);
                *low = hex_digit(byte & 0x0f);
            }
        }
        Hex { digits, len: bytes.len() * 2 }
    }

    /// The first digits of it.
    pub(super) fn cut(self, len: usize) -> Hex {
        Hex { len: self.len.min(len), ..self }
    }

    /// The digits.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }
}

/// For the values that must not stay in memory: HA1.
impl Zeroize for Hex {
    fn zeroize(&mut self) {
        self.digits.zeroize();
    }
}

#[inline]
fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_published_ones() {
        let check = |hash, text: &str| {
            let hex = hash_joined(hash, &[b"abc"]);
            assert_eq!(std::str::from_utf8(hex.as_bytes()).unwrap(), text);
            assert_eq!(text.len(), hash.hex_len());
        };
        // RFC 1321 appendix A.5; FIPS 180-4's example values for "abc".
        check(HashName::Md5, "900150983cd24fb0d6963f7d28e17f72");
        check(HashName::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(HashName::Sha512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
        check(
            HashName::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        );
    }
}
