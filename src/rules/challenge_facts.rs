//! What several rules ask of a challenge that was not answered. Facts, no findings.

use std::borrow::Cow;
use std::time::Duration;

use crate::auth::Algorithm;
use crate::auth::HashName;
use crate::auth::Qop;
use crate::auth::Scheme;
use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Notice;
use crate::history::Accounts;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::aka_facts;
use crate::rules::answer_facts;
use crate::rules::answer_facts::FollowUp;
use crate::rules::challenge::challenge_unanswered::is_settled;
use crate::rules::challenge_form;
use crate::rules::challenge_form::OddForm;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::dialog_facts;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::relay_facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// A challenge that nobody answered, and how much that proves.
#[derive(Clone, Copy, Debug)]
pub struct Unanswered {
    /// The attempt.
    pub index: usize,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is that no answer came.
    pub confidence: Confidence,
    /// How long the capture goes on behind the challenge.
    pub gap: Duration,
    /// Fragments or parts of a stream from this client to this server are missing: the answer may have been among them.
    pub is_lost: bool,
    /// What ICMP said of the challenge: it did not come to the client.
    pub notice: Option<Notice>,
    /// When and in which frame the client began anew without credentials, where the capture ends too soon to know without.
    pub anew: Option<(CaptureTime, FrameRef)>,
}

/// Fills in what a finding about one attempt's challenge says of frames, evidence and subject.
pub fn about(finding: Finding, session: &Session<'_>, index: usize, attempt: &Attempt<'_>) -> Finding {
    Finding {
        attempt: Some(index),
        subject: facts::subject(session, attempt),
        frames: facts::frames_of_all([attempt]),
        evidence: facts::challenge_evidence(attempt),
        ..finding
    }
}

/// Clients answer within this time; people type their password later.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

impl Unanswered {
    /// Whether the capture ends before a client could have answered.
    pub fn ends_at_once(&self) -> bool {
        self.gap < ANSWERED_WITHIN && !self.is_lost && self.notice.is_none()
    }
}

/// How many exchanges of a session that end with a challenge are looked at. Bounds the search in hostile sessions, where
/// each request is an exchange of its own.
const ENDINGS_MAX: usize = 256;

/// The last challenge of each exchange, where the client did not answer it.
pub fn unanswered(session: &Session<'_>, context: &Context<'_>) -> Vec<Unanswered> {
    let mut all = unanswered_by_anybody(session, context);
    all.retain(|unanswered| !is_of_relay(session, unanswered.index));
    all
}

/// Whether it was not the client that was challenged, but somebody on the way who had sent its request on.
fn is_of_relay(session: &Session<'_>, index: usize) -> bool {
    session.attempts.get(index).is_some_and(|attempt| relay_facts::origin(session, attempt).is_some())
}

/// The same, and with them the challenges that went to somebody on the way who had sent the request on.
pub fn unanswered_by_anybody(session: &Session<'_>, context: &Context<'_>) -> Vec<Unanswered> {
    let last_of_each = session.exchanges.iter().filter_map(|exchange| exchange.attempts.last().copied());
    let endings = last_of_each.filter(|&index| {
        let attempt = session.attempts.get(index);
        attempt.is_some_and(|attempt| attempt.outcome == AttemptOutcome::Challenged && attempt.has_challenge())
    });
    endings.take(ENDINGS_MAX).filter_map(|index| unanswered_at(session, context, index)).collect()
}

