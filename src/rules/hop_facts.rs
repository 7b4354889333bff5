//! The same request on two hops, compared, and who sent what is found on them.

use crate::auth::Challenge;
use crate::auth::Credentials;
use crate::auth::Qop;
use crate::auth::parse_credentials;
use crate::digest::Verdict;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::CredentialsRow;
use crate::session::NonceId;
use crate::session::Presented;
use crate::session::Request;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::uri::Uri;

/// What a device changed in a request that it passed on.
#[derive(Debug)]
pub struct Alteration<'s, 'run> {
    /// Before the device.
    pub first: &'run Transaction,
    /// Its request.
    pub first_request: &'run Request,
    /// Behind it.
    pub next: &'run Transaction,
    /// Its request.
    pub next_request: &'run Request,
    /// The credentials before.
    pub row: &'run CredentialsRow,
    /// The credentials behind; `None` where they are gone.
    pub next_row: Option<&'run CredentialsRow>,
    /// The attempt that the request before belongs to.
    pub attempt: Option<usize>,
    /// What was changed.
    pub what: What,
    /// The parameters that differ, of credentials that were changed.
    pub parameters: Vec<&'s str>,
    /// Whether the digest covers what was changed, and was not made anew for it.
    pub breaks_digest: bool,
    /// Whether the request was refused for its credentials behind the device.
    pub is_refused: bool,
    /// The digest before.
    pub before: Option<Verdict>,
    /// The digest behind.
    pub behind: Option<Verdict>,
}

/// What of a request was changed, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Parameters of the credentials.
    Credentials,
    /// The credentials are gone, although the next hop is the one that asked for them.
    Removed,
    /// The body, which the digest covers.
    Body,
    /// The Request-URI, which the credentials name.
    RequestUri,
}

impl What {
    /// The cause in reports.
    pub fn name(self) -> &'static str {
        match self {
            What::Credentials => "credentials",
            What::Removed => "credentials-removed",
            What::Body => "body",
            What::RequestUri => "request-uri",
        }
    }
}

/// Says whose fault it is where that is not the client that began: a proxy or PBX with an account of its own answers the challenges of the
/// next hop, and the client never sees them.
pub fn name_sender(session: &Session<'_>, finding: &mut Finding) {
    let attempt = finding.attempt.and_then(|index| session.attempts.get(index));
    let speaks_of_sender =
        finding.fault == Fault::Client || (finding.severity >= Severity::Medium && finding.rule.group() == "SA2");
    let attempt = attempt.filter(|attempt| speaks_of_sender && attempt.has_credentials());
    let Some((attempt, first)) = attempt.zip(session.attempts.first()) else { return };
    let (flow, began) = (attempt.transaction.flow(), first.transaction.flow().source.address);
    let own = session.attempts.iter().take(OWN_MAX).filter(|own| own.transaction.flow().source.address == began);
    let is_passed_on = |sent: &Presented<'_>| {
        let mut known = own.clone().flat_map(|own| &own.credentials);
        known.any(|known| known.credentials.response() == sent.credentials.response())
    };
    // An answer that went back to who began shows that it had asked, and the capture lacks what it sent.
    let behind = session.run.transactions.iter().skip(attempt.transaction_index + 1).take(NEXT_HOP_WITHIN);
    let is_passed_back = behind.filter(|known| known.request.is_none()).any(|known| {
        let (way, asked) = (known.flow(), attempt.transaction);
        (way.source.address, way.destination.address) == (began, flow.source.address)
            && (known.cseq, &known.method) == (asked.cseq, &asked.method)
    });
    let has_own = !is_passed_back && !attempt.credentials.iter().all(is_passed_on);
    if flow.source.address != began && first.transaction.flow().destination.address == flow.source.address && has_own {
        let (sender, server) = (flow.source.address, flow.destination.address);
        finding.explanation.push_str(&match server == began {
            true => format!(" The client here is {sender}, the other side of the call: {began} began it, and asks for credentials within it."),
            false => format!(
                " The client here is {sender}, which sends the request on to {server} with credentials of its own, and not {began}, which began."
            ),
        });
        // Whoever reads the advice would go to the client that began.
        for advice in &mut finding.remedy {
            *advice = advice.replace("on the client", &format!("on {sender}")).into();
        }
    }
}

/// Attempts that are searched for credentials of the one that began. Bounds the search in endless sessions.
const OWN_MAX: usize = 256;

/// How many hops back a request is followed to the client's own.
const HOPS_MAX: usize = 16;

/// What was changed in a request between the hop before and this one; `None` where it is the first hop, or nothing that
/// matters was changed.
pub fn alteration<'s, 'run>(
    session: &'s Session<'run>,
    context: &Context<'_>,
    index: usize,
) -> Option<Alteration<'s, 'run>> {
    let next = session.run.transactions.get(index)?;
    let first = session.run.transactions.get(next.forwarded_from()?)?;
    // The client itself, which tries another address or another port.
    if first.flow().source.address == next.flow().source.address || !next.method.is_challengeable() {
        return None;
    }
    let (first_request, next_request) = (first.request.as_ref()?, next.request.as_ref()?);
    let is_plain = first_request.credentials.is_empty() || first_request.is_ambiguous || next_request.is_ambiguous;
    if is_plain {
        return None;
    }
    let hops = Hops { session, context, first, first_request, next, next_request };
    first_request.credentials.iter().find_map(|row| hops.compare(row))
}

