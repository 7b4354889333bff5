//! Judged sessions → the report's model. Counts what it sees; decides nothing of a session.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use crate::auth::Scheme;
use crate::auth::Stale;
use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Untrusted;
use crate::base::without_secrets;
use crate::digest::SourceId;
use crate::digest::Verdict;
use crate::history::PairKey;
use crate::report::FrameAt;
use crate::report::Redaction;
use crate::report::clients::Clients;
use crate::report::clients::Seen;
use crate::report::kept::SessionsLeft;
use crate::report::model;
use crate::report::model::Party;
use crate::report::model::Time;
use crate::report::pseudonyms::Pseudonyms;
use crate::report::redact::credentials_scheme;
use crate::report::redact::nonce_name;
use crate::report::wireshark;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::CopyKind;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Request;
use crate::session::Run;
use crate::session::Session;
use crate::session::TextId;
use crate::session::Transaction;
use crate::sip::Method;

/// Counts for the summary, and the sessions' models.
pub struct ReportBuilder {
    redaction: Redaction,
    /// Under strict redaction.
    pseudonyms: Option<Pseudonyms>,
    sessions_max: u64,
    /// Sessions met so far; the latest has this number.
    pub sessions: u64,
    listed: u64,
    whole: SessionsLeft,
    summary: model::Summary,
    clients: Clients,
    /// Whether a session that is not reported was about authentication.
    has_passed_over: bool,
}

impl ReportBuilder {
    /// A report that lists at most `sessions_max` sessions without a finding of medium or above, and tells at most
    /// `clients_max` clients apart.
    pub fn new(redaction: Redaction, sessions_max: u64, clients_max: usize) -> ReportBuilder {
        ReportBuilder {
            redaction,
            pseudonyms: None,
            sessions_max,
            sessions: 0,
            listed: 0,
            whole: SessionsLeft::new(usize::MAX),
            summary: model::Summary::default(),
            clients: Clients::new(clients_max),
            has_passed_over: false,
        }
    }

    /// Tells so many sessions whole that failed, and so many others. Of further ones the attempts are counted.
    pub fn shorten(&mut self, whole_max: usize) {
        self.whole = SessionsLeft::new(whole_max);
    }

    /// Gives people and hosts other names from here on.
    pub fn rename(&mut self, pseudonyms: Pseudonyms) {
        self.pseudonyms = Some(pseudonyms);
    }

    /// The other names, under strict redaction.
    pub fn pseudonyms(&self) -> Option<&Pseudonyms> {
        self.pseudonyms.as_ref()
    }

    /// What the report hides.
    pub fn redaction(&self) -> Redaction {
        self.redaction
    }

    /// Counts a session that has nothing to do with authentication and no finding.
    pub fn skip(&mut self, run: &Run) {
        self.summary.sessions_without_authentication += 1;
        self.clients.note_unasked(run);
    }

    /// Whether any session so far was about authentication.
    pub fn has_authentication(&self) -> bool {
        self.summary.challenges > 0 || self.summary.credentials > 0 || self.has_passed_over
    }

    /// Counts a finding that no session alone shows.
    pub fn note_trouble(&mut self, finding: &Finding, explained: &[&str]) {
        self.clients.note_trouble(finding, explained);
    }

    /// What is over of what kept clients out: by session and rule, how long behind it they got in for good, as far as is known.
    pub fn history(&self) -> HashMap<(u64, &'static str), Option<Duration>> {
        self.clients.history()
    }

    /// Whether the client of a finding that spans sessions registers for good since.
    pub fn registers_since(&self, finding: &Finding, refused: CaptureTime) -> bool {
        self.clients.registers_since(finding, refused)
    }

    /// How many sessions are of clients that found no place.
    pub fn clients_refused(&self) -> u64 {
        self.clients.refused()
    }