fn unanswered_at(session: &Session<'_>, context: &Context<'_>, index: usize) -> Option<Unanswered> {
    let attempt = session.attempts.get(index)?;
    if is_settled(session, context, index) {
        return None;
    }
    let gap = facts::capture_after(attempt, context);
    let is_lost = facts::may_be_lost(attempt, context);
    let notice = path_facts::notice_of_answer(attempt, context);
    let anew = context.begun_anew.behind(session, attempt).filter(|_| gap < facts::ANSWER_WITHIN);
    let is_over = gap >= facts::ANSWER_WITHIN || anew.is_some();
    let (severity, confidence) = match is_over && !is_lost {
        _ if session.is_one_way => (Severity::Info, Confidence::Possible),
        _ if session.run.agrees_on_ipsec(attempt.transaction) => (Severity::Info, Confidence::Possible),
        _ if facts::is_ping(attempt) => (Severity::Info, Confidence::Likely),
        _ if notice.is_some() && !attempt.is_removal() => (Severity::High, Confidence::Likely),
        true if dialog_facts::is_asked_by_beginner(session, context, attempt) => {
            (Severity::Medium, Confidence::Possible)
        }
        // What the client did before, a digest that is wrong perhaps, nobody has seen.
        _ if !facts::shows_credentials(attempt) => (Severity::Medium, Confidence::Possible),
        _ if attempt.has_given_up_unheard() && !attempt.is_removal() => (Severity::High, Confidence::Likely),
        true if attempt.is_removal() => (Severity::Medium, Confidence::Likely),
        true if attempt.is_unheard() || attempt.is_answered_too_late() => (Severity::High, Confidence::Likely),
        true if dialog_facts::may_be_asked_by_beginner(session, context, attempt) => {
            (Severity::Medium, Confidence::Possible)
        }
        true if registrar_rejects_contact::was_refused_before(session, index) => {
            (Severity::Medium, Confidence::Possible)
        }
        true if is_doubtful(session, context, attempt) => (Severity::Medium, Confidence::Possible),
        true if answers_other_calls(session, context, attempt) => (Severity::Medium, Confidence::Likely),
        true if dialog_facts::was_let_in_without(session, context, attempt) => (Severity::High, Confidence::Likely),
        true if anew.is_some() => (Severity::High, Confidence::Likely),
        true => (Severity::High, Confidence::Proven),
        // Any capture ends in the middle of something, and this client was registered.
        false if gap < ANSWERED_WITHIN && is_refresh(session, attempt) => (Severity::Info, Confidence::Possible),
        false => (Severity::Medium, Confidence::Possible),
    };
    Some(Unanswered { index, severity, confidence, gap, is_lost, notice, anew })
}

/// Whether a REGISTER comes behind one of the same Call-ID that was accepted.
fn is_refresh(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let is_accepted = |one: &Attempt<'_>| one.has_credentials() && one.outcome == AttemptOutcome::Accepted;
    attempt.transaction.method == Method::Register && session.own_attempts().any(is_accepted)
}

/// Methods that clients repeat under a new Call-ID at will: what they ask for is the same each time.
pub fn is_repeated_at_will(attempt: &Attempt<'_>) -> bool {
    matches!(attempt.transaction.method, Method::Register | Method::Message | Method::Subscribe | Method::Publish)
}

/// Whether the account showed what was asked for soon behind the challenge, though not as an answer would.
fn is_doubtful(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    is_repeated_at_will(attempt) && matches!(answer_facts::follow_up(session, context, attempt), FollowUp::Doubtful(_))
}

/// Whether the caller of a call that was challenged like others answered the challenge to another one soon after: it knows how to.
pub fn answers_other_calls(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    attempt.transaction.method == Method::Invite
        && !attempt.has_credentials()
        && matches!(circumstance(session, context, attempt), None | Some(Circumstance::ChallengeKind))
        && answer_facts::follow_up(session, context, attempt) == FollowUp::Answer
}

/// What is missing between client and server, and who lost it: fragments get lost on the way, and bytes of a stream, which are sent
/// until they arrive, in the capture.
pub fn lost(attempt: &Attempt<'_>, context: &Context<'_>) -> (&'static str, Fault) {
    let transport = attempt.transaction.transport;
    match transport.is_reliable() {
        _ if context.lost_between.is_everywhere(transport) => {
            ("Packets are missing between more hosts than are told apart, and perhaps between these", Fault::Unknown)
        }
        true => ("Parts of the stream between the two are missing in the capture", Fault::Unknown),
        false => ("Fragments between the two are missing", Fault::Path),
    }
}

