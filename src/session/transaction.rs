//! A request, its responses, and their other appearances (RFC 3261 §17.1.3, §17.2.3).

use std::net::IpAddr;

use serde::Deserialize;
use serde::Serialize;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Moment;
use crate::base::PackedFlow;
use crate::base::Transport;
use crate::session::Ack;
use crate::session::ChallengeRow;
use crate::session::CredentialsRow;
use crate::session::InfoRow;
use crate::session::LinkId;
use crate::session::Marks;
use crate::session::NonceId;
use crate::session::Sighting;
use crate::session::TextId;
use crate::session::finals::Others;
use crate::session::run::DUPLICATE_WITHIN;
use crate::session::run::Key;
use crate::sip::HeaderName;
use crate::sip::Method;

/// One transaction on one hop.
#[derive(Debug, Serialize, Deserialize)]
pub struct Transaction {
    way: PackedFlow,
    /// What carried the request.
    pub transport: Transport,
    /// The method, from the request line or the response's CSeq.
    pub method: Method,
    /// The CSeq number; `None` where it could not be read.
    pub cseq: Option<u32>,
    /// The top Via's branch.
    pub branch: Option<TextId>,
    /// The request; `None` where the capture holds only responses.
    pub request: Option<Request>,
    /// Whether any provisional response came.
    has_provisional: bool,
    /// The final response that counts: the first one, unless the client is seen to have heard another.
    pub answer: Option<Answer>,
    call: Option<Box<Call>>,
    further: Option<Box<Further>>,
}

/// What hardly any transaction but an INVITE has. It stands apart: there are a hundred thousand of them, and the smaller they are the sooner
/// they are read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Call {
    /// When the first provisional response came that is not 100, which the next hop sends.
    provisional_at: Option<CaptureTime>,
    ack: Option<Ack>,
}

/// What few transactions have, for the same reason.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Further {
    copies: Vec<Copy>,
    /// When the last copy was seen.
    last_sent: Option<CaptureTime>,
    /// When the client sent it again first, and last.
    resent: Option<(CaptureTime, CaptureTime)>,
    forwarded_from: Option<usize>,
    marks: Option<Box<Marks>>,
    listens_at: Option<u16>,
    others: Option<Box<Others>>,
    unseen_from: Option<TextId>,
}

impl Transaction {
    /// The nonces that its messages name, some of them more than once.
    pub fn nonces(&self) -> impl Iterator<Item = NonceId> {
        let sent = self.request.iter().flat_map(|request| &request.credentials);
        let sent = sent.chain(self.ack().into_iter().flat_map(|ack| &ack.credentials)).flat_map(CredentialsRow::known);
        let answers = || self.answer.iter().chain(self.other_answers());
        let offered = answers().flat_map(|answer| &answer.challenges).flat_map(|row| &row.nonces);
        let infos = answers().flat_map(Answer::infos).map(|info| info.nextnonce);
        sent.map(|known| known.nonce).chain(offered.copied()).chain(infos).flatten()
    }
}

/// The request of a transaction, as first seen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The frame that completed it.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
    /// On which link.
    pub link: LinkId,
    /// The Request-URI as sent.
    pub uri: TextId,
    /// The From URI.
    pub from: TextId,
    /// The From tag; `None` where there is none.
    pub from_tag: Option<TextId>,
    /// The To URI.
    pub to: TextId,
    /// The To tag: there is one within a dialog (RFC 3261 §12).
    pub to_tag: Option<TextId>,
    /// User-Agent.
    pub user_agent: Option<TextId>,
    /// Bytes of the whole message.
    pub len_bytes: u32,
    /// Whether the header section was captured whole: else missing headers prove nothing.
    pub has_all_headers: bool,
    /// Whether some of its bytes can be read two ways.
    pub is_ambiguous: bool,
    /// How many Vias it carries: one on the client's own hop.
    pub via_count: u8,
    /// The rows of credentials.
    pub credentials: Box<[CredentialsRow]>,
}