    /// Notes who is no client but an attacker.
    pub fn note_attacks(&mut self, claims: &BTreeMap<PairKey, &'static Rule>) {
        self.clients.note_attacks(claims);
    }

    /// Notes an attack that no source is known by.
    pub fn note_attack(&mut self, rule: &'static Rule) {
        self.clients.note_attack(rule);
    }

    /// Counts a session; gives its model where it is to be listed. `is_passed_on` says that its requests are those of the client of another
    /// session, sent on by a B2BUA.
    pub fn session(
        &mut self,
        session: &Session<'_>,
        findings: &[Finding],
        is_passed_on: bool,
    ) -> Option<model::Session> {
        self.sessions += 1;
        self.summary.sessions += 1;
        let by_outcome = &mut self.summary.sessions_by_outcome;
        match by_outcome.get_mut(session.outcome.name()) {
            Some(count) => *count += 1,
            None => drop(by_outcome.insert(session.outcome.name().to_owned(), 1)),
        }
        self.count_attempts(session);
        // A call or two that were turned down tell of no client.
        let is_note =
            |finding: &Finding| finding.severity == Severity::Info && finding.rule.is(&registrar_rejects_contact::RULE);
        let is_note = session.method() == Some(&Method::Invite)
            && !session.has_authentication()
            && !findings.is_empty()
            && findings.iter().all(is_note);
        if !is_passed_on && !is_note {
            self.clients.note(session, findings, self.sessions);
        }
        let is_trouble = findings.iter().any(|finding| finding.severity >= Severity::Medium);
        if self.listed >= self.sessions_max && !is_trouble {
            self.summary.sessions_not_listed += 1;
            return None;
        }
        self.listed += 1;
        let is_whole = self.whole.takes(session.outcome);
        let mut model = session_model(session, self.sessions, self.redaction, is_whole);
        if let Some(pseudonyms) = &self.pseudonyms {
            pseudonyms.session(&mut model);
        }
        Some(model)
    }

    /// Counts a session that is not to be reported: it keeps its number, and nothing else of it is told.
    pub fn pass_over(&mut self, session: &Session<'_>) -> Option<model::Session> {
        self.sessions += 1;
        self.has_passed_over |= session.has_authentication();
        None
    }

    fn count_attempts(&mut self, session: &Session<'_>) {
        for attempt in &session.attempts {
            self.summary.challenges += attempt.challenges.len() as u64;
            for presented in attempt.credentials.iter().chain(&attempt.ack_credentials) {
                self.summary.credentials += 1;
                let verifications = &mut self.summary.verifications;
                *match presented.verdict() {
                    Some(Verdict::Match) => &mut verifications.matched,
                    Some(Verdict::Mismatch) => &mut verifications.mismatch,
                    Some(Verdict::NearMiss(_)) => &mut verifications.near_miss,
                    Some(Verdict::Unverifiable(_)) => &mut verifications.unverifiable,
                    None => &mut verifications.not_checked,
                } += 1;
            }
        }
    }

    /// The summary, once all sessions are known: callers that are one client are made one. `by_severity` counts every finding, those of the report and those that found no place in it.
    pub fn summary(&mut self, seen: Seen, by_severity: &BTreeMap<String, u64>) -> model::Summary {
        let has = |severity: Severity| by_severity.get(severity.name()).is_some_and(|count| *count > 0);
        let has_high = has(Severity::High) || has(Severity::Critical);
        self.clients.fold_callers();
        let verdict = self.clients.verdict(has_high);
        model::Summary {
            verdict: verdict.to_owned(),
            headlines: self.clients.headlines(verdict, seen),
            sip_messages: seen.sip_messages,
            findings_by_severity: by_severity.clone(),
            ..self.summary.clone()
        }
    }
}

/// A frame as the report names it.
pub fn frame_at(frame: FrameRef) -> FrameAt {
    FrameAt { input: frame.input.0, number: frame.number.value() }
}

