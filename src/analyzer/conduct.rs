//! What a closed session adds to the chronicle: small facts about its source, its server and its account.

use std::collections::BTreeMap;

use crate::auth::Algorithm;
use crate::auth::HashName;
use crate::auth::Qop;
use crate::auth::Scheme;
use crate::base::limits::beginning;
use crate::digest::Verdict;
use crate::history::Answered;
use crate::history::Chronicle;
use crate::history::Entry;
use crate::history::Login;
use crate::history::PairKey;
use crate::history::Place;
use crate::history::Refusal;
use crate::history::ScannerLogin;
use crate::history::Target;
use crate::history::Tries;
use crate::history::Turn;
use crate::rules::facts;
use crate::rules::security::scanner_agent;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Exchange;
use crate::session::Judgement;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Run;
use crate::session::Session;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// A session, its number in the report, and the refusals of each user name in it.
struct Scribe<'a, 'run> {
    session: &'a Session<'run>,
    number: u64,
    /// Its requests are another client's, sent on by a B2BUA.
    is_passed_on: bool,
    refusals: BTreeMap<(PairKey, Vec<u8>), u64>,
}

/// Notes a closed session, by its number in the report or as [`UNLISTED`](crate::history::UNLISTED).
pub(super) fn note(chronicle: &mut Chronicle, session: &Session<'_>, number: u64, is_passed_on: bool) {
    note_exposure(chronicle, session, number);
    let mut scribe = Scribe { session, number, is_passed_on, refusals: BTreeMap::new() };
    for exchange in &session.exchanges {
        scribe.exchange(chronicle, exchange);
    }
    for ((key, user), refusals) in scribe.refusals {
        if let Some(tries) = chronicle.sources.tries(key, &user, Tries::default) {
            tries.end_call(refusals);
        }
    }
    super::peers::note(chronicle, session, number);
    // A B2BUA repeats what its client sent.
    if !is_passed_on {
        super::peers::note_uses(chronicle, session, number);
    }
}

/// Notes a run in which every request was accepted and nobody was asked.
pub(super) fn note_uneventful(chronicle: &mut Chronicle, run: &Run) {
    let Some(first) = run.transactions.first() else { return };
    let key = PairKey { client: first.flow().source.address, server: first.flow().destination.address };
    let last = run.transactions.iter().rev().find(|known| known.is_same_hop(first)).unwrap_or(first);
    if let Some(answer) = &last.answer {
        let answered = Answered { client: key.client, time: answer.time, at: answer.at };
        chronicle.servers.answered(key.server, answered);
        if let Some(conduct) = chronicle.sources.known_conduct(key) {
            conduct.answer(answer.time);
        }
    }
    let Some(entry) = entry_of(&first.method) else { return };
    let Some(request) = first.request.as_ref().filter(|request| request.to_tag.is_none()) else { return };
    let is_of_interest = entry == Entry::Register || chronicle.sources.get(key).is_some();
    if let Some(pair) = is_of_interest.then(|| chronicle.sources.pair(key)).flatten() {
        pair.is_known = true;
        pair.let_past += 1;
    }
    if request.via_count <= 1 && request.has_all_headers && first.forwarded_from().is_none() {
        chronicle.servers.let_in_unasked(key.server, entry, key.client, request.at);
    }
}

/// Whether a run begins with a request of a tool for attacks: then it is told, whatever became of it.
pub(super) fn is_of_scanner(run: &Run) -> bool {
    let request = run.transactions.first().and_then(|first| first.request.as_ref());
    let agent = request.and_then(|request| request.user_agent).map(|agent| run.text(agent));
    agent.is_some_and(|agent| scanner_agent::tool(agent).is_some())
}

fn is_accepted(presented: &Presented<'_>) -> bool {
    presented.judgement == Judgement::Accepted && presented.is_attempt
}

fn entry_of(method: &Method) -> Option<Entry> {
    match method {
        Method::Register => Some(Entry::Register),
        Method::Invite => Some(Entry::Invite),
        _ => None,
    }
}

