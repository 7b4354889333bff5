//! An ACK, and whether it fits the INVITE that it is meant for (RFC 3261 §17.1.1.3).

use serde::Deserialize;
use serde::Serialize;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::session::CredentialsRow;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::TextId;
use crate::session::Transaction;
use crate::session::run::CANDIDATES_MAX;
use crate::session::run::Identity;
use crate::session::run::Key;
use crate::session::run::Placement;
use crate::sip::Method;

/// The ACK of an INVITE: the first one, or the first one that fits.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The frame that completed it.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
    /// Whether the header section was captured whole: else missing headers prove nothing.
    pub has_all_headers: bool,
    /// Why the server cannot match it with its INVITE; `None` where it can. The ACK of a 2xx is a request of its own: it has nothing but the
    /// CSeq number of the INVITE (RFC 3261 §13.2.2.4).
    pub difference: Option<AckDifference>,
    /// The rows of credentials: those of the INVITE, by RFC 3261 §22.1.
    pub credentials: Box<[CredentialsRow]>,
}

/// What of an ACK is not as in its INVITE or the answer to that.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AckDifference {
    /// Which part: the first that differs.
    pub part: AckPart,
    /// What the ACK says; `None` where it says nothing.
    pub sent: Option<TextId>,
    /// What it should say.
    pub expected: TextId,
}

/// A part of an ACK that ties it to its INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AckPart {
    /// The branch of the top Via.
    Branch,
    /// The number of the CSeq.
    CseqNumber,
    /// The tag of From.
    FromTag,
    /// The tag of To, which is that of the answer.
    ToTag,
}

impl AckPart {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            AckPart::Branch => "Via branch",
            AckPart::CseqNumber => "CSeq",
            AckPart::FromTag => "From tag",
            AckPart::ToTag => "To tag",
        }
    }
}

impl Run {
    /// An ACK joins its INVITE: by branch after a refusal, by CSeq after a 2xx (RFC 3261 §17.1.1.3, §13.2.2.4). One that
    /// fits neither may be a wrong one to a refusal that nobody has acknowledged.
    pub(super) fn ack(&mut self, sighting: Sighting<'_>, identity: Identity<'_>, key: Key) -> Placement {
        let cseq = key.cseq;
        let invite = Key { method: Method::Invite, ..key };
        let is_hop = |known: &Transaction| known.flow().source.address == sighting.flow.source.address;
        let is_refused =
            |known: &Transaction| is_hop(known) && identity.branch.is_some_and(|branch| self.has_branch(known, branch));
        let index = self
            .newest(&invite, is_refused)
            .or_else(|| self.accepted_behind(&invite, &sighting, &identity))
            .or_else(|| self.newest(&invite, is_hop))
            .or_else(|| self.unacknowledged(&sighting, &identity));
        let Some(index) = index else { return Placement::Known };
        self.heard_by_ack(index, identity.to.tag);
        // What was cut may have been as it should.
        let has_all_headers = sighting.message.has_all_headers;
        let difference = has_all_headers.then(|| self.ack_difference(index, &identity, cseq)).flatten();
        let Some(transaction) = self.transactions.get_mut(index) else { return Placement::Known };
        let is_better = transaction.ack().is_none_or(|known| known.difference.is_some() && difference.is_none());
        if is_better {
            transaction.acknowledge(Ack {
                at: sighting.frames.last,
                time: sighting.time,
                has_all_headers,
                difference,
                credentials: sighting.credentials.into(),
            });
        }
        Placement::Known
    }

    /// Whether that frame completed an ACK that was kept.
    pub(super) fn is_ack(&self, at: FrameRef) -> bool {
        let latest = self.transactions.iter().rev().take(CANDIDATES_MAX);
        latest.into_iter().any(|known| known.ack().is_some_and(|ack| ack.at == at))
    }

    /// The latest INVITE of the same dialog and hop that was refused and not acknowledged.
    fn unacknowledged(&self, sighting: &Sighting<'_>, identity: &Identity<'_>) -> Option<usize> {
        let latest = self.transactions.iter().enumerate().rev().take(CANDIDATES_MAX);
        let mut refused = latest.filter(|(_, known)| {
            known.method == Method::Invite
                && known.flow() == sighting.flow
                && known.ack().is_none()
                && known.answer.as_ref().is_some_and(|answer| answer.status >= 300)
                && known.request.as_ref().is_some_and(|request| self.has_from_tag(request, identity))
        });
        refused.next().map(|(index, _)| index)
    }

    /// The INVITE that a 2xx answered, where an ACK of a branch of its own has the number of the bare one, whose refusal was acknowledged
    /// before.
    fn accepted_behind(&self, bare: &Key, sighting: &Sighting<'_>, identity: &Identity<'_>) -> Option<usize> {
        let is_hop = |known: &Transaction| known.flow().source.address == sighting.flow.source.address;
        let status = |known: &Transaction| known.answer.as_ref().map(|answer| answer.status);
        let is_done = |known: &Transaction| {
            is_hop(known)
                && status(known).is_some_and(|status| status >= 300)
                && known.ack().is_some_and(|ack| ack.difference.is_none())
        };
        self.newest(bare, is_done)?;
        let latest = self.transactions.iter().enumerate().rev().take(CANDIDATES_MAX);
        let mut behind = latest.filter(|(_, known)| known.method == Method::Invite && is_hop(known));
        let (index, known) = behind.next()?;
        let is_accepted = status(known).is_some_and(|status| (200..=299).contains(&status))
            && known.cseq > bare.cseq
            && known.ack().is_none_or(|ack| ack.difference.is_some())
            && known.request.as_ref().is_some_and(|request| self.has_from_tag(request, identity));
        is_accepted.then_some(index)
    }

    fn ack_difference(&mut self, index: usize, identity: &Identity<'_>, cseq: Option<u32>) -> Option<AckDifference> {
        let known = self.transactions.get(index)?;
        let (request, answer) = (known.request.as_ref()?, known.answer.as_ref()?);
        if answer.status < 300 {
            let expected = known.cseq.filter(|_| known.cseq != cseq)?;
            return Some(self.other_number(expected, cseq));
        }
        let differs = |expected: &Option<TextId>, sent: Option<&[u8]>| {
            expected.filter(|&expected| Some(self.texts.get(expected)) != sent)
        };
        // RFC 3261 §17.2.3: a branch without the cookie identifies nothing.
        let is_unique = |branch: &TextId| self.texts.get(*branch).starts_with(b"z9hG4bK");
        let branch = known.branch.filter(is_unique);
        let cseq_known = known.cseq.filter(|_| known.cseq != cseq);
        let (part, sent, expected) = if let Some(expected) = differs(&branch, identity.branch) {
            (AckPart::Branch, identity.branch, expected)
        } else if let Some(expected) = cseq_known {
            return Some(self.other_number(expected, cseq));
        } else if let Some(expected) = differs(&request.from_tag, identity.from.tag) {
            (AckPart::FromTag, identity.from.tag, expected)
        } else {
            (AckPart::ToTag, identity.to.tag, differs(&answer.to_tag, identity.to.tag)?)
        };
        Some(AckDifference { part, sent: sent.map(|text| self.texts.keep(text)), expected })
    }

    fn other_number(&mut self, expected: u32, sent: Option<u32>) -> AckDifference {
        let expected = self.texts.keep(expected.to_string().as_bytes());
        let sent = sent.map(|cseq| self.texts.keep(cseq.to_string().as_bytes()));
        AckDifference { part: AckPart::CseqNumber, sent, expected }
    }
}
