//! Responses to requests that the capture lacks, and where these stood between the hops that it shows.

use crate::session::Request;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::Transaction;
use crate::session::run::Identity;
use crate::session::run::Key;

impl Run {
    /// A transaction of which only this response was seen, among the other hops of its request.
    pub(super) fn unseen_request(&mut self, sighting: &Sighting<'_>, identity: &Identity<'_>, key: Key) -> usize {
        let mut transaction = Transaction::unseen(sighting, &key);
        // Of an answer on a later hop the Vias below name the hops before, whose requests may be there.
        let is_before = |known: &Transaction| {
            let mut below = sighting.message.via_branches().skip(1);
            known.request.is_some()
                && known.flow() != sighting.flow.reversed()
                && below.any(|branch| self.has_branch(known, branch))
        };
        if let Some(from) = self.newest(&key, is_before) {
            transaction.follows(from);
        }
        transaction.branch = identity.branch.map(|branch| self.texts.keep(branch));
        if let Some(from) = sighting.message.from().filter(|from| !from.uri.is_empty()) {
            transaction.note_unseen_from(self.texts.keep(from.uri));
        }
        let sent_on = self.sent_on(sighting, &key, &transaction);
        let index = self.add(key, transaction);
        match sent_on {
            Some(sent_on) => {
                self.transactions.swap(sent_on, index);
                self.transactions.get_mut(index).into_iter().for_each(|next| next.follows(sent_on));
                sent_on
            }
            None => index,
        }
    }

    /// What the receiver of a request that the capture lacks had sent on: it passes the answer back. Where there are several, some may be
    /// its own.
    fn sent_on(&self, sighting: &Sighting<'_>, key: &Key, unseen: &Transaction) -> Option<usize> {
        let (tag, vias) = (sighting.message.from()?.tag, sighting.message.via_count());
        let is_sent_on = |known: &Transaction| {
            let (way, asked) = (known.flow(), unseen.flow());
            let is_same =
                |request: &Request| request.via_count > vias && request.from_tag.map(|id| self.texts.get(id)) == tag;
            way.source.address == asked.destination.address
                && way.destination.address != asked.source.address
                && known.forwarded_from().is_none()
                && known.request.as_ref().is_some_and(is_same)
        };
        let newest = self.newest(key, is_sent_on)?;
        let is_other = |known: &Transaction| {
            is_sent_on(known) && !self.transactions.get(newest).is_some_and(|newest| std::ptr::eq(known, newest))
        };
        self.newest(key, is_other).is_none().then_some(newest)
    }
}
