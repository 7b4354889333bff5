//! Two sessions side by side, one that works and one that does not: what the second does in another way.

use std::fmt::Write;

use serde::Serialize;

use crate::base::Untrusted;
use crate::report::Attempt;
use crate::report::Challenge;
use crate::report::Credentials;
use crate::report::Finding;
use crate::report::Session;
use crate::report::html;
use crate::report::html::markup::Markup;
use crate::report::markdown;
use crate::session::SessionOutcome;

/// What two sessions have in common and what not.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Always `sipauth.compare`.
    pub schema: &'static str,
    /// `major.minor` of this shape.
    pub schema_version: &'static str,
    /// The one that works.
    pub good: Side,
    /// The one that does not.
    pub bad: Side,
    /// What the second does in another way, in the order in which a request is made.
    pub differences: Vec<Difference>,
    /// What both do alike.
    pub same: Vec<Trait>,
    /// What is found of the second and not of the first.
    pub findings: Vec<Found>,
}

/// Which session was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// The capture, as named.
    pub path: String,
    /// `s1`.
    pub session: String,
    /// Its Call-ID.
    pub call_id: String,
    /// How it ended.
    pub outcome: SessionOutcome,
}

/// One way to do something.
#[derive(Clone, Debug, Serialize)]
pub struct Trait {
    /// What it is about.
    pub aspect: &'static str,
    /// How it is done.
    pub value: String,
}

/// Two ways to do one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What it is about.
    pub aspect: &'static str,
    /// How the first does it.
    pub good: String,
    /// How the second does it.
    pub bad: String,
}

/// A finding of the second alone.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The rule.
    pub rule: &'static str,
    /// Its code.
    pub code: &'static str,
    /// How bad.
    pub severity: &'static str,
    /// One line.
    pub title: String,
}

/// A capture that is compared: its name, the session chosen in it, and all that was found.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'r> {
    /// The capture, as named.
    pub path: &'r str,
    /// The session.
    pub session: &'r Session,
    /// The findings of the capture.
    pub findings: &'r [Finding],
}

impl Comparison {
    /// Compares one that works with one that does not.
    pub fn of(good: Compared<'_>, bad: Compared<'_>) -> Comparison {
        let side = |one: Compared<'_>| Side {
            path: one.path.to_owned(),
            session: one.session.id.clone(),
            call_id: one.session.call_id.clone(),
            outcome: one.session.outcome,
        };
        let (mut differences, mut same) = (Vec::new(), Vec::new());
        for (first, second) in traits(good.session).into_iter().zip(traits(bad.session)) {
            if first.value == second.value {
                same.push(first);
            } else {
                differences.push(Difference { aspect: first.aspect, good: first.value, bad: second.value });
            }
        }
        let is_news =
            |finding: &&Finding| !finding.is_note() && !good.findings.iter().any(|known| known.code == finding.code);
        let found = |finding: &Finding| Found {
            rule: finding.rule,
            code: finding.code,
            severity: finding.severity,
            title: finding.title.clone(),
        };
        Comparison {
            schema: "sipauth.compare",
            schema_version: "1.0",
            good: side(good),
            bad: side(bad),
            differences,
            same,
            findings: bad.findings.iter().filter(is_news).map(found).collect(),
        }
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (word, side) in [("good", &self.good), ("bad", &self.bad)] {
            let outcome = side.outcome.words();
            let _ = writeln!(text, "{word:<5} {}, session {}, {outcome}", shown(&side.path), side.session);
        }
        let _ = writeln!(text, "\n{} differences, {} things alike", self.differences.len(), self.same.len());
        for difference in &self.differences {
            let (good, bad) = (shown(&difference.good), shown(&difference.bad));
            let _ = writeln!(text, "\n{}\n  good  {good}\n  bad   {bad}", difference.aspect);
        }
        for finding in &self.findings {
            let title = shown(&finding.title);
            let _ =
                writeln!(text, "\n{}  {} ({})\n  {title}", finding.severity.to_uppercase(), finding.rule, finding.code);
        }
        text
    }

    /// For tickets and wikis.
    pub fn to_markdown(&self) -> String {
        let mut text =
            "# What the failing client does in another way\n\n| | good | bad |\n| --- | --- | --- |\n".to_owned();
        let mut row = |aspect: &str, good: &str, bad: &str| {
            let _ = writeln!(text, "| {aspect} | {} | {} |", markdown::escaped(good), markdown::escaped(bad));
        };
        row("capture", &self.good.path, &self.bad.path);
        row("session", &self.good.session, &self.bad.session);
        self.differences.iter().for_each(|one| row(one.aspect, &one.good, &one.bad));
        for finding in &self.findings {
            let title = markdown::escaped(&finding.title);
            let _ = write!(text, "\n- {} {} ({}): {title}", finding.severity, finding.rule, finding.code);
        }
        text.push('\n');
        text
    }

    /// For browsers.
    pub fn to_html(&self) -> String {
        let mut page = Markup::default();
        html::push_head(&mut page, "Comparison of two SIP sessions");
        page.raw("<header><h1>What the failing client does in another way</h1></header><main id=\"main\">");
        page.raw("<h2>Differences</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Differences\"><table>");
        page.raw("<thead><tr><th scope=\"col\">what</th><th scope=\"col\">good</th><th scope=\"col\">bad</th></tr></thead><tbody>");
        let mut row = |aspect: &'static str, good: &str, bad: &str| {
            page.raw("<tr><th scope=\"row\">").raw(aspect).raw("</th><td>").text(good);
            page.raw("</td><td>").text(bad).raw("</td></tr>");
        };
        row("capture", &self.good.path, &self.bad.path);
        row("session", &self.good.session, &self.bad.session);
        self.differences.iter().for_each(|one| row(one.aspect, &one.good, &one.bad));
        page.raw("</tbody></table></div><h2>Found of the failing one alone</h2>");
        page.raw(if self.findings.is_empty() { "<p>Nothing.</p>" } else { "<ul>" });
        for finding in &self.findings {
            page.raw("<li><span class=\"badge ").text(finding.severity).raw("\">").text(finding.severity);
            page.raw("</span> ")
                .text(finding.rule)
                .raw(" (")
                .text(finding.code)
                .raw("): ")
                .text(&finding.title)
                .raw("</li>");
        }
        page.raw(if self.findings.is_empty() { "" } else { "</ul>" }).raw("</main></body></html>\n");
        page.into_string()
    }
}

