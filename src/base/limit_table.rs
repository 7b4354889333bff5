//! What is said of every bound: its default, its option, and what happens where it is reached. `sipauth list limits` and the table in
//! SECURITY.md are made of it.

use std::fmt;

use crate::base::Limits;

/// One bound.
pub struct LimitRow {
    /// The field of [`Limits`].
    pub name: &'static str,
    /// Its value among these.
    pub value: fn(&Limits) -> Amount,
    /// What it is counted in or holds for, in words that follow the value; may be empty.
    pub of: &'static str,
    /// The option that changes it.
    pub flag: Option<&'static str>,
    /// What happens where it is reached.
    pub then: &'static str,
    /// The diagnostics that say so; none where nothing is lost.
    pub events: &'static [&'static str],
}

/// A value with its unit. Shown for people: `256 KiB`, `65,536`, `30 s`, `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Bytes; `u64::MAX` is no bound.
    Bytes(u64),
    /// Things.
    Count(u64),
    /// Seconds of capture time.
    Seconds(u64),
    /// One of several ways.
    Choice(&'static str),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Amount::Bytes(u64::MAX) => f.write_str("unlimited"),
            Amount::Bytes(bytes) => {
                let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
                match units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
                    Some((unit, name)) => write!(f, "{} {name}", bytes / unit),
                    None => write!(f, "{} bytes", thousands(bytes)),
                }
            }
            Amount::Count(count) => f.write_str(&thousands(count)),
            Amount::Seconds(seconds) => write!(f, "{} s", thousands(seconds)),
            Amount::Choice(name) => f.write_str(name),
        }
    }
}

/// `1,000,000`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b',')).into_owned()
}

/// Rows in the order of the table: `field: Unit, "of", option, "then", [events];`
macro_rules! rows {
    ($($name:ident: $unit:ident, $of:literal, $flag:expr, $then:literal, [$($event:literal),*];)*) => {
        &[$(LimitRow {
            name: stringify!($name),
            value: |limits| Amount::$unit(u64::try_from(limits.$name).unwrap_or(u64::MAX)),
            of: $of,
            flag: $flag,
            then: $then,
            events: &[$($event),*],
        }),*]
    };
}

/// Which copy of bytes is read: a choice and no number.
static OVERLAP: LimitRow = LimitRow {
    name: "overlap",
    value: |limits| Amount::Choice(limits.overlap.name()),
    of: "copy of bytes that were sent twice and differ",
    flag: Some("--overlap"),
    then: "the other copy is not read; the message is ambiguous, and no digest over it is judged",
    events: &["overlap_ambiguous"],
};

/// Every bound, from the file to the report; last the choice that is none.
pub fn table() -> impl Iterator<Item = &'static LimitRow> {
    ROWS.iter().chain([&OVERLAP])
}

/// The table of SECURITY.md.
pub fn markdown() -> String {
    let limits = Limits::default();
    let mut page = String::from(
        "| limit | default | option | what happens then | diagnostic |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in table() {
        let default = format!("{} {}", (row.value)(&limits), row.of);
        let code = |name: &str| format!("`{name}`");
        let events: Vec<String> = row.events.iter().map(|event| code(event)).collect();
        let flag = row.flag.map(code).unwrap_or_default();
        page +=
            &format!("| `{}` | {} | {flag} | {} | {} |\n", row.name, default.trim_end(), row.then, events.join(", "));
    }
    page
}