/// Wire bytes as text.
pub fn text(bytes: &[u8]) -> String {
    Untrusted(bytes).to_text()
}

/// The bytes in hex, where they are not UTF-8 and the text beside them is not the whole truth. What the text hides, they would show.
pub fn hex_of(bytes: &[u8]) -> Option<String> {
    let is_shown = std::str::from_utf8(bytes).is_err() && matches!(without_secrets(bytes), Cow::Borrowed(_));
    is_shown.then(|| hex::encode(bytes))
}

/// Milliseconds from one time to a later one.
pub fn milliseconds(from: CaptureTime, to: CaptureTime) -> f64 {
    // Microseconds are what most captures have; more digits would be noise.
    (to.since(from).as_secs_f64() * 1e6).round() / 1e3
}

fn session_model(session: &Session<'_>, number: u64, redaction: Redaction, is_whole: bool) -> model::Session {
    let hop = session.attempts.first().map(|first| hop(first.transaction)).unwrap_or(model::Hop {
        client: Party(None),
        server: Party(None),
        transport: "",
    });
    let user = session.user();
    let call_id = &session.run.call_id;
    let realms: Vec<String> = session.realms().iter().map(|realm| text(realm)).collect();
    let agent = session.attempts.iter().filter_map(Attempt::request).find_map(|request| request.user_agent);
    let server_agent = session.attempts.iter().filter_map(Attempt::answer).find_map(|answer| answer.server);
    let shared = Shared::of(session);
    let told = if is_whole { session.attempts.as_slice() } else { &[] };
    model::Session {
        id: format!("s{number}"),
        method: session.method().map(|method| text(method.as_bytes())).unwrap_or_default(),
        call_id: text(call_id),
        call_id_hex: hex_of(call_id),
        transport: hop.transport,
        client: hop.client,
        server: hop.server,
        user: text(&user),
        user_hex: hex_of(&user),
        from: shared.from.map(text),
        to: shared.to.map(text),
        realm: own_realm(session).map(|realm| text(&realm)),
        user_agent: agent.map(|agent| text(session.text(agent))),
        server_agent: server_agent.map(|agent| text(session.text(agent))),
        started: Time(session.run.started),
        ended: Time(session.run.last_seen),
        outcome: session.outcome,
        final_status: session.final_status(),
        reached: session.reached(),
        attempts_left_out: (session.attempts.len() - told.len()) as u64,
        messages_left_out: 0,
        attempts: told.iter().map(|attempt| shared.attempt_model(attempt, redaction)).collect(),
        realms,
        wireshark_filter: wireshark::call_id(call_id).unwrap_or_else(|| wireshark::frames(&all_frames(session))),
    }
}

/// The first realm that whoever began the session was asked for, or showed: not one that it asks for itself, nor that of a proxy's own account
/// on the next hop.
fn own_realm(session: &Session<'_>) -> Option<Vec<u8>> {
    let began = session.client()?;
    let mut own =
        session.attempts.iter().filter(|own| session.sides.are_of_one(own.transaction.flow().source.address, began));
    own.find_map(|attempt| {
        let shown = attempt.credentials.iter().map(Presented::realm);
        let mut realms = shown.chain(attempt.challenges.iter().map(Offered::realm));
        realms.find(|realm| !realm.is_empty()).map(Cow::into_owned)
    })
}

fn other_answers(attempt: &Attempt<'_>) -> Vec<model::OtherAnswer> {
    let model = |answer: &Answer| model::OtherAnswer {
        response: frame_at(answer.at),
        status: answer.status,
        response_ms: attempt.request().and_then(|request| response_ms(request, answer)),
    };
    attempt.transaction.other_answers().iter().map(model).collect()
}

/// From request to answer; `None` where their stamps stand in the wrong order.
fn response_ms(request: &Request, answer: &Answer) -> Option<f64> {
    (answer.time >= request.time).then(|| milliseconds(request.time, answer.time))
}

