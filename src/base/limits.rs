//! Every bound on time, memory and depth, with its unit in its name.

/// User names, realms and addresses longer than this have no place in a history: there may be as many as messages, and each would
/// take the room of a message. Those that people use have a few dozen bytes.
pub const NAME_BYTES_MAX: usize = 1024;

/// As much of a text from the wire as a history keeps where the rest would tell nothing new.
pub fn beginning(text: &[u8]) -> &[u8] {
    text.get(..NAME_BYTES_MAX).unwrap_or(text)
}

/// The bounds of one run. Reaching one is counted and said in the report, never silent.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one captured packet. A longer one ends the reading of a pcap as damaged; of a pcapng it is skipped.
    pub packet_len_bytes_max: usize,
    /// Bytes of one pcapng block; longer ones are skipped where their framing holds.
    pub block_len_bytes_max: usize,
    /// Bytes read of one input, unpacked where it is compressed.
    pub input_bytes_max: u64,
    /// Interfaces remembered in one section of a pcapng; frames of later ones are of an unknown link type.
    pub interfaces_max: usize,
    /// Bytes of the window that a zstd frame may ask for, which are held while it is unpacked.
    pub zstd_window_bytes_max: usize,
    /// Headers stacked in one frame: VLAN tags, MPLS labels, PPPoE, IPv6 extension headers, tunnels.
    pub layers_max: usize,
    /// Datagrams that wait for fragments.
    pub fragment_datagrams_max: usize,
    /// Bytes held in all such datagrams.
    pub fragment_bytes_max: usize,
    /// Seconds of capture time after which an incomplete datagram is given up.
    pub fragment_age_s_max: u64,
    /// TCP flows (both directions count once each) followed at a time.
    pub tcp_flows_max: usize,
    /// Seconds of capture time after which a silent TCP flow is finished.
    pub tcp_idle_s_max: u64,
    /// Bytes that wait behind a hole in one direction of a TCP connection.
    pub tcp_hole_bytes_max: usize,
    /// Segments that wait behind a hole in one direction of a TCP connection.
    pub tcp_hole_segments_max: usize,
    /// Seconds of capture time that a hole in a TCP stream may last before what waits behind it is delivered.
    pub tcp_hole_age_s_max: u64,
    /// Bytes held in all TCP flows.
    pub tcp_bytes_max: usize,
    /// Which copy is read of bytes that were sent twice and differ.
    pub overlap: Overlap,
    /// Directions of SCTP associations followed at a time.
    pub sctp_directions_max: usize,
    /// Bytes held in all of them: parts of messages that wait for others.
    pub sctp_bytes_max: usize,
    /// Bytes of one WebSocket message, and of one frame of it.
    pub websocket_message_bytes_max: usize,
    /// Frames of one WebSocket message.
    pub websocket_fragments_max: usize,
    /// Secrets of TLS connections that are kept, from key logs and captures.
    pub tls_secrets_max: usize,
    /// TLS sessions that can be resumed and are remembered.
    pub tls_resumable_max: usize,
    /// Bytes of a TLS connection that wait for what the other direction says of its keys.
    pub tls_waiting_bytes_max: usize,
    /// Bytes of one message's start line and headers.
    pub header_section_bytes_max: usize,
    /// Header fields of one message.
    pub header_fields_max: usize,
    /// Bytes of a body, as Content-Length promises, that are believed in a stream.
    pub body_bytes_max: usize,
    /// Seconds of capture time without a message after which a run of one Call-ID is a session of its own.
    pub session_gap_s_max: u64,
    /// Call-IDs followed at a time.
    pub sessions_max: usize,
    /// Call-IDs followed at a time that are all kept as they are; from then on those that fall silent are packed.
    pub sessions_unpacked_max: usize,
    /// Bytes that the Call-IDs take up, by estimate.
    pub state_bytes_max: usize,
    /// Transactions kept for one session.
    pub session_transactions_max: usize,
    /// Bytes that the auth headers of one session take up, by estimate: to judge them takes a dozen times as much.
    pub session_rows_bytes_max: usize,
    /// Nonces whose history is kept.
    pub nonces_max: usize,
    /// Servers whose nonces are compared with each other.
    pub nonce_servers_max: usize,
    /// Accounts (user and source) whose history is kept.
    pub accounts_max: usize,
    /// User names that are kept of one source at one server.
    pub source_names_max: usize,
    /// The latest digests, with which later ones are compared.
    pub digests_max: usize,
    /// Users whose outcomes are kept to be compared, and ways in which servers challenge.
    pub outcomes_max: usize,
    /// Searches for a near miss that an account (user and realm) may cost without a result.
    pub near_miss_account_searches_max: usize,
    /// Searches without a result in the whole run, and accounts whose searches are counted.
    pub near_miss_searches_max: usize,
    /// Secrets that are struck out of the frames that are written; each counts once for every frame of its
    /// message, a long one once more for each 512 bytes.
    pub hidden_secrets_max: usize,
    /// Bytes of one body that is kept for a near miss.
    pub near_miss_body_bytes_max: usize,
    /// Bytes of all such bodies.
    pub near_miss_bodies_bytes_max: usize,
    /// Messages whose answers to a display filter are kept until their sessions close.
    pub filter_messages_max: usize,
    /// Bytes of messages that pass from one thread to the other together.
    pub batch_bytes_max: usize,
}

