//! One direction's keys, and records opened with them: AEAD (RFC 5288, RFC 6655, RFC 7905, RFC 8446 §5.2), and CBC with HMAC before
//! or behind encryption (RFC 2246 §6.2.3.2, RFC 5246 §6.2.3.2, RFC 7366). What does not prove itself genuine is not opened.

use aes::Aes128;
use aes::Aes256;
use aes_gcm::Aes128Gcm;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::Aead;
use aes_gcm::aead::KeyInit;
use aes_gcm::aead::Payload;
use cbc::Decryptor;
use cbc::cipher::BlockCipherDecrypt;
use cbc::cipher::BlockModeDecrypt;
use cbc::cipher::KeyIvInit;
use cbc::cipher::array::Array;
use chacha20poly1305::ChaCha20Poly1305;
use zeroize::Zeroize;
use zeroize::Zeroizing;

use crate::transport::tls::ccm::Ccm;
use crate::transport::tls::key_log::Secret;
use crate::transport::tls::schedule;
use crate::transport::tls::suite::Cipher;
use crate::transport::tls::suite::Hash;
use crate::transport::tls::suite::Suite;
use crate::transport::tls::suite::TLS_1_0;

const AES_BLOCK_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
/// RFC 5288 §3: the part of the nonce that stands in the record.
const EXPLICIT_NONCE_BYTES: usize = 8;

/// What a record held.
pub(super) struct Opened {
    /// The content type.
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
}

/// A record as it was sent.
#[derive(Clone, Copy)]
pub(super) struct Sealed<'r> {
    /// Type, version and length.
    pub(super) head: [u8; 5],
    pub(super) body: &'r [u8],
}

/// Which side's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// The randoms of a handshake.
#[derive(Clone, Copy)]
pub(super) struct Randoms {
    pub(super) client: [u8; 32],
    pub(super) server: [u8; 32],
}

enum Keys {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
    Ccm(Box<Ccm>),
    Cbc {
        key: Secret,
        mac_key: Secret,
        mac: Hash,
        encrypts_first: bool,
        /// Before TLS 1.1 a record has no initialization vector of its own: it is the last block of the record before.
        chained: Option<[u8; AES_BLOCK_BYTES]>,
    },
}

/// How the nonce and the additional data of an AEAD record are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// RFC 5246, RFC 5288: four bytes of the key block, eight of the record.
    Tls12Explicit,
    /// RFC 7905: all twelve bytes of the key block, XOR the sequence number.
    Tls12Implicit,
    Tls13,
}

/// See the file.
pub(super) struct Protection {
    keys: Keys,
    form: Form,
    iv: [u8; NONCE_BYTES],
    /// Sequence number of the next record.
    pub(super) sequence: u64,
}

impl Drop for Protection {
    fn drop(&mut self) {
        self.iv.zeroize();
    }
}

impl Protection {
    /// Keys of TLS 1.2 (RFC 5246 §6.3) and before.
    pub(super) fn of_master(
        suite: Suite,
        master: &[u8],
        randoms: &Randoms,
        side: Side,
        encrypts_first: bool,
    ) -> Option<Protection> {
        let (mac_len, key_len, iv_len) = match suite.cipher {
            Cipher::Aes128Gcm => (0, 16, 4),
            Cipher::Aes256Gcm => (0, 32, 4),
            Cipher::ChaCha20Poly1305 => (0, 32, NONCE_BYTES),
            Cipher::AesCcm { key_len, .. } => (0, key_len, 4),
            Cipher::AesCbc { key_len, mac } if suite.version == TLS_1_0 => (mac.len(), key_len, AES_BLOCK_BYTES),
            Cipher::AesCbc { key_len, mac } => (mac.len(), key_len, 0),
        };
        let len = mac_len.saturating_add(key_len).saturating_add(iv_len).saturating_mul(2);
        let block = schedule::key_block(suite, master, &randoms.server, &randoms.client, len);
        // The client's part stands before the server's.
        let part = |start: usize, len: usize| {
            let start = if side == Side::Client { start } else { start.saturating_add(len) };
            block.get(start..start.saturating_add(len))
        };
        let mac_key = part(0, mac_len)?;
        let key = part(mac_len.saturating_mul(2), key_len)?;
        let first_iv = part(mac_len.saturating_add(key_len).saturating_mul(2), iv_len)?;
        let mut iv = [0; NONCE_BYTES];
        iv.iter_mut().zip(first_iv).for_each(|(byte, first)| *byte = *first);
        let keys = match suite.cipher {
            Cipher::AesCbc { mac, .. } => {
                let own = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
                let chained = first_iv.try_into().ok();
                Keys::Cbc { key: own(key), mac_key: own(mac_key), mac, encrypts_first, chained }
            }
            cipher => aead(cipher, key)?,
        };
        let form = if iv_len == 4 { Form::Tls12Explicit } else { Form::Tls12Implicit };
        Some(Protection { keys, form, iv, sequence: 0 })
    }

