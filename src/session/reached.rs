//! How far a session came, in a few words behind its outcome.

use crate::session::Attempt;
use crate::session::Session;
use crate::session::SessionOutcome;
use crate::session::session::own;
use crate::sip::Method;

/// What stands behind the outcome of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The first method has no final answer.
    Nothing,
    /// The status that decided.
    Status(u16),
    /// The call rang with its credentials, and the capture shows no end of it: whoever asked for them let them past.
    Ringing,
    /// What was sent last got the answer that the request before had got, sent once more.
    Again(u16),
}

impl Reached {
    /// The words of an outcome and this, with what stands between the two.
    pub fn behind(self, outcome: &str, between: &str) -> String {
        match self {
            Reached::Nothing => outcome.to_owned(),
            Reached::Status(status) => format!("{outcome}{between}({status})"),
            Reached::Ringing => format!("{outcome}{between}(it rang)"),
            Reached::Again(status) => format!("{outcome}{between}({status} again)"),
        }
    }
}

impl Session<'_> {
    /// How far it came.
    pub fn reached(&self) -> Reached {
        let mut newest = own(self.run, &self.attempts).rev();
        let further = match self.outcome {
            SessionOutcome::Undecided => newest.next().filter(|last| self.is_ringing(last)).map(|_| Reached::Ringing),
            SessionOutcome::NoAnswer => newest.next().zip(newest.next()).and_then(|(last, before)| {
                self.is_answered_as(last, before).then(|| before.status().map(Reached::Again)).flatten()
            }),
            _ => None,
        };
        further.or_else(|| self.final_status().map(Reached::Status)).unwrap_or(Reached::Nothing)
    }

    fn is_ringing(&self, last: &Attempt<'_>) -> bool {
        last.transaction.method == Method::Invite && self.rang_with_credentials(last)
    }

    /// Whether the server goes on with its answer to the request before behind this one, which has its branch and no answer of its own.
    fn is_answered_as(&self, last: &Attempt<'_>, before: &Attempt<'_>) -> bool {
        let asked = last.request().map(|request| request.time);
        last.transaction.branch.is_some()
            && last.transaction.branch.map(|branch| self.text(branch))
                == before.transaction.branch.map(|branch| self.text(branch))
            && last.transaction.flow() == before.transaction.flow()
            && asked.zip(before.answer()).is_some_and(|(asked, answer)| answer.last_sent() > asked)
    }
}
