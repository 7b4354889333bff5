//! What is done with messages: auth headers read, digests checked, sessions tracked.

use crate::analyzer::nonce_list::NonceList;
use crate::auth::Algorithm;
use crate::auth::challenges_in;
use crate::auth::credentials_in;
use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::Missing;
use crate::base::Pauses;
use crate::base::Unreachables;
use crate::digest::Keyring;
use crate::digest::Request;
use crate::digest::Verifier;
use crate::filter::Selection;
use crate::history::Accounts;
use crate::history::BegunAnew;
use crate::history::Chronicle;
use crate::history::Nonces;
use crate::history::Outcomes;
use crate::history::RefusedCall;
use crate::history::nonce::Issue;
use crate::history::nonce::Purpose;
use crate::report::Redaction;
use crate::report::ReportBuilder;
use crate::report::findings::Findings;
use crate::report::model;
use crate::rules::Said;
use crate::rules::Severity;
use crate::rules::capture_facts::CutMessages;
use crate::rules::challenge_facts;
use crate::session::Behind;
use crate::session::ChallengeRow;
use crate::session::CredentialsRow;
use crate::session::HeaderKind;
use crate::session::KnownCredentials;
use crate::session::LinkId;
use crate::session::LostMessages;
use crate::session::Placement;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::Tracker;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::Room;
use crate::sip::parse::Source;
use crate::transport::LostMessage;
use crate::transport::Payload;

/// Everything behind the packets.
pub(super) struct Messages {
    pub(super) limits: Limits,
    pub(super) verifier: Verifier,
    pub(super) tracker: Tracker,
    pub(super) nonces: Nonces,
    pub(super) accounts: Accounts,
    pub(super) chronicle: Chronicle,
    pub(super) lost: LostMessages,
    pub(super) outcomes: Outcomes,
    pub(super) builder: ReportBuilder,
    pub(super) findings: Findings,
    pub(super) said: Said,
    /// The room that the headers of the message before took up, for the next ones.
    room: Room,
    pub(super) sip_messages: u64,
    pub(super) cut: CutMessages,
    pub(super) auth_rows_dropped: u64,
    pub(super) closed: Vec<Run>,
    pub(super) ready: Vec<model::Row>,
    pub(super) nonce_list: NonceList,
    /// Who sent to whom what is missing: fragments of datagrams, or parts of TCP streams.
    pub(super) lost_between: Missing,
    /// When nobody captured.
    pub(super) pauses: Pauses,
    /// What ICMP and TCP said of packets that nothing came of.
    pub(super) unreachable: Unreachables,
    /// Who asked anew as the capture came to its end; nobody before that.
    pub(super) begun_anew: BegunAnew,
    /// The first session with the worst finding so far: the one that a ticket is about.
    pub(super) worst: Option<(Severity, model::Session)>,
    pub(super) run_dropped: u64,
    pub(super) duplicates: u64,
    /// Which sessions are to be reported; all without one.
    pub(super) selection: Option<Box<Selection>>,
}

/// So many characters of a number tell whom it calls, whatever prefix stands before them.
const CALLED_END_LEN: usize = 6;

impl Messages {
    /// Nothing seen yet.
    pub(super) fn new(limits: &Limits, keyring: Keyring, builder: ReportBuilder, findings: Findings) -> Messages {
        Messages {
            verifier: Verifier::new(keyring).limited(limits),
            tracker: Tracker::new(limits),
            nonces: Nonces::new(limits),
            accounts: Accounts::new(limits.accounts_max),
            chronicle: Chronicle::new(limits),
            lost: LostMessages::default(),
            outcomes: Outcomes::new(limits.outcomes_max),
            builder,
            findings,
            said: Said::default(),
            room: Room::new(),
            limits: limits.clone(),
            sip_messages: 0,
            cut: CutMessages::default(),
            auth_rows_dropped: 0,
            closed: Vec::new(),
            ready: Vec::new(),
            nonce_list: NonceList::default(),
            lost_between: Missing::default(),
            pauses: Pauses::default(),
            begun_anew: BegunAnew::default(),
            unreachable: Unreachables::default(),
            worst: None,
            run_dropped: 0,
            duplicates: 0,
            selection: None,
        }
    }

    /// Stands for the one that a worker has.
    pub(super) fn elsewhere(limits: &Limits) -> Messages {
        let builder = ReportBuilder::new(Redaction::Default, 0, 0);
        Messages::new(limits, Keyring::default(), builder, Findings::new(0))
    }

