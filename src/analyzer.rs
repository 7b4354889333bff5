//! Frames in, report out. The one place that knows the order of the rooms.

use std::net::IpAddr;

use crate::auth::parse_challenges;
use crate::auth::parse_credentials;
use crate::base::CaptureTime;
use crate::base::InputId;
use crate::base::Limits;
use crate::capture::InputSummary;
use crate::capture::Record;
use crate::digest::Keyring;
use crate::digest::Request;
use crate::digest::Verifier;
use crate::history::AccountKey;
use crate::history::Accounts;
use crate::history::LoopStep;
use crate::history::Nonces;
use crate::history::StepKind;
use crate::history::nonce::Issue;
use crate::packet;
use crate::report::Redaction;
use crate::report::Report;
use crate::report::ReportBuilder;
use crate::report::findings::Findings;
use crate::report::model;
use crate::rules;
use crate::rules::CaptureFacts;
use crate::rules::Context;
use crate::rules::Severity;
use crate::rules::challenge::challenge_loop;
use crate::session::AttemptOutcome;
use crate::session::ChallengeRow;
use crate::session::CredentialsRow;
use crate::session::HeaderKind;
use crate::session::KnownCredentials;
use crate::session::LinkId;
use crate::session::Run;
use crate::session::Session;
use crate::session::Sighting;
use crate::session::Tracker;
use crate::sip::Message;
use crate::sip::Method;
use crate::sip::framing::SipFramer;
use crate::sip::parse::Source;
use crate::transport::Payload;
use crate::transport::Reassembly;

mod ending;

/// What one run is to do.
#[derive(Default)]
pub struct Settings {
    /// The bounds on memory, depth and time.
    pub limits: Limits,
    /// The secrets to check digests with.
    pub keyring: Keyring,
    /// What the report hides.
    pub redaction: Redaction,
    /// Sessions to list; beyond them only those with a finding of medium or above.
    pub sessions_max: Option<u64>,
    /// Findings to list.
    pub findings_max: Option<usize>,
}

/// Sessions and findings that are listed unless settings say otherwise.
pub const SESSIONS_LISTED: u64 = 10_000;
/// See [`SESSIONS_LISTED`].
pub const FINDINGS_LISTED: usize = 1_000;

/// One run over one or more captures.
///
/// Call [`Analyzer::push`] for every record, [`Analyzer::end_input`] behind each input, [`Analyzer::drain`] as often as
/// wanted, and [`Analyzer::finish`] last. None of them can fail: trouble becomes a diagnostic, a defect or a finding.
pub struct Analyzer {
    limits: Limits,
    reassembly: Reassembly<SipFramer>,
    talk: Talk,
    inputs: Vec<(String, InputSummary)>,
}

/// Everything behind the packets.
struct Talk {
    limits: Limits,
    verifier: Verifier,
    tracker: Tracker,
    nonces: Nonces,
    accounts: Accounts,
    builder: ReportBuilder,
    findings: Findings,
    sip_messages: u64,
    messages_cut: u64,
    closed: Vec<Run>,
    ready: Vec<model::Session>,
    ticket_session: Option<model::Session>,
    run_dropped: u64,
    duplicates: u64,
}

impl Analyzer {
    /// An analyzer that has seen nothing yet.
    pub fn new(settings: Settings) -> Analyzer {
        let Settings { limits, keyring, redaction, sessions_max, findings_max } = settings;
        let talk = Talk {
            verifier: Verifier::new(keyring),
            tracker: Tracker::new(&limits),
            nonces: Nonces::new(limits.nonces_max),
            accounts: Accounts::new(limits.accounts_max),
            builder: ReportBuilder::new(redaction, sessions_max.unwrap_or(SESSIONS_LISTED), limits.accounts_max),
            findings: Findings::new(findings_max.unwrap_or(FINDINGS_LISTED)),
            limits: limits.clone(),
            sip_messages: 0,
            messages_cut: 0,
            closed: Vec::new(),
            ready: Vec::new(),
            ticket_session: None,
            run_dropped: 0,
            duplicates: 0,
        };
        Analyzer { reassembly: Reassembly::new(limits.clone()), limits, talk, inputs: Vec::new() }
    }

    /// The id that the reader of the next input gives its frames.
    pub fn next_input(&self) -> InputId {
        InputId(u16::try_from(self.inputs.len()).unwrap_or(u16::MAX))
    }

    /// Takes one record of a capture.
    pub fn push(&mut self, record: &Record<'_>) {
        if let Record::Frame(frame) = record {
            let decoded = packet::decode(frame, &self.limits);
            let talk = &mut self.talk;
            self.reassembly.push(frame, decoded, &mut |payload| talk.message(payload));
        }
    }

