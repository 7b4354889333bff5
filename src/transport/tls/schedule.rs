//! From secrets to keys: the PRFs of TLS 1.2 (RFC 5246 §5, §6.3) and of the versions before (RFC 2246 §5), and the labels of
//! TLS 1.3 (RFC 8446 §7.1, §7.3).

use hkdf::Hkdf;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;
use sha2::Sha384;
use zeroize::Zeroizing;

use crate::transport::tls::key_log::Secret;
use crate::transport::tls::suite::Hash;
use crate::transport::tls::suite::Suite;
use crate::transport::tls::suite::TLS_1_2;

/// HMAC over all parts in a row (RFC 2104). The key may have any length.
pub(super) fn hmac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Secret {
    #[expect(clippy::expect_used, reason = "no length of a key is refused")]
    fn of<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Secret {
        let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    }
    match hash {
        Hash::Md5 => of::<Hmac<Md5>>(key, parts),
        Hash::Sha1 => of::<Hmac<Sha1>>(key, parts),
        Hash::Sha256 => of::<Hmac<Sha256>>(key, parts),
        Hash::Sha384 => of::<Hmac<Sha384>>(key, parts),
    }
}

/// The first `len` bytes of the key block: PRF(master secret, "key expansion", server random + client random).
pub(super) fn key_block(suite: Suite, master: &[u8], server_random: &[u8], client_random: &[u8], len: usize) -> Secret {
    let seed: [&[u8]; 3] = [b"key expansion", server_random, client_random];
    if suite.version >= TLS_1_2 {
        return expand(suite.hash, master, seed, len);
    }
    // RFC 2246 §5: one hash takes one half of the secret, one the other, and both outputs are mixed.
    let half = master.len().div_ceil(2);
    let (first, second) =
        (master.get(..half).unwrap_or_default(), master.get(master.len().saturating_sub(half)..).unwrap_or_default());
    let mut block = expand(Hash::Md5, first, seed, len);
    block.iter_mut().zip(expand(Hash::Sha1, second, seed, len).iter()).for_each(|(byte, other)| *byte ^= *other);
    block
}

/// P_hash of RFC 5246 §5.
fn expand(hash: Hash, secret: &[u8], seed: [&[u8]; 3], len: usize) -> Secret {
    let mut block = Zeroizing::new(Vec::with_capacity(len.saturating_add(hash.len())));
    let mut chain = hmac(hash, secret, &seed);
    while block.len() < len {
        let [label, server, client] = seed;
        block.extend_from_slice(&hmac(hash, secret, &[&chain, label, server, client]));
        chain = hmac(hash, secret, &[&chain]);
    }
    block.truncate(len);
    block
}

/// HKDF-Expand-Label with an empty context: `len` bytes, at most 255.
pub(super) fn expand_label(hash: Hash, secret: &[u8], label: &str, len: u8) -> Option<Secret> {
    let label_len = u8::try_from(label.len().saturating_add(6)).ok()?;
    let info: [&[u8]; 4] = [&[0, len, label_len], b"tls13 ", label.as_bytes(), &[0]];
    let mut output = Zeroizing::new(vec![0; usize::from(len)]);
    match hash {
        Hash::Md5 | Hash::Sha1 => return None,
        Hash::Sha256 => Hkdf::<Sha256>::from_prk(secret).ok()?.expand_multi_info(&info, &mut output).ok()?,
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand_multi_info(&info, &mut output).ok()?,
    }
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// RFC 8448 §3: the server's handshake traffic secret, its key and its iv.
    #[test]
    fn labels_expand_as_in_the_trace_of_rfc_8448() {
        let secret = hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let key = expand_label(Hash::Sha256, &secret, "key", 16).unwrap();
        let iv = expand_label(Hash::Sha256, &secret, "iv", 12).unwrap();
        assert_eq!(*key, hex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(*iv, hex("5d313eb2671276ee13000b30"));
    }
}