    /// One message, still to be parsed.
    pub(super) fn push(&mut self, payload: Payload<'_>) {
        let source = Source { is_cut: payload.cut, header_fields_max: self.limits.header_fields_max };
        let message = crate::sip::parse_into(std::mem::take(&mut self.room), payload.bytes, source);
        self.push_parsed(payload, &message);
        self.room = message.headers.into_room().unwrap_or_default();
    }

    /// One message: its auth headers read, its digests checked, and put where it belongs.
    pub(super) fn push_parsed(&mut self, payload: Payload<'_>, message: &Message<'_>) {
        self.sip_messages += 1;
        if !message.has_all_headers {
            self.cut.note(message.status(), payload.frames.last);
        }
        let time = payload.time.or(self.tracker.now()).unwrap_or(CaptureTime::from_ns(0));
        let answers = self.ask(message, &payload, time);
        let (RequestCredentials { rows: credentials, purposes }, challenges) = if message.status().is_some() {
            (RequestCredentials::default(), self.challenges(message, &payload, time))
        } else {
            (self.credentials(message, &payload, time), Vec::new())
        };
        let has_wrong_digest = credentials
            .iter()
            .flat_map(CredentialsRow::known)
            .any(|known| known.checked.as_ref().is_some_and(|checked| checked.verdict.is_wrong()));
        let keeps_body =
            has_wrong_digest && message.has_whole_body && message.body().len() <= self.limits.near_miss_body_bytes_max;
        let (at, flow, transport) = (payload.frames.last, payload.flow, payload.transport);
        let sighting = Sighting {
            message,
            flow: payload.flow,
            transport: payload.transport,
            link: link_of(&payload),
            frames: payload.frames,
            time,
            is_ambiguous: payload.ambiguous,
            is_cut: payload.cut,
            credentials,
            challenges,
            keeps_body,
        };
        let placement = self.tracker.push(sighting, &mut self.closed);
        // A repeat is no new try.
        if !purposes.is_empty() && placement == Placement::New {
            self.note_account(message, (flow, transport), time, purposes);
        }
        self.note_infos(message, at, time, flow);
        if placement == Placement::New {
            self.note_refused_call(message, at, time, flow);
            self.note_acceptance(message, flow);
        }
        for run in std::mem::take(&mut self.closed) {
            self.close(&run, time);
        }
        if self.nonces.is_crowded() {
            self.forget_nonces();
        }
        if let (Some(answers), Some(selection)) = (answers, &mut self.selection) {
            selection.remember(message, at, answers);
        }
    }

    /// Forgets nonces that nobody is expected to use again, whatever the report shows of them: that is written down before.
    fn forget_nonces(&mut self) {
        let Some(now) = self.tracker.now() else { return };
        let unwanted = self.nonces.unwanted(now, self.tracker.nonces());
        let rows = self.nonce_list.before_forgetting(&unwanted, &self.nonces, self.builder.pseudonyms());
        self.ready.extend(rows.into_iter().map(model::Row::Nonce));
        self.nonces.forget(&unwanted);
    }

    /// Closes every session of a capture whose latest frame is of that time, and hands out the rows that are left.
    pub(super) fn finish(&mut self, latest: Option<CaptureTime>, each: &mut impl FnMut(model::Row)) {
        let end = self.end(latest);
        self.ready.drain(..).for_each(&mut *each);
        self.begun_anew = BegunAnew::of(self.tracker.awake(), end);
        for run in self.tracker.finish() {
            self.close(&run, end);
            self.ready.drain(..).for_each(&mut *each);
        }
    }

    /// When a capture ended whose latest frame is of that time.
    pub(super) fn end(&self, latest: Option<CaptureTime>) -> CaptureTime {
        latest.or(self.tracker.now()).unwrap_or(CaptureTime::from_ns(0))
    }

    /// A message whose end never came: it is no message, and is remembered for what it shows.
    pub(super) fn lose(&mut self, lost: LostMessage<'_>) {
        let source = Source { is_cut: true, header_fields_max: self.limits.header_fields_max };
        let message = crate::sip::parse(lost.bytes, source);
        self.lost.make_room(self.tracker.now());
        self.lost.note(&message, lost.at, lost.time, lost.flow);
    }

    /// Another copy of a message that is known already: which of the two its receiver has read, nobody can say.
    pub(super) fn contradict(&mut self, flow: Flow, bytes: &[u8]) {
        let source = Source { is_cut: false, header_fields_max: self.limits.header_fields_max };
        self.tracker.contradict(flow, &crate::sip::parse(bytes, source));
    }

