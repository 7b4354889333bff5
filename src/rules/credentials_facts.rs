//! What the rules about the form of credentials ask: where they part from their challenge, and what that proves.

use crate::auth::HashName;
use crate::auth::Name;
use crate::auth::Qop;
use crate::auth::Scheme;
use crate::base::FrameNumber;
use crate::base::FrameRef;
use crate::digest::Verdict;
use crate::history::AccountKey;
use crate::history::outcomes::Ending;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// Credentials, their attempt, and its index.
pub type Row<'s, 'run> = (usize, &'s Attempt<'run>, &'s Presented<'run>);

/// The Digest credentials of a session for which `fits` holds.
pub fn rows<'s, 'run>(session: &'s Session<'run>, fits: impl Fn(&Row<'s, 'run>) -> bool) -> Vec<Row<'s, 'run>> {
    facts::presented(session)
        .filter(|(_, _, presented)| presented.credentials.scheme == Scheme::Digest)
        .filter(|row| fits(row))
        .collect()
}

/// Whether the server turned these credentials down, in whatever way.
pub fn is_turned_down(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    presented.is_refused()
        || matches!(presented.judgement, Judgement::Forbidden | Judgement::BadRequest)
        || attempt.status() == Some(482)
}

/// How bad and how sure a breach of the rules is that a strict server refuses and a kind one does not mind: refused is not
/// proof, for a wrong password looks the same. High only where the digest is right as sent and was challenged again, or where
/// the server answered 400, 482 or stale.
pub fn grade(rows: &[Row<'_, '_>]) -> (Severity, Confidence) {
    let is_proof = |(_, attempt, presented): &Row<'_, '_>| match presented.judgement {
        Judgement::Refused => presented.verdict() == Some(Verdict::Match),
        Judgement::Stale => presented.verdict() != Some(Verdict::Mismatch),
        Judgement::BadRequest => true,
        _ => attempt.status() == Some(482),
    };
    let is_let_past = |(_, _, p): &Row<'_, '_>| p.judgement.is_let_past();
    if rows.iter().any(is_proof) {
        (Severity::High, Confidence::Likely)
    } else if rows.iter().all(is_let_past) {
        (Severity::Medium, Confidence::Proven)
    } else {
        (Severity::Medium, Confidence::Possible)
    }
}

/// The same for a breach that no server can put up with: a refusal needs no other explanation, unless the digest is wrong too.
pub fn grade_fatal(rows: &[Row<'_, '_>]) -> (Severity, Confidence) {
    let is_turned_down = |wrong: bool| {
        rows.iter().any(|(_, attempt, presented)| {
            is_turned_down(attempt, presented) && (presented.verdict() == Some(Verdict::Mismatch)) == wrong
        })
    };
    match grade(rows) {
        (Severity::High, confidence) => (Severity::High, confidence),
        _ if is_turned_down(false) => (Severity::High, Confidence::Likely),
        _ if is_turned_down(true) => (Severity::Medium, Confidence::Possible),
        graded => graded,
    }
}

/// What became of them, as a sentence, and why it may prove nothing.
pub fn outcome_text(rows: &[Row<'_, '_>]) -> &'static str {
    let has = |fits: &dyn Fn(&Row<'_, '_>) -> bool| rows.iter().any(fits);
    if has(&|(_, _, p)| p.judgement == Judgement::BadRequest) {
        "The server answered 400 Bad Request."
    } else if has(&|(_, attempt, _)| attempt.status() == Some(482)) {
        "The server answered 482: it took the request for one that it had already."
    } else if has(&|(_, _, p)| p.judgement == Judgement::Refused && p.verdict() == Some(Verdict::Match)) {
        "The digest is right as sent, and the server challenged again."
    } else if has(&|(_, _, p)| p.judgement == Judgement::Stale) {
        "The server answered stale=true, as some do for whatever does not match their challenge."
    } else if has(&|(_, attempt, p)| is_turned_down(attempt, p) && p.verdict() == Some(Verdict::Mismatch)) {
        "The request was refused, and the digest does not fit the secret given: that alone would explain it."
    } else if has(&|(_, _, p)| p.judgement == Judgement::Forbidden && p.verdict() == Some(Verdict::Match)) {
        "The request was forbidden although the digest is right: a missing permission would look the same."
    } else if has(&|(_, attempt, p)| is_turned_down(attempt, p) && matches!(p.verdict(), Some(Verdict::NearMiss(_)))) {
        "The request was refused, and the digest fits the secret given but for one input."
    } else if has(&|(_, attempt, p)| is_turned_down(attempt, p)) {
        "The request was refused; a wrong password would look the same."
    } else if has(&|(_, _, p)| p.judgement.is_let_past()) {
        "The server did not mind; a strict one will."
    } else if has(&|(_, _, p)| p.judgement == Judgement::Unjudged) {
        "The server answered without having to look at it."
    } else {
        "What the server made of it was not captured."
    }
}

