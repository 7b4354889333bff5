//! `sipauth verify`: one challenge and one answer as text, and whether the secret made it. The same engine as `analyze`.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use sipauth::auth::Challenge;
use sipauth::auth::Credentials;
use sipauth::auth::HashName;
use sipauth::auth::Qop;
use sipauth::auth::Scheme;
use sipauth::auth::Unanswered;
use sipauth::auth::answered;
use sipauth::auth::parse_challenges;
use sipauth::auth::parse_credentials;
use sipauth::auth::unanswered;
use sipauth::base::Untrusted;
use sipauth::base::is_token;
use sipauth::digest::Checked;
use sipauth::digest::Reason;
use sipauth::digest::Request;
use sipauth::digest::Verdict;
use sipauth::digest::Verifier;
use sipauth::digest::near_miss::Closest;
use sipauth::digest::near_miss::NearMiss;
use sipauth::digest::near_miss::Surroundings;
use sipauth::report::build::verification_model;
use sipauth::report::json;
use sipauth::rules::near_miss_facts;
use sipauth::sip::HeaderName;

use crate::cli::args::ListFormat;
use crate::cli::args::Verify;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::output;
use crate::cli::output::Notes;
use crate::cli::secrets;

/// Bytes of a text or a body.
const TEXT_LEN_BYTES_MAX: u64 = 1 << 20;

/// Checks the answer and prints the verdict.
pub fn run(options: &Verify) -> Result<Exit> {
    if stdin_readers(options) > 1 {
        return Err(usage("stdin can be read once: give all but one of the texts and secrets by file or prompt"));
    }
    if options.method.is_empty() {
        return Err(usage("--method: is empty; name the request's method, as REGISTER"));
    }
    let notes = Notes { is_quiet: options.quiet };
    let challenge = text("--challenge", &options.challenge)?;
    let credentials = text("--credentials-header", &options.credentials_header)?;
    let body = options.body.as_deref().map(|path| read("--body", path)).transpose()?.unwrap_or_default();
    let challenges = read_challenges(&challenge)?;
    let rows = read_credentials(&credentials)?;
    let secrets = secrets::read(&options.secrets, &notes)?;
    if secrets.keyring.is_empty() {
        return Err(usage("no secret is given: add --credentials FILE, or --user USER with --ask-password"));
    }
    let mut verifier = Verifier::new(secrets.keyring);
    let method = options.method.as_bytes();
    let request = Request { method, body: Some(&body), ambiguous: false, headers_cut: false };
    let all: Vec<Challenge<'_>> = challenges.iter().map(|row| row.parsed.clone()).collect();
    let mut answers = Vec::with_capacity(rows.len());
    for row in &rows {
        let challenge = answered(&all, &row.parsed);
        let realm = challenge.and_then(Challenge::realm);
        let mut checked = verifier.check(&row.parsed, &request, realm.as_deref());
        let around = Surroundings { body: Some(&body), challenge_realm: realm.as_deref(), ..Surroundings::default() };
        let closest = match &mut checked {
            Some(checked) if checked.verdict.may_be_near() => closest(&mut verifier, row, &request, &around, checked),
            _ => None,
        };
        if let Some(checked) = checked.as_mut().filter(|_| options.body.is_none() && closest.is_none()) {
            excuse_body(checked, &row.parsed);
        }
        let mut missed = challenge.map(|challenge| unanswered(challenge, &row.parsed)).unwrap_or_default();
        missed.extend(wrong_header(&challenges, challenge, row));
        answers.push(Answer { header: row.header, credentials: &row.parsed, checked, closest, unanswered: missed });
    }
    match options.format {
        ListFormat::Human => output::print(&human(&answers, method))?,
        ListFormat::Json => print_json(&answers, method)?,
    };
    let is_match = |answer: &Answer<'_, '_>| answer.result() == Verdict::Match.name();
    let is_unknown = |answer: &Answer<'_, '_>| answer.checked.is_none();
    let fits = answers.iter().any(is_match) && answers.iter().all(|answer| is_match(answer) || is_unknown(answer));
    Ok(if fits { Exit::Success } else { Exit::Finding })
}

