//! A session as a ladder: who sent what to whom and when, and beside each message the nonce, its count and the verdict. The
//! drawing is another's work: text.rs, mermaid.rs and svg.rs.

use crate::base::CaptureTime;
use crate::base::Untrusted;
use crate::report::Attempt;
use crate::report::Challenge;
use crate::report::Credentials;
use crate::report::FrameAt;
use crate::report::Party;
use crate::report::Session;
use crate::report::Verification;
use crate::report::model;
use crate::session::AttemptOutcome;

pub mod mermaid;
pub mod svg;
pub mod text;

/// Silence that is worth a row.
const GAP_S_MIN: f64 = 1.0;

/// Sides that a ladder has at most; messages to further ones are told in words.
pub const COLUMNS_MAX: usize = 6;

/// Rows of the longest ladder.
pub const ROWS_MAX: usize = 1_000;

/// A drawing of one session.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// `s1  REGISTER  1001@asterisk`
    pub title: String,
    /// `Call-ID …`
    pub call_id: String,
    /// How it ended: `forbidden (403)`.
    pub outcome: String,
    /// The sides, in order of appearance.
    pub columns: Vec<Column>,
    /// Messages and silences, in the order of time.
    pub rows: Vec<Row>,
}

/// One side.
#[derive(Clone, Debug)]
pub struct Column {
    /// Address and port; the address alone where it used several ports.
    pub place: String,
    /// What it says it is.
    pub agent: Option<String>,
}

/// One line of a ladder.
#[derive(Clone, Debug)]
pub enum Row {
    /// A message.
    Message(Arrow),
    /// Nothing for so many seconds.
    Gap(f64),
    /// So many messages are not shown.
    LeftOut(usize),
}

/// One message.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// Seconds since the session began; `None` where it is not known.
    pub at_s: Option<f64>,
    /// The frame.
    pub frame: Option<FrameAt>,
    /// The sender's column; `None` where there are too many sides.
    pub from: Option<usize>,
    /// The receiver's.
    pub to: Option<usize>,
    /// `REGISTER  CSeq 1`, `401 Unauthorized`
    pub label: String,
    /// Nonce, count and verdict, or what the answer means.
    pub note: String,
    /// How often it was sent.
    pub times: usize,
    /// What colour strengthens.
    pub tone: Tone,
}

/// Whether a message is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It got in.
    Good,
    /// It did not.
    Bad,
    /// Neither.
    Plain,
}

impl Ladder {
    /// The ladder of a session, of at most `rows_max` rows, and at most [`ROWS_MAX`]: the middle of longer ones is left out.
    pub fn of(session: &Session, rows_max: usize) -> Ladder {
        let mut sides = Sides::of(session);
        let mut events = Vec::new();
        for attempt in &session.attempts {
            push_attempt(&mut events, &mut sides, session, attempt);
        }
        // Those whose time is not known stay behind the one before.
        let mut latest = session.started.0;
        for event in &mut events {
            latest = event.time.unwrap_or(latest);
            event.order = latest;
        }
        events.sort_by_key(|event| event.order);
        let mut rows = Vec::with_capacity(events.len());
        let mut before: Option<CaptureTime> = None;
        for event in events {
            let gap = before.zip(event.time).map_or(0.0, |(before, now)| now.since(before).as_secs_f64());
            if gap >= GAP_S_MIN {
                rows.push(Row::Gap(gap));
            }
            before = event.time.or(before);
            rows.push(Row::Message(event.arrow));
        }
        Ladder {
            title: format!("{}  {}  {}", session.id, shown(&session.method), account(session)),
            call_id: format!("Call-ID {}", shown(&session.call_id)),
            outcome: session.reached.behind(&session.outcome.words(), " "),
            columns: sides.columns(session),
            rows: shortened(rows, rows_max.min(ROWS_MAX), session.messages_left_out),
        }
    }
}

/// `1001@asterisk`, for people.
pub fn account(session: &Session) -> String {
    match &session.realm {
        Some(realm) if !realm.is_empty() => format!("{}@{}", shown(&session.user), shown(realm)),
        _ => shown(&session.user),
    }
}

