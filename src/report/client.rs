//! One client, and whether it gets in.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::report::failing;
use crate::report::service::Service;
use crate::report::service::ServiceKind;
use crate::report::spells;
use crate::report::spells::LetIn;
use crate::report::spells::Trouble;
use crate::rules::Confidence;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge::basic_scheme;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::path::no_response_at_all;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Session;
use crate::session::SessionOutcome;
use crate::sip::Method;

/// How far a client came that fails in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is not seen to get in anywhere.
    Nowhere,
    /// It got in where it fails now.
    AtFirst,
    /// It gets something else of the same server.
    OneMethod,
    /// It gets in at another server.
    OneServer,
}

impl Reach {
    /// In the order in which they are told: the worst first.
    pub const ALL: [Reach; 4] = [Reach::Nowhere, Reach::AtFirst, Reach::OneMethod, Reach::OneServer];

    /// As the first line of a report has it.
    pub fn words(self) -> &'static str {
        match self {
            Reach::Nowhere => "did not get in",
            Reach::AtFirst => "got in at first, but not in the end",
            Reach::OneMethod => "got in with one method, but not with another",
            Reach::OneServer => "got in at one server, but not at another",
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, Default)]
struct Ending {
    /// When. Sessions do not close in the order in which they end.
    ended: Option<CaptureTime>,
    /// Where that was a failure: `REGISTER ended 423`.
    failure: Option<String>,
    service: Option<Service>,
}

/// What became of one user of one address.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The high findings about its sessions, one for each rule and service.
    troubles: Vec<Trouble>,
    /// How its latest registration ended, and its latest session of another kind. What becomes of a call registers nobody.
    registration: Ending,
    request: Ending,
    /// It registers, or showed credentials: else it calls in a name that need be none of its own.
    pub has_account: bool,
    /// Where it got in.
    let_in: Vec<LetIn>,
    /// The port that it calls from; `None` where there are several.
    pub port: Option<Option<u16>>,
    /// When its first call was turned away, and when the last of those began that was not.
    pub call_failed: Option<CaptureTime>,
    pub call_passed: Option<CaptureTime>,
    /// Calls that were turned away behind that one.
    pub calls_failed_since: u32,
    /// It got in at least once.
    pub is_in: bool,
    /// It was let past at least once within a call that the other side began, which need not be its server.
    pub is_in_as_callee: bool,
    /// It asked for more than whether anybody is there.
    pub has_tried: bool,
    /// The capture ends before it could answer a challenge: when that came.
    cut_short: Option<CaptureTime>,
    /// Why it was refused when it wanted to end what the capture does not show to have begun.
    removal_refused: Option<String>,
}

/// Services of one client that are told apart: more than phones have.
const SERVICES_MAX: usize = 8;

/// High findings of one client that are told apart.
const TROUBLES_MAX: usize = 16;

/// So many calls in a row that are turned away are no exceptions any more.
const LOCKED_OUT_MIN: u32 = 3;

impl Client {
    /// Takes what became of another one that is the same.
    pub fn absorb(&mut self, other: Client) {
        other.troubles.into_iter().for_each(|trouble| self.note_trouble(trouble));
        for (known, other) in [(&mut self.registration, other.registration), (&mut self.request, other.request)] {
            if known.ended < other.ended && other.failure.is_some() {
                *known = other;
            }
        }
        other.let_in.into_iter().for_each(|known| self.note_let_in(known));
        self.is_in |= other.is_in;
        self.is_in_as_callee |= other.is_in_as_callee;
        self.has_tried |= other.has_tried;
        self.cut_short = self.cut_short.max(other.cut_short);
        self.removal_refused = self.removal_refused.take().or(other.removal_refused);
        self.call_passed = self.call_passed.max(other.call_passed);
        self.call_failed = self.call_failed.into_iter().chain(other.call_failed).min();
    }

    /// Whether it does not get in any more, as far as is seen. Calls are let on or not each by itself: who has some that are, and others
    /// between them that are not, is in.
    pub fn has_failed(&self) -> bool {
        let is_in_between = self.ending().service.is_some_and(|service| service.kind == ServiceKind::Call)
            && self.call_failed.is_some()
            && self.call_passed > self.call_failed
            && self.calls_failed_since < LOCKED_OUT_MIN;
        self.failure().is_some() && !is_in_between
    }

