//! What messages and sessions show of the accounts of a capture.

use crate::analyzer::messages::Messages;
use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::Transport;
use crate::base::limits::beginning;
use crate::digest::Verdict;
use crate::history::AccountKey;
use crate::history::LoopStep;
use crate::history::PairKey;
use crate::history::Shown;
use crate::history::StepKind;
use crate::rules;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge_facts;
use crate::rules::credentials_facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::session::SessionOutcome;
use crate::sip::HeaderName;
use crate::sip::Message;
use crate::sip::Method;
use crate::sip::address::Address;

/// So many purposes of one request's credentials are remembered: more than a chain of proxies has realms.
const SHOWN_MAX: usize = 4;

impl Messages {
    /// Notes that an account sent credentials.
    pub(super) fn note_account(
        &mut self,
        message: &Message<'_>,
        (flow, transport): (Flow, Transport),
        time: CaptureTime,
        mut purposes: Vec<u64>,
    ) {
        let is_register = message.method() == Some(b"REGISTER");
        let address = message.value(if is_register { HeaderName::To } else { HeaderName::From });
        let aor = address.map(Address::uri_of).unwrap_or_default().into();
        purposes.dedup();
        let server = self.accounts.server(flow.destination.address);
        let port = if transport.is_reliable() { 0 } else { flow.source.port };
        let shown = purposes.into_iter().take(SHOWN_MAX).map(|purpose| Shown { time, purpose, server, port });
        self.accounts.presented(&AccountKey { source: flow.source.address, aor }, flow.destination.address, shown);
    }

    /// Notes that a client was let in.
    pub(super) fn note_acceptance(
        &mut self,
        message: &Message<'_>,
        Flow { source: server, destination: client, .. }: Flow,
    ) {
        let Some(200..=299) = message.status() else { return };
        let method = message.cseq().map(|cseq| cseq.method);
        let address = match method {
            Some(b"REGISTER") => message.value(HeaderName::To),
            Some(b"INVITE") => {
                let pair = PairKey { client: client.address, server: server.address };
                self.chronicle.sources.pair(pair).into_iter().for_each(|pair| pair.is_admitted = true);
                message.value(HeaderName::From)
            }
            _ => return,
        };
        let aor = address.map(Address::uri_of).unwrap_or_default().into();
        let key = AccountKey { source: client.address, aor };
        match method {
            Some(b"REGISTER") => self.accounts.got_registered(&key),
            _ => self.accounts.got_in(&key),
        }
    }

    /// Which challenges of an unusual kind the clients of a session answered.
    pub(super) fn note_unusual(&mut self, session: &Session<'_>) {
        for attempt in session.attempts.iter().filter(|attempt| attempt.has_credentials()) {
            let asking = attempt.credentials.iter().filter_map(|sent| session.attempts.get(sent.answers?.attempt));
            for asking in asking.filter(|asking| challenge_facts::is_unusual_kind(asking)) {
                let flow = asking.transaction.flow();
                let is_register = asking.transaction.method == Method::Register;
                self.accounts.answered_unusual(flow.source, flow.destination.address, is_register);
            }
        }
    }