/// How a session does each thing: the same aspects in the same order for every session.
fn traits(session: &Session) -> Vec<Trait> {
    let challenge = session.attempts.iter().find_map(|attempt| attempt.challenges.first());
    let answering = session.attempts.iter().find(|attempt| !attempt.credentials.is_empty());
    let credentials = answering.and_then(|attempt| attempt.credentials.first());
    let of_challenge =
        |value: &dyn Fn(&Challenge) -> String| challenge.map_or_else(|| "no challenge".to_owned(), value);
    let of_credentials =
        |value: &dyn Fn(&Credentials) -> String| credentials.map_or_else(|| "no credentials".to_owned(), value);
    let optional = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
    let rows: Vec<(&'static str, String)> = vec![
        ("outcome", session.outcome.words()),
        ("course", course(session)),
        ("method", session.method.clone()),
        ("transport", session.transport.to_owned()),
        ("client's User-Agent", optional(&session.user_agent)),
        ("server", optional(&session.server_agent)),
        ("challenge: header", of_challenge(&|one| one.header.to_owned())),
        ("challenge: scheme", of_challenge(&|one| one.scheme.clone())),
        ("challenge: realm", of_challenge(&|one| optional(&one.realm))),
        ("challenge: algorithm", of_challenge(&|one| optional(&one.algorithm))),
        ("challenge: qop", of_challenge(&|one| list(&one.qop))),
        ("challenge: opaque", of_challenge(&|one| if one.opaque { "present" } else { "absent" }.to_owned())),
        ("challenge: form", of_challenge(&|one| defects(&one.defects))),
        ("credentials: header", of_credentials(&|one| one.header.to_owned())),
        ("credentials: scheme", of_credentials(&|one| one.scheme.clone())),
        ("credentials: user name", of_credentials(&|one| user_form(one, session))),
        ("credentials: realm", of_credentials(&|one| realm_form(one, challenge))),
        ("credentials: nonce", of_credentials(&|one| nonce_form(one, session, answering))),
        ("credentials: uri", of_credentials(&uri_form)),
        ("credentials: algorithm", of_credentials(&|one| optional(&one.algorithm))),
        ("credentials: qop", of_credentials(&|one| optional(&one.qop))),
        ("credentials: first nonce count", of_credentials(&|one| optional(&one.nc))),
        ("credentials: form", of_credentials(&|one| defects(&one.defects))),
        ("credentials: digest", of_credentials(&|one| digest(one))),
        ("answer's CSeq", cseq_step(session, answering)),
    ];
    rows.into_iter().map(|(aspect, value)| Trait { aspect, value }).collect()
}

