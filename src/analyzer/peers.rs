//! What a closed session tells of digests that went to the wrong party, or came from the wrong one.

use crate::base::time::TRANSACTION_TIMEOUT;
use crate::history::Chronicle;
use crate::history::PairKey;
use crate::history::PeerChallenge;
use crate::history::Replay;
use crate::history::Use;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::Method;

/// How many transactions are searched for the INVITE of a dialog: it stands at the beginning.
const INVITE_WITHIN: usize = 64;

/// Notes requests within dialogs that the party which called challenged.
pub(super) fn note(chronicle: &mut Chronicle, session: &Session<'_>, number: u64) {
    for exchange in &session.exchanges {
        let mut challenged = exchange.attempts.iter().filter_map(|&index| {
            let attempt = session.attempts.get(index)?;
            (attempt.is_in_dialog() && attempt.is_challenged() && attempt.has_challenge()).then_some((index, attempt))
        });
        let Some((index, attempt)) = challenged.next() else { continue };
        let pair = PairKey { client: exchange.client, server: exchange.server };
        let Some(answer) = attempt.answer() else { continue };
        let mut invites = session.run.transactions.iter().take(INVITE_WITHIN).filter_map(|known| {
            let request = known.request.as_ref()?;
            (known.method == Method::Invite && request.to_tag.is_none()).then_some((known.flow(), request))
        });
        // Whoever called through that server is asked by it as a matter of course.
        let is_caller = |source: std::net::IpAddr| source == pair.client;
        let invite = invites.find(|(flow, _)| is_caller(flow.source.address) || is_caller(flow.destination.address));
        if invite.as_ref().is_some_and(|(flow, _)| is_caller(flow.source.address)) {
            continue;
        }
        let invited = invite.filter(|(flow, _)| flow.source.address == pair.server).map(|(_, request)| request);
        let later = session.attempts_of(exchange).filter(|later| {
            later.credentials.iter().any(|presented| {
                presented.is_attempt && presented.answers.is_some_and(|answers| answers.attempt == index)
            })
        });
        let answering = later.filter_map(Attempt::request).next();
        let credentials = session.attempts_of(exchange).flat_map(|attempt| &attempt.credentials);
        let user = credentials.map(|presented| presented.username()).find(|user| !user.is_empty());
        let realm = attempt.challenges.first().map(|offered| offered.realm().into_owned()).unwrap_or_default();
        chronicle.peers.add(PeerChallenge {
            pair,
            method: attempt.transaction.method.to_string(),
            realm: realm.into(),
            user: user.map(std::borrow::Cow::into_owned).unwrap_or_default().into(),
            status: answer.status,
            challenged: answer.at,
            answered: answering.map(|request| request.at),
            invited: invited.map(|request| request.at),
            is_direct: invited.is_some_and(|request| request.via_count <= 1),
            session: number,
        });
    }
}

/// Notes every digest, and those that were seen before from another address.
pub(super) fn note_uses(chronicle: &mut Chronicle, session: &Session<'_>, number: u64) {
    let hash32 = |hash: u64| u32::try_from(hash >> 32).unwrap_or_default();
    let call = chronicle.sources.hash(&session.run.call_id);
    for attempt in session.attempts.iter().filter(|attempt| attempt.is_own_hop()) {
        let Some(request) = attempt.request() else { continue };
        let flow = attempt.transaction.flow();
        for presented in attempt.credentials.iter().filter(|presented| presented.is_attempt) {
            let credentials = &presented.credentials;
            let (Some(nonce), Some(response)) = (presented.nonce, credentials.response()) else { continue };
            let count = credentials.nonce_count().map(|count| count.raw);
            let key = chronicle.sources.hash((nonce, count, &response));
            let this = Use {
                client: flow.source.address,
                client_hash: hash32(chronicle.sources.hash(flow.source.address)),
                server_hash: hash32(chronicle.sources.hash(flow.destination.address)),
                call: hash32(call),
                request: hash32(chronicle.sources.hash((call, attempt.transaction.cseq))),
                session: u32::try_from(number).unwrap_or(u32::MAX),
                sent: request.time,
                answered: attempt.answer().map_or(request.time.plus(TRANSACTION_TIMEOUT), |answer| answer.time),
                at: request.at,
                is_asked: presented.answers.is_some_and(|at| {
                    let asked = session.challenge(at).map(|(asked, _)| asked.transaction.flow().source.address);
                    asked == Some(flow.source.address)
                }),
            };
            let Some(known) = chronicle.uses.note(key, this) else { continue };
            let (first, second) = if known.sent <= this.sent { (known, this) } else { (this, known) };
            let has_cnonce = credentials.qop().is_some() && credentials.cnonce().is_some_and(|own| !own.is_empty());
            let is_accepted = attempt.answer().filter(|_| second.at == this.at).map(|_| attempt.is_let_past());
            // Nobody has to steal what he was given: two devices with one password compute the same from one nonce.
            if second.is_asked && (!has_cnonce || is_accepted == Some(true)) {
                continue;
            }
            chronicle.uses.add(Replay {
                first,
                second,
                user: presented.username().into_owned().into(),
                realm: presented.realm().into_owned().into(),
                has_cnonce,
                server: (second.at == this.at).then_some(flow.destination.address),
                is_accepted,
                latest: second.sent,
                count: 1,
            });
        }
    }
}