/// The final response of a transaction, as first seen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The frame that completed it.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
    /// The status code, 200 and above.
    pub status: u16,
    /// The reason phrase.
    pub reason: TextId,
    /// Server, or User-Agent where a UAS says that.
    pub server: Option<TextId>,
    /// Whether the header section was captured whole.
    pub has_all_headers: bool,
    /// Whether some of its bytes can be read two ways.
    pub is_ambiguous: bool,
    /// The To tag, of an answer that challenges or refuses an INVITE: the ACK has to repeat it.
    pub to_tag: Option<TextId>,
    /// The rows of challenges.
    pub challenges: Box<[ChallengeRow]>,
    /// What few answers have.
    pub rare: Option<Box<RareParts>>,
}

/// What few answers have.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RareParts {
    /// The values of Security-Server (RFC 3329 §2.2), joined with commas.
    pub security_server: Option<TextId>,
    /// The values of Warning (RFC 3261 §20.43), joined with commas.
    pub warning: Option<TextId>,
    /// The values of Reason (RFC 6432), joined with commas.
    pub reason: Option<TextId>,
    /// The values of P-Registrar-Error, joined with commas.
    pub registrar_error: Option<TextId>,
    /// The rows of Authentication-Info, of a 2xx.
    pub infos: Vec<InfoRow>,
    /// The refusal that a B2BUA got for its own call, and passes back with this answer.
    pub behind: Option<Behind>,
    /// A challenge with more Vias than its request had: who gets it is to discard it (RFC 3261 §8.1.3.3).
    pub has_extra_via: bool,
    /// The way that a datagram took where it is not that of its request reversed.
    pub other_way: Option<Flow>,
    /// Whether it requires the client to agree on security: `Require: sec-agree`.
    pub requires_agreement: bool,
    /// How often the server sent it again.
    pub(super) repeats: u32,
    /// When it was last seen, where that was more than once.
    pub(super) last_sent: Option<CaptureTime>,
}

/// The refusal of a call that a B2BUA made for another one, under a Call-ID of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The refusal.
    pub at: FrameRef,
    /// With what it was refused: 401 or 407 where no credentials that were taken followed the challenge.
    pub status: u16,
    /// Who refused it.
    pub server: IpAddr,
}

/// Another appearance of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// Where.
    pub at: FrameRef,
    /// What it is.
    pub kind: CopyKind,
}

/// Why a request was seen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyKind {
    /// The client sent it again (RFC 3261 §17.1).
    Retransmission,
    /// The capture holds the packet twice: a span port, or `-i any`.
    Duplicate,
    /// It was seen again on its way: a proxy forwarded it.
    Hop,
}

impl CopyKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            CopyKind::Retransmission => "retransmission",
            CopyKind::Duplicate => "duplicate",
            CopyKind::Hop => "hop",
        }
    }
}

impl Request {
    /// When and where it was seen first.
    pub fn moment(&self) -> Moment {
        Moment { time: self.time, at: self.at }
    }
}

impl Answer {
    /// When and where it was seen first.
    pub fn moment(&self) -> Moment {
        Moment { time: self.time, at: self.at }
    }

    /// Whether it says that the request was accepted.
    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// The rows of Authentication-Info.
    pub fn infos(&self) -> &[InfoRow] {
        self.rare.as_ref().map_or(&[], |rare| &rare.infos)
    }

    /// The refusal that a B2BUA got for its own call, and passes back with this one.
    pub fn behind(&self) -> Option<Behind> {
        self.rare.as_ref()?.behind
    }