static ROWS: &[LimitRow] = rows! {
    packet_len_bytes_max: Bytes, "", Some("--max-packet"),
        "a pcap is damaged there, and what came before is reported; of a pcapng the packet is skipped",
        ["input_truncated", "blocks_skipped"];
    block_len_bytes_max: Bytes, "", None, "the pcapng block is skipped where its framing holds", ["blocks_skipped"];
    input_bytes_max: Bytes, "for each input, unpacked", Some("--max-input-bytes"),
        "reading ends there; what came before is reported", ["input_truncated"];
    interfaces_max: Count, "in each section of a pcapng", None, "frames of further interfaces are set aside",
        ["interfaces_not_followed"];
    zstd_window_bytes_max: Bytes, "", None, "the input is damaged there; what came before is reported",
        ["input_truncated"];
    layers_max: Count, "tags, labels, tunnels and extension headers", Some("--max-layers"),
        "the frame is set aside", ["too_many_layers"];
    fragment_datagrams_max: Count, "", None, "the oldest datagram is given up", ["fragments_incomplete"];
    fragment_bytes_max: Bytes, "", Some("--frag-mem"), "the oldest datagram is given up", ["fragments_incomplete"];
    fragment_age_s_max: Seconds, "of capture time", None, "the datagram is given up", ["fragments_incomplete"];
    tcp_flows_max: Count, "", Some("--max-flows"), "the oldest flow is finished", ["tcp_evicted"];
    tcp_idle_s_max: Seconds, "of capture time", None, "the flow is finished; what follows is joined in the middle",
        ["tcp_joined"];
    tcp_hole_bytes_max: Bytes, "for each direction", None, "the hole is declared, reading goes on behind it",
        ["tcp_gap"];
    tcp_hole_segments_max: Count, "for each direction", None, "the hole is declared, reading goes on behind it",
        ["tcp_gap"];
    tcp_hole_age_s_max: Seconds, "of capture time", None, "the hole is declared, reading goes on behind it",
        ["tcp_gap"];
    tcp_bytes_max: Bytes, "", Some("--reassembly-mem"), "the oldest flows are finished", ["tcp_evicted"];
    sctp_directions_max: Count, "", None, "the oldest association is given up", ["sctp_evicted"];
    sctp_bytes_max: Bytes, "", Some("--reassembly-mem"), "the oldest associations are given up", ["sctp_evicted"];
    websocket_message_bytes_max: Bytes, "", None, "the WebSocket message is passed over", ["websocket_too_large"];
    websocket_fragments_max: Count, "", None, "the WebSocket message is passed over", ["websocket_too_large"];
    tls_secrets_max: Count, "", None, "further TLS secrets are not used", ["tls_secrets_refused"];
    tls_resumable_max: Count, "sessions", None, "a further one that is resumed needs its own line in the key log",
        ["tls_no_key"];
    tls_waiting_bytes_max: Bytes, "for each direction", None,
        "the connection, of whose handshake a side is missing, is not read", ["tls_no_handshake"];
    header_section_bytes_max: Bytes, "in a stream", Some("--max-headers"), "the message is cut", ["message_too_large"];
    header_fields_max: Count, "", None, "the message is cut", ["headers_cut"];
    body_bytes_max: Bytes, "in a stream", Some("--max-body"),
        "Content-Length is not believed: the body is not read, and no auth-int digest is judged", ["bad_content_length"];
    session_gap_s_max: Seconds, "of capture time", None,
        "what follows is a session of its own: a definition, nothing is lost", [];
    sessions_max: Count, "Call-IDs at a time", None, "the oldest idle session is ended and reported", ["state_evicted"];
    sessions_unpacked_max: Count, "Call-IDs at a time", None,
        "sessions that fall silent are packed: that takes time, and nothing is lost", [];
    state_bytes_max: Bytes, "for Call-IDs, by estimate", Some("--memory"), "the oldest idle sessions are ended and reported",
        ["state_evicted"];
    session_transactions_max: Count, "", None, "further messages of that Call-ID are counted only",
        ["transactions_dropped"];
    session_rows_bytes_max: Bytes, "of auth headers, by estimate", None, "further messages of that Call-ID are counted only",
        ["transactions_dropped"];
    nonces_max: Count, "", None, "the oldest are forgotten, and of thousands those of closed sessions whose users had eight newer ones", ["nonces_not_followed"];
    accounts_max: Count, "", None,
        "further accounts, clients, pairs of source and server, and servers have no history",
        ["accounts_not_followed", "clients_not_followed", "sources_not_followed", "logins_not_followed"];
    source_names_max: Count, "", None,
        "further user names that one source tries at one server are not told apart", ["sources_not_followed"];
    digests_max: Count, "", None, "older digests make room, and are not compared with later ones",
        ["digests_forgotten"];
    outcomes_max: Count, "", None, "further users, and further ways of challenging, are compared with no others",
        ["outcomes_not_followed"];
    nonce_servers_max: Count, "", None, "the nonces of further servers are not compared with each other",
        ["nonce_servers_not_followed"];
    near_miss_account_searches_max: Count, "for each user and realm", None,
        "further wrong digests of it stay plain mismatches", ["near_misses_not_searched"];
    near_miss_searches_max: Count, "in vain, and as many accounts", None,
        "further wrong digests stay plain mismatches", ["near_misses_not_searched"];
    hidden_secrets_max: Count, "", None, "frames with further ones are left out of the file of --write, which is said", [];
    near_miss_body_bytes_max: Bytes, "", None, "a longer body of a request with a wrong digest is not tried",
        ["near_misses_not_searched"];
    near_miss_bodies_bytes_max: Bytes, "in all", None, "further bodies are not tried", ["near_misses_not_searched"];
    filter_messages_max: Count, "at a time", None, "further messages select no session", ["filter_messages_dropped"];
    batch_bytes_max: Bytes, "of messages that pass from thread to thread together", None,
        "they are passed on, with the message that reached it: nothing is lost", [];
};