fn all_frames(session: &Session<'_>) -> Vec<FrameRef> {
    let frames = session.attempts.iter().flat_map(|attempt| {
        let copies = attempt.copies.iter().map(|copy| copy.at);
        facts::frames_of(attempt).chain(copies)
    });
    frames.collect()
}

fn hop(transaction: &Transaction) -> model::Hop {
    model::Hop {
        client: Party(Some(transaction.flow().source)),
        server: Party(Some(transaction.flow().destination)),
        transport: transaction.transport.name(),
    }
}

/// What the attempts of a session have in common stands in the session, once.
struct Shared<'s, 'run> {
    session: &'s Session<'run>,
    from: Option<&'run [u8]>,
    to: Option<&'run [u8]>,
    first: Option<&'s Transaction>,
    /// Requests that were passed on, by their frame, which may hold several, and by CSeq and method.
    passed_on: BTreeMap<(FrameRef, Option<u32>, &'s Method), &'s Transaction>,
}

impl<'s, 'run> Shared<'s, 'run> {
    fn of(session: &'s Session<'run>) -> Shared<'s, 'run> {
        let request = session.attempts.iter().find_map(Attempt::request);
        let forwarded = session.run.transactions.iter().filter(|known| known.forwarded_from().is_some());
        Shared {
            session,
            from: request.map(|request| session.text(request.from)),
            to: request.map(|request| session.text(request.to)),
            first: session.attempts.first().map(|attempt| attempt.transaction),
            passed_on: forwarded
                .filter_map(|known| Some(((known.request.as_ref()?.at, known.cseq, &known.method), known)))
                .collect(),
        }
    }

    fn copy_model(&self, first: &Transaction, copy: &crate::session::Copy) -> model::Copy {
        let FrameAt { input, number } = frame_at(copy.at);
        let passed_on = self.passed_on.get(&(copy.at, first.cseq, &first.method));
        let passed_on = passed_on.filter(|_| copy.kind == CopyKind::Hop);
        let request = passed_on.and_then(|known| known.request.as_ref());
        let answer = passed_on.and_then(|known| known.answer.as_ref());
        model::Copy {
            input,
            number,
            kind: copy.kind.name(),
            hop: passed_on.map(|known| hop(known)),
            time: request.map(|request| Time(request.time)),
            response: answer.map(|answer| frame_at(answer.at)),
            status: answer.map(|answer| answer.status),
            response_ms: request.zip(answer).and_then(|(request, answer)| response_ms(request, answer)),
        }
    }

