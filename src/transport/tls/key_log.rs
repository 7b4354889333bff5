//! Secrets of TLS connections from key logs in NSS's format (draft-ietf-tls-keylogfile; what `SSLKEYLOGFILE` writes), by the
//! client random of the connection. They are wiped when dropped, and there is no way to print them.

use zeroize::Zeroizing;

use crate::base::Limits;
use crate::base::WireMap;
use crate::base::encoding::unhex;

/// A secret, wiped when dropped.
pub(super) type Secret = Zeroizing<Vec<u8>>;
/// The random of a ClientHello: what a key log names a connection by.
pub(super) type ClientRandom = [u8; 32];

/// The master secret of TLS 1.2 and the versions before (RFC 5246 §8.1).
const MASTER_SECRET_BYTES: usize = 48;
/// SHA-256's output, and SHA-384's.
const TRAFFIC_SECRET_BYTES: [usize; 2] = [32, 48];

/// What a secret protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// A connection of TLS 1.2 and before.
    Master,
    /// 0-RTT data.
    ClientEarly,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic,
    ServerTraffic,
}

impl Label {
    const COUNT: usize = 6;

    fn of(name: &[u8]) -> Option<Label> {
        match name {
            b"CLIENT_RANDOM" => Some(Label::Master),
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Some(Label::ClientEarly),
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Some(Label::ClientHandshake),
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Some(Label::ServerHandshake),
            b"CLIENT_TRAFFIC_SECRET_0" => Some(Label::ClientTraffic),
            b"SERVER_TRAFFIC_SECRET_0" => Some(Label::ServerTraffic),
            _ => None,
        }
    }
}

/// The secrets of one connection.
#[derive(Default)]
pub(super) struct Secrets([Option<Secret>; Label::COUNT]);

impl Secrets {
    pub(super) fn get(&self, label: Label) -> Option<&Secret> {
        self.0.get(label as usize)?.as_ref()
    }
}

/// All secrets that were given.
pub(super) struct KeyLog {
    connections: WireMap<ClientRandom, Box<Secrets>>,
    count: usize,
    count_max: usize,
    pub(super) refused: u64,
}

impl KeyLog {
    pub(super) fn new(limits: &Limits) -> KeyLog {
        KeyLog { connections: WireMap::default(), count: 0, count_max: limits.tls_secrets_max, refused: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    pub(super) fn get(&self, random: &ClientRandom) -> Option<&Secrets> {
        self.connections.get(random).map(Box::as_ref)
    }

    /// Takes the lines of a key log, and says how many held a secret that can be used. A later secret replaces an earlier one.
    pub(super) fn add(&mut self, text: &[u8]) -> usize {
        let lines = text.split(|byte| *byte == b'\n');
        lines.filter(|line| self.add_line(line).is_some()).count()
    }

    fn add_line(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.trim_ascii().splitn(3, |byte| *byte == b' ');
        let label = Label::of(words.next()?)?;
        let random: ClientRandom = bytes_of(words.next()?)?.as_slice().try_into().ok()?;
        let secret = bytes_of(words.next()?)?;
        let is_right = match label {
            Label::Master => secret.len() == MASTER_SECRET_BYTES,
            _ => TRAFFIC_SECRET_BYTES.contains(&secret.len()),
        };
        if !is_right {
            return None;
        }
        if self.count >= self.count_max {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        let secrets = self.connections.entry(random).or_default();
        let place = secrets.0.get_mut(label as usize)?;
        self.count = self.count.saturating_add(usize::from(place.is_none()));
        *place = Some(secret);
        Some(())
    }
}

/// The bytes of as many hex digits as any secret or random has, or fewer.
fn bytes_of(digits: &[u8]) -> Option<Secret> {
    (digits.len() <= 2 * MASTER_SECRET_BYTES).then(|| unhex(digits)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_key_log_are_read() {
        let (random, master, traffic) = ("0a".repeat(32), "FF".repeat(48), "22".repeat(32));
        let text = format!(
            "# comment\r\nCLIENT_RANDOM {random} {master}\r\nSERVER_TRAFFIC_SECRET_0 {random} {traffic}\n\
             EXPORTER_SECRET {random} {traffic}\nCLIENT_RANDOM {random} 00\nCLIENT_RANDOM xx {master}\n\
             CLIENT_TRAFFIC_SECRET_0 {random}\nCLIENT_HANDSHAKE_TRAFFIC_SECRET {random} {master}ff\nRSA 00 {master}\n"
        );
        let mut log = KeyLog::new(&Limits::default());
        assert_eq!(log.add(text.as_bytes()), 2);
        let secrets = log.get(&[10; 32]).expect("known");
        assert_eq!(secrets.get(Label::Master).map(|secret| secret.to_vec()), Some(vec![0xff; 48]));
        assert_eq!(secrets.get(Label::ServerTraffic).map(|secret| secret.to_vec()), Some(vec![0x22; 32]));
        assert!(secrets.get(Label::ClientTraffic).is_none() && log.get(&[0; 32]).is_none());
    }

    #[test]
    fn secrets_beyond_the_limit_are_counted() {
        let mut log = KeyLog::new(&Limits { tls_secrets_max: 2, ..Limits::default() });
        for number in 0..4 {
            log.add(format!("CLIENT_RANDOM {} {}", format!("{number:02x}").repeat(32), "00".repeat(48)).as_bytes());
        }
        assert_eq!((log.connections.len(), log.refused), (2, 2));
    }
}