/// One row of credentials and what came out.
struct Answer<'r, 'a> {
    header: Option<HeaderName>,
    credentials: &'r Credentials<'a>,
    checked: Option<Checked>,
    /// The one input that was another, of a near miss.
    closest: Option<NearMiss>,
    unanswered: Vec<Unanswered>,
}

impl Answer<'_, '_> {
    fn result(&self) -> &'static str {
        self.checked.as_ref().map_or("not_checked", |checked| checked.verdict.name())
    }
}

/// Without the body a digest over it that fits no empty one is neither right nor wrong.
fn excuse_body(checked: &mut Checked, credentials: &Credentials<'_>) {
    if credentials.qop() == Some(Qop::AuthInt) && checked.verdict == Verdict::Mismatch {
        checked.verdict = Verdict::Unverifiable(Reason::BodyCut);
    }
}

/// The near miss that a mismatch is, which then becomes the verdict.
fn closest(
    verifier: &mut Verifier,
    row: &Row<Credentials<'_>>,
    request: &Request<'_>,
    around: &Surroundings<'_>,
    checked: &mut Checked,
) -> Option<NearMiss> {
    let Closest::One(near_miss) = verifier.near_miss(&row.parsed, request, around) else { return None };
    checked.verdict = Verdict::NearMiss(near_miss.variant);
    checked.source = Some(near_miss.source.clone());
    Some(near_miss)
}

/// A header value, read, and the name that stood before it.
struct Row<T> {
    header: Option<HeaderName>,
    parsed: T,
}

fn stdin_readers(options: &Verify) -> usize {
    let body = options.body.as_ref().map(|path| path.as_os_str());
    let texts = [options.challenge.as_os_str(), options.credentials_header.as_os_str()];
    let dashes = texts.into_iter().chain(body).filter(|text| *text == "-" || *text == "@-").count();
    dashes + options.secrets.stdin_readers()
}

/// The text itself, or what it points at.
fn text(option: &str, given: &OsStr) -> Result<Vec<u8>> {
    match given.as_bytes() {
        b"-" => read(option, Path::new("-")),
        [b'@', path @ ..] => read(option, Path::new(OsStr::from_bytes(path))),
        text => Ok(text.to_vec()),
    }
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    let told =
        |error: std::io::Error| usage(format!("{option}: {}: {error}; give a file that can be read", path.display()));
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(told)?)
    };
    source.take(TEXT_LEN_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > TEXT_LEN_BYTES_MAX {
        return Err(usage(format!("{option}: {}: larger than 1 MiB; give the header alone", path.display())));
    }
    Ok(bytes)
}

/// The values of those headers: of a whole message the rows with their names; else the text is one value.
fn values<'t>(text: &'t [u8], names: &[HeaderName]) -> Vec<(Option<HeaderName>, &'t [u8])> {
    let mut values = Vec::new();
    let mut open: Option<(HeaderName, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (start, name) = (at, header_name(line));
        at += line.len();
        let Some((name, len)) = name else { continue };
        if let Some((open, from)) = open.take() {
            values.push((Some(open), text.get(from..start).unwrap_or_default()));
        }
        if names.contains(&name) {
            open = Some((name, start + len));
        }
    }
    values.extend(open.map(|(name, from)| (Some(name), before_body(text.get(from..).unwrap_or_default()))));
    if values.is_empty() { vec![(None, text)] } else { values }
}

/// The name that a line begins with, and the length up to behind its colon. A line that begins with a blank goes on with the one
/// before, and so does a parameter, which has `=` behind its name.
fn header_name(line: &[u8]) -> Option<(HeaderName, usize)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().copied().all(is_token)).then(|| (HeaderName::parse(name), colon + 1))
}

