//! The bytes of a stream in order: what they are, and cut into messages.

use crate::base::Framer;
use crate::base::SetAside;
use crate::base::Step;
use crate::transport::backlog::Again;
use crate::transport::backlog::Backlog;
use crate::transport::backlog::Decided;
use crate::transport::carried;
use crate::transport::carried::Carried;
use crate::transport::carried::Probe;
use crate::transport::carried::Unit;
use crate::transport::ledger::Ledger;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::stream::Phase;
use crate::transport::stream::Stream;

impl<F: Framer> Stream<F> {
    /// Bytes in order: cut where they are if nothing waits before them, else behind what waits.
    pub(super) fn deliver<S: FnMut(Payload<'_>)>(&mut self, payload: &[u8], origin: Origin, out: &mut Outlet<'_, S>) {
        let is_open = self.is_fresh && !self.identify(payload);
        if let Some(backlog) = &mut self.backlog {
            backlog.append(origin, payload);
            return self.cut_whole(out);
        }
        if is_open || self.carried.is_some() {
            let mut backlog = Box::new(Backlog::new(self.next.saturating_sub(payload.len() as u64)));
            backlog.append(origin, payload);
            self.backlog = Some(backlog);
            return self.cut_whole(out);
        }
        let (mut rest, mut used, mut reason) = (payload, false, SetAside::KeepAlive);
        loop {
            match self.framer.step(rest, out.limits) {
                Step::More => break,
                Step::Foreign => {
                    let decided = Decided { frames: origin.frame_count(), set_aside: Some(SetAside::NotSip) };
                    self.decide(decided, out.ledger);
                    return self.turn_foreign(out.ledger);
                }
                Step::Skip { len, reason: why } => {
                    reason = if reason == SetAside::KeepAlive { why } else { reason };
                    rest = rest.get(len..).unwrap_or_default();
                }
                Step::Message { len, framing, cut } => {
                    let (bytes, behind) = rest.split_at(len.min(rest.len()));
                    rest = behind;
                    used = true;
                    self.note_message(out.ledger);
                    self.delivered
                        .keep(self.next.saturating_sub(bytes.len() as u64).saturating_sub(rest.len() as u64), bytes);
                    out.deliver(origin.payload(self.flow, bytes, framing, cut));
                }
            }
        }
        if rest.is_empty() {
            let set_aside = (!used).then_some(reason);
            return self.decide(Decided { frames: origin.frame_count(), set_aside }, out.ledger);
        }
        let mut backlog = Box::new(Backlog::new(self.next.saturating_sub(rest.len() as u64)));
        backlog.append_rest(origin, rest, used, reason);
        self.backlog = Some(backlog);
    }

