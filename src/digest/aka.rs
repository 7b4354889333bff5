//! The password of AKA (RFC 3310 §3.3, RFC 4169 §3): what a SIM answers to the RAND that the nonce holds. With K and OP or OPc it is
//! computed; RES alone is good for the one challenge that it answers.

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use md5::Md5;
use sha2::Sha256;
use sha2::Sha512;
use sha2::Sha512_256;
use zeroize::Zeroizing;

use crate::auth::AkaVersion;
use crate::auth::HashName;
use crate::base::encoding::base64_decoded;
use crate::base::encoding::base64_encoded;
use crate::digest::milenage;
use crate::digest::response::Account;
use crate::digest::response::ha1;
use crate::digest::secret::Secret;
use crate::digest::secret::SecretKind;
use crate::digest::verdict::Reason;

/// What of credentials goes into the password of AKA.
pub(super) struct Challenge {
    version: AkaVersion,
    /// The first 16 bytes of the nonce; None where it is no nonce of AKA.
    rand: Option<[u8; 16]>,
    /// The SIM asks for resynchronisation: then the password is empty (RFC 3310 §3.4).
    has_auts: bool,
}

/// RAND and AUTN: what a nonce of AKA holds at least (RFC 3310 §3.2).
const NONCE_LEN_BYTES_MIN: usize = 32;

/// Digits of base64 that are decoded: RAND is what counts, and server data of any length may follow.
const NONCE_DIGITS_MAX: usize = 1024;

/// The label that RFC 4169 §3 hashes.
const LABEL: &[u8] = b"http-digest-akav2-password";

impl Challenge {
    pub(super) fn read(version: AkaVersion, nonce: &[u8], auts: Option<&[u8]>) -> Challenge {
        let digits = nonce.get(..NONCE_DIGITS_MAX).unwrap_or(nonce).trim_ascii_end();
        // One digit alone behind groups of four is what a cut left, and no byte.
        let whole = if digits.len() % 4 == 1 { digits.split_last().map_or(digits, |(_, front)| front) } else { digits };
        let decoded = base64_decoded(whole);
        let rand = decoded.filter(|bytes| bytes.len() >= NONCE_LEN_BYTES_MIN);
        let rand = rand.and_then(|bytes| bytes.first_chunk::<16>().copied());
        Challenge { version, rand, has_auts: auts.is_some_and(|auts| !auts.is_empty()) }
    }

    /// The HA1 that this secret gives; None where it gives none.
    pub(super) fn ha1(&self, secret: &Secret, hash: HashName, account: Account<'_>) -> Option<Zeroizing<Box<[u8]>>> {
        let password = self.password(secret, hash)?;
        Some(Zeroizing::new(ha1(hash, account, &password).as_bytes().into()))
    }

    /// What the SIM answers, as AKA's password; None where the secret does not give it.
    pub(super) fn password(&self, secret: &Secret, hash: HashName) -> Option<Zeroizing<Vec<u8>>> {
        match secret.kind {
            SecretKind::AkaRes | SecretKind::AkaKey if self.has_auts => Some(Zeroizing::default()),
            SecretKind::AkaRes if self.version == AkaVersion::V1 => Some(Zeroizing::new(secret.bytes().to_vec())),
            SecretKind::AkaKey => {
                let (key, opc) = secret.bytes().split_first_chunk::<16>()?;
                let outputs = milenage::outputs(key, opc.first_chunk()?, &self.rand?);
                Some(match self.version {
                    AkaVersion::V1 => Zeroizing::new(outputs.res.to_vec()),
                    AkaVersion::V2 => {
                        let parts = [&outputs.res[..], &outputs.ik[..], &outputs.ck[..]];
                        prf(hash, &Zeroizing::new(parts.concat()))
                    }
                })
            }
            _ => None,
        }
    }

    /// Why none of these secrets tells whether the digest is right.
    pub(super) fn why_not<'s>(&self, secrets: impl Iterator<Item = &'s Secret>) -> Reason {
        let mut reason = Reason::AkaWithoutKey;
        for secret in secrets {
            match (secret.kind, self.version) {
                (SecretKind::AkaKey, _) => return Reason::AkaNonceMalformed,
                (SecretKind::AkaRes, AkaVersion::V1) => reason = Reason::AkaResOfAnother,
                (SecretKind::AkaRes, AkaVersion::V2) => reason = Reason::AkaResAlone,
                _ => {}
            }
        }
        reason
    }
}

/// `base64(HMAC(RES‖IK‖CK, "http-digest-akav2-password"))`, with the hash of the digest (RFC 4169 §3).
fn prf(hash: HashName, key: &[u8]) -> Zeroizing<Vec<u8>> {
    fn mac<M: Mac + KeyInit>(key: &[u8]) -> Zeroizing<Vec<u8>> {
        // HMAC takes keys of any length.
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Zeroizing::default() };
        mac.update(LABEL);
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    }
    let bytes = match hash {
        HashName::Md5 => mac::<Hmac<Md5>>(key),
        HashName::Sha256 => mac::<Hmac<Sha256>>(key),
        HashName::Sha512_256 => mac::<Hmac<Sha512_256>>(key),
        HashName::Sha512 => mac::<Hmac<Sha512>>(key),
    };
    Zeroizing::new(base64_encoded(&bytes).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another program's HMAC: `printf http-digest-akav2-password | openssl dgst -md5 -mac HMAC -macopt hexkey:…`.
    #[test]
    fn the_prf_of_akav2_is_hmac_with_the_hash_of_the_digest() {
        let key: Vec<u8> = (0..40).collect();
        let check = |hash, expect: &str| assert_eq!(std::str::from_utf8(&prf(hash, &key)).unwrap(), expect);
        check(HashName::Md5, "GBalWgQ17MVZGDSVRFoJzw==");
        check(HashName::Sha256, "uK5i3SCUIuRq0igvymOZYojobx92xoy0FboNOLEVKYg=");
    }
}
