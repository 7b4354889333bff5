//! Fatal alerts in clear (RFC 8446 §6, RFC 5246 §7.2): TLS that fails before anything is said over it.

use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::transport::events::Event;
use crate::transport::tls::protection::Side;

/// So many are told apart: most captures hold one or two, and whoever sends more wants to fill the report.
const KINDS_MAX: usize = 16;

/// The level of an alert that ends its connection.
const FATAL: u8 = 2;
/// What ends a connection in good order.
const CLOSE_NOTIFY: u8 = 0;

/// Number, name, and what it means to whoever looks after both sides.
const ALERTS: [(u8, &str, &str); 26] = [
    (10, "unexpected_message", "what the RECEIVER sent is not what belongs there"),
    (20, "bad_record_mac", "what the RECEIVER sent was damaged on its way, or sealed with other keys"),
    (22, "record_overflow", "what the RECEIVER sent is too long"),
    (40, "handshake_failure", "no cipher, curve or signature in common, or the server wants a client certificate"),
    (42, "bad_certificate", "the SENDER does not accept the RECEIVER's certificate"),
    (43, "unsupported_certificate", "the SENDER does not support the kind of the RECEIVER's certificate"),
    (44, "certificate_revoked", "the RECEIVER's certificate was revoked by its issuer"),
    (45, "certificate_expired", "the RECEIVER's certificate has expired, or the SENDER's clock is wrong"),
    (46, "certificate_unknown", "the SENDER does not accept the RECEIVER's certificate: name, chain or use"),
    (47, "illegal_parameter", "what the RECEIVER sent contradicts itself or the protocol"),
    (48, "unknown_ca", "the SENDER does not trust whoever issued the RECEIVER's certificate"),
    (49, "access_denied", "the RECEIVER's certificate is good, but the SENDER does not let it in"),
    (50, "decode_error", "the SENDER cannot read what the RECEIVER sent"),
    (51, "decrypt_error", "a signature of the RECEIVER is wrong: its key may not fit its certificate"),
    (70, "protocol_version", "client and server have no TLS version in common"),
    (71, "insufficient_security", "the SENDER takes the ciphers of the RECEIVER for too weak"),
    (80, "internal_error", "the SENDER has trouble of its own: its log may say which"),
    (86, "inappropriate_fallback", "the client has tried again with an older TLS version than both have"),
    (90, "user_canceled", "the SENDER was told to give up"),
    (109, "missing_extension", "what the RECEIVER sent lacks an extension that the SENDER needs"),
    (110, "unsupported_extension", "the RECEIVER sent an extension that nobody asked for"),
    (112, "unrecognized_name", "the server does not know the name that the client asks for"),
    (113, "bad_certificate_status_response", "what shows that the RECEIVER's certificate is not revoked is no good"),
    (115, "unknown_psk_identity", "the server does not know the shared key that the client names"),
    (116, "certificate_required", "the server wants a certificate from the client"),
    (120, "no_application_protocol", "no protocol in common of those that both name (ALPN)"),
];

/// A fatal alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsAlert {
    description: u8,
    sender: Side,
    client: Endpoint,
    server: Endpoint,
}

impl TlsAlert {
    /// Reads the content of a record that `side` sent; `None` where it ends nothing. One that is sealed is longer.
    pub(super) fn read(content: &[u8], side: Side, flow: Flow) -> Option<TlsAlert> {
        let (client, server) = match side {
            Side::Client => (flow.source, flow.destination),
            Side::Server => (flow.destination, flow.source),
        };
        match content {
            [FATAL, description] if *description != CLOSE_NOTIFY => {
                Some(TlsAlert { description: *description, sender: side, client, server })
            }
            _ => None,
        }
    }

    /// Its name, or its number, and what it means.
    pub fn words(self) -> String {
        let (sender, receiver) = match self.sender {
            Side::Client => ("client", "server"),
            Side::Server => ("server", "client"),
        };
        match ALERTS.iter().find(|(number, ..)| *number == self.description) {
            Some((_, name, meaning)) => {
                format!("{name}: {}", meaning.replace("SENDER", sender).replace("RECEIVER", receiver))
            }
            None => format!("{}: the log of the {sender} may say why", self.description),
        }
    }

    /// Who sent it to whom.
    pub fn way(self) -> String {
        let (client, server) = (format!("client {}", self.client), format!("server {}", self.server));
        match self.sender {
            Side::Client => format!("from {client} to {server}"),
            Side::Server => format!("from {server} to {client}"),
        }
    }

    /// Whether it says the same of the same server.
    fn is_like(self, other: TlsAlert) -> bool {
        TlsAlert { client: other.client, ..self } == other
    }
}

/// The fatal alerts of a capture. Connections are counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsAlerts {
    /// Each kind as it was first sent, in the order in which they came.
    pub kinds: Vec<(TlsAlert, Event)>,
    /// Those of further kinds.
    pub others: Event,
}

impl TlsAlerts {
    pub(super) fn add(&mut self, alert: TlsAlert, at: FrameRef) {
        if let Some((_, event)) = self.kinds.iter_mut().find(|(known, _)| known.is_like(alert)) {
            return event.add(at);
        }
        match self.kinds.len() < KINDS_MAX {
            true => self.kinds.push((alert, Event { count: 1, first: Some(at) })),
            false => self.others.add(at),
        }
    }
}