/// The beginning and the end of a long list, of whose middle so many messages were left out before.
fn shortened(mut rows: Vec<Row>, rows_max: usize, messages_left_out: usize) -> Vec<Row> {
    if rows.len() <= rows_max {
        return rows;
    }
    let tail = rows_max / 4;
    let head = rows_max.saturating_sub(tail + 1);
    let end = rows.split_off(rows.len() - tail);
    let left_out = rows.split_off(head);
    let messages = left_out.iter().filter(|row| matches!(row, Row::Message(_))).count();
    rows.push(Row::LeftOut(messages.saturating_add(messages_left_out)));
    rows.extend(end);
    rows
}

struct Event {
    time: Option<CaptureTime>,
    order: CaptureTime,
    arrow: Arrow,
}

/// The sides of a session, by the order in which they appear.
struct Sides {
    /// Proxies and phones on one host are told apart by port; where hosts differ, ports are left out of it.
    by_port: bool,
    seen: Vec<Vec<Party>>,
    /// The entry of credentials named last: it is told where it changes.
    source: Option<String>,
}

impl Sides {
    fn of(session: &Session) -> Sides {
        let own = std::iter::once((session.client, session.server));
        let hops = session
            .attempts
            .iter()
            .flat_map(|attempt| attempt.hop.iter().chain(attempt.copies.iter().filter_map(|copy| copy.hop.as_ref())));
        let all = own.chain(hops.map(|hop| (hop.client, hop.server)));
        let is_one_host = |(client, server): (Party, Party)| {
            client.0.zip(server.0).is_some_and(|(client, server)| client.address == server.address)
        };
        Sides { by_port: all.into_iter().any(is_one_host), seen: Vec::new(), source: None }
    }

    fn column(&mut self, place: Party) -> Option<usize> {
        let is_same = |known: &Party| match (known.0, place.0) {
            (Some(known), Some(place)) if !self.by_port => known.address == place.address,
            (known, place) => known == place,
        };
        if let Some(index) = self.seen.iter().position(|places| places.first().is_some_and(is_same)) {
            if let Some(places) = self.seen.get_mut(index).filter(|places| places.len() < 2 && !places.contains(&place))
            {
                places.push(place);
            }
            return Some(index);
        }
        if self.seen.len() >= COLUMNS_MAX {
            return None;
        }
        self.seen.push(vec![place]);
        Some(self.seen.len() - 1)
    }

    fn credentials_notes(&mut self, all: &[Credentials]) -> String {
        let mut notes = Vec::with_capacity(all.len());
        for credentials in all {
            let source = credentials.verification.as_ref().and_then(|check| check.credential_source.clone());
            let is_news = source.is_some() && source != self.source;
            notes.push(credentials_note(credentials));
            if let Some(source) = source.filter(|_| is_news) {
                notes.last_mut().into_iter().for_each(|note| note.push_str(&format!(" ({})", shown(&source))));
                self.source = Some(source);
            }
        }
        notes.join("; ")
    }

    fn columns(self, session: &Session) -> Vec<Column> {
        let column = |places: Vec<Party>| {
            let agent =
                |place: Party, agent: &Option<String>| agent.as_deref().filter(|_| places.contains(&place)).map(shown);
            let agent =
                agent(session.client, &session.user_agent).or_else(|| agent(session.server, &session.server_agent));
            let place = match (places.as_slice(), places.first().and_then(|place| place.0)) {
                ([_, _, ..], Some(endpoint)) => endpoint.address.to_string(),
                ([one], Some(_)) => one.to_string(),
                _ => "unknown".to_owned(),
            };
            Column { place, agent }
        };
        self.seen.into_iter().map(column).collect()
    }
}

/// The messages that a ladder shows of an attempt.
pub fn messages_of(attempt: &Attempt) -> usize {
    let hops = attempt.copies.iter().filter(|copy| copy.kind == "hop" && copy.hop.is_some());
    let of_hops: usize = hops.map(|copy| 1 + usize::from(copy.status.is_some())).sum();
    let is_answered = attempt.status.is_some() && !attempt.copies.iter().any(|copy| is_answer_of(attempt, copy));
    let is_asked = attempt.request.is_some() && !attempt.copies.iter().any(|copy| is_request_of(attempt, copy));
    let own = [is_asked, is_answered, attempt.ack.is_some()];
    of_hops + attempt.other_answers.len() + own.into_iter().map(usize::from).sum::<usize>()
}