/// Fills in what a finding about rows of credentials says of frames, evidence and subject: the evidence is what the attempt that leads
/// its exchange answers, and with what.
pub fn about(finding: Finding, session: &Session<'_>, rows: &[Row<'_, '_>]) -> Finding {
    let lead = facts::lead(session, rows.iter().map(|(index, _, _)| *index));
    let Some(row) = rows.iter().find(|(index, _, _)| Some(*index) == lead).copied() else {
        return finding;
    };
    let mut finding = led_by(finding, session, row, rows);
    let asking = row.2.answers.and_then(|at| session.challenge(at)).map(|(asking, _)| asking);
    finding.evidence.splice(0..0, asking.map(facts::challenge_evidence).unwrap_or_default());
    finding
}

/// The same with one of the rows for the subject, whose credentials alone are the evidence.
pub fn led_by<'s>(finding: Finding, session: &Session<'_>, first: Row<'s, '_>, rows: &[Row<'s, '_>]) -> Finding {
    let (index, attempt, presented) = first;
    Finding {
        attempt: Some(index),
        subject: facts::subject(session, attempt),
        frames: facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt)),
        evidence: facts::credentials_evidence(attempt, presented).into_iter().collect(),
        ..finding
    }
}

/// `frame 3`, `frames 3 and 5`: the requests of these rows.
pub fn requests_text(rows: &[Row<'_, '_>]) -> String {
    let mut frames: Vec<_> = rows.iter().filter_map(|(_, a, _)| a.request().map(|request| request.at)).collect();
    frames.dedup();
    facts::frames_text(&frames)
}

/// What these credentials had to choose from: the challenges of the answer that they answer, with their realm and nonce.
pub fn offers<'s, 'run>(
    session: &'s Session<'run>,
    presented: &Presented<'_>,
) -> impl Iterator<Item = &'s Offered<'run>> + 's {
    let found = presented.answers.filter(|at| at.is_same_realm).and_then(|at| session.challenge(at));
    found.into_iter().flat_map(|(asking, answered)| {
        asking.challenges.iter().filter(move |other| other.nonce == answered.nonce && other.realm() == answered.realm())
    })
}

/// How two spellings of an algorithm compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmFit {
    /// One that was offered, letter by letter, or left out where MD5 was meant.
    Same,
    /// One that was offered, in other letter case.
    OtherCase,
    /// None that was offered.
    NotOffered,
}

/// How the algorithm of credentials compares with those of their realm's challenges; `None` without such.
pub fn algorithm_fit(session: &Session<'_>, presented: &Presented<'_>) -> Option<AlgorithmFit> {
    let sent = presented.credentials.params.get(Name::Algorithm).map(|param| param.raw);
    // Rows with nonces of their own are answered one by one: the algorithm of another row is no choice.
    let fits = offers(session, presented).map(|other| {
        let asked = other.challenge.params.get(Name::Algorithm).map(|param| param.raw);
        match (sent, asked) {
            _ if !presented.credentials.algorithm().is_same(other.challenge.algorithm()) => AlgorithmFit::NotOffered,
            (Some(sent), Some(asked)) if sent != asked => AlgorithmFit::OtherCase,
            _ => AlgorithmFit::Same,
        }
    });
    fits.min_by_key(|fit| *fit as u8)
}

/// The algorithm as sent; `MD5` where it is left out.
pub fn algorithm_text(algorithm: Option<&[u8]>) -> String {
    algorithm.map_or_else(|| "MD5 (left out)".to_owned(), facts::text)
}