fn note_exposure(chronicle: &mut Chronicle, session: &Session<'_>, number: u64) {
    let is_in_clear =
        |attempt: &&Attempt<'_>| !attempt.transaction.transport.is_encrypted() && attempt.has_credentials();
    if let Some(request) = session.attempts.iter().find(is_in_clear).and_then(Attempt::request) {
        chronicle.in_clear.add(request.at, number);
    }
    for presented in session.attempts.iter().filter(is_in_clear).flat_map(|attempt| &attempt.credentials) {
        match presented.credentials.scheme {
            Scheme::Basic => chronicle.has_clear_basic = true,
            Scheme::Other(name) if name.eq_ignore_ascii_case(b"Bearer") => chronicle.has_clear_token = true,
            _ => chronicle.has_clear_digest = true,
        }
    }
    let offers_md5_only = |attempt: &&Attempt<'_>| {
        let mut digests =
            attempt.challenges.iter().filter(|offered| offered.challenge.scheme == Scheme::Digest).peekable();
        digests.peek().is_some() && digests.all(is_md5)
    };
    if let Some(answer) = session.attempts.iter().find(offers_md5_only).and_then(Attempt::answer) {
        chronicle.md5_only.add(answer.at, number);
    }
}

fn is_md5(offered: &Offered<'_>) -> bool {
    matches!(offered.challenge.algorithm(), Algorithm::Plain { hash: HashName::Md5, .. })
}

/// Attempts among which a refused nonce is looked for once more. Bounds the search in endless sessions.
const GOOD_AGAIN_WITHIN: usize = 64;