    /// Keys of TLS 1.3 (RFC 8446 §7.3).
    pub(super) fn of_traffic_secret(suite: Suite, secret: &[u8]) -> Option<Protection> {
        let key_len = match suite.cipher {
            Cipher::Aes128Gcm | Cipher::AesCcm { .. } => 16,
            _ => 32,
        };
        let key = schedule::expand_label(suite.hash, secret, "key", key_len)?;
        let iv = schedule::expand_label(suite.hash, secret, "iv", 12)?;
        let keys = aead(suite.cipher, &key)?;
        Some(Protection { keys, form: Form::Tls13, iv: iv.as_slice().try_into().ok()?, sequence: 0 })
    }

    /// Opens a record that is the one of this number. `None` where it is not genuine.
    pub(super) fn open(&self, sequence: u64, record: Sealed<'_>) -> Option<Opened> {
        match &self.keys {
            Keys::Cbc { key, mac_key, mac, encrypts_first, chained } => {
                let mac = CbcMac { key: mac_key, hash: *mac };
                let key = CbcKey { key, chained: chained.as_ref() };
                let bytes = match encrypts_first {
                    true => open_cbc_encrypted_first(&key, &mac, sequence, record),
                    false => open_cbc(&key, &mac, sequence, record),
                };
                Some(Opened { kind: record.head[0], bytes: bytes? })
            }
            keys => self.open_aead(keys, sequence, record),
        }
    }

    /// Takes note of a record that has passed, whether it could be opened or not: the next one may be chained to it.
    pub(super) fn pass(&mut self, record: Sealed<'_>) {
        let Keys::Cbc { mac, encrypts_first, chained: Some(chained), .. } = &mut self.keys else { return };
        let mac_len = if *encrypts_first { mac.len() } else { 0 };
        let encrypted = record.body.get(..record.body.len().saturating_sub(mac_len)).unwrap_or_default();
        if let Some(last) = encrypted.last_chunk() {
            *chained = *last;
        }
    }

    fn open_aead(&self, keys: &Keys, sequence: u64, record: Sealed<'_>) -> Option<Opened> {
        let (nonce, sealed) = match self.form {
            Form::Tls12Explicit => {
                let (explicit, sealed) = record.body.split_at_checked(EXPLICIT_NONCE_BYTES)?;
                let mut nonce = self.iv;
                nonce.get_mut(4..)?.copy_from_slice(explicit);
                (nonce, sealed)
            }
            Form::Tls12Implicit | Form::Tls13 => {
                let mut nonce = self.iv;
                let numbered = nonce.iter_mut().skip(4).zip(sequence.to_be_bytes());
                numbered.for_each(|(byte, number)| *byte ^= number);
                (nonce, record.body)
            }
        };
        let tag_len = if let Keys::Ccm(ccm) = keys { ccm.tag_len() } else { 16 };
        let content_len = sealed.len().checked_sub(tag_len)?;
        let counted = additional_data(sequence, record.head, content_len)?;
        let aad: &[u8] = if self.form == Form::Tls13 { &record.head } else { &counted };
        let payload = Payload { msg: sealed, aad };
        let nonce = Array(nonce);
        let bytes = match keys {
            Keys::Aes128Gcm(cipher) => cipher.decrypt(&nonce, payload),
            Keys::Aes256Gcm(cipher) => cipher.decrypt(&nonce, payload),
            Keys::ChaCha20Poly1305(cipher) => cipher.decrypt(&nonce, payload),
            Keys::Ccm(cipher) => cipher.decrypt(&nonce, payload),
            Keys::Cbc { .. } => return None,
        };
        let mut bytes = bytes.ok()?;
        if self.form != Form::Tls13 {
            return Some(Opened { kind: record.head[0], bytes });
        }
        // RFC 8446 §5.4: the type is the last byte that is not zero.
        let end = bytes.iter().rposition(|byte| *byte != 0)?;
        let kind = bytes.get(end).copied()?;
        bytes.truncate(end);
        Some(Opened { kind, bytes })
    }
}

