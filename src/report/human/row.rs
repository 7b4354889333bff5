//! One line of the sessions table, as small as it goes: each session with trouble keeps one until the findings are known.

use crate::base::CaptureTime;
use crate::report::Report;
use crate::report::Session;
use crate::report::human::shown;
use crate::report::model::Party;
use crate::report::showing::Showing;
use crate::session::Reached;
use crate::session::SessionOutcome;

/// Stands between the texts, which hold no such byte: they are escaped.
const SEPARATOR: char = '\u{1f}';

/// What the table and the findings say of a session.
pub(super) struct Row {
    /// One piece of memory and not one for each: a long capture has thousands of rows.
    texts: Box<str>,
    /// Client and server.
    hop: [Party; 2],
    outcome: SessionOutcome,
    reached: Reached,
    attempts: u32,
    started: CaptureTime,
}

/// The texts of a row, in order.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Id,
    Who,
    What,
    CallId,
    Agent,
}

impl Row {
    /// The row of a session.
    pub(super) fn of(session: &Session, showing: &Showing) -> Row {
        let cell = |text: &str| showing.cell(&shown(text)).into_owned();
        // Two lines a cell: addresses and realms that break in the middle cannot be read.
        let who = match &session.realm {
            Some(realm) if !realm.is_empty() => [&*cell(&session.user), "\n@", &cell(realm)].concat(),
            _ => cell(&session.user),
        };
        // In the order of the columns.
        let texts = [
            session.id.clone(),
            who,
            cell(&session.method),
            cell(&session.call_id),
            session.user_agent.as_deref().map(cell).unwrap_or_default(),
        ];
        Row {
            texts: texts.join(SEPARATOR.encode_utf8(&mut [0; 4])).into(),
            hop: [session.client, session.server],
            outcome: session.outcome,
            reached: session.reached,
            attempts: u32::try_from(session.tries()).unwrap_or(u32::MAX),
            started: session.started.0,
        }
    }

    /// One of its texts.
    pub(super) fn text(&self, column: Column) -> &str {
        self.texts.split(SEPARATOR).nth(column as usize).unwrap_or_default()
    }

    /// The name of its session.
    pub(super) fn id(&self) -> &str {
        self.text(Column::Id)
    }

    /// The cells of the table; `see` is the finding that it refers to.
    pub(super) fn cells(&self, see: String) -> [String; 7] {
        let text = |column| self.text(column).to_owned();
        let [id, who, what] = [Column::Id, Column::Who, Column::What].map(text);
        let [client, server] = self.hop;
        let outcome = outcome_text(self.outcome, self.reached);
        [id, who, what, format!("{client}\n→ {server}"), self.attempts.to_string(), outcome, see]
    }

    /// Where to find the session.
    pub(super) fn place(&self, showing: &Showing, report: &Report) -> String {
        let agent = self.text(Column::Agent);
        let agent = if agent.is_empty() { String::new() } else { format!(", {agent}") };
        let time = showing.time(self.started, report);
        format!("{}: {time}, Call-ID {}{agent}", self.id(), self.text(Column::CallId))
    }
}

fn outcome_text(outcome: SessionOutcome, reached: Reached) -> String {
    reached.behind(&outcome.words().replace("unanswered ", "unanswered\n"), "\n")
}