/// Whether the request was seen on that later hop alone.
fn is_request_of(attempt: &Attempt, copy: &model::Copy) -> bool {
    let frame = FrameAt { input: copy.input, number: copy.number };
    copy.kind == "hop" && attempt.request == Some(frame)
}

/// Whether the answer was seen on that later hop alone.
fn is_answer_of(attempt: &Attempt, copy: &model::Copy) -> bool {
    copy.kind == "hop" && copy.response.is_some() && copy.response == attempt.response
}

fn push_attempt(events: &mut Vec<Event>, sides: &mut Sides, session: &Session, attempt: &Attempt) {
    let (client, server) =
        attempt.hop.as_ref().map_or((session.client, session.server), |hop| (hop.client, hop.server));
    let (client, server) = (sides.column(client), sides.column(server));
    let sent = attempt.time.map(|time| time.0);
    let cseq = attempt.cseq.map(|cseq| format!("  CSeq {cseq}")).unwrap_or_default();
    let request = format!("{}{cseq}", shown(&attempt.method));
    let again = attempt.copies.iter().filter(|copy| copy.kind == "retransmission").count();
    let since = |time: CaptureTime| time.since(session.started.0).as_secs_f64();
    let mut push = |time: Option<CaptureTime>, arrow: Arrow| {
        let order = time.unwrap_or(session.started.0);
        events.push(Event { time, order, arrow: Arrow { at_s: time.map(since), ..arrow } });
    };
    if attempt.request.is_some() {
        let seen = attempt.copies.iter().find(|copy| is_request_of(attempt, copy)).and_then(|copy| copy.hop.as_ref());
        let (from, to) = seen.map_or((client, server), |hop| (sides.column(hop.client), sides.column(hop.server)));
        let note = match attempt.credentials.is_empty() {
            true if attempt.headers_cut => "headers cut: credentials unknown".to_owned(),
            true => "no credentials".to_owned(),
            false => sides.credentials_notes(&attempt.credentials),
        };
        let tone = if attempt.credentials.iter().any(is_wrong) { Tone::Bad } else { Tone::Plain };
        let arrow = Arrow::new(attempt.request, from, to, request.clone());
        push(sent, Arrow { note, times: again + 1, tone, ..arrow });
    }
    let reason = attempt.reason.as_deref().map(shown).unwrap_or_default();
    let status = attempt.status.map(|status| format!("{status} {reason}").trim_end().to_owned());
    let mut is_answered = false;
    for copy in attempt.copies.iter().filter(|copy| copy.kind == "hop") {
        let Some(hop) = &copy.hop else { continue };
        let (from, to) = (sides.column(hop.client), sides.column(hop.server));
        let frame = Some(FrameAt { input: copy.input, number: copy.number });
        let time = copy.time.map(|time| time.0);
        if !is_request_of(attempt, copy) {
            push(time, Arrow { note: "passed on".to_owned(), ..Arrow::new(frame, from, to, request.clone()) });
        }
        let time = later(time, copy.response_ms);
        if let Some(status) = status.clone().filter(|_| is_answer_of(attempt, copy)) {
            let arrow = Arrow::new(copy.response, to, from, status);
            push(time, Arrow { note: answer_note(attempt), tone: tone(attempt), ..arrow });
            is_answered = true;
        } else if let Some(status) = copy.status {
            push(time, Arrow::new(copy.response, to, from, status.to_string()));
        }
    }
    for other in &attempt.other_answers {
        let arrow = Arrow::new(Some(other.response), server, client, other.status.to_string());
        push(later(sent, other.response_ms), Arrow { note: "one of several answers".to_owned(), ..arrow });
    }
    if let Some(status) = status.filter(|_| !is_answered) {
        let arrow = Arrow::new(attempt.response, server, client, status);
        push(later(sent, attempt.response_ms), Arrow { note: answer_note(attempt), tone: tone(attempt), ..arrow });
    }
    if let Some(ack) = &attempt.ack {
        let note = sides.credentials_notes(&ack.credentials);
        let arrow = Arrow::new(Some(ack.request), client, server, format!("ACK{cseq}"));
        push(later(sent, attempt.response_ms), Arrow { note, ..arrow });
    }
}