/// Whether a request belongs to a dialog that is there. The retry of a request that was challenged may carry the To tag of the
/// challenge, and makes no dialog by it.
pub fn is_in_dialog(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let Some(tag) = attempt.request().and_then(|request| request.to_tag) else { return false };
    let tag = session.text(tag);
    let is_of_challenge = |other: &Attempt<'_>| {
        other.is_challenged()
            && !other.is_in_dialog()
            && other.answer().and_then(|answer| answer.to_tag).is_some_and(|id| session.text(id) == tag)
    };
    attempt.transaction.method != Method::Register && !session.attempts.iter().any(is_of_challenge)
}

/// Why a client may not have answered, as far as the challenge and what came before it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circumstance {
    /// No scheme that digest clients know.
    Scheme,
    /// A header line that strict clients refuse.
    Form(OddForm),
    /// No MD5, or not first.
    Algorithm,
    /// No qop that most clients know: auth-int alone.
    Qop,
    /// It had answered another realm before.
    SecondRealm,
    /// The call was already under way.
    LateChallenge,
    /// 407 to a REGISTER, or 401 to another request.
    ChallengeKind,
}

impl Circumstance {
    /// The cause in reports.
    pub fn name(self) -> &'static str {
        match self {
            Circumstance::Scheme => "scheme",
            Circumstance::Form(form) => form.name(),
            Circumstance::Algorithm => "algorithm",
            Circumstance::Qop => "qop",
            Circumstance::SecondRealm => "second-realm",
            Circumstance::LateChallenge => "late-challenge",
            Circumstance::ChallengeKind => "challenge-kind",
        }
    }
}

/// The circumstance that explains best why an attempt's challenge was not answered.
pub fn circumstance(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> Option<Circumstance> {
    if has_only_unsupported_schemes(attempt) {
        Some(Circumstance::Scheme)
    } else if challenge_form::odd_form(session, context, attempt) == Some(OddForm::Joined) {
        Some(Circumstance::Form(OddForm::Joined))
    } else if demanding_algorithm(session, context, attempt).is_some() {
        Some(Circumstance::Algorithm)
    } else if has_only_auth_int(attempt) {
        Some(Circumstance::Qop)
    } else if is_second_realm(session, attempt) {
        Some(Circumstance::SecondRealm)
    } else if is_late(attempt) {
        Some(Circumstance::LateChallenge)
    } else {
        is_unknown_kind(context, attempt).then_some(Circumstance::ChallengeKind)
    }
}

/// Whether a challenge is of a kind that some clients do not know: 407 to a REGISTER, or 401 to another request.
pub fn is_unusual_kind(attempt: &Attempt<'_>) -> bool {
    let is_register = attempt.transaction.method == Method::Register;
    attempt.status() == Some(if is_register { 407 } else { 401 })
}

/// Whether a challenge is of such a kind, and this client was not seen to answer one like it of that server.
pub fn is_unknown_kind(context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let (flow, is_register) = (attempt.transaction.flow(), attempt.transaction.method == Method::Register);
    is_unusual_kind(attempt)
        && !context.accounts.has_answered_unusual(flow.source, flow.destination.address, is_register)
}

/// Whether an INVITE had a provisional response other than 100 before its challenge.
pub fn is_late(attempt: &Attempt<'_>) -> bool {
    let provisional = attempt.transaction.provisional_at();
    attempt.transaction.method == Method::Invite
        && attempt.is_challenged()
        && provisional.zip(attempt.answer()).is_some_and(|(provisional, answer)| provisional <= answer.time)
}

/// Whether the request answered other realms, and nobody ever answered those of this challenge.
pub fn is_second_realm(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let is_first_time = |offered: &Offered<'_>| {
        let realm = offered.realm();
        session.attempts.iter().flat_map(|attempt| &attempt.credentials).all(|presented| presented.realm() != realm)
    };
    attempt.has_credentials() && attempt.challenges.iter().all(is_first_time) && !is_other_realm_kept(attempt)
}

/// Whether all credentials of a request are for a realm that nobody in the session asked for, and that its registrar or user agent does not
/// ask for either.
pub fn is_other_realm_kept(attempt: &Attempt<'_>) -> bool {
    attempt.has_credentials()
        && attempt.credentials.iter().all(|sent| sent.answers.is_none() && attempt.is_asked_in_place_of(sent))
}