/// Whether the challenge offers a qop and the credentials have none.
pub fn drops_qop(session: &Session<'_>, presented: &Presented<'_>) -> bool {
    presented.credentials.qop().is_none() && {
        let mut offers = offers(session, presented).peekable();
        offers.peek().is_some() && offers.all(|offered| qops(offered).next().is_some())
    }
}

/// The qop values of a challenge, as written: with its backslashes, where there are any.
fn qops<'s>(offered: &'s Offered<'_>) -> impl Iterator<Item = Qop<'s>> + 's {
    Qop::each(offered.challenge.params.get(Name::Qop).map(|param| param.raw).unwrap_or_default())
}

/// Whether credentials leave out the algorithm that their challenge names, and the server is not seen to let any such past. Without a name it
/// is MD5, and yet it is to be that of the challenge (RFC 7616 §3.4).
pub fn drops_algorithm(session: &Session<'_>, presented: &Presented<'_>) -> bool {
    let lacks = |presented: &Presented<'_>| !has_value(presented, Name::Algorithm);
    let mut offers = offers(session, presented).peekable();
    let is_named =
        offers.peek().is_some() && offers.all(|offered| offered.challenge.params.get(Name::Algorithm).is_some());
    let is_taken =
        |other: &Presented<'_>| lacks(other) && other.judgement.is_let_past() && other.realm() == presented.realm();
    let mut let_past = session.lookup().let_past_from(0).iter().take(LET_PAST_MAX);
    is_named
        && lacks(presented)
        && !let_past
            .any(|index| session.attempts.get(*index).is_some_and(|other| other.credentials.iter().any(is_taken)))
}

/// The qop of credentials that no challenge of theirs offers.
pub fn qop_not_offered<'run>(session: &Session<'_>, presented: &Presented<'run>) -> Option<Qop<'run>> {
    let qop = presented.credentials.qop()?;
    let mut offers = offers(session, presented).peekable();
    offers.peek()?;
    let is_offered = offers.any(|offered| qops(offered).any(|other| other.is_same(&qop)));
    (!is_offered).then_some(qop)
}

/// Whether a parameter is there and holds something.
pub fn has_value(presented: &Presented<'_>, name: Name) -> bool {
    presented.credentials.params.get(name).is_some_and(|param| !param.raw.trim_ascii().is_empty())
}

/// What of nc and cnonce is missing beside a qop, or stands there without one.
pub fn misplaced_qop_params(presented: &Presented<'_>) -> Option<(bool, Vec<Name>)> {
    let has_qop = presented.credentials.qop().is_some();
    let is_odd = |name: &Name| {
        // A session's key is made of the cnonce, with a qop or without (RFC 2617 §3.2.2.2).
        let is_of_session = *name == Name::Cnonce && !has_qop && presented.credentials.algorithm().is_sess();
        !is_of_session && has_value(presented, *name) != has_qop
    };
    let odd: Vec<Name> = [Name::Cnonce, Name::NonceCount].into_iter().filter(is_odd).collect();
    (!odd.is_empty()).then_some((has_qop, odd))
}

/// Whether the challenge gave an opaque text that the credentials do not return. An empty one is none.
pub fn differs_in_opaque(session: &Session<'_>, presented: &Presented<'_>) -> bool {
    let sent = presented.credentials.opaque().unwrap_or_default();
    let mut offers = offers(session, presented).peekable();
    offers.peek().is_some()
        && offers.all(|offered| {
            let asked = offered.challenge.opaque().unwrap_or_default();
            !asked.is_empty() && asked != sent
        })
}

