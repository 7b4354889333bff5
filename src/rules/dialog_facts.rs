//! What several rules ask of whoever is challenged within a dialog: who began it, and whether he has an account there. Facts, no
//! findings.

use crate::history::PairKey;
use crate::rules::Context;
use crate::rules::answer_facts;
use crate::rules::challenge_facts;
use crate::session::Attempt;
use crate::session::Session;
use crate::session::TextId;
use crate::session::Transaction;

/// Who began a dialog, seen from a request within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginner {
    /// The one who sends the request.
    Client,
    /// The one who answers it: whoever is called need not have an account there, and is better off not to answer.
    Server,
    /// The session does not hold the beginning.
    Unseen,
}

/// A dialog begins with its session. Bounds the search in endless sessions.
const BEGINNINGS_MAX: usize = 256;

/// Who began the dialog of a request; `None` of one outside of dialogs.
pub fn beginner(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<Beginner> {
    if !challenge_facts::is_in_dialog(session, attempt) {
        return None;
    }
    // Of what a proxy sends on, the hops that are no attempts of their own tell the direction, too.
    let outside = |known: &&Transaction| known.request.as_ref().is_some_and(|request| request.to_tag.is_none());
    let beginnings = || session.run.transactions.iter().take(BEGINNINGS_MAX).filter(outside);
    let by_tag = || beginnings().find_map(|known| beginner_by_tag(session, attempt, known));
    let by_address = || beginnings().find_map(|known| beginner_by_address(attempt, known));
    Some(by_tag().or_else(by_address).unwrap_or(Beginner::Unseen))
}

/// RFC 3261 §12.1: the From tag of the first request is the tag of the one who began, on whatever side it stands later.
fn beginner_by_tag(session: &Session<'_>, attempt: &Attempt<'_>, first: &Transaction) -> Option<Beginner> {
    let text = |tag: Option<TextId>| tag.map(|tag| session.text(tag));
    let (request, first) = (attempt.request()?, first.request.as_ref()?);
    let began = text(first.from_tag)?;
    match (text(request.from_tag), text(request.to_tag)) {
        (Some(from), _) if from == began => Some(Beginner::Client),
        (_, Some(to)) if to == began => Some(Beginner::Server),
        _ => None,
    }
}

/// A B2BUA may keep the Call-ID and no tag.
fn beginner_by_address(attempt: &Attempt<'_>, first: &Transaction) -> Option<Beginner> {
    let (flow, began) = (attempt.transaction.flow(), first.flow());
    let (client, server) = (flow.source.address, flow.destination.address);
    match (began.source.address, began.destination.address) {
        (source, destination) if (source, destination) == (client, server) => Some(Beginner::Client),
        (source, destination) if (source, destination) == (server, client) => Some(Beginner::Server),
        _ => None,
    }
}

/// Whether the one who asks for credentials within a dialog is the one who began it, and not seen to be the client's own server.
pub fn is_asked_by_beginner(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    beginner(session, attempt) == Some(Beginner::Server) && !has_account(session, context, attempt)
}

/// Whether nobody knows who began the dialog, nor whether the client has an account with the one who asks.
pub fn may_be_asked_by_beginner(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    beginner(session, attempt) == Some(Beginner::Unseen) && !has_account(session, context, attempt)
}

/// Why silence may be right within a dialog; nothing where the one who was asked is to answer.
pub fn right_to_be_silent(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> &'static str {
    if is_asked_by_beginner(session, context, attempt) {
        " The one who asks is the one who began the dialog, or sends on what he says: unless that is the client's own server, not to answer is right."
    } else if may_be_asked_by_beginner(session, context, attempt) {
        " The capture does not show who began the dialog: where it is the one who asks, and that is not the client's own server, not to answer is right."
    } else {
        ""
    }
}

/// Whether the client began the dialog, and was let in without any credentials that the capture shows: it may have none.
pub fn was_let_in_without(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let client = attempt.transaction.flow().source.address;
    let mut own = session.attempts.iter().filter(|other| other.transaction.flow().source.address == client);
    beginner(session, attempt) == Some(Beginner::Client)
        && own.all(|other| !other.has_credentials() && other.request().is_none_or(|request| request.has_all_headers))
        && !has_account(session, context, attempt)
}

/// Whether the headers of the client's own requests were cut: what it showed when it was let in, nobody knows.
pub fn was_let_in_unseen(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let client = attempt.transaction.flow().source.address;
    let is_cut = |other: &Attempt<'_>| other.request().is_some_and(|request| !request.has_all_headers);
    let mut own = session.attempts.iter().filter(|other| other.transaction.flow().source.address == client);
    own.clone().any(is_cut) && !own.any(Attempt::has_credentials)
}

/// Whether the client is seen to have an account with the one who asks: it got in there, or shows credentials for that realm elsewhere.
fn has_account(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    has_logged_in(context, attempt) || answer_facts::has_shown_realm(session, context, attempt)
}

/// Whether the client ever got in with credentials at the server that asks: then it has an account there.
pub fn has_logged_in(context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let flow = attempt.transaction.flow();
    let pair = PairKey { client: flow.source.address, server: flow.destination.address };
    context.sources.get(pair).is_some_and(|pair| pair.is_authenticated)
}