impl Arrow {
    fn new(frame: Option<FrameAt>, from: Option<usize>, to: Option<usize>, label: String) -> Arrow {
        Arrow { at_s: None, frame, from, to, label, note: String::new(), times: 1, tone: Tone::Plain }
    }
}

fn later(sent: Option<CaptureTime>, ms: Option<f64>) -> Option<CaptureTime> {
    // Milliseconds with three digits behind the point: whole microseconds.
    Some(sent?.plus(std::time::Duration::try_from_secs_f64(ms? / 1e3).ok()?))
}

fn tone(attempt: &Attempt) -> Tone {
    match attempt.outcome {
        AttemptOutcome::Accepted => Tone::Good,
        AttemptOutcome::Refused | AttemptOutcome::Stale | AttemptOutcome::Forbidden => Tone::Bad,
        AttemptOutcome::Challenged | AttemptOutcome::Failed | AttemptOutcome::NoAnswer | AttemptOutcome::Undecided => {
            Tone::Plain
        }
    }
}

fn is_wrong(credentials: &Credentials) -> bool {
    credentials.verification.as_ref().is_some_and(|check| matches!(check.result, "mismatch" | "near_miss"))
}

/// `n1 nc=1 ✗ digest ≠ password`
fn credentials_note(credentials: &Credentials) -> String {
    let mut words = Vec::new();
    match (&credentials.nonce_id, credentials.scheme.eq_ignore_ascii_case("digest")) {
        (Some(nonce), _) => words.push(nonce.clone()),
        (None, true) => words.push("no nonce".to_owned()),
        (None, false) => words.push(shown(&credentials.scheme)),
    }
    if let Some(count) = &credentials.nc {
        let short = count.trim_start_matches('0');
        words.push(format!("nc={}", shown(if short.is_empty() { count } else { short })));
    }
    if let Some(check) = &credentials.verification {
        words.push(verdict(check));
    }
    words.join(" ")
}

/// A verdict in a sign and in words.
fn verdict(check: &Verification) -> String {
    match (check.result, &check.variant, check.reason) {
        ("match", ..) => "✓ digest fits".to_owned(),
        ("near_miss", Some(variant), _) => format!("≈ near miss: {variant}"),
        ("unverifiable", _, Some(reason)) => format!("? not verifiable: {reason}"),
        _ => "✗ digest ≠ password".to_owned(),
    }
}

fn answer_note(attempt: &Attempt) -> String {
    let challenges: Vec<String> = attempt.challenges.iter().map(challenge_note).collect();
    let challenges = challenges.join("; ");
    let outcome = match attempt.outcome {
        // What a request carried that the capture lacks, or cut, nobody knows.
        AttemptOutcome::Accepted
            if attempt.credentials.is_empty() && attempt.request.is_some() && !attempt.headers_cut =>
        {
            "accepted without credentials".to_owned()
        }
        AttemptOutcome::Challenged | AttemptOutcome::Undecided | AttemptOutcome::NoAnswer | AttemptOutcome::Failed => {
            String::new()
        }
        told => told.words(),
    };
    match (outcome.is_empty(), challenges.is_empty()) {
        (false, false) => format!("{outcome}: {challenges}"),
        _ => outcome + &challenges,
    }
}

/// `nonce n1  MD5 qop=auth`
fn challenge_note(challenge: &Challenge) -> String {
    let mut words = Vec::new();
    match &challenge.nonce_id {
        Some(nonce) => words.push(format!("nonce {nonce}")),
        None => words.push(shown(&challenge.scheme)),
    }
    words.extend(challenge.algorithm.as_deref().map(shown));
    if !challenge.qop.is_empty() {
        words.push(format!("qop={}", shown(&challenge.qop.join(","))));
    }
    if let Some(stale) = challenge.stale {
        words.push(format!("stale={stale}"));
    }
    words.join(" ")
}

fn shown(text: &str) -> String {
    Untrusted(text.as_bytes()).to_terminal()
}