/// An empty line ends the headers.
fn before_body(value: &[u8]) -> &[u8] {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"].into_iter();
    let end = ends.filter_map(|end| value.windows(end.len()).position(|part| part == end)).min();
    end.and_then(|end| value.get(..end)).unwrap_or(value)
}

fn read_challenges(text: &[u8]) -> Result<Vec<Row<Challenge<'_>>>> {
    let names = [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate];
    let rows = values(text, &names)
        .into_iter()
        .flat_map(|(header, value)| parse_challenges(value).into_iter().map(move |parsed| Row { header, parsed }));
    let rows: Vec<Row<Challenge<'_>>> = rows.collect();
    if rows.iter().all(|row| row.parsed.scheme == Scheme::Other(b"") || row.parsed.params.is_empty()) {
        return Err(usage("--challenge: no challenge in it; expected Digest realm=\"…\", nonce=\"…\""));
    }
    Ok(rows)
}

fn read_credentials(text: &[u8]) -> Result<Vec<Row<Credentials<'_>>>> {
    let names = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
    let rows = values(text, &names)
        .into_iter()
        .flat_map(|(header, value)| parse_credentials(value).into_iter().map(move |parsed| Row { header, parsed }));
    let rows: Vec<Row<Credentials<'_>>> = rows.collect();
    let is_nothing = |row: &Row<Credentials<'_>>| {
        row.parsed.scheme == Scheme::Other(b"") || (row.parsed.scheme == Scheme::Digest && row.parsed.params.is_empty())
    };
    if rows.iter().all(is_nothing) {
        return Err(usage(
            "--credentials-header: no credentials in it; expected Digest username=\"…\", response=\"…\"",
        ));
    }
    Ok(rows)
}

/// RFC 3261 §22.2, §22.3: WWW-Authenticate is answered in Authorization, Proxy-Authenticate in Proxy-Authorization.
fn wrong_header(
    challenges: &[Row<Challenge<'_>>],
    answered: Option<&Challenge<'_>>,
    row: &Row<Credentials<'_>>,
) -> Option<Unanswered> {
    let asked = challenges.iter().find(|known| answered == Some(&known.parsed))?.header?;
    let sent = row.header?;
    let is_proxy = |name: HeaderName| matches!(name, HeaderName::ProxyAuthenticate | HeaderName::ProxyAuthorization);
    let text = format!("{} is answered in {}", asked.as_str(), sent.as_str());
    (is_proxy(asked) != is_proxy(sent)).then_some(Unanswered { parameter: "header", text })
}

/// Wire bytes as text.
fn shown(bytes: &[u8]) -> String {
    Untrusted(bytes).to_text()
}

/// `user@realm`.
fn account(credentials: &Credentials<'_>) -> String {
    let (user, realm) = (credentials.username().unwrap_or_default(), credentials.realm().unwrap_or_default());
    match (user.is_empty(), realm.is_empty()) {
        (false, false) => format!("{}@{}", shown(&user), shown(&realm)),
        (false, true) => shown(&user),
        _ => format!("an unnamed user of realm \"{}\"", shown(&realm)),
    }
}

fn human(answers: &[Answer<'_, '_>], method: &[u8]) -> String {
    let mut text = String::new();
    for answer in answers {
        for line in lines(answer, method) {
            text.push_str(&output::one_line(&line));
            text.push('\n');
        }
    }
    text
}

fn lines(answer: &Answer<'_, '_>, method: &[u8]) -> Vec<String> {
    let credentials = answer.credentials;
    let account = account(credentials);
    let checked = answer.checked.as_ref();
    let source =
        checked.and_then(|checked| checked.source.as_ref()).map(|source| format!(" ({source})")).unwrap_or_default();
    let said = match checked.map(|checked| checked.verdict) {
        None => format!("no secret was given for {account}: name the user as in the digest, and the realm"),
        Some(Verdict::Match) => format!("the digest was made with the secret given for {account}{source}"),
        Some(Verdict::Mismatch) => format!("the digest was not made with the secret given for {account}{source}"),
        Some(Verdict::Unverifiable(reason)) => format!("the digest of {account} could not be recomputed: {reason}"),
        Some(_) => format!("the digest of {account} is right with the secret given{source}, but for one input"),
    };
    let mut lines = vec![format!("{}: {said}", answer.result())];
    if let Some(near_miss) = &answer.closest {
        lines.push(format!("  the client {}", near_miss_facts::done(near_miss, credentials)));
        lines.push(format!("  do: {}", near_miss_facts::advice(near_miss.variant)));
    }
    let uri = shown(&credentials.uri().unwrap_or_default());
    let algorithm = credentials.algorithm().name().unwrap_or("unknown");
    let qop = credentials.qop().map_or_else(|| "none".to_owned(), |qop| shown(qop.name()));
    lines.push(format!("  over: method {}, uri {uri}, algorithm {algorithm}, qop {qop}", shown(method)));
    lines.extend(notes(answer).into_iter().map(|note| format!("  note: {note}")));
    if answer.unanswered.is_empty() {
        lines.push("  the challenge is answered: realm, nonce, algorithm, qop and opaque agree".to_owned());
    }
    lines.extend(answer.unanswered.iter().map(|one| format!("  not answered: {}: {}", one.parameter, one.text)));
    lines
}

/// What a server may object to although the digest fits, or what a mismatch may come from.
fn notes(answer: &Answer<'_, '_>) -> Vec<&'static str> {
    let mut notes = Vec::new();
    let response = answer.credentials.response().unwrap_or_default();
    if response.iter().any(u8::is_ascii_uppercase) {
        notes.push("the response is written in upper-case hex digits; servers that compare the bytes refuse it");
    }
    let digits = answer.credentials.algorithm().hash().map(HashName::hex_len);
    let is_digest = answer.credentials.scheme == Scheme::Digest;
    if is_digest && digits.is_some_and(|digits| response.len() != digits) {
        notes.push("the response has not as many hex digits as the algorithm gives: no secret fits it");
    }
    if answer.credentials.qop() == Some(Qop::AuthInt) {
        notes.push("qop=auth-int covers the body: --body FILE gives it, and without it the body is empty");
    }
    notes
}

