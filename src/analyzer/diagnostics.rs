//! What was odd about a capture, its packets or the run, as the report's diagnostics have it: names, counts and words.

use crate::analyzer::Analyzer;
use crate::analyzer::messages::Messages;
use crate::analyzer::unmatched;
use crate::base::Coverage;
use crate::base::Overlap;
use crate::base::SetAside;
use crate::base::Transport;
use crate::capture::InputSummary;
use crate::report::build::frame_at;
use crate::report::model;
use crate::rules::capture_facts::Event;
use crate::rules::capture_facts::Steps;
use crate::rules::facts;
use crate::transport;

/// All of them, in the order in which they were met.
pub(super) fn events(analyzer: &Analyzer) -> Vec<Event> {
    let mut told = Told::default();
    analyzer.unreadable.iter().for_each(|text| told.lossy("input_unreadable", 1, text));
    analyzer.passed_over.iter().for_each(|(count, text)| told.odd("input_passed_over", *count, text));
    for (path, input) in &analyzer.inputs {
        told.add_input(path, input);
    }
    told.add_pauses(&analyzer.clock.facts().pauses);
    told.add_transport(analyzer.reassembly.events(), analyzer.limits.overlap);
    told.add_frames(analyzer.reassembly.coverage());
    told.add_tls(&analyzer.reassembly.events().tls);
    told.add_tls_alerts(&analyzer.reassembly.events().tls.alerts);
    told.add_messages(&analyzer.messages);
    told.add_histories(&analyzer.messages);
    told.events.extend(unmatched::event(&analyzer.messages.verifier));
    told.events
}

/// An event as the report has it.
pub(super) fn diagnostic(event: &Event) -> model::Diagnostic {
    model::Diagnostic {
        event: event.name,
        severity: if event.loses_messages { "low" } else { "info" },
        count: event.count,
        first: event.first.map(frame_at),
        text: event.text.clone(),
    }
}

/// The events that happened: one that did not is not told. Words name many, and a report for people says them of one as well.
#[derive(Default)]
struct Told {
    events: Vec<Event>,
}

impl Told {
    /// SIP may have been lost by it.
    fn lossy(&mut self, name: &'static str, counted: impl Into<Counted>, text: impl Into<String>) {
        self.add(Event { loses_messages: true, ..event(name, counted.into(), text.into()) });
    }

    /// Nothing was lost by it.
    fn odd(&mut self, name: &'static str, counted: impl Into<Counted>, text: impl Into<String>) {
        self.add(event(name, counted.into(), text.into()));
    }

    fn add(&mut self, event: Event) {
        if event.count > 0 {
            self.events.push(event);
        }
    }

    /// What the container of an input tells.
    fn add_input(&mut self, path: &str, input: &InputSummary) {
        if let Some(why) = &input.truncated {
            self.lossy("input_truncated", 1, format!("{path}: {why}"));
        }
        let unread: Vec<String> =
            input.link_types.iter().filter(|link| link.name().is_none()).map(ToString::to_string).collect();
        let count = u64::try_from(unread.len()).unwrap_or(u64::MAX);
        self.lossy(
            "link_types_not_read",
            count,
            format!("link types that are not read, by their numbers: {}", unread.join(", ")),
        );
        self.lossy("frames_cut", input.snaplen_cut_frames, "frames cut by the snap length of the capture");
        self.lossy("interface_drops", input.interface_drops, "packets that the capturing machine dropped");
        self.lossy(
            "interfaces_not_followed",
            input.interfaces_refused,
            "interfaces beyond the limit: their frames are set aside",
        );
        self.lossy("blocks_skipped", input.skipped_blocks, "blocks of the capture file that could not be read");
    }

    /// When nobody captured.
    fn add_pauses(&mut self, pauses: &Steps) {
        let Some(longest) = pauses.largest().map(facts::duration_text) else { return };
        let pause = match pauses.count {
            1 => format!("a pause of {longest} without any frame"),
            _ => format!("pauses of up to {longest} without any frame"),
        };
        let count = u64::try_from(pauses.count).unwrap_or(u64::MAX);
        self.odd("captures_apart", count, format!("{pause}: what was open then is judged as at the end of a capture"));
    }

