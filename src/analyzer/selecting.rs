//! What a display filter leaves of the sessions. Without one, nothing is asked and everything is kept.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::analyzer::messages::Messages;
use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::filter::Answers;
use crate::filter::Closed;
use crate::filter::MessageAt;
use crate::filter::Selected;
use crate::filter::Selection;
use crate::filter::Subject;
use crate::history::PairKey;
use crate::report::model;
use crate::report::wireshark;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::session::Run;
use crate::session::Session;
use crate::session::judge::Around;
use crate::sip::Message;
use crate::transport::Payload;

impl Messages {
    /// Asks the filter about a message. What it says is noted when the runs are closed that the message shows to be over.
    pub(super) fn ask(&mut self, message: &Message<'_>, payload: &Payload<'_>, time: CaptureTime) -> Option<Answers> {
        let selection = self.selection.as_mut()?;
        let subject = Subject {
            message,
            flow: payload.flow,
            transport: payload.transport,
            at: payload.frames.last,
            time,
            began: time,
            tcp_stream: None,
            is_resend: false,
        };
        selection.ask(subject, &payload.frames)
    }

    /// What of a session is to be reported, which has that number in the report.
    pub(super) fn select(&mut self, session: &Session<'_>, findings: &[Finding], number: Option<u64>) -> Selected {
        let Some(selection) = &mut self.selection else { return Selected::Whole };
        let closed = Closed { session, findings, number, nonces: &self.nonces };
        selection.decide(&session.run.call_id, Some(&closed))
    }

    /// Whether a run in which nobody was asked is to be counted.
    pub(super) fn selects_uneventful(&mut self, run: &Run, end: CaptureTime) -> bool {
        let Some(selection) = &mut self.selection else { return true };
        if !selection.is_late() {
            return selection.decide(&run.call_id, None) != Selected::Nothing;
        }
        let session = Session::judge(run, Around { end, unreachable: &self.unreachable, lost: &[] });
        self.select(&session, &[], None) != Selected::Nothing
    }

    /// Whether a finding of these sessions belongs to what is reported.
    pub(super) fn keeps(&self, sessions: &[u64]) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.keeps(sessions))
    }

    /// Whether a finding about the capture does: by its sessions, or by who is meant, for it names a few sessions of many.
    pub(super) fn keeps_finding(&self, finding: &Finding) -> bool {
        let pair = finding.subject.client.zip(finding.subject.server);
        let is_of_pair = pair.is_some_and(|(client, server)| {
            self.selection.as_ref().is_some_and(|selection| selection.keeps_pair(&PairKey { client, server }))
        });
        is_of_pair || self.keeps(&finding.sessions)
    }

    /// The attacks between those of whom something is reported.
    pub(super) fn kept_attacks(
        &self,
        mut claims: BTreeMap<PairKey, &'static Rule>,
    ) -> BTreeMap<PairKey, &'static Rule> {
        if let Some(selection) = &self.selection {
            claims.retain(|pair, _| selection.keeps_pair(pair));
        }
        claims
    }
}

/// Findings that name a message which matches.
pub(super) fn narrow_findings(findings: &mut Vec<Finding>, selected: &Selected) {
    match selected {
        Selected::Whole => {}
        Selected::Nothing => findings.clear(),
        Selected::Messages(messages) => {
            let frames: BTreeSet<FrameRef> = messages.iter().map(|message| message.frame).collect();
            findings.retain(|finding| finding.frames.iter().any(|frame| frames.contains(frame)));
        }
    }
}

/// Attempts that have a message which matches. `model` is made of `session`.
pub(super) fn narrow(model: &mut model::Session, session: &Session<'_>, selected: &Selected) {
    let Selected::Messages(messages) = selected else { return };
    let mut are_kept = session.attempts.iter().map(|attempt| {
        let transaction = attempt.transaction;
        let sent = attempt.request().map(|request| request.at).into_iter();
        let sent = sent.chain(attempt.copies.iter().map(|copy| copy.at));
        let sent = sent.map(|frame| MessageAt::request(transaction, frame));
        let ack = transaction.ack().map(MessageAt::ack);
        sent.chain(MessageAt::answer(transaction)).chain(ack).any(|message| messages.contains(&message))
    });
    model.attempts.retain(|_| are_kept.next().unwrap_or(true));
}

/// What the filter did, for the summary.
pub(super) fn summary(selection: &Selection) -> model::Selected {
    let counts = selection.counts();
    let frames: &[FrameRef] = selection.frames();
    let (wireshark_filter, wireshark_messages) = match (selection.wireshark(), frames.first()) {
        (Some(filter), _) => (filter, counts.messages),
        (None, None) => ("frame.number == 0".to_owned(), 0),
        // Frames are numbered in each input.
        (None, Some(first)) => {
            let of_first = frames.iter().filter(|frame| frame.input == first.input).count();
            (wireshark::frames(frames), u64::try_from(of_first).unwrap_or(u64::MAX))
        }
    };
    let sessions_left_out = counts.sessions_left_out;
    model::Selected { messages: counts.messages, sessions_left_out, wireshark_filter, wireshark_messages }
}