    /// Whether it is a challenge with more Vias than its request had: who gets it is to discard it (RFC 3261 §8.1.3.3).
    pub fn has_extra_via(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.has_extra_via)
    }

    /// The way that it took where that is not the way of its request reversed: it came from another address or port, or went to one.
    pub fn other_way(&self) -> Option<Flow> {
        self.rare.as_ref()?.other_way
    }

    /// Notes when and where it was seen again, as a repeat or as a duplicate. On the way of its request, too: then a device between two
    /// points of the capture changed the addresses.
    pub(super) fn seen_again(&mut self, sighting: &Sighting<'_>, is_repeat: bool, asked: Flow) {
        let last_sent = self.last_sent().max(sighting.time);
        let rare = self.rare.get_or_insert_default();
        rare.repeats = rare.repeats.saturating_add(u32::from(is_repeat));
        rare.last_sent = Some(last_sent);
        if sighting.flow.reversed() == asked {
            rare.other_way = None;
        }
    }

    /// Whether that is a repeat of it, and not the same packet seen twice. A server that has its answer at hand gives it to each copy of the
    /// request at once: however soon it comes behind the answer before, it comes behind the copy.
    pub(super) fn is_repeated_by(&self, sighting: &Sighting<'_>, resent: Option<CaptureTime>) -> bool {
        let last = self.last_sent();
        sighting.time.since(last) >= DUPLICATE_WITHIN || resent.is_some_and(|resent| resent > last)
    }

    /// How often the server sent it again.
    pub fn repeats(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.repeats)
    }

    /// When it was last seen.
    pub fn last_sent(&self) -> CaptureTime {
        self.rare.as_ref().and_then(|rare| rare.last_sent).unwrap_or(self.time)
    }

    /// Whether it requires the client to agree on security: `Require: sec-agree`.
    pub fn requires_agreement(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.requires_agreement)
    }

    /// What it says of itself beside its reason phrase: the values of Warning, Reason and P-Registrar-Error, each with the header's name.
    pub fn words(&self) -> impl Iterator<Item = (&'static str, TextId)> + Clone {
        let words = |rare: &RareParts| {
            [
                (HeaderName::Warning.as_str(), rare.warning),
                (HeaderName::Reason.as_str(), rare.reason),
                (HeaderName::RegistrarError.as_str(), rare.registrar_error),
            ]
        };
        let all = self.rare.as_deref().map(words).into_iter().flatten();
        all.filter_map(|(header, value)| Some((header, value?)))
    }

    /// The values of Security-Server, joined with commas.
    pub fn security_server(&self) -> Option<TextId> {
        self.rare.as_ref()?.security_server
    }
}

impl Transaction {
    /// One that begins with this message, whose request has that direction.
    pub(super) fn new(sighting: &Sighting<'_>, flow: Flow, key: &Key) -> Transaction {
        Transaction {
            way: flow.into(),
            transport: sighting.transport,
            method: key.method.clone(),
            cseq: key.cseq,
            branch: None,
            request: None,
            has_provisional: false,
            answer: None,
            call: None,
            further: None,
        }
    }

    /// One that begins with this response.
    pub(super) fn unseen(sighting: &Sighting<'_>, key: &Key) -> Transaction {
        let further = Further { last_sent: Some(sighting.time), ..Further::default() };
        Transaction { further: Some(Box::new(further)), ..Transaction::new(sighting, sighting.flow.reversed(), key) }
    }

    /// The From URI of its responses, where the request was not captured.
    pub fn unseen_from(&self) -> Option<TextId> {
        self.further.as_ref()?.unseen_from
    }

    /// Keeps the From URI of a response.
    pub(super) fn note_unseen_from(&mut self, from: TextId) {
        self.further.get_or_insert_default().unseen_from = Some(from);
    }

    /// The request's direction; where only responses were seen, the reverse of theirs.
    pub fn flow(&self) -> Flow {
        Flow::from(&self.way)
    }

    /// When the first provisional response other than 100 came.
    pub fn provisional_at(&self) -> Option<CaptureTime> {
        self.call.as_ref()?.provisional_at
    }

    /// Whether any provisional response came, 100 included.
    pub fn has_provisional(&self) -> bool {
        self.has_provisional
    }

    /// The ACK, of an INVITE.
    pub fn ack(&self) -> Option<&Ack> {
        self.call.as_ref()?.ack.as_ref()
    }

    /// Other appearances of the request.
    pub fn copies(&self) -> &[Copy] {
        self.further.as_ref().map_or(&[], |further| &further.copies)
    }

    /// The transaction this one is the next hop of, as an index into the run's transactions.
    pub fn forwarded_from(&self) -> Option<usize> {
        self.further.as_ref()?.forwarded_from
    }

    /// What the request shows of its path.
    pub fn marks(&self) -> Option<&Marks> {
        self.further.as_ref()?.marks.as_deref()
    }