    /// How it ended for it. Whoever could not register is not registered by what follows; whoever registers for the first time made good what
    /// failed before.
    fn ending(&self) -> &Ending {
        let Client { registration, request, .. } = self;
        let is_request_later = request.ended >= registration.ended;
        match (registration.failure.is_some(), request.failure.is_some()) {
            (true, false) => registration,
            (false, true) if self.was_registered(request.ended) => request,
            _ if is_request_later => request,
            _ => registration,
        }
    }

    /// Whether it was registered by then.
    fn was_registered(&self, then: Option<CaptureTime>) -> bool {
        let mut registered = self.let_in.iter().filter(|known| known.service.kind == ServiceKind::Registration);
        registered.any(|known| Some(known.first) < then)
    }

    /// The failure with which it ended.
    pub fn failure(&self) -> Option<&str> {
        self.ending().failure.as_deref()
    }

    /// Takes a failure that spans sessions, unless one is known already.
    pub fn note_failure(&mut self, label: &str) {
        let Client { registration, request, .. } = self;
        let latest = if request.ended >= registration.ended { request } else { registration };
        latest.failure.get_or_insert_with(|| label.to_owned());
    }

    /// The same client without what failed.
    #[must_use]
    pub fn without_failure(self) -> Client {
        Client { registration: Ending::default(), request: Ending::default(), ..self }
    }

    fn note_call(&mut self, session: &Session<'_>) {
        let began = Some(session.run.started);
        match session.outcome {
            SessionOutcome::Accepted if began > self.call_passed => {
                (self.call_passed, self.calls_failed_since) = (began, 0);
            }
            SessionOutcome::Refused | SessionOutcome::Forbidden | SessionOutcome::UnansweredChallenge => {
                self.call_failed = self.call_failed.map_or(began, |failed| began.min(Some(failed)));
                self.calls_failed_since += u32::from(began > self.call_passed);
            }
            _ => {}
        }
    }

    fn note_let_in(&mut self, new: LetIn) {
        self.troubles.iter_mut().for_each(|trouble| trouble.note_let_in(&new));
        let known = self.let_in.iter_mut().find(|known| (known.service, known.port) == (new.service, new.port));
        let is_new = known.is_none();
        known.into_iter().for_each(|known| known.absorb(&new));
        if is_new && self.let_in.len() < SERVICES_MAX {
            // Most have one: room for four at once would be most of what a client takes.
            self.let_in.reserve_exact(1);
            self.let_in.push(new);
        }
    }

    /// How far it came, where it has failed.
    pub fn reach(&self) -> Reach {
        match self.ending().service {
            Some(kept_out) if self.let_in.iter().any(|known| known.service == kept_out) => Reach::AtFirst,
            Some(kept_out) if self.let_in.iter().any(|known| known.service.server == kept_out.server) => {
                Reach::OneMethod
            }
            Some(_) if !self.let_in.is_empty() => Reach::OneServer,
            _ => Reach::Nowhere,
        }
    }

    fn note_trouble(&mut self, new: Trouble) {
        let known = self.troubles.iter_mut().find(|known| known.is_same(&new));
        if let Some(known) = known {
            known.absorb(new, &self.let_in);
        } else if self.troubles.len() < TROUBLES_MAX {
            self.troubles.push(new);
        }
    }

    /// Takes a high finding that spans sessions, in the place of those that it explains.
    pub fn note_trouble_across(&mut self, rule: &'static Rule, explained: &[&str]) {
        let is_new = self.label().is_none();
        let known = self.troubles.iter_mut().filter(|known| explained.contains(&known.rule.name));
        known.for_each(|known| known.rule = rule);
        if is_new {
            self.troubles.push(Trouble::of_capture(rule));
        }
    }

    /// What is over of its troubles: it got in for good since, or fails for another reason. By session, how long behind it, as far as is known.
    pub fn history(&self) -> impl Iterator<Item = (&'static str, Option<Duration>, &[u64])> {
        self.troubles.iter().filter_map(|trouble| {
            let (after, sessions) = self.ended(trouble)?;
            Some((trouble.rule.name, after, sessions))
        })
    }