fn aead(cipher: Cipher, key: &[u8]) -> Option<Keys> {
    Some(match cipher {
        Cipher::Aes128Gcm => Keys::Aes128Gcm(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
        Cipher::Aes256Gcm => Keys::Aes256Gcm(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
        Cipher::ChaCha20Poly1305 => Keys::ChaCha20Poly1305(Box::new(ChaCha20Poly1305::new_from_slice(key).ok()?)),
        Cipher::AesCcm { tag_len, .. } => Keys::Ccm(Box::new(Ccm::new(key, tag_len)?)),
        Cipher::AesCbc { .. } => return None,
    })
}

/// What TLS 1.2 authenticates besides the content (RFC 5246 §6.2.3.3): number, type, version, length.
fn additional_data(sequence: u64, head: [u8; 5], len: usize) -> Option<[u8; 13]> {
    let mut data = [0; 13];
    let (number, rest) = data.split_first_chunk_mut::<8>()?;
    *number = sequence.to_be_bytes();
    let (kind, len_bytes) = rest.split_first_chunk_mut::<3>()?;
    kind.copy_from_slice(head.first_chunk::<3>()?);
    len_bytes.copy_from_slice(&u16::try_from(len).ok()?.to_be_bytes());
    Some(data)
}

struct CbcMac<'k> {
    key: &'k [u8],
    hash: Hash,
}

impl CbcMac<'_> {
    /// Whether `mac` authenticates the content. Compared in the plain way: nobody can measure an offline program's time.
    fn fits(&self, mac: &[u8], sequence: u64, head: [u8; 5], content: &[u8]) -> bool {
        let Some(data) = additional_data(sequence, head, content.len()) else { return false };
        schedule::hmac(self.hash, self.key, &[&data, content]).as_slice() == mac
    }
}

struct CbcKey<'k> {
    key: &'k [u8],
    chained: Option<&'k [u8; AES_BLOCK_BYTES]>,
}

/// MAC, then padding, then encryption.
fn open_cbc(key: &CbcKey<'_>, mac: &CbcMac<'_>, sequence: u64, record: Sealed<'_>) -> Option<Vec<u8>> {
    let mut bytes = unpad(decrypt_cbc(key, record.body)?)?;
    let content_len = bytes.len().checked_sub(mac.hash.len())?;
    let (content, sent) = bytes.split_at_checked(content_len)?;
    if !mac.fits(sent, sequence, record.head, content) {
        return None;
    }
    bytes.truncate(content_len);
    Some(bytes)
}

/// RFC 7366: padding, then encryption, then MAC.
fn open_cbc_encrypted_first(key: &CbcKey<'_>, mac: &CbcMac<'_>, sequence: u64, record: Sealed<'_>) -> Option<Vec<u8>> {
    let (encrypted, sent) = record.body.split_at_checked(record.body.len().checked_sub(mac.hash.len())?)?;
    if !mac.fits(sent, sequence, record.head, encrypted) {
        return None;
    }
    unpad(decrypt_cbc(key, encrypted)?)
}

/// The first block is the initialization vector (RFC 5246 §6.2.3.2), but where it is that of the chain.
fn decrypt_cbc(key: &CbcKey<'_>, body: &[u8]) -> Option<Vec<u8>> {
    fn with<C: BlockCipherDecrypt + aes::cipher::KeyInit>(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Option<()>
    where
        Decryptor<C>: KeyIvInit,
    {
        let mut decryptor = Decryptor::<C>::new_from_slices(key, iv).ok()?;
        let (blocks, rest) = Array::slice_as_chunks_mut(bytes);
        decryptor.decrypt_blocks(blocks);
        rest.is_empty().then_some(())
    }
    let (iv, encrypted) = match key.chained {
        Some(chained) => (chained.as_slice(), body),
        None => body.split_at_checked(AES_BLOCK_BYTES)?,
    };
    let mut bytes = encrypted.to_vec();
    match key.key.len() {
        16 => with::<Aes128>(key.key, iv, &mut bytes)?,
        _ => with::<Aes256>(key.key, iv, &mut bytes)?,
    }
    Some(bytes)
}

/// Without the padding: so many bytes as the last one says, all alike, and that one.
fn unpad(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let value = *bytes.last()?;
    let content_len = bytes.len().checked_sub(usize::from(value) + 1)?;
    if bytes.get(content_len..)?.iter().any(|byte| *byte != value) {
        return None;
    }
    bytes.truncate(content_len);
    Some(bytes)
}