    /// Notes that an input is read to its end, with what its reader says of it.
    pub fn end_input(&mut self, path: &str, summary: &InputSummary) {
        self.inputs.push((path.to_owned(), summary.clone()));
    }

    /// The sessions that have closed since the last call.
    pub fn drain(&mut self) -> std::vec::Drain<'_, model::Session> {
        self.talk.ready.drain(..)
    }

    /// Whether a finding so far is at least this severe.
    pub fn has_finding(&self, severity: Severity) -> bool {
        self.talk.findings.has(severity)
    }

    /// Ends the capture: closes every session, hands those that are to be listed to `each`, and gives the rest of the report.
    /// [`Report::sessions`] is empty in it.
    pub fn finish_with(mut self, mut each: impl FnMut(model::Session)) -> Report {
        let talk = &mut self.talk;
        self.reassembly.finish(&mut |payload| talk.message(payload));
        let end = self.end();
        self.talk.ready.drain(..).for_each(&mut each);
        for run in self.talk.tracker.finish() {
            self.talk.close(&run, end);
            self.talk.ready.drain(..).for_each(&mut each);
        }
        self.report()
    }

    /// Ends the capture and gives the whole report, with the sessions that were not drained.
    pub fn finish(self) -> Report {
        let mut sessions = Vec::new();
        let report = self.finish_with(|session| sessions.push(session));
        Report { sessions, ..report }
    }

    /// What the rules about the capture are told.
    fn facts(&self) -> CaptureFacts {
        CaptureFacts { sip_messages: self.talk.sip_messages, events: ending::events(self) }
    }

    /// The latest time of the capture: frames that hold no SIP count too.
    fn end(&self) -> CaptureTime {
        let frames = self.inputs.iter().filter_map(|(_, input)| input.last);
        frames.chain(self.talk.tracker.now()).max().unwrap_or(CaptureTime::from_ns(0))
    }
}

impl Talk {
    /// One message: parsed, its auth headers read, its digests checked, and put where it belongs.
    fn message(&mut self, payload: Payload<'_>) {
        self.sip_messages += 1;
        let source = Source { is_cut: payload.cut, header_fields_max: self.limits.header_fields_max };
        let message = crate::sip::parse(payload.bytes, source);
        self.messages_cut += u64::from(!message.has_all_headers);
        let time = payload.time.or(self.tracker.now()).unwrap_or(CaptureTime::from_ns(0));
        let (credentials, challenges) = if message.status().is_some() {
            (Vec::new(), self.challenges(&message, &payload, time))
        } else {
            (self.credentials(&message, &payload, time), Vec::new())
        };
        let sighting = Sighting {
            message: &message,
            flow: payload.flow,
            transport: payload.transport,
            link: link_of(&payload),
            frames: payload.frames,
            time,
            is_ambiguous: payload.ambiguous,
            credentials,
            challenges,
        };
        self.tracker.push(sighting, &mut self.closed);
        for run in std::mem::take(&mut self.closed) {
            self.close(&run, time);
        }
    }

    fn challenges(&mut self, message: &Message<'_>, payload: &Payload<'_>, time: CaptureTime) -> Vec<ChallengeRow> {
        let rows = auth_headers(
            message,
            &[crate::sip::HeaderName::WwwAuthenticate, crate::sip::HeaderName::ProxyAuthenticate],
        );
        let rows = rows.map(|(header, value)| {
            let nonces = parse_challenges(value).into_iter().map(|challenge| {
                let id = self.nonces.id(&challenge.realm().unwrap_or_default(), &challenge.nonce()?)?;
                self.nonces.issued(id, Issue { at: payload.frames.last, time, flow: payload.flow });
                Some(id)
            });
            ChallengeRow { header, nonces: nonces.collect(), value: value.into() }
        });
        rows.collect()
    }

