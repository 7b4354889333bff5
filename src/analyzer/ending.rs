//! The end of a run: what is known of the capture as a whole, and the rest of the report.

use crate::analyzer::Analyzer;
use crate::analyzer::messages::Messages;
use crate::analyzer::selecting;
use crate::analyzer::unmatched;
use crate::base::CaptureTime;
use crate::base::Coverage;
use crate::base::Overlap;
use crate::base::SetAside;
use crate::base::Transport;
use crate::capture::InputSummary;
use crate::history::Nonces;
use crate::history::PairKey;
use crate::history::nonce_server::First;
use crate::history::nonce_server::Shared;
use crate::report::Report;
use crate::report::Seen;
use crate::report::build::frame_at;
use crate::report::model;
use crate::report::model::Time;
use crate::report::ticket;
use crate::rules;
use crate::rules::CaptureFacts;
use crate::rules::Confidence;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::capture_facts::Event;
use crate::rules::capture_facts::IssuedNonce;
use crate::rules::capture_facts::NonceServerFacts;
use crate::rules::capture_facts::SharedNonce;
use crate::rules::configuration::method_auth_differs::refused_with_known_secret;
use crate::rules::credentials::digest_ok_but_rejected::COMPARE_SECRET;
use crate::rules::credentials::digest_wrong_password;
use crate::rules::path::no_response_at_all;
use crate::rules::security;
use crate::rules::security::blocked_after_failures;
use crate::rules::security::digest_leak;
use crate::rules::security::replay_suspected;
use crate::transport;

/// Which findings of single sessions are explained by one that spans them.
static EXPLAINED_ACROSS: &[(&str, &[&str])] =
    &[digest_leak::EXPLAINS, replay_suspected::EXPLAINS, blocked_after_failures::EXPLAINS];

impl Analyzer {
    /// Everything but the sessions and the nonces.
    pub(super) fn report(mut self) -> Report {
        let facts = self.facts();
        let claims = self.messages.kept_attacks(security::claims(&facts));
        self.messages.findings.claim(&claims);
        self.messages.builder.note_attacks(&claims);
        let history = self.messages.builder.history();
        self.messages.findings.make_good(&history);
        self.add_loops_across_sessions(&claims);
        self.add_findings_of_capture(&facts);
        self.revise_findings(&facts);
        self.messages.findings.unite();
        // Those who are nothing but attackers are known by their addresses.
        for rule in [&digest_leak::RULE, &replay_suspected::RULE] {
            let attacks = self.messages.findings.number_of_critical(rule);
            (0..attacks).for_each(|_| self.messages.builder.note_attack(rule));
        }
        self.messages.findings.join(self.messages.nonces.legs().passages());
        self.messages.findings.unite_by_server();
        let redaction = self.messages.builder.redaction();
        let by_severity = self.messages.findings.by_severity();
        let (findings, not_listed) =
            std::mem::replace(&mut self.messages.findings, crate::report::findings::Findings::new(0))
                .finish(redaction, self.messages.builder.pseudonyms());
        let selected = self.messages.selection.as_deref().map(selecting::summary);
        let seen = Seen {
            sip_messages: facts.sip_messages,
            matched: selected.as_ref().map(|selected| selected.messages),
            is_lossy: facts.events.iter().any(|event| event.loses_messages),
            cut_challenge: facts.cut.challenge.map(|(status, _)| status),
        };
        let summary = self.messages.builder.summary(seen, &by_severity);
        let summary = model::Summary { findings_not_listed: not_listed, selected, ..summary };
        let coverage = self.reassembly.coverage();
        let mut report = Report {
            inputs: self.inputs.iter().map(|(path, input)| input_model(path, input)).collect(),
            coverage: model::Coverage {
                frames: coverage.frames,
                used: coverage.used,
                set_aside: coverage
                    .set_aside
                    .iter()
                    .map(|(reason, count)| (reason.name().to_owned(), *count))
                    .collect(),
            },
            diagnostics: facts.events.iter().map(diagnostic).collect(),
            findings,
            summary,
            ..Report::empty()
        };
        if let Some(pseudonyms) = self.messages.builder.pseudonyms() {
            pseudonyms.rest(&mut report);
        }
        let worst = self.messages.worst.as_ref().map(|(_, session)| session);
        report.ticket = ticket::ticket(&report.findings, worst, &report.inputs);
        report
    }