    /// When the request was last seen; where only responses were, the first of them.
    pub fn last_sent(&self) -> CaptureTime {
        let again = self.further.as_ref().and_then(|further| further.last_sent);
        again.or(self.started()).unwrap_or(CaptureTime::from_ns(0))
    }

    /// What is kept of answers beside the one that counts.
    pub(super) fn others(&self) -> Option<&Others> {
        self.further.as_ref()?.others.as_deref()
    }

    /// The same, to change it.
    pub(super) fn others_mut(&mut self) -> &mut Others {
        self.further.get_or_insert_default().others.get_or_insert_default()
    }

    /// Gives it its request, and the transaction whose next hop it is.
    pub(super) fn adopt(&mut self, request: Request, marks: Option<Box<Marks>>, forwarded_from: Option<usize>) {
        self.request = Some(request);
        let others = self.further.take().and_then(|further| further.others);
        let further = Further { forwarded_from, marks, others, ..Further::default() };
        let is_plain = further.forwarded_from.is_none() && further.marks.is_none() && further.others.is_none();
        self.further = (!is_plain).then(|| Box::new(further));
    }

    /// Notes whose next hop it is, of one whose request is not known.
    pub(super) fn follows(&mut self, forwarded_from: usize) {
        self.further.get_or_insert_default().forwarded_from = Some(forwarded_from);
    }

    /// Notes another appearance of the request, and where its client listens by what that says.
    pub(super) fn add_copy(&mut self, copy: Copy, time: CaptureTime, listens_at: Option<u16>) {
        let last_sent = self.last_sent().max(time);
        let further = self.further.get_or_insert_default();
        if copy.kind == CopyKind::Retransmission {
            further.resent.get_or_insert((time, time)).1 = time;
        }
        further.copies.push(copy);
        further.last_sent = Some(last_sent);
        further.listens_at = further.listens_at.or(listens_at);
    }

    /// When the client sent its request again first.
    pub fn resent_first(&self) -> Option<CaptureTime> {
        Some(self.further.as_ref()?.resent?.0)
    }

    /// When it did so last.
    pub(super) fn resent_last(&self) -> Option<CaptureTime> {
        Some(self.further.as_ref()?.resent?.1)
    }

    /// The port at which the client of a retransmitted request wants answers, where it is not the one that it sends from: its Via names it
    /// beside the very address that it sends from, and does not ask for `rport` (RFC 3261 §18.2.2, RFC 3581).
    pub fn listens_at(&self) -> Option<u16> {
        self.further.as_ref()?.listens_at
    }

    /// Notes a provisional response.
    pub(super) fn add_provisional(&mut self, status: u16, time: CaptureTime) {
        self.has_provisional = true;
        if status > 100 {
            self.call.get_or_insert_default().provisional_at.get_or_insert(time);
        }
    }

    /// Notes the ACK.
    pub(super) fn acknowledge(&mut self, ack: Ack) {
        self.call.get_or_insert_default().ack = Some(ack);
    }

    /// When it began: the request, else the first response seen.
    pub fn started(&self) -> Option<CaptureTime> {
        self.request.as_ref().map(|request| request.time).or(self.answer.as_ref().map(|answer| answer.time))
    }

    /// Whether client and server addresses are the same as the other's. Ports and transport may change within a dialog.
    pub fn is_same_hop(&self, other: &Transaction) -> bool {
        self.flow().source.address == other.flow().source.address
            && self.flow().destination.address == other.flow().destination.address
    }

    /// How often the client sent the request again.
    pub fn retransmissions(&self) -> usize {
        self.copies().iter().filter(|copy| copy.kind == CopyKind::Retransmission).count()
    }

    /// The frames of those.
    pub fn resent(&self) -> impl Iterator<Item = FrameRef> {
        self.copies().iter().filter(|copy| copy.kind == CopyKind::Retransmission).map(|copy| copy.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_small() {
        // The allocator gives 192 bytes, and 224 to who asks for more.
        assert!(size_of::<Transaction>() <= 192, "{}", size_of::<Transaction>());
    }
}