    /// What went wrong between the packets.
    fn add_transport(&mut self, events: &transport::Events, overlap: Overlap) {
        self.lossy("tcp_gap", events.tcp_gap, "holes in TCP streams: segments are missing in the capture");
        self.odd("tcp_joined", events.tcp_joined, "TCP streams whose beginning was not captured");
        self.odd(
            "tcp_refused",
            events.tcp_refused,
            "TCP connections to ports of SIP that were refused: nothing listens there, or somebody lets nobody in",
        );
        self.lossy("tcp_evicted", events.tcp_evicted, "TCP streams given up to keep within the limits");
        self.lossy("sctp_gap", events.sctp_gap, "SCTP messages of which parts are missing in the capture");
        self.lossy("sctp_evicted", events.sctp_evicted, "SCTP associations given up to keep within the limits");
        self.lossy("fragments_incomplete", events.fragments_incomplete, "IP datagrams of which fragments are missing");
        self.lossy(
            "fragments_malformed",
            events.fragments_malformed,
            "IP datagrams whose fragments contradict each other",
        );
        self.odd(
            "overlap_ambiguous",
            events.overlap_ambiguous,
            match overlap {
                Overlap::First => "bytes sent twice that differ: the first copy was read",
                Overlap::Last => "bytes sent twice that differ: the last copy was read where its message was not whole",
            },
        );
        self.lossy(
            "websocket_compressed",
            events.websocket_compressed,
            "compressed WebSocket messages (permessage-deflate) that cannot be unpacked: damaged, or made of what was sent \
             before and is not in the capture",
        );
        self.lossy(
            "websocket_malformed",
            events.websocket_malformed,
            "WebSocket frames that contradict RFC 6455: reading goes on at the next message that can be told",
        );
        self.lossy("websocket_too_large", events.websocket_too_large, "WebSocket messages longer than the limits");
        self.lossy("message_cut", events.message_cut, "messages of which bytes are missing");
        self.lossy("message_too_large", events.message_too_large, "messages whose headers are longer than the limit");
        self.odd(
            "bad_content_length",
            events.bad_content_length,
            "messages in a stream without a usable Content-Length",
        );
    }

    /// Frames that may have held messages and were not read.
    fn add_frames(&mut self, coverage: &Coverage) {
        let reasons = [
            (SetAside::TooManyLayers, "frames with more tags, tunnels and extension headers than the limit allows"),
            (SetAside::HepUnreadable, "packets of a capture agent (HEP) that contradict themselves or have no payload"),
        ];
        for (reason, text) in reasons {
            let count = coverage.set_aside.get(&reason).copied().unwrap_or(0);
            self.lossy(reason.name(), count, text);
        }
    }

    /// What of TLS could not be read, and why.
    fn add_tls(&mut self, events: &transport::TlsEvents) {
        let random = events
            .no_key_random
            .map(u32::from_be_bytes)
            .map(|random| format!("; the first has the client random {random:08x}…"));
        let suite = events.unsupported_first.map(|(version, suite)| transport::suite_name(version, suite));
        let suite = suite.map(|suite| format!("; the first is {suite}"));
        self.odd(
            "tls_no_key",
            events.no_key,
            format!(
                "TLS connections without a key{}: record one with SSLKEYLOGFILE, and give it with \
                 --tls-keylog",
                random.unwrap_or_default()
            ),
        );
        self.odd(
            "tls_no_handshake",
            events.no_handshake,
            "TLS connections whose handshake was not captured, or only one side of it: no key can be found for them",
        );
        self.lossy(
            "tls_unsupported",
            events.unsupported,
            format!(
                "TLS connections with a version or cipher suite that is not supported{}",
                suite.unwrap_or_default()
            ),
        );
        self.lossy(
            "tls_undecryptable",
            events.undecryptable,
            "TLS records that no key opens: damaged, behind a hole, or sealed with another secret",
        );
        self.lossy(
            "tls_early_data",
            events.early_data,
            "TLS records of 0-RTT data without a key (CLIENT_EARLY_TRAFFIC_SECRET), or refused by the server",
        );
        self.lossy("tls_secrets_refused", events.secrets_refused, "secrets of TLS connections beyond the limit");
    }