/// Whether who asks for a second realm may be another node of the server that asked for the first: both answer 401, and on a
/// way there is one who does (RFC 3261 §22.2, §22.3).
pub fn may_be_another_node(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let answered = |presented: &Presented<'_>| Some(session.challenge(presented.answers?)?.0);
    attempt.status() == Some(401)
        && attempt.credentials.iter().filter_map(answered).any(|asking| asking.status() == Some(401))
}

/// A scheme that is none of those which have rules of their own: not Digest, not Basic, not missing.
pub fn unsupported_scheme<'a>(offered: &Offered<'a>) -> Option<&'a [u8]> {
    match offered.challenge.scheme {
        Scheme::Other(name) if !name.is_empty() => Some(name),
        _ => None,
    }
}

/// Whether a challenge has schemes, and none that a digest client could answer.
pub fn has_only_unsupported_schemes(attempt: &Attempt<'_>) -> bool {
    !attempt.challenges.is_empty() && attempt.challenges.iter().all(|offered| unsupported_scheme(offered).is_some())
}

/// Whether every challenge offers a qop, and none `auth`.
fn has_only_auth_int(attempt: &Attempt<'_>) -> bool {
    let is_demanding = |offered: &Offered<'_>| {
        let qop = offered.challenge.qop();
        !qop.is_empty() && !qop.contains(&Qop::Auth)
    };
    !attempt.challenges.is_empty() && attempt.challenges.iter().all(is_demanding)
}

/// What a client that begins anew behind a challenge may not know of it: how it is written, or all that it offers.
pub fn demands_much(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> Option<Circumstance> {
    // SIP allows that, and whoever is merely silent may have read it.
    if challenge_form::odd_form(session, context, attempt) == Some(OddForm::Folded) {
        return Some(Circumstance::Form(OddForm::Folded));
    }
    circumstance(session, context, attempt).filter(|circumstance| match circumstance {
        Circumstance::Algorithm => !has_plain_md5(attempt) || is_tried_at_leisure(session, attempt),
        Circumstance::Form(_) | Circumstance::Qop => true,
        _ => false,
    })
}

/// Whether the bare requests of an attempt's exchange came so far apart that each challenge was met with silence: then it is the client's
/// timer that begins anew, and not what it makes of the challenge.
pub fn is_tried_at_leisure(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let Some(exchange) = session.exchanges.get(attempt.exchange) else { return false };
    let all = || session.attempts_of(exchange).take(TRIES_MAX);
    let is_late = |(asked, next): (&Attempt<'_>, &Attempt<'_>)| {
        let times = asked.answer().zip(next.request());
        times.is_some_and(|(answer, next)| next.time.since(answer.time) >= facts::ANSWER_WITHIN)
    };
    all().count() > 1 && all().zip(all().skip(1)).all(is_late)
}

/// How many tries of an exchange are looked at for the time between them. Bounds the search in endless sessions.
const TRIES_MAX: usize = 64;

/// The algorithm of the first Digest challenge, where it is not plain MD5 and this client was never seen to use it.
pub fn demanding_algorithm<'s>(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &'s Attempt<'_>,
) -> Option<Cow<'s, str>> {
    let mut digests = attempt.challenges.iter().filter(|offered| offered.challenge.scheme == Scheme::Digest);
    let algorithm = digests.next()?.challenge.algorithm();
    let client = attempt.transaction.flow().source.address;
    let is_plain_md5 = algorithm == Algorithm::default();
    let uses = |other: &Attempt<'_>| {
        other.transaction.flow().source.address == client
            && other.credentials.iter().any(|presented| presented.credentials.algorithm() == algorithm)
    };
    let is_used_elsewhere = facts::account_key(session, attempt)
        .zip(algorithm_purpose(context.accounts, algorithm))
        .is_some_and(|(key, purpose)| {
            // Another port may be that of another device behind the same address.
            let port = attempt.transaction.flow().source.port;
            context.accounts.shown(&key).any(|shown| shown.purpose == purpose && shown.has_port_of(port))
        });
    let is_known_to_sim = matches!(algorithm, Algorithm::Aka { .. }) && aka_facts::is_from_sim(attempt);
    if is_plain_md5 || is_known_to_sim || is_used_elsewhere || session.attempts.iter().any(uses) {
        return None;
    }
    Some(algorithm_name(algorithm))
}