impl<'run> Scribe<'_, 'run> {
    fn exchange(&mut self, chronicle: &mut Chronicle, exchange: &Exchange) {
        let key = PairKey { client: exchange.client, server: exchange.server };
        let own = || self.session.attempts_of(exchange).filter(|attempt| attempt.is_own_hop());
        let Some(first) = own().next() else { return };
        if let Some(answer) = own().next_back().and_then(Attempt::answer) {
            let answered = Answered { client: key.client, time: answer.time, at: answer.at };
            chronicle.servers.answered(key.server, answered);
        }
        let outside = || own().filter(|attempt| !attempt.is_in_dialog());
        let entry = entry_of(&exchange.method);
        let asked = outside().find(|attempt| attempt.is_challenged() && attempt.has_challenge());
        if let Some(answer) = asked.and_then(Attempt::answer) {
            let answered = Answered { client: key.client, time: answer.time, at: answer.at };
            chronicle.servers.challenged(key.server, entry, answered);
            chronicle.servers.answered(key.server, answered);
        }
        let accepted = outside().find(|attempt| attempt.outcome == AttemptOutcome::Accepted);
        let login = outside().find(|attempt| attempt.outcome == AttemptOutcome::Accepted && attempt.has_credentials());
        if let (Some(entry), Some(attempt), None, None) = (entry, accepted, asked, login) {
            let request = attempt.request().filter(|request| request.via_count <= 1 && request.has_all_headers);
            if let Some(request) = request {
                chronicle.servers.let_in_unasked(key.server, entry, key.client, request.at);
            }
        }
        let tool = first.request().and_then(|request| request.user_agent).map(|agent| self.session.text(agent));
        let tool = tool.and_then(|agent| Some((scanner_agent::tool(agent)?, agent)));
        let Some(pair) = chronicle.sources.pair(key) else { return };
        pair.is_known |= asked.is_some() || accepted.is_some();
        pair.is_registrar |= entry == Some(Entry::Register);
        pair.is_authenticated |= login.is_some();
        pair.let_past += u64::from(outside().any(is_through));
        let is_smooth = || own().all(|attempt| !is_trouble(exchange, attempt));
        if tool.is_some() || pair.conduct.is_some() || !is_smooth() {
            self.trouble(chronicle, exchange, key, tool);
        }
        if let Some(attempt) = login.filter(|_| !self.is_passed_on) {
            self.login(chronicle, key, attempt);
        }
    }

    fn login(&self, chronicle: &mut Chronicle, key: PairKey, attempt: &Attempt<'_>) {
        let Some(request) = attempt.request().filter(|request| request.via_count <= 1) else { return };
        let Some(presented) = attempt.credentials.iter().find(|presented| is_accepted(presented)) else { return };
        let (user, realm) = (presented.username(), presented.realm());
        if user.is_empty() {
            return;
        }
        let hash = chronicle.sources.hash((&user, &realm));
        let login = Login { time: request.time, at: request.at, session: self.number };
        chronicle.logins.accepted(hash, (&user, &realm), (key.client, key.server), login);
    }

    fn trouble(
        &mut self,
        chronicle: &mut Chronicle,
        exchange: &Exchange,
        key: PairKey,
        tool: Option<(&'static scanner_agent::Tool, &[u8])>,
    ) {
        let was_let_past = chronicle.sources.get(key).is_some_and(|pair| pair.let_past > 0);
        let is_scanner = tool.is_some();
        for (position, &index) in exchange.attempts.iter().enumerate() {
            let Some(attempt) = self.session.attempts.get(index).filter(|attempt| attempt.is_own_hop()) else {
                continue;
            };
            let later = exchange.attempts.get(position + 1..).unwrap_or_default();
            let Some(conduct) = chronicle.sources.conduct(key) else { return };
            if let (Some((tool, agent)), Some(request)) = (tool, attempt.request()) {
                let scanner = conduct.scanner.get_or_insert_default();
                (scanner.tool, scanner.agent) = (tool.name, beginning(agent).into());
                scanner.seen.add(request.at, self.number);
                let mut accepted = attempt.credentials.iter().filter(|presented| is_accepted(presented));
                if let Some(presented) = accepted.next().filter(|_| scanner.let_in.is_none()) {
                    let (user, realm) = (beginning(&presented.username()).into(), beginning(&presented.realm()).into());
                    scanner.let_in = Some(ScannerLogin { user, realm, at: request.at, session: self.number });
                }
            }
            conduct.forwarded +=
                u64::from(self.is_passed_on || attempt.request().is_some_and(|request| request.via_count > 1));
            match (attempt.answer(), attempt.request()) {
                (Some(answer), _) => conduct.answer(answer.time),
                // Some servers answer no pings.
                (None, Some(request)) if !attempt.transaction.has_provisional() && !facts::is_ping(attempt) => {
                    let sent = std::iter::once(request.at).chain(attempt.transaction.resent());
                    let times = (request.time, attempt.transaction.last_sent());
                    conduct.silent(times, place_of(attempt), sent, self.number);
                }
                _ => {}
            }
            let is_barred = !attempt.has_credentials() && attempt.status() == Some(403);
            conduct.calls_turned_down += usize::from(is_barred && attempt.transaction.method == Method::Invite);
            self.target(chronicle, exchange, key, attempt, is_scanner);
            for presented in attempt.credentials.iter().filter(|presented| presented.is_attempt) {
                let tried = Tried { key, index, attempt, presented, later, is_scanner, was_let_past };
                self.credentials(chronicle, &tried);
            }
        }
    }

    fn credentials(&mut self, chronicle: &mut Chronicle, tried: &Tried<'_, '_>) {
        let &Tried { key, index, attempt, presented, later, is_scanner, was_let_past } = tried;
        let Some(request) = attempt.request() else { return };
        let user = presented.username();
        let turn = Turn { time: request.time, at: request.at, session: self.number, is_accepted: false };
        let is_register = attempt.transaction.method == Method::Register;
        if attempt.outcome == AttemptOutcome::Accepted {
            let account = chronicle.sources.hash(&*user);
            let Some(conduct) = chronicle.sources.known_conduct(key) else { return };
            conduct.accept(attempt.answer().map_or(request.time, |answer| answer.time), account);
            if let Some(tries) = conduct.tries.get_mut(&*user) {
                let turn = Turn { is_accepted: true, ..turn };
                tries.accept(turn, GUESSED_WITHIN);
                if is_register {
                    tries.turn(turn);
                }
            }
            return;
        }
        if !matches!(presented.judgement, Judgement::Refused | Judgement::Forbidden) {
            return;
        }
        let account = chronicle.sources.hash(&*user);
        if let Some(conduct) = chronicle.sources.known_conduct(key) {
            conduct.refuse(attempt.answer().map_or(request.time, |answer| answer.time), place_of(attempt), account);
        }
        let mut later = later.iter().filter_map(|&later| self.session.attempts.get(later));
        let next = later.find(|attempt| attempt.has_credentials());
        let is_next_through = next.is_some_and(Attempt::is_let_past);
        let is_answered = next.is_some_and(|next| {
            next.credentials.iter().any(|other| other.answers.is_some_and(|at| at.attempt == index))
        });
        // Behind a 403, a call may be forbidden to whoever may call elsewhere.
        let is_of_password = presented.judgement == Judgement::Refused || is_register || is_scanner;
        let is_right = presented.verdict() == Some(Verdict::Match);
        let is_guess = is_of_password && !is_right && (is_scanner || !is_next_through);
        // Two devices, or nodes that do not agree, would differ in the secret and not in the nonce.
        let first_use = presented.nonce.and_then(|nonce| self.session.lookup().let_past_first(nonce));
        let is_good_again = |attempt: &Attempt<'_>| {
            attempt.is_let_past() && attempt.credentials.iter().any(|later| later.nonce == presented.nonce)
        };
        let goes_on = || self.session.attempts.iter().skip(index + 1).take(GOOD_AGAIN_WITHIN).any(is_good_again);
        let is_of_nonce = (is_right || first_use.is_some_and(|first| first < index)) && !goes_on();
        let is_turn = is_register && !is_answered && !is_of_nonce;
        if !is_guess && !is_turn {
            return;
        }
        let digest = is_guess.then(|| digest_of(chronicle, attempt, presented)).flatten();
        let is_call = matches!(attempt.transaction.method, Method::Invite | Method::Message);
        let parties = is_call.then(|| {
            let caller = Uri::user_of(self.session.text(request.from));
            chronicle.sources.hash((caller, self.session.text(request.uri)))
        });
        let realm = presented.realm();
        let is_new = chronicle.sources.known_conduct(key).is_none_or(|conduct| !conduct.tries.contains_key(&*user));
        let Some(tries) = chronicle.sources.tries(key, &user, || Tries::new(&realm)) else { return };
        let earlier = if is_new && is_register { self.accepted_before(index, presented) } else { None };
        if is_new && is_register && (was_let_past || earlier.is_some()) {
            tries.turn(earlier.unwrap_or(Turn { is_accepted: true, ..turn }));
        }
        if is_turn {
            tries.turn(turn);
        }
        if is_guess {
            tries.refuse(Refusal { time: request.time, at: request.at, session: self.number, parties, digest });
            *self.refusals.entry((key, user.into_owned())).or_insert(0) += 1;
        }
    }

    /// The first registration of the session that was accepted before, for the same user.
    fn accepted_before(&self, index: usize, presented: &Presented<'_>) -> Option<Turn> {
        let before = self.session.attempts.iter().take(index);
        let is_same = |other: &Presented<'_>| other.username() == presented.username();
        let mut accepted = before.filter(|attempt| {
            attempt.outcome == AttemptOutcome::Accepted
                && attempt.transaction.method == Method::Register
                && attempt.credentials.iter().any(is_same)
        });
        let request = accepted.next()?.request()?;
        Some(Turn { time: request.time, at: request.at, session: self.number, is_accepted: true })
    }

    fn target(
        &self,
        chronicle: &mut Chronicle,
        exchange: &Exchange,
        key: PairKey,
        attempt: &Attempt<'_>,
        is_scanner: bool,
    ) {
        let Some(request) = attempt.request().filter(|_| !attempt.is_in_dialog()) else { return };
        // Pings want any answer, whoever they name.
        if facts::is_ping(attempt) && !is_scanner {
            return;
        }
        let uri = if attempt.transaction.method == Method::Invite { request.uri } else { request.to };
        let user = Uri::user_of(self.session.text(uri));
        let is_let_past = exchange.let_past_last.is_some() || is_through(attempt);
        let is_tried = attempt.has_credentials();
        let is_asked = attempt.outcome == AttemptOutcome::Challenged;
        let is_turned_down = !is_tried && matches!(attempt.status(), Some(403 | 404));
        if user.is_empty() {
            return;
        }
        let is_probe = is_asked || is_turned_down || (is_scanner && is_tried);
        let known = chronicle.sources.known_conduct(key).is_some_and(|conduct| conduct.targets.contains_key(user));
        let Some(answer) = attempt.answer().filter(|_| known || (is_probe && !is_let_past)) else { return };
        let is_call = attempt.transaction.method == Method::Invite;
        let caller = is_call.then(|| chronicle.sources.hash(Uri::user_of(self.session.text(request.from))));
        let first = || Target {
            at: request.at,
            session: self.number,
            answered: answer.time,
            caller,
            is_register: attempt.transaction.method == Method::Register,
            is_asked: false,
            is_turned_down: false,
            is_tried: false,
            is_let_past: false,
            is_repeated: false,
        };
        let Some(target) = chronicle.sources.target(key, user, first) else { return };
        target.answered = target.answered.max(answer.time);
        target.is_asked |= is_asked;
        target.is_turned_down |= is_turned_down;
        target.is_tried |= is_tried;
        target.is_let_past |= is_let_past;
        target.is_repeated |= attempt.transaction.retransmissions() > 0;
        let port = attempt.transaction.flow().source.port;
        if let Some(conduct) = chronicle.sources.known_conduct(key) {
            conduct.add_port(port);
        }
    }
}