    fn ended<'c>(&self, trouble: &'c Trouble) -> Option<(Option<Duration>, &'c [u64])> {
        let ended = trouble.ended(&self.let_in)?;
        let is_failing = match trouble.service?.kind {
            ServiceKind::Registration => self.registration.failure.is_some(),
            _ => self.request.failure.is_some(),
        };
        let has_other = || {
            let mut others = self.troubles.iter().filter(|other| other.service == trouble.service);
            others.any(|other| other.last > trouble.last && other.ended(&self.let_in).is_none())
        };
        (!is_failing || has_other()).then_some(ended)
    }

    /// The rule that tells why it fails, or what else it met: the first of what is not over.
    pub fn label(&self) -> Option<&'static str> {
        let kept_out = self.ending().service.filter(|_| self.failure().is_some());
        let let_in = self.let_in.iter().filter(|known| Some(known.service) == kept_out).map(|known| known.last).max();
        let is_before =
            |trouble: &Trouble| trouble.service == kept_out && let_in.is_some_and(|let_in| trouble.last < let_in);
        let open = self.troubles.iter().filter(|trouble| self.ended(trouble).is_none());
        let first = open.min_by_key(|trouble| (is_before(trouble), trouble.began));
        first.map(|trouble| trouble.rule.label)
    }

    /// Whether it registers for good, and was refused until then under one Call-ID after the other.
    pub fn registers_since(&self, refused: CaptureTime) -> bool {
        self.registration.failure.is_none() && spells::registers_since(&self.let_in, refused)
    }

    /// Whether the capture ends before it could answer a challenge.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short.is_some()
    }

    /// Why it was refused when it wanted to leave, where that is all that is seen of it.
    pub fn removal_refused(&self) -> Option<&str> {
        self.removal_refused.as_deref().filter(|_| !self.has_authenticated() && self.failure().is_none())
    }

    /// Whether it got in, and the capture ends before it could answer a challenge that came later.
    pub fn is_left_open(&self) -> bool {
        let let_in = self.let_in.iter().map(|known| known.last).max();
        let_in.is_some() && self.cut_short > let_in
    }

    /// Whether it was seen to authenticate.
    pub fn has_authenticated(&self) -> bool {
        self.is_in || self.is_in_as_callee
    }

    /// Takes that it was let past within a call that the other side began.
    pub fn note_let_past(&mut self) {
        (self.is_in_as_callee, self.has_tried, self.has_account) = (true, true, true);
    }

    /// Takes the outcome of one of its sessions.
    pub fn note(&mut self, session: &Session<'_>, findings: &[Finding], number: u64) {
        // That a password was sent in clear does not keep anybody out.
        let is_reason =
            |finding: &&Finding| session.outcome == SessionOutcome::Accepted || !finding.rule.is(&basic_scheme::RULE);
        let service = Service::of(session);
        let mut reasons =
            findings.iter().filter(is_reason).filter(|finding| finding.severity >= Severity::High).peekable();
        let has_reason = reasons.peek().is_some();
        reasons.for_each(|finding| self.note_trouble(Trouble::of_session(session, number, service, finding)));
        // A call that fails behind authentication has got in, too.
        self.is_in |= session.outcome == SessionOutcome::Accepted
            || session.own_attempts().any(|attempt| is_let_past(attempt) || session.rang_with_credentials(attempt));
        // Whoever is turned down behind authentication got in, and yet not what it asked for.
        let served =
            || session.own_attempts().filter(|attempt| is_served(session, attempt)).filter_map(Attempt::answer);
        if let Some((service, first)) = service.zip(served().next()) {
            let (again, last) = served().skip(1).fold((0, first), |(again, _), next| (again + 1, next));
            let port = spells::port_of(session);
            self.note_let_in(LetIn { service, port, first: first.time, last: last.time, again });
        }
        self.has_account |= !session.is_caller();
        let port = session.attempts.first().map(|first| first.transaction.flow().source.port);
        self.port = Some(self.port.map_or(port, |known| known.filter(|known| Some(*known) == port)));
        if session.method() == Some(&Method::Invite) {
            self.note_call(session);
        }
        let ended = Some(session.run.last_seen);
        // Whoever is not asked has nothing to prove.
        let is_asked = session.outcome != SessionOutcome::NotChallenged && !is_ping(session);
        self.has_tried |= is_asked || session.own_attempts().any(Attempt::has_credentials);
        let is_cut_short = !has_reason && session.is_cut_short() && !is_ping(session);
        if is_cut_short && !session.is_one_way {
            // Not of a copy of it, which may come when somebody has answered under another Call-ID.
            let asked = session.own_attempts().last().and_then(|last| Some(last.answer()?.time));
            self.cut_short = self.cut_short.max(asked);
        }
        // Headers that were cut may have held the answer to the challenge before.
        let is_hidden = session.outcome == SessionOutcome::UnansweredChallenge
            && session.attempts.last().is_some_and(Attempt::is_hidden);
        // A try that is still under way makes nothing good of those before it that came to no end.
        let is_unfinished = |finding: &Finding| {
            finding.cause == Some(no_response_at_all::UNFINISHED) && finding.confidence >= Confidence::Likely
        };
        let is_undecided = session.outcome == SessionOutcome::Undecided && !findings.iter().any(is_unfinished);
        let is_unfinished = is_cut_short || is_hidden || is_undecided;
        let has_failed_before = is_unfinished && has_failed_before_the_end(session);
        let is_open = is_unfinished && !has_failed_before;
        let is_register = session.method() == Some(&Method::Register);
        let known = if is_register { &mut self.registration } else { &mut self.request };
        if is_open
            || ended < known.ended
            || failing::is_unheard(session)
            || failing::is_silence_doubtful(session, findings)
        {
            return;
        }
        let failure = match session.outcome {
            SessionOutcome::Accepted | SessionOutcome::NotChallenged => None,
            // What was left open behind it is no reason.
            _ if has_failed_before => Some(registrar_rejects_contact::RULE.label.to_owned()),
            _ => failing::failure(session, findings),
        };
        let is_removal = failure.is_none() && session.outcome == SessionOutcome::Refused;
        *known = Ending { ended, failure, service };
        if is_removal && let Some(reason) = failing::removal_refused(session, findings) {
            self.removal_refused = Some(reason);
        }
    }
}

