//! Pictures beside the ladders: the life of each nonce of a session, and the attempts of many sessions in time.

use std::fmt::Write;

use crate::base::CaptureTime;
use crate::report::Session;
use crate::report::html::markup::escaped;
use crate::report::human::counted;
use crate::report::showing::shortened;
use crate::session::AttemptOutcome;

const LABELS: f64 = 170.0;
const LABEL_CHARACTERS_MAX: usize = 20;
const WIDTH: f64 = 900.0;
const STEP: f64 = 26.0;

/// Rows of a chart; more are no picture.
const ROWS_MAX: usize = 40;

/// From when to when a chart goes, and how.
struct Scale {
    start: CaptureTime,
    length_s: f64,
}

impl Scale {
    fn of(start: CaptureTime, end: CaptureTime) -> Scale {
        Scale { start, length_s: end.since(start).as_secs_f64().max(0.001) }
    }

    fn x(&self, time: CaptureTime) -> f64 {
        let share = (time.since(self.start).as_secs_f64() / self.length_s).min(1.0);
        LABELS + 10.0 + share * (WIDTH - LABELS - 30.0)
    }

    fn push_axis(&self, svg: &mut String, y: f64) {
        let right = WIDTH - 20.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{y:.0}\" class=\"dim\">0 s</text><text x=\"{right:.0}\" y=\"{y:.0}\" class=\"dim\" \
             text-anchor=\"end\">{:.3} s</text>",
            LABELS + 10.0,
            self.length_s
        );
    }
}

/// What became of an attempt, as a mark that is known by its shape and not by its colour alone.
fn push_mark(svg: &mut String, x: f64, y: f64, outcome: AttemptOutcome) {
    let _ = match outcome {
        AttemptOutcome::Accepted => {
            write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" class=\"good\" fill=\"currentColor\"/>")
        }
        AttemptOutcome::Refused | AttemptOutcome::Stale | AttemptOutcome::Forbidden => write!(
            svg,
            "<path d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\" class=\"bad\" stroke=\"currentColor\" stroke-width=\"2.5\"/>",
            x - 5.0,
            y - 5.0
        ),
        AttemptOutcome::Challenged => {
            write!(svg, "<path d=\"M{x:.1} {:.1}l5 9h-10z\" class=\"dim\" fill=\"currentColor\"/>", y - 5.0)
        }
        AttemptOutcome::Failed => write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\" class=\"dim\" fill=\"currentColor\"/>",
            x - 4.5,
            y - 4.5
        ),
        AttemptOutcome::NoAnswer | AttemptOutcome::Undecided => write!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"none\" class=\"bad\" stroke=\"currentColor\" \
             stroke-width=\"2\"/>"
        ),
    };
}

/// A nonce of a session: from its issue to what replaced it.
struct Life<'s> {
    id: &'s str,
    realm: &'s str,
    issued: Option<CaptureTime>,
    replaced: Option<CaptureTime>,
    uses: Vec<(CaptureTime, AttemptOutcome)>,
}

fn lives(session: &Session) -> Vec<Life<'_>> {
    let mut lives: Vec<Life<'_>> = Vec::new();
    for attempt in &session.attempts {
        let Some(sent) = attempt.time.map(|time| time.0) else { continue };
        for credentials in &attempt.credentials {
            let Some(id) = credentials.nonce_id.as_deref() else { continue };
            if !lives.iter().any(|life| life.id == id) && lives.len() < ROWS_MAX {
                let realm = credentials.realm.as_deref().unwrap_or_default();
                lives.push(Life { id, realm, issued: None, replaced: None, uses: Vec::new() });
            }
            let known = lives.iter_mut().find(|life| life.id == id);
            known.into_iter().for_each(|life| life.uses.push((sent, attempt.outcome)));
        }
        let wait = std::time::Duration::try_from_secs_f64(attempt.response_ms.unwrap_or(0.0) / 1e3).unwrap_or_default();
        let answered = sent.plus(wait);
        for challenge in &attempt.challenges {
            let (Some(id), realm) = (challenge.nonce_id.as_deref(), challenge.realm.as_deref().unwrap_or_default())
            else {
                continue;
            };
            if lives.iter().any(|life| life.id == id) || lives.len() >= ROWS_MAX {
                continue;
            }
            let before = lives.iter_mut().rev().find(|life| life.realm == realm && life.replaced.is_none());
            before.into_iter().for_each(|life| life.replaced = Some(answered));
            lives.push(Life { id, realm, issued: Some(answered), replaced: None, uses: Vec::new() });
        }
    }
    lives
}

