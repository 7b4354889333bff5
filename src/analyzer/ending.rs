//! The end of a run: what is known of the capture as a whole, and the rest of the report.

use crate::analyzer::Analyzer;
use crate::analyzer::diagnostics;
use crate::analyzer::selecting;
use crate::base::CaptureTime;
use crate::capture::InputSummary;
use crate::history::Nonces;
use crate::history::nonce_server::First;
use crate::history::nonce_server::Shared;
use crate::report::Report;
use crate::report::Seen;
use crate::report::model;
use crate::report::model::Time;
use crate::report::ticket;
use crate::rules;
use crate::rules::CaptureFacts;
use crate::rules::Confidence;
use crate::rules::Severity;
use crate::rules::capture_facts::IssuedNonce;
use crate::rules::capture_facts::NonceServerFacts;
use crate::rules::capture_facts::SharedNonce;
use crate::rules::security;
use crate::rules::security::blocked_after_failures;
use crate::rules::security::digest_leak;
use crate::rules::security::replay_suspected;

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
            has_cut_headers: facts.cut.count > 0,
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
            diagnostics: facts.events.iter().map(diagnostics::diagnostic).collect(),
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
            if finding.rule.is(&digest_leak::RULE) && finding.severity == Severity::Critical {
                self.messages.findings.take_back(&finding.sessions, digest_leak::TAKES_BACK);
            }
            self.messages.findings.add_of_capture(finding);
        }
    }
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