/// `REGISTER 401, REGISTER with credentials 200`
fn course(session: &Session) -> String {
    const STEPS_MAX: usize = 8;
    let step = |attempt: &Attempt| {
        let with = if attempt.credentials.is_empty() { "" } else { " with credentials" };
        let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        format!("{}{with} {status}", attempt.method)
    };
    let mut steps: Vec<String> = session.attempts.iter().take(STEPS_MAX).map(step).collect();
    if session.attempts.len() > STEPS_MAX {
        steps.push("…".to_owned());
    }
    steps.join(", ")
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "absent".to_owned() } else { values.join(", ") }
}

fn defects(defects: &[&'static str]) -> String {
    if defects.is_empty() { "well formed".to_owned() } else { defects.join(", ") }
}

/// Names differ from client to client; how they are written should not.
fn user_form(credentials: &Credentials, session: &Session) -> String {
    let name = credentials.username.as_deref().unwrap_or_default();
    let of_uri = session.from.as_deref().and_then(|uri| uri.split_once(':')?.1.split('@').next());
    match name {
        "" => "empty".to_owned(),
        name if name.contains('@') => "user@host".to_owned(),
        name if Some(name) == of_uri => "the user of From".to_owned(),
        _ => "another one than the user of From".to_owned(),
    }
}

fn realm_form(credentials: &Credentials, challenge: Option<&Challenge>) -> String {
    match challenge {
        Some(challenge) if challenge.realm == credentials.realm => "that of the challenge".to_owned(),
        Some(_) => "not that of the challenge".to_owned(),
        None => "no challenge was seen".to_owned(),
    }
}

fn nonce_form(credentials: &Credentials, session: &Session, answering: Option<&Attempt>) -> String {
    let before =
        session.attempts.iter().take_while(|attempt| !answering.is_some_and(|one| std::ptr::eq(one, *attempt)));
    let offered: Vec<&str> = before.flat_map(|one| &one.challenges).filter_map(|one| one.nonce_id.as_deref()).collect();
    match &credentials.nonce_id {
        None => "absent".to_owned(),
        Some(nonce) if offered.last() == Some(&nonce.as_str()) => "the newest".to_owned(),
        Some(nonce) if offered.contains(&nonce.as_str()) => "an older one of this Call-ID".to_owned(),
        Some(_) => "none that was offered here".to_owned(),
    }
}

fn uri_form(credentials: &Credentials) -> String {
    let uri = credentials.uri.as_deref().unwrap_or_default();
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    if rest.is_empty() {
        return "absent".to_owned();
    }
    let mut form = format!("{}:", scheme.to_lowercase());
    form.push_str(if rest.contains('@') { "user@host" } else { "host" });
    form.push_str(if rest.contains(';') { ";parameters" } else { "" });
    form
}

fn digest(credentials: &Credentials) -> String {
    let Some(check) = &credentials.verification else { return "not checked".to_owned() };
    match (&check.variant, check.reason) {
        (Some(variant), _) => format!("near miss: {variant}"),
        (_, Some(reason)) => format!("{}: {reason}", check.result),
        _ => check.result.to_owned(),
    }
}

fn cseq_step(session: &Session, answering: Option<&Attempt>) -> String {
    let first = session.attempts.first().filter(|first| answering.is_none_or(|one| !std::ptr::eq(one, *first)));
    let first = first.and_then(|attempt| attempt.cseq);
    match first.zip(answering.and_then(|attempt| attempt.cseq)) {
        Some((first, answer)) if answer > first => "raised".to_owned(),
        Some((first, answer)) if answer == first => "the same".to_owned(),
        Some(_) => "lowered".to_owned(),
        None => "not known".to_owned(),
    }
}

fn shown(text: &str) -> String {
    Untrusted(text.as_bytes()).to_terminal()
}