    fn attempt_model(&self, attempt: &Attempt<'_>, redaction: Redaction) -> model::Attempt {
        let session = self.session;
        let (request, answer) = (attempt.request(), attempt.answer());
        let ack = attempt.transaction.ack().filter(|_| !attempt.ack_credentials.is_empty());
        let credentials = |all: &[Presented<'_>]| all.iter().map(|one| credentials_model(one, redaction)).collect();
        let own = |id: Option<TextId>, shared: Option<&[u8]>| {
            id.map(|id| session.text(id)).filter(|uri| Some(*uri) != shared).map(text)
        };
        model::Attempt {
            cseq: attempt.transaction.cseq,
            request: request.map(|request| frame_at(request.at)),
            time: request.map(|request| Time(request.time)),
            credentials: credentials(&attempt.credentials),
            response: answer.map(|answer| frame_at(answer.at)),
            status: attempt.status(),
            reason: answer.map(|answer| text(session.text(answer.reason))),
            response_ms: request.zip(answer).and_then(|(request, answer)| response_ms(request, answer)),
            challenges: attempt.challenges.iter().map(challenge_model).collect(),
            outcome: attempt.outcome,
            copies: attempt.copies.iter().map(|copy| self.copy_model(attempt.transaction, copy)).collect(),
            method: text(attempt.transaction.method.as_bytes()),
            ambiguous: request.is_some_and(|request| request.is_ambiguous)
                || answer.is_some_and(|answer| answer.is_ambiguous),
            headers_cut: request.is_some_and(|request| !request.has_all_headers),
            from: own(request.map(|request| request.from), self.from),
            to: own(request.map(|request| request.to), self.to),
            hop: (!self.is_own_hop(attempt.transaction)).then(|| hop(attempt.transaction)),
            frames: self.frames(attempt),
            ack: ack.map(|ack| model::Ack {
                request: frame_at(ack.at),
                credentials: credentials(&attempt.ack_credentials),
            }),
            other_answers: other_answers(attempt),
        }
    }

    fn is_own_hop(&self, other: &Transaction) -> bool {
        self.first.is_some_and(|first| first.flow() == other.flow() && first.transport == other.transport)
    }

    fn frames(&self, attempt: &Attempt<'_>) -> Vec<FrameAt> {
        let run = self.session.run;
        let messages = || facts::frames_of(attempt);
        if !messages().any(|message| run.is_made_of_several(message)) {
            return Vec::new();
        }
        messages().flat_map(|message| run.frames_of(message)).map(frame_at).collect()
    }
}

fn challenge_model(offered: &Offered<'_>) -> model::Challenge {
    let challenge = &offered.challenge;
    let realm = challenge.realm();
    model::Challenge {
        header: offered.header.challenge_header(),
        scheme: text(challenge.scheme_raw),
        realm: realm.as_deref().map(text),
        realm_hex: realm.as_deref().and_then(hex_of),
        nonce_id: offered.nonce.map(nonce_name),
        algorithm: (challenge.scheme == Scheme::Digest).then(|| text(challenge.algorithm().text())),
        qop: challenge.qop().iter().map(|qop| text(qop.name())).collect(),
        stale: challenge.stale().and_then(|stale| match stale {
            Stale::True => Some(true),
            Stale::False => Some(false),
            Stale::Odd(_) => None,
        }),
        opaque: challenge.opaque().is_some(),
        defects: challenge.defects().iter().map(|defect| defect.kind.name()).collect(),
    }
}

fn credentials_model(presented: &Presented<'_>, redaction: Redaction) -> model::Credentials {
    let credentials = &presented.credentials;
    let is_digest = credentials.scheme == Scheme::Digest;
    let (username, realm) = (credentials.username(), credentials.realm());
    let open = |value: Option<Cow<'_, [u8]>>| value.filter(|_| redaction == Redaction::None).map(|v| text(&v));
    model::Credentials {
        header: presented.header.credentials_header(),
        scheme: credentials_scheme(credentials.scheme_raw),
        username: username.as_deref().map(text),
        username_hex: username.as_deref().and_then(hex_of),
        realm: realm.as_deref().map(text),
        realm_hex: realm.as_deref().and_then(hex_of),
        nonce_id: presented.nonce.map(nonce_name),
        uri: credentials.uri().as_deref().map(text),
        algorithm: is_digest.then(|| text(credentials.algorithm().text())),
        qop: credentials.qop().map(|qop| text(qop.name())),
        nc: credentials.nonce_count().map(|count| text(count.raw)),
        verification: presented.verdict().map(|verdict| verification_model(verdict, presented.source())),
        defects: credentials.defects().iter().map(|defect| defect.kind.name()).collect(),
        cnonce: open(credentials.cnonce()),
        response: open(credentials.response()),
    }
}

/// The result of a check, as reports show it, and the entry behind it.
pub fn verification_model(verdict: Verdict, source: Option<&SourceId>) -> model::Verification {
    let (variant, reason) = match verdict {
        Verdict::NearMiss(variant) => (Some(variant.name().to_owned()), None),
        Verdict::Unverifiable(reason) => (None, Some(reason.name())),
        _ => (None, None),
    };
    model::Verification { result: verdict.name(), variant, reason, credential_source: source.map(ToString::to_string) }
}