    fn credentials(&mut self, message: &Message<'_>, payload: &Payload<'_>, time: CaptureTime) -> Vec<CredentialsRow> {
        let names = [crate::sip::HeaderName::Authorization, crate::sip::HeaderName::ProxyAuthorization];
        let rows: Vec<(HeaderKind, &[u8])> = auth_headers(message, &names).collect();
        if rows.is_empty() {
            return Vec::new();
        }
        self.note_account(message, payload.flow.source.address, time);
        let request = Request {
            method: message.method().unwrap_or_default(),
            body: message.has_whole_body.then(|| message.body()),
            ambiguous: payload.ambiguous,
            headers_cut: !message.has_all_headers,
        };
        let rows = rows.into_iter().map(|(header, value)| {
            let mut known = parse_credentials(value).into_iter().map(|credentials| {
                let realm = credentials.realm().unwrap_or_default();
                let nonce = credentials.nonce().and_then(|nonce| self.nonces.id(&realm, &nonce));
                let challenge_realm = credentials.nonce().and_then(|nonce| self.nonces.issuing_realm(&nonce));
                let checked = self.verifier.check(&credentials, &request, challenge_realm);
                KnownCredentials { nonce, checked }
            });
            CredentialsRow {
                header,
                first: known.next().unwrap_or_default(),
                others: known.collect(),
                value: value.into(),
            }
        });
        rows.collect()
    }

    fn note_account(&mut self, message: &Message<'_>, source: IpAddr, time: CaptureTime) {
        let is_register = message.method() == Some(b"REGISTER");
        let address = if is_register { message.to() } else { message.from() };
        let aor = address.unwrap_or_default().uri.into();
        self.accounts.presented(AccountKey { source, aor }, time);
    }

    /// Judges a closed run, checks the rules and makes its part of the report.
    fn close(&mut self, run: &Run, end: CaptureTime) {
        self.run_dropped += run.dropped;
        self.duplicates += run.duplicates();
        if run.is_uneventful() {
            self.builder.skip();
            return;
        }
        let session = Session::judge(run, end.max(run.last_seen));
        self.nonces.add(&session);
        let context = Context { nonces: &self.nonces, accounts: &self.accounts, end };
        let findings = rules::check_session(&session, &context);
        if findings.is_empty() && !session.has_authentication() {
            self.builder.skip();
            return;
        }
        let listed = self.builder.session(&session, &findings);
        let number = self.builder.sessions;
        self.note_steps(&session, &findings, number);
        let is_first_trouble = self.ticket_session.is_none() && findings.iter().any(|f| f.severity >= Severity::High);
        for finding in findings {
            self.findings.add(finding, &[number]);
        }
        let Some(model) = listed else { return };
        for id in nonces_of(&session) {
            self.nonces.list(id);
        }
        if is_first_trouble {
            self.ticket_session = Some(model.clone());
        }
        self.ready.push(model);
    }

    /// A REGISTER session too short to be a loop may be a step of one: phones change the Call-ID at every try.
    fn note_steps(&mut self, session: &Session<'_>, findings: &[rules::Finding], number: u64) {
        if findings.iter().any(|finding| finding.rule.name == challenge_loop::RULE.name) {
            return;
        }
        for attempt in session.attempts.iter().filter(|attempt| attempt.transaction.method == Method::Register) {
            let kind = match attempt.outcome {
                AttemptOutcome::Challenged => StepKind::Challenged,
                AttemptOutcome::Refused => StepKind::Refused,
                AttemptOutcome::Accepted => StepKind::Accepted,
                _ => continue,
            };
            let (Some(request), Some(key)) = (attempt.request(), rules::facts::account_key(session, attempt)) else {
                continue;
            };
            let realm = attempt.challenges.first().map(|offered| offered.realm().into_owned()).unwrap_or_default();
            let step = LoopStep { time: request.time, at: request.at, session: number, kind, realm: realm.into() };
            self.accounts.step(key, step);
        }
    }
}

fn auth_headers<'m, 'a: 'm>(
    message: &'m Message<'a>,
    names: &'m [crate::sip::HeaderName],
) -> impl Iterator<Item = (HeaderKind, &'a [u8])> + 'm {
    let headers = message.headers.iter().filter(move |header| names.contains(&header.name));
    headers.filter_map(|header| Some((HeaderKind::of(header.name)?, message.text(header.value_at))))
}

fn nonces_of<'s>(session: &'s Session<'_>) -> impl Iterator<Item = crate::session::NonceId> + 's {
    session.attempts.iter().flat_map(|attempt| {
        let used = attempt.credentials.iter().chain(&attempt.ack_credentials).filter_map(|presented| presented.nonce);
        used.chain(attempt.challenges.iter().filter_map(|offered| offered.nonce))
    })
}

fn link_of(payload: &Payload<'_>) -> LinkId {
    let link = payload.link;
    let vlan = link.vlan.map_or(0, |vlan| u64::from(vlan) + 1);
    let device = u64::from(link.device.unwrap_or(0) & 0xffff);
    LinkId(u64::from(link.interface) << 32 | device << 16 | (vlan & 0xffff))
}