/// A bar for each nonce, from issue to replacement, with a mark for each use. `None` where the session has no nonce.
pub fn nonces(session: &Session, id: &str) -> Option<String> {
    let lives = lives(session);
    if lives.is_empty() {
        return None;
    }
    let scale = Scale::of(session.started.0, session.ended.0);
    #[expect(clippy::cast_precision_loss, reason = "a chart has a few rows")]
    let height = (lives.len() + 1) as f64 * STEP;
    let mut svg = head(height, id, &format!("Nonces of session {}: {}", session.id, lives.len()));
    let mut y = STEP / 2.0;
    for life in &lives {
        let (from, to) = (life.issued.unwrap_or(session.started.0), life.replaced.unwrap_or(session.ended.0));
        let (left, right) = (scale.x(from), scale.x(to));
        let _ = write!(
            svg,
            "<text x=\"4\" y=\"{:.0}\">{}</text><rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" rx=\"3\" \
             class=\"bar\"/>",
            y + 4.0,
            escaped(&shortened(&format!("{} {}", life.id, life.realm), LABEL_CHARACTERS_MAX)),
            y - 5.0,
            (right - left).max(3.0)
        );
        life.uses.iter().for_each(|(time, outcome)| push_mark(&mut svg, scale.x(*time), y, *outcome));
        y += STEP;
    }
    scale.push_axis(&mut svg, y + 4.0);
    svg.push_str("</svg>");
    Some(svg)
}

/// The attempts of the first sessions in time, a row a session.
pub fn timeline<'s>(sessions: impl Iterator<Item = &'s Session>) -> Option<String> {
    let mut rows: Vec<&Session> = sessions.take(ROWS_MAX).collect();
    rows.sort_by_key(|session| session.started.0);
    let start = rows.iter().map(|session| session.started.0).min()?;
    let end = rows.iter().map(|session| session.ended.0).max()?;
    let scale = Scale::of(start, end);
    #[expect(clippy::cast_precision_loss, reason = "a chart has a few rows")]
    let height = (rows.len() + 1) as f64 * STEP;
    let mut svg = head(height, "timeline", &format!("Attempts of {} in time", counted(rows.len() as u64, "session")));
    let mut y = STEP / 2.0;
    for session in rows {
        let _ = write!(
            svg,
            "<text x=\"4\" y=\"{:.0}\">{}</text><line x1=\"{}\" y1=\"{y:.1}\" x2=\"{WIDTH}\" y2=\"{y:.1}\" class=\"rail\"/>",
            y + 4.0,
            escaped(&shortened(&format!("{} {}", session.id, session.user), LABEL_CHARACTERS_MAX)),
            LABELS + 10.0
        );
        for attempt in session.attempts.iter().take(200) {
            if let Some(time) = attempt.time {
                push_mark(&mut svg, scale.x(time.0), y, attempt.outcome);
            }
        }
        y += STEP;
    }
    scale.push_axis(&mut svg, y + 4.0);
    svg.push_str("</svg>");
    Some(svg)
}

fn head(height: f64, id: &str, title: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\" \
         aria-labelledby=\"{0}-t\"><title id=\"{0}-t\">{1}</title>",
        escaped(id),
        escaped(title)
    )
}
