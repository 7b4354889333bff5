//! AES in CCM mode (RFC 3610, RFC 6655), with keys of two lengths and tags of two.

use aes::Aes128;
use aes::Aes256;
use aes_gcm::aead::Aead;
use aes_gcm::aead::KeyInit;
use aes_gcm::aead::Payload;
use aes_gcm::aead::Result;
use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::U8;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::consts::U16;

type Of<Cipher, Tag> = ccm::Ccm<Cipher, Tag, U12>;

/// One of the four.
pub(super) enum Ccm {
    Aes128(Of<Aes128, U16>),
    Aes128Short(Of<Aes128, U8>),
    Aes256(Of<Aes256, U16>),
    Aes256Short(Of<Aes256, U8>),
}

impl Ccm {
    /// `None` for keys and tags of other lengths.
    pub(super) fn new(key: &[u8], tag_len: usize) -> Option<Ccm> {
        match (key.len(), tag_len) {
            (16, 16) => Of::new_from_slice(key).ok().map(Ccm::Aes128),
            (16, 8) => Of::new_from_slice(key).ok().map(Ccm::Aes128Short),
            (32, 16) => Of::new_from_slice(key).ok().map(Ccm::Aes256),
            (32, 8) => Of::new_from_slice(key).ok().map(Ccm::Aes256Short),
            _ => None,
        }
    }

    pub(super) fn tag_len(&self) -> usize {
        match self {
            Ccm::Aes128(_) | Ccm::Aes256(_) => 16,
            Ccm::Aes128Short(_) | Ccm::Aes256Short(_) => 8,
        }
    }

    pub(super) fn decrypt(&self, nonce: &Array<u8, U12>, payload: Payload<'_, '_>) -> Result<Vec<u8>> {
        match self {
            Ccm::Aes128(cipher) => cipher.decrypt(nonce, payload),
            Ccm::Aes128Short(cipher) => cipher.decrypt(nonce, payload),
            Ccm::Aes256(cipher) => cipher.decrypt(nonce, payload),
            Ccm::Aes256Short(cipher) => cipher.decrypt(nonce, payload),
        }
    }
}
