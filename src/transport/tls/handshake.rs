//! Handshake messages, put together from records (RFC 5246 §7.4, RFC 8446 §4), and what the two hellos say of keys.

use tls_parser::TlsExtension;
use tls_parser::parse_tls_extensions;
use tls_parser::parse_tls_handshake_client_hello;
use tls_parser::parse_tls_handshake_server_hello;

use crate::transport::tls::key_log::ClientRandom;
use crate::transport::tls::suite::TLS_1_3;

/// Types of handshake messages.
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const NEW_SESSION_TICKET: u8 = 4;
pub(super) const END_OF_EARLY_DATA: u8 = 5;
pub(super) const ENCRYPTED_EXTENSIONS: u8 = 8;
pub(super) const FINISHED: u8 = 20;
pub(super) const KEY_UPDATE: u8 = 24;

/// Longer messages are passed over: what is of interest is shorter.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// So much of a ticket or session id tells it from all others.
const RESUMPTION_BYTES: usize = 64;

/// RFC 8446 §4.1.3: the random of a ServerHello that is a HelloRetryRequest.
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A handshake message: its type and what follows its length.
pub(super) type Message = (u8, Vec<u8>);

/// The handshake messages of one direction.
#[derive(Default)]
pub(super) struct Messages {
    buffer: Vec<u8>,
    /// Bytes of a message that is passed over.
    skip: usize,
}

impl Messages {
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes are missing, or the keys have changed: what follows begins a message.
    pub(super) fn restart(&mut self) {
        *self = Messages::default();
    }

    /// Takes a record's content; the messages of interest that it completes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Vec<Message> {
        let mut whole = Vec::new();
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip = self.skip.saturating_sub(skipped);
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                return whole;
            }
            self.buffer.extend_from_slice(bytes);
            let [kind, len_0, len_1, len_2, body @ ..] = self.buffer.as_slice() else { return whole };
            let len = usize::from(*len_0) << 16 | usize::from(*len_1) << 8 | usize::from(*len_2);
            let kind = *kind;
            let is_of_interest = matches!(
                kind,
                CLIENT_HELLO
                    | SERVER_HELLO
                    | NEW_SESSION_TICKET
                    | END_OF_EARLY_DATA
                    | ENCRYPTED_EXTENSIONS
                    | FINISHED
                    | KEY_UPDATE
            );
            let behind_len = match body.split_at_checked(len) {
                Some((message, behind)) => {
                    if is_of_interest {
                        whole.push((kind, message.to_vec()));
                    }
                    behind.len()
                }
                None if is_of_interest && len <= MESSAGE_BYTES_MAX => return whole,
                None => {
                    self.skip = len.saturating_sub(body.len());
                    0
                }
            };
            self.buffer.clear();
            bytes = bytes.get(bytes.len().saturating_sub(behind_len.min(bytes.len()))..).unwrap_or_default();
        }
    }
}

/// What a ClientHello says.
pub(super) struct ClientHello {
    pub(super) random: ClientRandom,
    pub(super) has_early_data: bool,
    /// The session id, and the ticket, that it wants to resume.
    pub(super) resumes: Vec<Vec<u8>>,
}

/// What a ServerHello says.
#[derive(Clone, Debug)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) session_id: Vec<u8>,
    pub(super) encrypts_first: bool,
    pub(super) is_compressed: bool,
    /// It is a HelloRetryRequest: the handshake begins anew, with the same client random.
    pub(super) is_retry: bool,
}

/// Reads a ClientHello; `None` where it is none.
pub(super) fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let (_, hello) = parse_tls_handshake_client_hello(body).ok()?;
    let extensions = extensions(hello.ext);
    let ticket = extensions.iter().find_map(|extension| match extension {
        TlsExtension::SessionTicket(ticket) => Some(*ticket),
        _ => None,
    });
    let resumes = hello.session_id.into_iter().chain(ticket).filter(|name| !name.is_empty());
    Some(ClientHello {
        random: hello.random.try_into().ok()?,
        has_early_data: extensions.iter().any(|extension| matches!(extension, TlsExtension::EarlyData(_))),
        resumes: resumes.map(resumption_name).collect(),
    })
}

/// Reads a ServerHello; `None` where it is none.
pub(super) fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let (_, hello) = parse_tls_handshake_server_hello(body).ok()?;
    let extensions = extensions(hello.ext);
    // RFC 8446 §4.2.1: the version of TLS 1.3 stands in an extension.
    let selected = extensions.iter().find_map(|extension| match extension {
        TlsExtension::SupportedVersions(versions) => versions.first().map(|version| version.0),
        _ => None,
    });
    let random: [u8; 32] = hello.random.try_into().ok()?;
    let version = selected.unwrap_or(hello.version.0);
    Some(ServerHello {
        random,
        version,
        suite: hello.cipher.0,
        session_id: resumption_name(hello.session_id.unwrap_or_default()),
        encrypts_first: extensions.contains(&TlsExtension::EncryptThenMac),
        is_compressed: hello.compression.0 != 0,
        is_retry: version == TLS_1_3 && random == HELLO_RETRY_REQUEST,
    })
}

/// Whether the EncryptedExtensions of TLS 1.3 accept 0-RTT data (RFC 8446 §4.2.10).
pub(super) fn accepts_early_data(body: &[u8]) -> bool {
    let accepts = |extension: &TlsExtension<'_>| matches!(extension, TlsExtension::EarlyData(_));
    extensions(body.get(2..)).iter().any(accepts)
}

/// The ticket in a NewSessionTicket of TLS 1.2 (RFC 5077 §3.3).
pub(super) fn ticket(body: &[u8]) -> Option<Vec<u8>> {
    let [_, _, _, _, len_0, len_1, ticket @ ..] = body else { return None };
    let ticket = ticket.get(..usize::from(u16::from_be_bytes([*len_0, *len_1])))?;
    (!ticket.is_empty()).then(|| resumption_name(ticket))
}

fn resumption_name(name: &[u8]) -> Vec<u8> {
    name.get(..RESUMPTION_BYTES).unwrap_or(name).to_vec()
}

fn extensions(bytes: Option<&[u8]>) -> Vec<TlsExtension<'_>> {
    bytes.and_then(|bytes| parse_tls_extensions(bytes).ok()).map(|(_, extensions)| extensions).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_together_from_any_pieces() {
        let message = |kind: u8, body: &[u8]| [&[kind, 0, 0, u8::try_from(body.len()).unwrap()], body].concat();
        let stream = [message(2, b"hello"), message(11, &[7; 200]), message(4, b""), message(20, b"verify")].concat();
        let expect = vec![(2, b"hello".to_vec()), (4, Vec::new()), (20, b"verify".to_vec())];
        for step in [1, 2, 3, 5, 64, 4096] {
            let mut messages = Messages::default();
            let got: Vec<_> = stream.chunks(step).flat_map(|piece| messages.push(piece)).collect();
            assert_eq!(got, expect, "in steps of {step}");
            assert_eq!(messages.held_bytes(), 0);
        }
    }

    #[test]
    fn what_is_kept_of_a_message_is_bounded() {
        let mut messages = Messages::default();
        messages.push(&[1, 0xff, 0xff, 0xff]);
        for _ in 0..100 {
            assert!(messages.push(&[0; 16384]).is_empty());
            assert_eq!(messages.held_bytes(), 0);
        }
    }
}
