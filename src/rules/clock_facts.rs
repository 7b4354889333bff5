//! What nonces say about the clocks of those who made them.

use std::time::Duration;

use crate::base::CaptureTime;
use crate::rules::Context;
use crate::rules::facts;
use crate::rules::nonce_facts::INFERRED;
use crate::session::Attempt;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;

/// Two clocks, by the nonces of a challenge and of the one behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClocksApart {
    /// By how much they differ.
    pub by: Duration,
}

/// Clocks that agree better than this are set well, and whole seconds and a slow path are all that shows.
const APART_MIN: Duration = Duration::from_secs(5);

const NS_PER_MINUTE: i64 = 60_000_000_000;

/// By how much the clock that dated the nonce of these credentials differs from that of the challenge that refuses them, where both nonces
/// say when they were made, and both challenges were captured: one server has one clock. A server that is slow makes a nonce at any time
/// between request and answer. The challenges must have come shortly after each other, for the clock of the capture may be set, too.
pub fn apart(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<ClocksApart> {
    let (_, used) = session.challenge(presented.answers?)?;
    let offered = attempt.challenges.iter().find(|offered| offered.realm() == presented.realm())?;
    let (used, offered) = (dated(session, context, used)?, dated(session, context, offered)?);
    let apart = offered.answered.since(used.answered).max(used.answered.since(offered.answered));
    let is_soon = apart < facts::ANSWER_WITHIN;
    let are_rounded = used.is_of_a_minute() && offered.is_of_a_minute();
    let by = used.ahead_by(&offered).or_else(|| offered.ahead_by(&used))?;
    (is_soon && !are_rounded && by >= APART_MIN).then_some(ClocksApart { by })
}

/// A nonce by two clocks.
struct Dated {
    /// When it was asked for, and when it came, by the capture's clock.
    asked: CaptureTime,
    answered: CaptureTime,
    /// When it was made, as it says itself.
    made: CaptureTime,
}

impl Dated {
    /// Some servers count in minutes, or in longer steps.
    fn is_of_a_minute(&self) -> bool {
        self.made.as_ns() % NS_PER_MINUTE == 0
    }

    /// By how much its clock is ahead of another one's, at the least.
    fn ahead_by(&self, other: &Dated) -> Option<Duration> {
        let ns = |time: CaptureTime| i128::from(time.as_ns());
        let least = ns(self.made) - ns(self.answered) - (ns(other.made) - ns(other.asked));
        u64::try_from(least).ok().map(Duration::from_nanos)
    }
}

/// By the answer that brought its nonce first: Kamailio gives the same for a second.
fn dated(session: &Session<'_>, context: &Context<'_>, offered: &Offered<'_>) -> Option<Dated> {
    let nonce = offered.nonce?;
    let (first, _) = session.lookup().offered(nonce).first()?;
    let first = session.attempts.get(*first)?;
    let (asked, answered) = (first.request()?.time, first.answer()?.time);
    // On the way back through a proxy it was seen before.
    let issued = context.nonces.get(nonce)?.issued()?;
    session.answers_of(first).find(|answer| answer.time == issued.time)?;
    let made = context.nonces.format(nonce, &offered.challenge.nonce()?, answered)?.issued?;
    Some(Dated { asked, answered, made })
}

impl ClocksApart {
    /// What it means, as a sentence of an explanation.
    pub fn said(self) -> String {
        format!(
            " By their nonces, the clocks of the two differ by {} ({INFERRED}), or one was set in between: even with one secret, what is new by \
             one clock is over, or not begun, by the other.",
            facts::duration_text(self.by)
        )
    }
}