/// Why the uri of credentials is none.
pub fn uri_defect(presented: &Presented<'_>) -> Option<&'static str> {
    let param = presented.credentials.params.get(Name::Uri)?;
    if param.raw.trim_ascii().is_empty() {
        Some("is empty")
    } else if param.value().trim_ascii_start().starts_with(b"<") {
        Some("stands in angle brackets")
    } else if Uri::parse(&param.value()).scheme.is_empty() {
        Some("has no scheme")
    } else if !param.quoted {
        Some("is not in quotes")
    } else {
        None
    }
}

/// How many digits a response of these credentials has to have; `None` where the algorithm is not known.
pub fn response_digits(presented: &Presented<'_>) -> Option<usize> {
    presented.credentials.algorithm().hash().map(HashName::hex_len)
}

/// The attempt that challenged, where it belongs to the same exchange as the one that answers.
pub fn challenged_before<'s, 'run>(
    session: &'s Session<'run>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let (asking, _) = session.challenge(presented.answers?)?;
    (asking.exchange == attempt.exchange && !attempt.is_sent_again).then_some(asking)
}

/// Whether a retry's CSeq number is not above that of the request that was challenged (RFC 3261 §22.2).
pub fn repeats_cseq(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let asking = challenged_before(session, attempt, presented);
    asking.is_some_and(|asking| {
        let (asked, sent) = (asking.transaction.cseq, attempt.transaction.cseq);
        asked.zip(sent).is_some_and(|(asked, sent)| sent <= asked) && asking.request().is_some()
    })
}

/// The branch of a request, where it is one that identifies its transaction (RFC 3261 §8.1.1.7).
pub fn branch<'run>(session: &Session<'run>, attempt: &Attempt<'_>) -> Option<&'run [u8]> {
    let branch = session.text(attempt.transaction.branch?);
    branch.get(..MAGIC_COOKIE.len()).is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE)).then_some(branch)
}

const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// Whether a retry has the branch of the request that was challenged.
pub fn repeats_branch(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    challenged_before(session, attempt, presented).is_some_and(|asking| {
        // Where the capture lacks that request, its answer shows the branch.
        let asked = branch(session, asking);
        asked.is_some() && asked == branch(session, attempt)
    })
}

/// Another call or message of the same address of record, from the same source, that was let past with credentials.
pub fn other_call_let_past(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> Option<FrameRef> {
    context.accounts.first_let_past(&caller_key(session, attempt)?)
}

/// Whom and what these credentials are about: a request may answer several realms, each with an account of its own.
pub fn subject(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Subject {
    let mut subject = facts::subject(session, attempt);
    for (known, named) in [(&mut subject.user, presented.username()), (&mut subject.realm, presented.realm())] {
        if !named.is_empty() {
            *known = named.into_owned();
        }
    }
    subject
}

/// Says of refused credentials that another account registered from the same place, and theirs did not: a trunk that is set up with the
/// number that it calls from in place of its account looks so.
pub fn name_registered(finding: &mut Finding, registered: &[u8], at: &Ending) {
    let (other, user) = (facts::text(registered), facts::text(&finding.subject.user));
    finding.explanation.push_str(&format!(
        " From the same address and port {other} registered at this server in frame {}, and {user} did not: where that is one device, it shows \
         another user name here than that of its account.",
        at.at.number
    ));
    // What its own password would tell stands first.
    let place = finding.remedy.len().min(1);
    finding.remedy.insert(
        place,
        format!(
            "Where {other} is the account of this device, set it as the user name for calls, too (Asterisk: username of outbound_auth); the number \
             that it calls from belongs in From or P-Asserted-Identity"
        )
        .into(),
    );
}

/// The frame in which the same account got in with credentials before, in this session.
pub fn let_past_before(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> Option<FrameNumber> {
    let is_same = |other: &Presented<'_>| {
        other.judgement == Judgement::Accepted
            && (other.username(), other.realm()) == (presented.username(), presented.realm())
    };
    let let_past = session.lookup().let_past_from(0).iter().take(LET_PAST_MAX).take_while(|before| **before < index);
    let mut others = let_past.filter(|before| !relay_facts::is_on_hop_before(session, index, **before));
    others.find_map(|before| {
        let attempt = session.attempts.get(*before)?;
        attempt.credentials.iter().any(is_same).then(|| attempt.request().map(|request| request.at.number)).flatten()
    })
}

/// How many attempts that were let past are searched for one of the same account: a bound for endless sessions.
const LET_PAST_MAX: usize = 64;

/// Who calls or sends a message, as whom, with which account; `None` for other requests, and without credentials.
pub fn caller_key(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<AccountKey<'static>> {
    let is_asked = matches!(attempt.transaction.method, Method::Invite | Method::Message) && !attempt.is_in_dialog();
    let presented = attempt.credentials.iter().find(|presented| presented.is_attempt).filter(|_| is_asked)?;
    let AccountKey { source, aor } = facts::account_key(session, attempt)?;
    let parts = [&*aor, &presented.username(), &presented.realm()];
    Some(AccountKey { source, aor: parts.join(&b" "[..]).into() })
}