    /// What no session alone shows, and what that explains.
    fn add_findings_of_capture(&mut self, facts: &CaptureFacts) {
        for finding in rules::check_capture(facts) {
            if !self.messages.keeps_finding(&finding) {
                continue;
            }
            let is_sure = finding.confidence > Confidence::Possible;
            let explains = EXPLAINED_ACROSS.iter().find(|(name, _)| is_sure && *name == finding.rule.name);
            if let Some((name, names)) = explains {
                self.messages.findings.explain(name, &finding.sessions, names);
            }
            if finding.rule.name == digest_leak::RULE.name && finding.severity == Severity::Critical {
                self.messages.findings.take_back(&finding.sessions, digest_leak::TAKES_BACK);
            }
            self.messages.findings.add_of_capture(finding);
        }
    }

    /// Tells with what the whole capture shows what its sessions could not know.
    fn revise_findings(&mut self, facts: &CaptureFacts) {
        for (sessions, advice) in facts.method_differences.iter().filter_map(refused_with_known_secret) {
            self.messages.findings.advise_instead(&sessions, COMPARE_SECRET, &advice);
        }
        let sources = &facts.chronicle.sources;
        self.messages.findings.revise(&no_response_at_all::RULE, |finding| {
            let pair = finding.subject.client.zip(finding.subject.server);
            let pair = pair.and_then(|(client, server)| sources.get(PairKey { client, server }));
            if pair.is_some_and(|pair| pair.is_known) {
                no_response_at_all::narrow(finding);
            }
        });
        let accounts = &self.messages.accounts;
        self.messages.findings.revise(&digest_wrong_password::RULE, |finding| {
            let Subject { user, realm, server, .. } = &finding.subject;
            let accepted = server.and_then(|server| accounts.first_secret_taken((user, realm), server));
            accepted.into_iter().for_each(|accepted| digest_wrong_password::blame_client(finding, accepted));
        });
    }
}

/// What was odd about the capture or its packets, in the order in which it was met.
pub(super) fn events(analyzer: &Analyzer) -> Vec<Event> {
    let unreadable = analyzer.unreadable.iter().map(|text| Event {
        name: "input_unreadable",
        count: 1,
        first: None,
        text: text.clone(),
        loses_messages: true,
    });
    let passed_over = analyzer.passed_over.iter().map(|(count, text)| Event {
        name: "input_passed_over",
        count: *count,
        first: None,
        text: text.clone(),
        loses_messages: false,
    });
    let mut events: Vec<Event> = unreadable.chain(passed_over).collect();
    for (path, input) in &analyzer.inputs {
        events.extend(input_events(path, input));
    }
    events.extend(transport_events(analyzer.reassembly.events(), analyzer.limits.overlap));
    events.extend(frame_events(analyzer.reassembly.coverage()));
    events.extend(tls_events(&analyzer.reassembly.events().tls));
    let messages = &analyzer.messages;
    let refused = history_counters(messages).into_iter().map(|(name, count, text)| (name, count, false, text));
    let counted = message_counters(messages).into_iter().chain(refused).filter(|(_, count, _, _)| *count > 0);
    events.extend(counted.map(|(name, count, loses_messages, text)| Event {
        name,
        count,
        first: None,
        text: text.to_owned(),
        loses_messages,
    }));
    events.extend(unmatched::event(&messages.verifier));
    events
}

/// What was left out or given up, by counter: whether messages were lost with it, and what it counts.
fn message_counters(messages: &Messages) -> Vec<(&'static str, u64, bool, &'static str)> {
    vec![
        (
            "headers_cut",
            messages.cut.count,
            true,
            "messages whose headers do not end: cut by the snap length, or by their sender",
        ),
        (
            "message_without_call_id",
            messages.tracker.untracked(),
            true,
            "messages without a Call-ID, which belong to no session",
        ),
        (
            "auth_rows_dropped",
            messages.auth_rows_dropped,
            true,
            "credentials or challenges beyond those that are read of one message, or of one of its rows",
        ),
        (
            "state_evicted",
            messages.tracker.evicted(),
            true,
            "sessions ended early to keep within the limits on Call-IDs and memory",
        ),
        (
            "transactions_dropped",
            messages.run_dropped,
            true,
            "messages without a place in a session that is too long, or without a method",
        ),
        (
            "filter_messages_dropped",
            messages.selection.as_ref().map_or(0, |selection| selection.counts().forgotten),
            true,
            "messages or connections that the filter could not remember: sessions may be missing",
        ),
        (
            "duplicate_packets",
            messages.duplicates,
            false,
            "requests that the capture holds twice, as span ports and -i any show them; counted once",
        ),
    ]
}