    fn challenges(&mut self, message: &Message<'_>, payload: &Payload<'_>, time: CaptureTime) -> Vec<ChallengeRow> {
        // Most messages have none.
        let row_count = count(message, &CHALLENGES);
        if row_count == 0 {
            return Vec::new();
        }
        self.auth_rows_dropped += beyond(row_count, AUTH_ROWS_MAX);
        let users = Users::of(message);
        let purpose = purpose_of(&self.nonces, message, &users);
        let user = self.nonces.user(users.from);
        let mut left = AUTH_ROWS_MAX;
        let rows = auth_headers(message, &CHALLENGES).map(|(header, value)| {
            let mut all = challenges_in(value);
            let read = all.by_ref().take(left).map(|challenge| {
                let nonce = challenge.nonce()?;
                let id = self.nonces.id(&challenge.realm().unwrap_or_default(), &nonce)?;
                let is_aka = matches!(challenge.algorithm(), Algorithm::Aka { .. });
                let (at, flow) = (payload.frames.last, payload.flow);
                self.nonces.issued(id, &nonce, Issue { at, time, flow, purpose, is_aka, user });
                Some(id)
            });
            // Mostly it is one.
            let mut nonces = Vec::with_capacity(1);
            nonces.extend(read);
            left -= nonces.len();
            self.auth_rows_dropped += beyond(all.count(), 0);
            ChallengeRow { header, nonces: nonces.into(), value: value.into() }
        });
        collected(rows, row_count)
    }

    fn credentials(&mut self, message: &Message<'_>, payload: &Payload<'_>, time: CaptureTime) -> RequestCredentials {
        let row_count = count(message, &CREDENTIALS);
        if row_count == 0 {
            return RequestCredentials::default();
        }
        self.auth_rows_dropped += beyond(row_count, AUTH_ROWS_MAX);
        let mut purposes: Vec<u64> = Vec::with_capacity(row_count.min(AUTH_ROWS_MAX));
        let purpose = purpose_of(&self.nonces, message, &Users::of(message));
        let request = Request {
            method: message.method().unwrap_or_default(),
            body: message.has_whole_body.then(|| message.body()),
            ambiguous: payload.ambiguous,
            headers_cut: !message.has_all_headers,
        };
        let mut left = AUTH_ROWS_MAX;
        let rows = auth_headers(message, &CREDENTIALS).map(|(header, value)| {
            let mut all = credentials_in(value);
            let mut known = all.by_ref().take(left).map(|credentials| {
                let realm = credentials.realm().unwrap_or_default();
                if !credentials.is_ims_initial() {
                    purposes.push(self.accounts.purpose(message.method().unwrap_or_default(), &realm));
                    purposes.extend(challenge_facts::algorithm_purpose(&self.accounts, credentials.algorithm()));
                }
                let nonce = credentials.nonce().and_then(|nonce| self.nonces.named(&realm, &nonce));
                if let Some(nonce) = nonce {
                    self.nonces.sent(nonce, payload.frames.last, time, payload.flow, purpose);
                    self.nonces.responded(nonce, &credentials.response().unwrap_or_default(), purpose);
                    if let Some(count) = credentials.nonce_count().and_then(|count| count.value) {
                        self.nonces.counted(nonce, count, payload.frames.last, payload.flow.source.address, purpose);
                    }
                }
                let challenge_realm = credentials.nonce().and_then(|nonce| self.nonces.issuing_realm(&nonce));
                let checked = self.verifier.check(&credentials, &request, challenge_realm);
                KnownCredentials { nonce, checked }
            });
            let (first, others) = (known.next().unwrap_or_default(), known.collect::<Box<[_]>>());
            left = left.saturating_sub(1 + others.len());
            self.auth_rows_dropped += beyond(all.count(), 0);
            CredentialsRow { header, first, others, value: value.into() }
        });
        RequestCredentials { rows: collected(rows, row_count), purposes }
    }

