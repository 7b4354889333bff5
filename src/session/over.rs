//! Whether a run has anything to tell, and whether anything more is expected of it.

use crate::session::Answer;
use crate::session::Run;
use crate::session::Transaction;
use crate::session::run::CANDIDATES_MAX;
use crate::sip::Method;

/// The mechanism that IMS phones agree on.
const IPSEC: &[u8] = b"ipsec-3gpp";

impl Run {
    /// Whether it holds so many transactions that it keeps an index of them.
    pub(super) fn is_long(&self) -> bool {
        self.index.is_some()
    }

    /// Whether an answer agrees on IPsec (RFC 3329 §2.2, 3GPP TS 33.203 §7): what follows is encrypted, and no capture of SIP shows it.
    pub fn agrees_on_ipsec(&self, known: &Transaction) -> bool {
        let offer = known.answer.as_ref().and_then(Answer::security_server).map(|offer| self.text(offer));
        offer.is_some_and(|offer| offer.to_ascii_lowercase().windows(IPSEC.len()).any(|word| word == IPSEC))
    }

    /// Whether every request was accepted, nobody was asked to prove anything and nobody tried: there is nothing to judge.
    pub fn is_uneventful(&self) -> bool {
        self.transactions.iter().all(is_uneventful)
    }

    /// Whether nothing more is expected under this Call-ID: its call was ended by a BYE, or it holds nothing but requests beside
    /// any dialog that were accepted without being challenged, as those that keep a NAT open.
    pub fn is_over(&self) -> bool {
        // A proxy's hop may be answered a moment later, so the last ones are looked at; the first ones were answered long since.
        let latest = || self.transactions.iter().rev().take(CANDIDATES_MAX);
        let is_done = |known: &Transaction| {
            known
                .answer
                .as_ref()
                .is_some_and(|answer| answer.challenges.is_empty() && !matches!(answer.status, 401 | 407))
        };
        let has_ended = |known: &Transaction| known.method == Method::Bye;
        let is_alone = |known: &Transaction| {
            matches!(known.method, Method::Options | Method::Notify | Method::Message)
                && known.request.as_ref().is_some_and(|request| request.to_tag.is_none())
        };
        match self.transactions.last() {
            Some(last) if has_ended(last) => latest().take_while(|known| has_ended(known)).all(is_done),
            Some(last) if is_alone(last) => {
                self.transactions.len() < CANDIDATES_MAX
                    && latest().all(|known| is_alone(known) && is_uneventful(known))
            }
            _ => false,
        }
    }
}

/// Whether a request was accepted that nobody was to prove anything with.
fn is_uneventful(known: &Transaction) -> bool {
    let has_credentials = known.request.as_ref().is_some_and(|request| !request.credentials.is_empty())
        || known.ack().is_some_and(|ack| !ack.credentials.is_empty());
    let is_accepted = known.answer.as_ref().is_some_and(|answer| answer.status < 300 && answer.challenges.is_empty());
    is_accepted && !has_credentials
}