/// Which copy is read of bytes that were sent twice and differ. Either way the message is ambiguous: which one its receiver
/// read, nobody can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// The one that came first.
    #[default]
    First,
    /// The one that came last, as long as the message was not whole.
    Last,
}

impl Overlap {
    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Overlap::First => "first",
            Overlap::Last => "last",
        }
    }
}

/// The memory that the default bounds are made for.
pub const MEMORY_BYTES_DEFAULT: u64 = 1024 * 1024 * 1024;

impl Limits {
    /// The bounds of a run that is to take up so many bytes of memory in all. Less than the default shrinks the tables whose
    /// size follows the capture in proportion; more gives sessions more room.
    pub fn within(memory_bytes: u64) -> Limits {
        let state_bytes_max = usize::try_from(memory_bytes / 2).unwrap_or(usize::MAX);
        let mut limits = Limits { state_bytes_max, ..Limits::default() };
        let share = |whole: &mut usize| {
            let part = u128::try_from(*whole).unwrap_or(u128::MAX).saturating_mul(u128::from(memory_bytes));
            let part = usize::try_from(part / u128::from(MEMORY_BYTES_DEFAULT)).unwrap_or(usize::MAX);
            *whole = part.clamp(1.min(*whole), *whole);
        };
        [
            &mut limits.fragment_datagrams_max,
            &mut limits.fragment_bytes_max,
            &mut limits.tcp_flows_max,
            &mut limits.tcp_bytes_max,
            &mut limits.sctp_directions_max,
            &mut limits.sctp_bytes_max,
            &mut limits.tls_secrets_max,
            &mut limits.tls_resumable_max,
            &mut limits.session_rows_bytes_max,
            &mut limits.nonces_max,
            &mut limits.nonce_servers_max,
            &mut limits.accounts_max,
            &mut limits.source_names_max,
            &mut limits.digests_max,
            &mut limits.outcomes_max,
            &mut limits.near_miss_bodies_bytes_max,
            &mut limits.hidden_secrets_max,
            &mut limits.filter_messages_max,
        ]
        .into_iter()
        .for_each(share);
        limits
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            packet_len_bytes_max: 256 * 1024,
            block_len_bytes_max: 16 * 1024 * 1024,
            input_bytes_max: u64::MAX,
            interfaces_max: 65_536,
            zstd_window_bytes_max: 32 * 1024 * 1024,
            layers_max: 16,
            fragment_datagrams_max: 16_384,
            fragment_bytes_max: 32 * 1024 * 1024,
            fragment_age_s_max: 30,
            tcp_flows_max: 1_000_000,
            tcp_idle_s_max: 300,
            tcp_hole_bytes_max: 1024 * 1024,
            tcp_hole_segments_max: 1024,
            tcp_hole_age_s_max: 10,
            tcp_bytes_max: 256 * 1024 * 1024,
            overlap: Overlap::First,
            sctp_directions_max: 65_536,
            sctp_bytes_max: 64 * 1024 * 1024,
            websocket_message_bytes_max: 1024 * 1024,
            websocket_fragments_max: 1024,
            tls_secrets_max: 1_000_000,
            tls_resumable_max: 65_536,
            tls_waiting_bytes_max: 64 * 1024,
            header_section_bytes_max: 256 * 1024,
            header_fields_max: 8192,
            body_bytes_max: 16 * 1024 * 1024,
            session_gap_s_max: 600,
            sessions_max: 1_000_000,
            sessions_unpacked_max: 65_536,
            state_bytes_max: 512 * 1024 * 1024,
            session_transactions_max: 100_000,
            session_rows_bytes_max: 96 * 1024 * 1024,
            nonces_max: 1_000_000,
            nonce_servers_max: 65_536,
            accounts_max: 1_000_000,
            source_names_max: 10_000,
            digests_max: 16_384,
            outcomes_max: 250_000,
            near_miss_account_searches_max: 2,
            near_miss_searches_max: 20_000,
            hidden_secrets_max: 2_000_000,
            near_miss_body_bytes_max: 16 * 1024,
            near_miss_bodies_bytes_max: 16 * 1024 * 1024,
            filter_messages_max: 4_000_000,
            batch_bytes_max: 128 * 1024,
        }
    }
}