/// Transactions behind one among which its next hop is looked for. Bounds the search in endless sessions.
const NEXT_HOP_WITHIN: usize = 64;

/// Whether the next hop shows credentials of another user in place of these: then it is those that were judged there.
pub fn are_replaced(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let behind = session.run.transactions.iter().skip(attempt.transaction_index + 1).take(NEXT_HOP_WITHIN);
    let next = behind.filter(|known| known.forwarded_from() == Some(attempt.transaction_index));
    let rows = next.filter_map(|known| known.request.as_ref()).flat_map(|request| &request.credentials);
    let parsed = rows.filter_map(|row| parse_credentials(&row.value).into_iter().next());
    let mut same_realm = parsed.filter(|other| other.realm() == presented.credentials.realm()).peekable();
    same_realm.peek().is_some() && same_realm.all(|other| other.username() != presented.credentials.username())
}

/// One request before and behind a device.
struct Hops<'s, 'run, 'c> {
    session: &'s Session<'run>,
    context: &'c Context<'c>,
    first: &'run Transaction,
    first_request: &'run Request,
    next: &'run Transaction,
    next_request: &'run Request,
}

impl<'s, 'run> Hops<'s, 'run, '_> {
    fn compare(&self, row: &'run CredentialsRow) -> Option<Alteration<'s, 'run>> {
        let same =
            self.next_request.credentials.iter().find(|next| next.header == row.header && next.value == row.value);
        if let Some(same) = same {
            return self.around(row, same);
        }
        // Most proxies take off what they have checked, and nobody minds.
        if self.next_request.credentials.is_empty() && !self.is_refused(row) {
            return None;
        }
        let before = parse_credentials(&row.value).into_iter().next().filter(is_attempt)?;
        // Another realm's, passed on as they are, are nobody's altered ones: nonces may be equal.
        let is_known =
            |next: &&CredentialsRow| self.first_request.credentials.iter().any(|row| row.value == next.value);
        let rows = self.next_request.credentials.iter().filter(|next| !is_known(next));
        let parsed = rows.filter_map(|next| Some((next, parse_credentials(&next.value).into_iter().next()?)));
        let pair =
            parsed.filter(|(_, behind)| is_attempt(behind) && !is_of_sender(&before, behind)).find(|(next, behind)| {
                let is_same_nonce = row.first.nonce.is_some() && behind.nonce() == before.nonce();
                // Another nonce is the device's own business where a server issued it, and an alteration where nobody did.
                let is_same_response = behind.response() == before.response() && !self.is_issued(next.first.nonce);
                is_same_nonce || is_same_response
            });
        let Some((next_row, behind)) = pair else { return self.removed(row) };
        let parameters = differing(&before, &behind);
        if parameters.is_empty() {
            return self.around(row, next_row);
        }
        let is_signed = |name: &&str| !matches!(*name, "response" | "opaque");
        let is_resigned = parameters.contains(&"response") && parameters.iter().any(is_signed);
        let breaks_digest = !is_resigned && parameters.iter().any(|name| *name != "opaque");
        Some(Alteration {
            next_row: Some(next_row),
            behind: verdict(next_row),
            parameters,
            breaks_digest,
            ..self.altered(row, What::Credentials)
        })
    }

    /// The credentials are the same: what of the rest they depend on?
    fn around(&self, row: &'run CredentialsRow, next_row: &'run CredentialsRow) -> Option<Alteration<'s, 'run>> {
        let body = |known: &Transaction| known.marks().and_then(|marks| marks.body);
        if body(self.first).zip(body(self.next)).is_some_and(|(before, behind)| before != behind)
            && parse_credentials(&row.value).first().is_some_and(|known| known.qop() == Some(Qop::AuthInt))
        {
            let altered = self.altered(row, What::Body);
            return Some(Alteration {
                next_row: Some(next_row),
                behind: verdict(next_row),
                breaks_digest: true,
                ..altered
            });
        }
        // Most proxies rewrite it, and most requests are not refused. A 403 is about permission: RFC 7616 §3.4.6 wants a 400 here.
        if verdict(row) != Some(Verdict::Match)
            || !self.answer().is_some_and(|answer| matches!(answer.status, 400 | 401 | 407))
        {
            return None;
        }
        let known = parse_credentials(&row.value).into_iter().next()?;
        let named = known.uri()?;
        let (before, behind) = (self.session.text(self.first_request.uri), self.session.text(self.next_request.uri));
        let is_named = Uri::parse(&named).first_difference(&Uri::parse(before)).is_none();
        let is_changed = Uri::parse(before).first_difference(&Uri::parse(behind)).is_some();
        // RFC 3261 §16.5: proxies rewrite it all the time. Only who asked for the credentials may mind.
        let altered =
            Alteration { next_row: Some(next_row), behind: verdict(next_row), ..self.altered(row, What::RequestUri) };
        let is_cause = is_named && is_changed && altered.is_refused && self.is_asked_by_next(row);
        is_cause.then_some(altered)
    }

    /// Credentials that the next hop asked for and does not get.
    fn removed(&self, row: &'run CredentialsRow) -> Option<Alteration<'s, 'run>> {
        let altered = self.altered(row, What::Removed);
        // Where the capture cut the headers, they may stand behind the cut.
        let is_gone = self.next_request.credentials.is_empty() && self.next_request.has_all_headers;
        (is_gone && altered.is_refused && self.is_asked_by_next(row)).then_some(altered)
    }

    fn altered(&self, row: &'run CredentialsRow, what: What) -> Alteration<'s, 'run> {
        Alteration {
            first: self.first,
            first_request: self.first_request,
            next: self.next,
            next_request: self.next_request,
            row,
            next_row: None,
            attempt: self.attempt(),
            what,
            parameters: Vec::new(),
            breaks_digest: false,
            is_refused: self.is_refused(row),
            before: verdict(row),
            behind: None,
        }
    }

    /// The attempt on the client's own hop.
    fn attempt(&self) -> Option<usize> {
        let mut from = self.next.forwarded_from()?;
        for _ in 0..HOPS_MAX {
            if let Some(attempt) = self.session.attempt_of(from) {
                return Some(attempt);
            }
            from = self.session.run.transactions.get(from)?.forwarded_from()?;
        }
        None
    }

    /// Whether the answer to the next hop turns these credentials away: another challenge of their realm that does not call
    /// the nonce stale, a 403, or a 400. An answer that was seen on the first hop alone counts as well.
    fn is_refused(&self, row: &CredentialsRow) -> bool {
        let Some(answer) = self.answer() else { return false };
        match answer.status {
            400 => true,
            403 => self.is_asked_by_next(row),
            401 | 407 => {
                // The realm itself may be what was altered.
                let behind = self.next_request.credentials.iter().filter(|next| next.header == row.header);
                let known: Vec<_> = behind.chain([row]).flat_map(|row| parse_credentials(&row.value)).collect();
                let realms: Vec<_> = known.iter().map(|known| known.realm().unwrap_or_default()).collect();
                let offered = answer.challenges.iter().flat_map(|row| crate::auth::parse_challenges(&row.value));
                let is_of_these = |challenge: &Challenge<'_>| realms.contains(&challenge.realm().unwrap_or_default());
                let mut offered = offered.filter(is_of_these).peekable();
                offered.peek().is_some()
                    && !offered.any(|challenge| challenge.stale() == Some(crate::auth::Stale::True))
            }
            _ => false,
        }
    }

    /// The answer to the next hop, or where that was not seen, to the first.
    fn answer(&self) -> Option<&'run Answer> {
        self.next.answer.as_ref().or(self.first.answer.as_ref())
    }

    /// Whether the challenge that these credentials answer came from the host that the next hop goes to.
    fn is_asked_by_next(&self, row: &CredentialsRow) -> bool {
        let issued = row.first.nonce.and_then(|nonce| self.context.nonces.get(nonce)?.issued());
        issued.is_some_and(|issue| issue.flow.source.address == self.next.flow().destination.address)
    }

    fn is_issued(&self, nonce: Option<NonceId>) -> bool {
        nonce.and_then(|nonce| self.context.nonces.get(nonce)).is_some_and(|nonce| nonce.issued().is_some())
    }
}