    /// Cuts off the window what is whole: more bytes may follow.
    pub(super) fn cut_whole<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        self.cut(false, out);
    }

    /// Cuts all of the window, for what follows it is missing.
    pub(super) fn cut_all<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        self.cut(true, out);
    }

    /// Cuts the window into messages; to its end if the stream is interrupted there.
    fn cut<S: FnMut(Payload<'_>)>(&mut self, interrupted: bool, out: &mut Outlet<'_, S>) {
        if self.is_fresh && !self.identify_backlog(interrupted) {
            return;
        }
        if let Some(carried) = self.carried.take() {
            return self.cut_carried(carried, interrupted, out);
        }
        let Some(mut backlog) = self.backlog.take() else {
            if interrupted {
                self.framer.interrupt(&[], out.limits);
            }
            return;
        };
        loop {
            let window = backlog.window();
            let step = match interrupted {
                true => self.framer.interrupt(window, out.limits),
                false => self.framer.step(window, out.limits),
            };
            let (len, reason) = match step {
                Step::More => break,
                Step::Foreign => {
                    backlog.give_up(SetAside::NotSip, |decided| self.decide(decided, out.ledger));
                    return self.turn_foreign(out.ledger);
                }
                Step::Skip { len, reason } => (len, Some(reason)),
                Step::Message { len, framing, cut } => {
                    self.note_message(out.ledger);
                    if let Some(payload) = backlog.message(self.flow, len, framing, cut) {
                        self.delivered.keep(backlog.window_start(), payload.bytes);
                        out.deliver(payload);
                    }
                    (len, None)
                }
            };
            backlog.consume(len, reason, |decided| self.decide(decided, out.ledger));
        }
        if !backlog.is_idle() {
            self.backlog = Some(backlog);
        }
    }

    /// Tells by the first bytes of the stream what it holds; false where they are too few.
    fn identify(&mut self, window: &[u8]) -> bool {
        if self.backlog.is_some() {
            return false;
        }
        let probe = carried::probe::<F>(window);
        self.is_fresh = probe == Probe::More;
        self.carried = Carried::of(probe).map(Box::new);
        !self.is_fresh
    }

    /// The same, of bytes that wait.
    fn identify_backlog(&mut self, interrupted: bool) -> bool {
        let Some(backlog) = self.backlog.take() else { return interrupted };
        let is_known = self.identify(backlog.window());
        self.is_fresh = !is_known && !interrupted;
        self.backlog = Some(backlog);
        !self.is_fresh
    }

    /// Takes frames or records off the window; to its end if the stream is interrupted there.
    fn cut_carried<S: FnMut(Payload<'_>)>(
        &mut self,
        mut carried: Box<Carried<F>>,
        interrupted: bool,
        out: &mut Outlet<'_, S>,
    ) {
        let Some(mut backlog) = self.backlog.take() else {
            if interrupted {
                carried.interrupt(self.flow, out);
            }
            self.carried = Some(carried);
            return;
        };
        loop {
            let (len, reason) = match carried.unit(backlog.window(), interrupted, self.flow, out) {
                Unit::More => break,
                Unit::Skip { len, reason } => (len, Some(reason)),
                Unit::Whole { len, cut } => {
                    let unit = backlog.window().get(..len).unwrap_or_default();
                    let reason = match backlog.origin(len) {
                        Some(origin) => carried.take(unit, cut, origin, self.flow, out),
                        None => Some(SetAside::TcpGap),
                    };
                    (len, reason)
                }
                Unit::Foreign(reason) => {
                    self.phase = Phase::Foreign(reason);
                    carried.give_up();
                    self.carried = Some(carried);
                    backlog.give_up(reason, |decided| settle(decided, out.ledger));
                    return;
                }
            };
            backlog.consume(len, reason, |decided| settle(decided, out.ledger));
        }
        if interrupted {
            carried.interrupt(self.flow, out);
        }
        if !backlog.is_idle() {
            self.backlog = Some(backlog);
        }
        self.carried = Some(carried);
    }

    /// Goes on where the other direction has told what was waited for.
    pub(in crate::transport) fn resume<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        if self.carried.is_some() && self.phase == Phase::Open {
            self.cut_whole(out);
        }
    }

    fn note_message(&mut self, ledger: &mut Ledger) {
        self.has_messages = true;
        ledger.set_aside(SetAside::TcpGap, std::mem::take(&mut self.undecided));
    }

    fn decide(&mut self, decided: Decided, ledger: &mut Ledger) {
        match decided.set_aside {
            None => ledger.used(decided.frames),
            Some(SetAside::NotSip) if !self.has_messages => {
                self.undecided = self.undecided.saturating_add(decided.frames)
            }
            Some(reason) => ledger.set_aside(reason, decided.frames),
        }
    }

    fn turn_foreign(&mut self, ledger: &mut Ledger) {
        self.phase = Phase::Foreign(SetAside::NotSip);
        ledger.set_aside(SetAside::NotSip, std::mem::take(&mut self.undecided));
        if let Some(backlog) = self.backlog.take() {
            backlog.give_up(SetAside::NotSip, |decided| self.decide(decided, ledger));
            ledger.set_aside(SetAside::NotSip, std::mem::take(&mut self.undecided));
        }
    }

    /// Bytes that are there already, in another copy.
    pub(super) fn compare<S>(&mut self, start: u64, old: &[u8], out: &mut Outlet<'_, S>) {
        // RFC 9293 §3.8.4: a keep-alive probe may hold an octet of garbage, which is zero where it is sent (Windows).
        if old == [0] && start.saturating_add(1) == self.next {
            return;
        }
        let backlog = self.backlog.as_mut();
        let again = backlog.map_or(Again::Same, |backlog| backlog.compare_with_window(start, old, out.limits.overlap));
        if again == Again::Replaced {
            self.framer.rescan();
        }
        if again != Again::Same || self.delivered.differs(start, old) {
            out.ledger.events.overlap_ambiguous.add(out.now);
            let contradicted = self.delivered.contradicted(start, old);
            out.ledger.contradicted.extend(contradicted.map(|message| (self.flow, message.into())));
        }
    }
}

/// Counts a frame of a stream that is no mere sequence of messages.
fn settle(decided: Decided, ledger: &mut Ledger) {
    match decided.set_aside {
        None => ledger.used(decided.frames),
        Some(reason) => ledger.set_aside(reason, decided.frames),
    }
}