    /// TLS that failed before anything was said over it.
    fn add_tls_alerts(&mut self, alerts: &transport::TlsAlerts) {
        for (alert, counted) in &alerts.kinds {
            let (connections, first) = match counted.count {
                1 => ("TLS connection", ""),
                _ => ("TLS connections", "the first "),
            };
            let (words, way) = (alert.words(), alert.way());
            let text = format!("{connections} refused with the fatal alert {words}; {first}{way}");
            self.odd("tls_alert", *counted, text);
        }
        self.odd("tls_alert", alerts.others, "TLS connections refused with other fatal alerts");
    }

    /// What was left out or given up.
    fn add_messages(&mut self, messages: &Messages) {
        self.lossy(
            "headers_cut",
            messages.cut.count,
            "messages whose headers do not end: cut by the snap length, or by their sender",
        );
        self.lossy(
            "message_without_call_id",
            messages.tracker.untracked(),
            "messages without a Call-ID, which belong to no session",
        );
        self.lossy(
            "auth_rows_dropped",
            messages.auth_rows_dropped,
            "credentials or challenges beyond those that are read of one message, or of one of its rows",
        );
        self.lossy(
            "state_evicted",
            messages.tracker.evicted(),
            "sessions ended early to keep within the limits on Call-IDs and memory",
        );
        self.lossy(
            "transactions_dropped",
            messages.run_dropped,
            "messages without a place in a session that is too long, or without a method",
        );
        self.lossy(
            "filter_messages_dropped",
            messages.selection.as_ref().map_or(0, |selection| selection.counts().forgotten),
            "messages or connections that the filter could not remember: sessions may be missing",
        );
        self.odd(
            "duplicate_packets",
            messages.duplicates,
            "requests that the capture holds twice, as span ports and -i any show them; counted once",
        );
    }

    /// What found no place in the histories.
    fn add_histories(&mut self, messages: &Messages) {
        self.odd(
            "nonces_not_followed",
            messages.nonces.forgotten(),
            "nonces that were forgotten because many newer ones came, or have a realm too long to be kept: one that is used \
             again counts as one from before the capture",
        );
        self.odd("fragments_not_followed", messages.lost.refused(), "first fragments without a place in the history");
        self.odd(
            "nonce_servers_not_followed",
            messages.nonces.servers_refused(),
            "servers without a place in the history of nonces",
        );
        self.odd(
            "near_misses_not_searched",
            messages.verifier.passed_over(),
            "wrong digests that were not searched for a near miss: enough of the account's others fit none, or they are \
             too long",
        );
        self.odd(
            "clients_not_followed",
            messages.builder.clients_refused(),
            "sessions of clients without a place: the first line of the report leaves them out",
        );
        self.odd(
            "legs_not_followed",
            messages.nonces.legs().refused(),
            "requests that were sent on under another Call-ID, beyond those that are remembered: both sides are told",
        );
        let kinds = [Transport::Udp, Transport::Tcp].into_iter();
        let everywhere = kinds.map(|kind| u64::from(messages.lost_between.is_everywhere(kind))).sum::<u64>();
        self.odd(
            "losses_not_told_apart",
            everywhere,
            "kinds of packets that are missing between more hosts than are told apart: silence proves nothing between any \
             two",
        );
        self.odd(
            "unreachable_not_followed",
            messages.unreachable.forgotten(),
            "senders whose ICMP errors and TCP resets were forgotten, because those of many others came",
        );
        self.odd("accounts_not_followed", messages.accounts.refused(), "accounts without a place in the history");
        self.odd(
            "outcomes_not_followed",
            messages.outcomes.refused(),
            "outcomes without a place in the history: they are compared with no others",
        );
        for (name, count, text) in messages.chronicle.refused() {
            self.odd(name, count, text);
        }
    }
}

/// How often something happened, and where first, if a frame can be named.
struct Counted(transport::Event);

impl From<u64> for Counted {
    fn from(count: u64) -> Counted {
        Counted(transport::Event { count, first: None })
    }
}

impl From<transport::Event> for Counted {
    fn from(event: transport::Event) -> Counted {
        Counted(event)
    }
}

fn event(name: &'static str, Counted(counted): Counted, text: String) -> Event {
    Event { name, count: counted.count, first: counted.first, text, loses_messages: false }
}