/// Whether credentials are an account's of whoever sends the request on: another user's, for another realm, with a digest of their own. The
/// nonces of two servers may be equal: Kamailios that share their secret give the same one within a second.
fn is_of_sender(before: &Credentials<'_>, behind: &Credentials<'_>) -> bool {
    before.username() != behind.username() && before.realm() != behind.realm() && before.response() != behind.response()
}

/// Whether credentials hold a digest.
fn is_attempt(credentials: &Credentials<'_>) -> bool {
    credentials.response().is_some_and(|response| !response.is_empty())
}

fn verdict(row: &CredentialsRow) -> Option<Verdict> {
    row.first.checked.as_ref().map(|checked| checked.verdict)
}

/// The parameters in which two credentials differ, however they are written.
fn differing(before: &Credentials<'_>, behind: &Credentials<'_>) -> Vec<&'static str> {
    let count = |credentials: &Credentials<'_>| credentials.nonce_count().map(|count| count.raw.to_ascii_lowercase());
    let qop = |credentials: &Credentials<'_>| credentials.qop().map(|qop| qop.name().to_ascii_lowercase());
    let pairs = [
        ("username", before.username() == behind.username()),
        ("realm", before.realm() == behind.realm()),
        ("nonce", before.nonce() == behind.nonce()),
        ("uri", before.uri() == behind.uri()),
        ("response", before.response() == behind.response()),
        ("algorithm", before.algorithm().is_same(behind.algorithm())),
        ("qop", qop(before) == qop(behind)),
        ("nc", count(before) == count(behind)),
        ("cnonce", before.cnonce() == behind.cnonce()),
        ("opaque", before.opaque() == behind.opaque()),
    ];
    pairs.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}