/// What found no place in the histories, by the name of its diagnostic.
fn history_counters(messages: &Messages) -> Vec<(&'static str, u64, &'static str)> {
    let mut counters = vec![
        (
            "nonces_not_followed",
            messages.nonces.forgotten(),
            "nonces that were forgotten because many newer ones came, or have a realm too long to be kept: one that is used again counts as one from before the capture",
        ),
        ("fragments_not_followed", messages.lost.refused(), "first fragments without a place in the history"),
        (
            "nonce_servers_not_followed",
            messages.nonces.servers_refused(),
            "servers without a place in the history of nonces",
        ),
        (
            "near_misses_not_searched",
            messages.verifier.passed_over(),
            "wrong digests that were not searched for a near miss: enough of the account's others fit none, or they are too long",
        ),
        (
            "clients_not_followed",
            messages.builder.clients_refused(),
            "sessions of clients without a place: the first line of the report leaves them out",
        ),
        (
            "legs_not_followed",
            messages.nonces.legs().refused(),
            "requests that were sent on under another Call-ID, beyond those that are remembered: both sides are told",
        ),
        (
            "losses_not_told_apart",
            [Transport::Udp, Transport::Tcp]
                .into_iter()
                .map(|kind| u64::from(messages.lost_between.is_everywhere(kind)))
                .sum(),
            "kinds of packets that are missing between more hosts than are told apart: silence proves nothing between any two",
        ),
        (
            "unreachable_not_followed",
            messages.unreachable.forgotten(),
            "senders of which it was forgotten what ICMP or TCP said of their packets, because many others came",
        ),
        ("accounts_not_followed", messages.accounts.refused(), "accounts without a place in the history"),
        (
            "outcomes_not_followed",
            messages.outcomes.refused(),
            "outcomes without a place in the history: they are compared with no others",
        ),
    ];
    counters.extend(messages.chronicle.refused());
    counters
}

/// What servers did with their nonces, by address.
pub(super) fn nonce_servers(nonces: &Nonces) -> Vec<NonceServerFacts> {
    let issued = |first: &First| IssuedNonce {
        value: first.value.clone(),
        realm: (*first.realm).into(),
        at: first.issue.at,
        time: first.issue.time,
        format: nonces.format_of(first),
    };
    let shared = |shared: &Shared| SharedNonce {
        times: shared.times,
        realm: (*shared.example.realm).into(),
        first: shared.example.first,
        again: shared.example.again,
        apart: shared.example.apart,
    };
    let servers = nonces.servers().into_iter().map(|(address, server)| NonceServerFacts {
        address,
        nonces: server.first().map(issued).collect(),
        shared_in_a_moment: server.in_a_moment.as_ref().map(shared),
        shared_later: server.later.as_ref().map(shared),
    });
    servers.collect()
}

fn input_events(path: &str, input: &InputSummary) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |name, count, text: String, loses_messages| {
        if count > 0 {
            events.push(Event { name, count, first: None, text, loses_messages });
        }
    };
    if let Some(why) = &input.truncated {
        add("input_truncated", 1, format!("{path}: {why}"), true);
    }
    let unread: Vec<String> =
        input.link_types.iter().filter(|link| link.name().is_none()).map(ToString::to_string).collect();
    let links = format!("link types that are not read, by their numbers: {}", unread.join(", "));
    add("link_types_not_read", u64::try_from(unread.len()).unwrap_or(u64::MAX), links, true);
    add("frames_cut", input.snaplen_cut_frames, "frames cut by the snap length of the capture".to_owned(), true);
    add("interface_drops", input.interface_drops, "packets that the capturing machine dropped".to_owned(), true);
    let interfaces = "interfaces beyond the limit: their frames are set aside".to_owned();
    add("interfaces_not_followed", input.interfaces_refused, interfaces, true);
    add("blocks_skipped", input.skipped_blocks, "blocks of the capture file that could not be read".to_owned(), true);
    events
}

/// Frames that may have held messages and were not read.
fn frame_events(coverage: &Coverage) -> impl Iterator<Item = Event> {
    let reasons = [
        (SetAside::TooManyLayers, "frames with more tags, tunnels and extension headers than the limit allows"),
        (SetAside::HepUnreadable, "packets of a capture agent (HEP) that contradict themselves or have no payload"),
    ];
    reasons.into_iter().filter_map(|(reason, text)| {
        let count = *coverage.set_aside.get(&reason)?;
        Some(Event { name: reason.name(), count, first: None, text: text.to_owned(), loses_messages: true })
    })
}