    /// Which accounts made a call, or sent a message.
    pub(super) fn note_let_past(&mut self, session: &Session<'_>) {
        let is_through = |attempt: &Attempt<'_>| {
            attempt.outcome == AttemptOutcome::Accepted || session.rang_with_credentials(attempt)
        };
        let mut accepted = session.attempts.iter().filter(|attempt| is_through(attempt));
        let let_past =
            accepted.find_map(|attempt| credentials_facts::caller_key(session, attempt).zip(attempt.request()));
        if let Some((key, request)) = let_past {
            self.accounts.let_past(&key, request.at);
        }
    }

    /// Which credentials the servers of a session accepted, and which of the secrets given.
    pub(super) fn note_secrets(&mut self, session: &Session<'_>) {
        for attempt in session.attempts.iter().filter(|attempt| attempt.is_own_hop()) {
            let is_taken = |sent: &&Presented<'_>| sent.judgement == Judgement::Accepted && !sent.is_wrong();
            let Some(request) = attempt.request() else { continue };
            for sent in attempt.credentials.iter().filter(is_taken) {
                let (client, server) =
                    (attempt.transaction.flow().source.address, attempt.transaction.flow().destination.address);
                let (user, realm) = (sent.username(), sent.realm());
                if sent.verdict() == Some(Verdict::Match) {
                    self.accounts.secret_taken((&user, &realm), server, request.at);
                }
                self.accounts.taken((&user, &realm), client, server, request.at);
            }
        }
    }

    /// What the account's registrations do with their Call-IDs.
    pub(super) fn note_registration(&mut self, session: &Session<'_>) {
        let of_registers = session.attempts.iter().filter(|attempt| attempt.transaction.method == Method::Register);
        let mut accepted = of_registers.filter(|attempt| attempt.outcome == AttemptOutcome::Accepted);
        let Some(first) = accepted.next().filter(|attempt| attempt.transaction.forwarded_from().is_none()) else {
            return;
        };
        let Some(key) = rules::facts::account_key(session, first) else { return };
        let port = first.transaction.flow().source.port;
        self.accounts.registered(&key, &session.run.call_id, port, accepted.next().is_some());
    }

    /// Which accounts may not register.
    pub(super) fn note_forbidden(&mut self, session: &Session<'_>) {
        let Some((first, last)) = session.attempts.first().zip(session.attempts.last()) else { return };
        let is_forbidden = last.status() == Some(403)
            && last.transaction.method == Method::Register
            && last.transaction.forwarded_from().is_none();
        if !is_forbidden {
            return;
        }
        let times = first.request().map(|request| request.time).zip(last.answer().map(|answer| answer.time));
        if let Some(((sent, answered), key)) = times.zip(rules::facts::account_key(session, last)) {
            self.accounts.forbidden(&key, sent, answered, rules::facts::ANSWER_WITHIN);
        }
    }

    /// A REGISTER session too short to be a loop may be a step of one: phones change the Call-ID at every try.
    pub(super) fn note_steps(&mut self, session: &Session<'_>, findings: &[rules::Finding], number: u64) {
        if findings.iter().any(|finding| finding.rule.is(&challenge_loop::RULE)) {
            return;
        }
        // Success ends a loop, and only what had begun can end.
        let key = session.attempts.first().and_then(|first| rules::facts::account_key(session, first));
        if session.outcome == SessionOutcome::Accepted && key.is_none_or(|key| !self.accounts.has_steps(&key)) {
            return;
        }
        let user = session.user();
        let all = session.attempts.iter().enumerate();
        for (index, attempt) in all.filter(|(_, attempt)| attempt.transaction.method == Method::Register) {
            let kind = match attempt.outcome {
                AttemptOutcome::Challenged => StepKind::Challenged,
                AttemptOutcome::Refused => StepKind::Refused,
                AttemptOutcome::Stale => StepKind::Stale,
                AttemptOutcome::Accepted => StepKind::Accepted,
                _ => continue,
            };
            let key = rules::facts::account_key(session, attempt);
            let (Some(request), Some(answer), Some(key)) = (attempt.request(), attempt.answer(), key) else { continue };
            let offered = attempt.challenges.first();
            let realm = offered.map(|offered| offered.realm().into_owned()).unwrap_or_default();
            let step = LoopStep {
                time: request.time,
                at: request.at,
                session: number,
                kind,
                answered: answer.time,
                nonce: attempt.credentials.iter().find(|sent| sent.is_refused()).and_then(|refused| refused.nonce),
                offered: offered.and_then(|offered| offered.nonce),
                user: beginning(&user).into(),
                realm: beginning(&realm).into(),
                explained_by: rules::precedence::explains_loop_at(session, findings, index),
            };
            self.accounts.step(key, step);
        }
    }
}