    /// Notes that a call was refused or challenged, and whether a refusal was passed back from behind the server.
    fn note_refused_call(&mut self, message: &Message<'_>, at: FrameRef, time: CaptureTime, flow: Flow) {
        let is_of_call = || message.cseq().is_some_and(|cseq| cseq.method == b"INVITE");
        // Branches that were cancelled say nothing. Where challenges are passed back, so is the refusal: the credentials are what it is
        // about.
        let Some(status) = message.status().filter(|status| *status != 487 && is_of_call()) else { return };
        let call = self.chronicle.sources.hash((message.call_id(), b"".as_slice()));
        if status < 300 {
            self.chronicle.refused_calls.went_on(call);
            return;
        }
        if self.nonces.is_sent_on(message.call_id()) {
            return;
        }
        let Some(transaction) = self.tracker.answered_by(message, at) else { return };
        let (caller, server) = (flow.destination.address, flow.source.address);
        let Some(began) = transaction.started() else { return };
        let number = message.to_user();
        let end = number.len().checked_sub(CALLED_END_LEN).and_then(|start| number.get(start..));
        let is_short = end.is_none();
        let called = Some(end.unwrap_or(number)).filter(|called| !called.is_empty());
        let called = called.map(|called| self.chronicle.sources.hash((called, b"".as_slice())));
        let refused = RefusedCall { caller, server, call, called, is_short, status, began, time, at };
        let is_challenge = matches!(status, 401 | 407)
            && transaction
                .answer
                .as_ref()
                .is_none_or(|answer| !answer.challenges.is_empty() || !answer.has_all_headers);
        let behind = (!is_challenge).then(|| self.chronicle.refused_calls.behind(&refused)).flatten();
        if let (Some(behind), Some(answer)) = (behind, &mut transaction.answer) {
            let RefusedCall { at, status, server, .. } = behind;
            answer.rare.get_or_insert_default().behind = Some(Behind { at, status, server });
        }
        self.chronicle.refused_calls.note(refused);
    }
}

/// The credentials of a request.
#[derive(Default)]
struct RequestCredentials {
    rows: Vec<CredentialsRow>,
    /// What they are for, as accounts remember it; nothing where none of them answers anything. An IMS client announces itself with an
    /// empty digest (RFC 3310 §4): that does not.
    purposes: Vec<u64>,
}

/// The users that a message names.
pub(super) struct Users<'a> {
    pub(super) from: &'a [u8],
    pub(super) to: &'a [u8],
}

impl<'a> Users<'a> {
    pub(super) fn of(message: &Message<'a>) -> Users<'a> {
        Users { from: message.from_user(), to: message.to_user() }
    }
}

/// What a message is for, by its Call-ID, method and users. Hosts are left out: some clients name another one with each try.
pub(super) fn purpose_of(nonces: &Nonces, message: &Message<'_>, users: &Users<'_>) -> Purpose {
    let method = message.method().or(message.cseq().map(|cseq| cseq.method)).unwrap_or_default();
    nonces.purpose(message.call_id(), method, [users.from, users.to])
}

/// Rows of credentials or challenges of one message that are read, and how many of either in all of them. A proxy chain leaves a few, and
/// the work that rules have with a message grows with their square.
const AUTH_ROWS_MAX: usize = 64;

const CHALLENGES: [HeaderName; 2] = [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate];
const CREDENTIALS: [HeaderName; 2] = [HeaderName::Authorization, HeaderName::ProxyAuthorization];

/// How many of so many find no place, where there are as many left.
pub(super) fn beyond(rows: usize, left: usize) -> u64 {
    u64::try_from(rows.saturating_sub(left)).unwrap_or(u64::MAX)
}

pub(super) fn count(message: &Message<'_>, names: &[HeaderName]) -> usize {
    names.iter().map(|name| message.headers.all(*name).count()).sum()
}

/// So many rows at most, in a list that takes up no more room than they need: sessions keep it.
fn collected<T>(rows: impl Iterator<Item = T>, row_count: usize) -> Vec<T> {
    let mut all = Vec::with_capacity(row_count.min(AUTH_ROWS_MAX));
    all.extend(rows);
    all
}

fn auth_headers<'m, 'a: 'm>(
    message: &'m Message<'a>,
    names: &'m [HeaderName],
) -> impl Iterator<Item = (HeaderKind, &'a [u8])> + 'm {
    let headers = message.headers.iter().filter(move |header| names.contains(&header.name)).take(AUTH_ROWS_MAX);
    headers.filter_map(|header| Some((HeaderKind::of(header.name)?, message.text(header.value_at))))
}

fn link_of(payload: &Payload<'_>) -> LinkId {
    let link = payload.link;
    let vlan = link.vlan.map_or(0, |vlan| u64::from(vlan) + 1);
    let device = u64::from(link.device.unwrap_or(0) & 0xffff);
    LinkId((u64::from(link.interface) << 32 | device << 16 | (vlan & 0xffff)) ^ u64::from(link.tunnel).rotate_left(32))
}