/// How accounts remember that their clients used an algorithm other than MD5.
pub fn algorithm_purpose(accounts: &Accounts, algorithm: Algorithm<'_>) -> Option<u64> {
    let is_plain_md5 = algorithm == Algorithm::default();
    (!is_plain_md5).then(|| accounts.purpose(b"algorithm", algorithm_name(algorithm).as_bytes()))
}

/// The name of an algorithm, as sent where it is unknown.
pub fn algorithm_name(algorithm: Algorithm<'_>) -> Cow<'static, str> {
    match algorithm {
        Algorithm::Unknown(raw) => Cow::Owned(facts::text(raw)),
        known => Cow::Borrowed(known.name().unwrap_or_default()),
    }
}

/// What to do about a first algorithm that the client seems not to know.
pub fn algorithm_advice(attempt: &Attempt<'_>, algorithm: &str) -> String {
    let needs_sim = attempt.challenges.iter().any(|offered| {
        let offered = offered.challenge.algorithm();
        matches!(offered, Algorithm::Aka { .. }) && offered.name() == Some(algorithm)
    });
    if offers_unknown_alone(attempt) {
        format!("Let the server offer an algorithm of the standards, MD5 or SHA-256: {algorithm} is none")
    } else if needs_sim {
        format!(
            "{algorithm} needs the key of a SIM card (IMS): let the server offer a password algorithm to clients without one"
        )
    } else if !has_plain_md5(attempt) {
        format!(
            "Many clients do not know {algorithm}: let the server offer an algorithm that this one knows beside it (MD5, where it is old), or update the client"
        )
    } else {
        format!(
            "The first algorithm offered is {algorithm}: old clients give up there, even where MD5 follows. Update the client; until then MD5 first helps it"
        )
    }
}

/// Whether a challenge offers algorithms of no standard and nothing else: a client is to pass over those (RFC 7616 §3.3).
pub fn offers_unknown_alone(attempt: &Attempt<'_>) -> bool {
    let mut digests = attempt.challenges.iter().filter(|offered| offered.challenge.scheme == Scheme::Digest).peekable();
    digests.peek().is_some() && digests.all(|offered| offered.challenge.algorithm().name().is_none())
}

/// Whether a challenge offers what every client knows.
pub fn has_plain_md5(attempt: &Attempt<'_>) -> bool {
    attempt.challenges.iter().any(|offered| offered.challenge.algorithm() == Algorithm::default())
}

/// Whether an algorithm hashes a password with MD5; `None` where it is no password, or the hash is unknown.
pub fn is_md5(algorithm: Algorithm<'_>) -> Option<bool> {
    match algorithm {
        Algorithm::Plain { hash, .. } => Some(hash == HashName::Md5),
        _ => None,
    }
}

/// Attempts among which the client's user name is looked for. Bounds the search in endless sessions.
const NAMED_WITHIN: usize = 256;

/// Who sends an attempt: the user, else the address. A request within a dialog may be that of the other side.
pub fn who(session: &Session<'_>, attempt: &Attempt<'_>) -> String {
    let from = |attempt: &Attempt<'_>| attempt.from().map(|from| Uri::user_of(session.text(from)).to_vec());
    let source = |attempt: &Attempt<'_>| attempt.transaction.flow().source.address;
    let is_own = |other: &&Attempt<'_>| source(other) == source(attempt) && from(other) == from(attempt);
    let own = session.attempts.iter().take(NAMED_WITHIN).filter(is_own).flat_map(|own| &own.credentials);
    let named = own.map(Presented::username).find(|name| !name.is_empty());
    let user = named.map(Cow::into_owned).or_else(|| from(attempt)).unwrap_or_else(|| session.user());
    if user.is_empty() { attempt.transaction.flow().source.to_string() } else { facts::text(&user) }
}