fn print_json(answers: &[Answer<'_, '_>], method: &[u8]) -> Result<Exit> {
    let rows: Vec<serde_json::Value> = answers.iter().map(|answer| row_json(answer, method)).collect();
    let worst = answers.iter().map(Answer::result).max_by_key(|result| match *result {
        "match" => 1,
        "not_checked" => 0,
        "unverifiable" => 2,
        _ => 3,
    });
    let value = json!({ "result": worst.unwrap_or("not_checked"), "credentials": rows });
    let mut text = Vec::new();
    json::value(&mut text, &value, 0)?;
    text.push(b'\n');
    output::print(&String::from_utf8_lossy(&text))
}

fn row_json(answer: &Answer<'_, '_>, method: &[u8]) -> serde_json::Value {
    let credentials = answer.credentials;
    let value = |value: Option<std::borrow::Cow<'_, [u8]>>| value.map(|value| shown(&value));
    let unanswered: Vec<_> =
        answer.unanswered.iter().map(|one| json!({ "parameter": one.parameter, "text": one.text })).collect();
    json!({
        "result": answer.result(),
        "header": answer.header.map(HeaderName::as_str),
        "username": value(credentials.username()),
        "realm": value(credentials.realm()),
        "uri": value(credentials.uri()),
        "method": shown(method),
        "algorithm": credentials.algorithm().name(),
        "qop": credentials.qop().map(|qop| shown(qop.name())),
        "verification": answer.checked.as_ref().map(|checked| verification_model(checked.verdict, checked.source.as_ref())),
        "near_miss": answer.closest.as_ref().map(|near_miss| near_miss_facts::done(near_miss, credentials)),
        "notes": notes(answer),
        "unanswered": unanswered,
    })
}
