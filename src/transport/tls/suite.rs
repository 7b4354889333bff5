//! What a cipher suite means for records: which cipher, which hash, which MAC.

use tls_parser::TlsCipherEnc;
use tls_parser::TlsCipherEncMode;
use tls_parser::TlsCipherMac;
use tls_parser::TlsCipherSuite;
use tls_parser::TlsPRF;

/// TLS 1.0 (RFC 2246).
pub(super) const TLS_1_0: u16 = 0x0301;
/// TLS 1.1 (RFC 4346).
pub(super) const TLS_1_1: u16 = 0x0302;
/// TLS 1.2.
pub(super) const TLS_1_2: u16 = 0x0303;
/// TLS 1.3.
pub(super) const TLS_1_3: u16 = 0x0304;

/// Hash functions of key schedules and MACs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Of key schedules before TLS 1.2.
    Md5,
    /// As a MAC, and as the other one of those key schedules.
    Sha1,
    Sha256,
    Sha384,
}

impl Hash {
    /// Length of its output in bytes.
    pub(super) fn len(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
        }
    }
}

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    /// AES in CCM mode with a key and a tag of so many bytes.
    AesCcm {
        key_len: usize,
        tag_len: usize,
    },
    /// AES in CBC mode with a key of so many bytes, and HMAC.
    AesCbc {
        key_len: usize,
        mac: Hash,
    },
}

/// A cipher suite, as far as records and keys are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) version: u16,
    pub(super) cipher: Cipher,
    /// Of the key schedule, from TLS 1.2 on; before, it has two.
    pub(super) hash: Hash,
}

impl Suite {
    /// The suite of this number; `None` where it is not supported in this version.
    pub(super) fn of(version: u16, id: u16) -> Option<Suite> {
        let known = TlsCipherSuite::from_id(id)?;
        let is_1_3 = id >> 8 == 0x13;
        if is_1_3 != (version == TLS_1_3) || !matches!(version, TLS_1_0 | TLS_1_1 | TLS_1_2 | TLS_1_3) {
            return None;
        }
        let key_len = known.enc_key_size();
        let cipher = match (&known.enc, &known.enc_mode) {
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm) if key_len == 16 => Cipher::Aes128Gcm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm) if key_len == 32 => Cipher::Aes256Gcm,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Ccm) if matches!(key_len, 16 | 32) => {
                // RFC 6655 §4: the tag of those with this name is half as long.
                let tag_len = if known.name.contains("_CCM_8") { 8 } else { 16 };
                Cipher::AesCcm { key_len, tag_len }
            }
            (TlsCipherEnc::Chacha20_Poly1305, _) => Cipher::ChaCha20Poly1305,
            (TlsCipherEnc::Aes, TlsCipherEncMode::Cbc) if matches!(key_len, 16 | 32) => {
                let mac = match known.mac {
                    TlsCipherMac::HmacSha1 => Hash::Sha1,
                    TlsCipherMac::HmacSha256 => Hash::Sha256,
                    TlsCipherMac::HmacSha384 => Hash::Sha384,
                    _ => return None,
                };
                Cipher::AesCbc { key_len, mac }
            }
            _ => return None,
        };
        // RFC 5246 appendix A.5: what came with TLS 1.2 is not for the versions before.
        let is_old = matches!(cipher, Cipher::AesCbc { mac: Hash::Sha1, .. });
        if version < TLS_1_2 && !is_old {
            return None;
        }
        // RFC 5246 §5: SHA-256 unless the suite says otherwise.
        let hash = if known.prf == TlsPRF::Sha384 { Hash::Sha384 } else { Hash::Sha256 };
        Some(Suite { version, cipher, hash })
    }

    /// The registry's name of a suite, or its number.
    pub(super) fn name(id: u16) -> String {
        TlsCipherSuite::from_id(id).map_or_else(|| format!("0x{id:04x}"), |known| known.name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_those_of_the_registry() {
        let check = |version, id, cipher, hash| {
            assert_eq!(Suite::of(version, id), Some(Suite { version, cipher, hash }), "{id:04x}");
        };
        check(TLS_1_3, 0x1301, Cipher::Aes128Gcm, Hash::Sha256);
        check(TLS_1_3, 0x1302, Cipher::Aes256Gcm, Hash::Sha384);
        check(TLS_1_3, 0x1303, Cipher::ChaCha20Poly1305, Hash::Sha256);
        check(TLS_1_2, 0xc02f, Cipher::Aes128Gcm, Hash::Sha256);
        check(TLS_1_2, 0xc030, Cipher::Aes256Gcm, Hash::Sha384);
        check(TLS_1_2, 0xcca8, Cipher::ChaCha20Poly1305, Hash::Sha256);
        check(TLS_1_2, 0x002f, Cipher::AesCbc { key_len: 16, mac: Hash::Sha1 }, Hash::Sha256);
        check(TLS_1_2, 0xc027, Cipher::AesCbc { key_len: 16, mac: Hash::Sha256 }, Hash::Sha256);
        check(TLS_1_2, 0xc028, Cipher::AesCbc { key_len: 32, mac: Hash::Sha384 }, Hash::Sha384);
        check(TLS_1_2, 0xc0ac, Cipher::AesCcm { key_len: 16, tag_len: 16 }, Hash::Sha256);
        check(TLS_1_2, 0xc0a3, Cipher::AesCcm { key_len: 32, tag_len: 8 }, Hash::Sha256);
        check(TLS_1_3, 0x1304, Cipher::AesCcm { key_len: 16, tag_len: 16 }, Hash::Sha256);
        check(TLS_1_3, 0x1305, Cipher::AesCcm { key_len: 16, tag_len: 8 }, Hash::Sha256);
        check(TLS_1_0, 0xc014, Cipher::AesCbc { key_len: 32, mac: Hash::Sha1 }, Hash::Sha256);
        check(TLS_1_1, 0x002f, Cipher::AesCbc { key_len: 16, mac: Hash::Sha1 }, Hash::Sha256);
        // RC4, 3DES, a suite of the other version, an old version, no suite.
        for (version, id) in [
            (TLS_1_2, 5),
            (TLS_1_2, 10),
            (TLS_1_2, 0x1301),
            (0x0300, 0x2f),
            (TLS_1_1, 0xc02f),
            (TLS_1_0, 0x3c),
            (TLS_1_3, 0xffff),
        ] {
            assert_eq!(Suite::of(version, id), None, "{id:04x}");
        }
        assert_eq!(Suite::name(0xc09c), "TLS_RSA_WITH_AES_128_CCM");
    }
}