/// Where a request was sent.
fn place_of(attempt: &Attempt<'_>) -> Place {
    (attempt.transaction.flow().destination.port, attempt.transaction.transport)
}

/// An acceptance that follows a refusal within this time belongs to the same tries.
const GUESSED_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// One row of credentials that is being looked at.
struct Tried<'a, 'run> {
    key: PairKey,
    index: usize,
    attempt: &'a Attempt<'run>,
    presented: &'a Presented<'run>,
    /// The attempts of the exchange behind it.
    later: &'a [usize],
    is_scanner: bool,
    was_let_past: bool,
}

/// Whether the server knew whom it was asked for, and let the request through to them.
fn is_through(attempt: &Attempt<'_>) -> bool {
    attempt.is_let_past()
        || (attempt.transaction.method == Method::Invite
            && attempt.status().is_some_and(|status| {
                (400..700).contains(&status) && !matches!(status, 401 | 403 | 404 | 407 | 408 | 500..=599)
            }))
}

fn is_trouble(exchange: &Exchange, attempt: &Attempt<'_>) -> bool {
    match attempt.outcome {
        AttemptOutcome::Refused | AttemptOutcome::Forbidden | AttemptOutcome::NoAnswer => true,
        AttemptOutcome::Undecided => attempt.answer().is_none() && !attempt.transaction.has_provisional(),
        AttemptOutcome::Challenged => exchange.let_past_last.is_none(),
        AttemptOutcome::Failed => matches!(attempt.status(), Some(403 | 404)),
        AttemptOutcome::Accepted | AttemptOutcome::Stale => false,
    }
}

/// Hashes of what the digest is made of and of the digest itself, where equal inputs must give equal digests.
fn digest_of(chronicle: &Chronicle, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<(u64, u64)> {
    let credentials = &presented.credentials;
    let Algorithm::Plain { hash, sess: false } = credentials.algorithm() else { return None };
    let qop = credentials.qop();
    let response = credentials.response()?.to_ascii_lowercase();
    // The body of auth-int is not at hand.
    if credentials.scheme != Scheme::Digest
        || qop.as_ref().is_some_and(|qop| *qop != Qop::Auth)
        || response.len() != hash.hex_len()
        || !response.iter().all(u8::is_ascii_hexdigit)
    {
        return None;
    }
    let with_qop = qop.map(|_| (credentials.nonce_count().map(|count| count.raw), credentials.cnonce()));
    let inputs = (
        hash,
        presented.nonce?,
        credentials.username()?,
        credentials.realm()?,
        credentials.uri()?,
        attempt.transaction.method.as_bytes(),
        with_qop,
    );
    Some((chronicle.sources.hash(inputs), chronicle.sources.hash(response)))
}