fn transport_events(events: &transport::Events, overlap: Overlap) -> Vec<Event> {
    let all = [
        ("tcp_gap", &events.tcp_gap, true, "holes in TCP streams: segments are missing in the capture"),
        ("tcp_joined", &events.tcp_joined, false, "TCP streams whose beginning was not captured"),
        (
            "tcp_refused",
            &events.tcp_refused,
            false,
            "TCP connections to ports of SIP that were refused: nothing listens there, or somebody lets nobody in",
        ),
        ("tcp_evicted", &events.tcp_evicted, true, "TCP streams given up to keep within the limits"),
        ("sctp_gap", &events.sctp_gap, true, "SCTP messages of which parts are missing in the capture"),
        ("sctp_evicted", &events.sctp_evicted, true, "SCTP associations given up to keep within the limits"),
        ("fragments_incomplete", &events.fragments_incomplete, true, "IP datagrams of which fragments are missing"),
        (
            "fragments_malformed",
            &events.fragments_malformed,
            true,
            "IP datagrams whose fragments contradict each other",
        ),
        (
            "overlap_ambiguous",
            &events.overlap_ambiguous,
            false,
            match overlap {
                Overlap::First => "bytes sent twice that differ: the first copy was read",
                Overlap::Last => "bytes sent twice that differ: the last copy was read where its message was not whole",
            },
        ),
        (
            "websocket_compressed",
            &events.websocket_compressed,
            true,
            "compressed WebSocket messages (permessage-deflate) that cannot be unpacked: damaged, or made of what was sent \
             before and is not in the capture",
        ),
        (
            "websocket_malformed",
            &events.websocket_malformed,
            true,
            "WebSocket frames that contradict RFC 6455: reading goes on at the next message that can be told",
        ),
        ("websocket_too_large", &events.websocket_too_large, true, "WebSocket messages longer than the limits"),
        ("message_cut", &events.message_cut, true, "messages of which bytes are missing"),
        ("message_too_large", &events.message_too_large, true, "messages whose headers are longer than the limit"),
        (
            "bad_content_length",
            &events.bad_content_length,
            false,
            "messages in a stream without a usable Content-Length",
        ),
    ];
    let happened = all.into_iter().filter(|(_, event, _, _)| event.count > 0);
    happened
        .map(|(name, event, loses_messages, text)| Event {
            name,
            count: event.count,
            first: event.first,
            text: text.to_owned(),
            loses_messages,
        })
        .collect()
}

/// What of TLS could not be read, and why.
fn tls_events(events: &transport::TlsEvents) -> Vec<Event> {
    let random = events
        .no_key_random
        .map(u32::from_be_bytes)
        .map(|random| format!("; the first has the client random {random:08x}…"));
    let suite = events.unsupported_first.map(|(version, suite)| transport::suite_name(version, suite));
    let suite = suite.map(|suite| format!("; the first is {suite}"));
    let all = [
        (
            "tls_no_key",
            &events.no_key,
            false,
            format!(
                "TLS connections without a key{}: record one with SSLKEYLOGFILE, and give it with \
                 --tls-keylog",
                random.unwrap_or_default()
            ),
        ),
        (
            "tls_no_handshake",
            &events.no_handshake,
            false,
            "TLS connections whose handshake was not captured, or only one side of it: no key can be found for them"
                .to_owned(),
        ),
        (
            "tls_unsupported",
            &events.unsupported,
            true,
            format!(
                "TLS connections with a version or cipher suite that is not supported{}",
                suite.unwrap_or_default()
            ),
        ),
        (
            "tls_undecryptable",
            &events.undecryptable,
            true,
            "TLS records that no key opens: damaged, behind a hole, or sealed with another secret".to_owned(),
        ),
        (
            "tls_early_data",
            &events.early_data,
            true,
            "TLS records of 0-RTT data without a key (CLIENT_EARLY_TRAFFIC_SECRET), or refused by the server"
                .to_owned(),
        ),
    ];
    let happened = all.into_iter().filter(|(_, event, _, _)| event.count > 0);
    let mut told: Vec<Event> = happened
        .map(|(name, event, loses_messages, text)| {
            let (count, first) = (event.count, event.first);
            Event { name, count, first, text, loses_messages }
        })
        .collect();
    if events.secrets_refused > 0 {
        let text = "secrets of TLS connections beyond the limit".to_owned();
        told.push(Event {
            name: "tls_secrets_refused",
            count: events.secrets_refused,
            first: None,
            text,
            loses_messages: true,
        });
    }
    told
}

fn diagnostic(event: &Event) -> model::Diagnostic {
    model::Diagnostic {
        event: event.name,
        severity: if event.loses_messages { "low" } else { "info" },
        count: event.count,
        first: event.first.map(frame_at),
        text: event.text.clone(),
    }
}

fn input_model(path: &str, input: &InputSummary) -> model::Input {
    let time = |time: Option<CaptureTime>| time.map(Time);
    model::Input {
        path: path.to_owned(),
        bytes: input.bytes,
        format: input.format.name(),
        compression: input.compression.map(crate::capture::Compression::name),
        link_types: input.link_types.iter().map(ToString::to_string).collect(),
        packets: input.packets,
        first_packet: time(input.first),
        last_packet: time(input.last),
        truncated: input.truncated.is_some(),
    }
}