/// Who was let past within a call that the other side began.
pub fn other_side_let_past(session: &Session<'_>) -> Option<(IpAddr, Vec<u8>)> {
    let client = session.client();
    let is_other = |attempt: &&Attempt<'_>| Some(attempt.transaction.flow().destination.address) == client;
    let attempt = session.attempts.iter().filter(is_other).find(|attempt| is_let_past(attempt))?;
    let user = attempt.credentials.iter().map(|presented| presented.username()).find(|user| !user.is_empty())?;
    Some((attempt.transaction.flow().source.address, user.into_owned()))
}

/// Whether credentials were accepted. Where responses alone were captured, so was what is accepted behind a challenge. A call that rang
/// and was called off got as far as it could.
fn is_served(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    if attempt.status() == Some(487) {
        return session.rang_with_credentials(attempt);
    }
    let is_asked = || session.attempts.first().is_some_and(Attempt::is_challenged);
    let is_unseen = || attempt.request().is_none() && session.is_one_way && is_asked();
    attempt.outcome == AttemptOutcome::Accepted && (attempt.has_credentials() || is_unseen())
}

/// Whether credentials were let past.
pub fn is_let_past(attempt: &Attempt<'_>) -> bool {
    attempt.has_credentials() && attempt.is_let_past()
}

/// Pings want any answer, and a challenge is one.
pub fn is_ping(session: &Session<'_>) -> bool {
    matches!(session.method(), Some(Method::Options | Method::Notify))
}

/// Whether a REGISTER that the capture leaves at a challenge had failed before for another reason than that, with nothing granted since.
fn has_failed_before_the_end(session: &Session<'_>) -> bool {
    let mut decided = session.own_attempts().rev().filter(|attempt| !attempt.is_challenged() && !attempt.is_removal());
    session.method() == Some(&Method::Register)
        && decided.next().is_some_and(|last| is_let_past(last) && last.outcome == AttemptOutcome::Failed)
}
