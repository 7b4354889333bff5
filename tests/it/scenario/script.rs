//! The text of a scenario, read into entries. It knows the language and nothing of SIP but what a message looks like.

use std::net::Ipv4Addr;
use std::net::SocketAddrV4;

const SIP_PORT: u16 = 5060;

/// A line of the scenario with what belongs to it.
pub enum Entry {
    Time(u64),
    SnapLen(u32),
    Mtu(usize),
    User(String),
    Domain(String),
    Agent { endpoint: String, text: String },
    Endpoint { name: String, address: SocketAddrV4 },
    Step(Step),
}

/// One frame: when, on which call, from whom to whom, and what.
pub struct Step {
    /// Where it stands in the text, from 1.
    pub line: usize,
    pub when: When,
    pub call: String,
    /// None: as the message that is repeated went.
    pub route: Option<(String, String)>,
    /// How many of its packets are in the capture: none when it is unseen, one when only its first fragment is.
    pub packets_seen: usize,
    pub what: What,
}

pub enum When {
    /// No time is written: a moment after the previous message, and at once for the first.
    Next,
    AfterPrevious(u64),
    AfterStart(u64),
}

pub enum What {
    /// A first line, perhaps short, header lines, and a body.
    Message {
        first: String,
        headers: Vec<String>,
        body: Option<String>,
    },
    /// The last message received, passed on.
    Forward {
        headers: Vec<String>,
    },
    /// Exactly these bytes.
    Bytes(Vec<u8>),
    Repeat {
        number: Option<usize>,
        same_packet: bool,
    },
}

/// # Panics
///
/// When a line is none of the language.
pub fn parse(text: &str) -> Vec<Entry> {
    let text = without_indent(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut endpoints = vec!["client".to_owned(), "server".to_owned()];
    let mut entries = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(step) = step_line(line, &endpoints) {
            let end = (at..lines.len()).find(|next| ends_a_step(lines[*next], &endpoints)).unwrap_or(lines.len());
            entries.push(Entry::Step(step_of(at, step, &lines[at..end])));
            at = end;
        } else {
            let settings = setting(line).unwrap_or_else(|| panic!("scenario line {at}: not understood: {line}"));
            endpoints.extend(settings.iter().filter_map(|entry| match entry {
                Entry::Endpoint { name, .. } => Some(name.clone()),
                _ => None,
            }));
            entries.extend(settings);
        }
    }
    entries
}

/// The next step ends a step, and so does a setting: its first word has no colon, as that of a header has.
fn ends_a_step(line: &str, endpoints: &[String]) -> bool {
    step_line(line, endpoints).is_some() || setting(line).is_some()
}

fn without_indent(text: &str) -> String {
    let indent = text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
    let indent = indent.min().unwrap_or(0);
    text.lines().map(|line| line.get(indent..).unwrap_or("").to_owned() + "\n").collect()
}

fn setting(line: &str) -> Option<Vec<Entry>> {
    let (word, rest) = line.split_once(' ')?;
    let rest = rest.trim();
    Some(vec![match word {
        "time" => Entry::Time(rest.parse::<jiff::Timestamp>().ok()?.as_microsecond().try_into().ok()?),
        "snaplen" => Entry::SnapLen(rest.parse().ok()?),
        "mtu" => Entry::Mtu(rest.parse().ok()?),
        "user" => Entry::User(rest.to_owned()),
        "domain" => Entry::Domain(rest.to_owned()),
        "agent" => {
            let (endpoint, text) = rest.split_once(' ')?;
            Entry::Agent { endpoint: endpoint.to_owned(), text: text.trim().to_owned() }
        }
        _ => return endpoints(line),
    }])
}

/// `name address[:port]`, once or more.
fn endpoints(line: &str) -> Option<Vec<Entry>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pair = |pair: &[&str]| {
        let [name, address] = pair else { return None };
        if name.contains(':') {
            return None;
        }
        let address =
            address.parse().or_else(|_| address.parse::<Ipv4Addr>().map(|ip| SocketAddrV4::new(ip, SIP_PORT)));
        Some(Entry::Endpoint { name: (*name).to_owned(), address: address.ok()? })
    };
    words.chunks(2).map(pair).collect()
}

/// What stands on the line of a step itself.
struct StepLine<'a> {
    when: When,
    call: &'a str,
    route: Option<(String, String)>,
    packets_seen: usize,
    first: &'a str,
}

fn step_line<'a>(line: &'a str, endpoints: &[String]) -> Option<StepLine<'a>> {
    let mut rest = line;
    let mut when = When::Next;
    if let Some((time, after)) = line.split_once(' ').filter(|_| line.starts_with(['+', '@'])) {
        let microseconds = (time[1..].parse::<f64>().ok()? * 1e6).round() as u64;
        when = if time.starts_with('+') { When::AfterPrevious(microseconds) } else { When::AfterStart(microseconds) };
        rest = after.trim_start();
    }
    let mut call = "";
    if let Some((name, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        call = name;
        rest = after.trim_start();
    }
    let known = |name: &str| endpoints.iter().any(|endpoint| endpoint == name);
    let mut words = rest.split_whitespace();
    let (route, first) = match [words.next()?, words.next().unwrap_or(""), words.next().unwrap_or("")] {
        [">", ..] => (Some(("client", "server")), &rest[1..]),
        ["<", ..] => (Some(("server", "client")), &rest[1..]),
        ["retransmit" | "duplicate", ..] => (None, rest),
        [one, arrow @ (">" | "<"), other] if known(one) && known(other) => {
            let after_arrow = rest.split_once(arrow)?.1.trim_start();
            (Some(if arrow == ">" { (one, other) } else { (other, one) }), &after_arrow[other.len()..])
        }
        _ => return None,
    };
    let route = route.map(|(from, to)| (from.to_owned(), to.to_owned()));
    let first = first.trim();
    let (packets_seen, first) = match first.split_once(' ').unwrap_or((first, "")) {
        ("unseen", first) => (0, first.trim()),
        ("first-fragment-of", first) => (1, first.trim()),
        _ => (usize::MAX, first),
    };
    Some(StepLine { when, call, route, packets_seen, first })
}

fn step_of(line: usize, step: StepLine, lines: &[&str]) -> Step {
    let mut lines: Vec<&str> = lines.iter().copied().filter(|line| !line.starts_with('#')).collect();
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let (word, rest) = step.first.split_once(' ').unwrap_or((step.first, ""));
    let what = match word {
        "retransmit" | "duplicate" => {
            What::Repeat { number: rest.trim().parse().ok(), same_packet: word == "duplicate" }
        }
        "forward" => What::Forward { headers: unfolded(&lines) },
        "bytes" => What::Bytes(escaped_bytes(&(rest.to_owned() + &lines.concat()))),
        "raw" => What::Bytes(raw_message(&lines)),
        _ => message(line, step.first, lines),
    };
    Step { line, when: step.when, call: step.call.to_owned(), route: step.route, packets_seen: step.packets_seen, what }
}

fn message(line: usize, first: &str, mut lines: Vec<&str>) -> What {
    let first = match first {
        "" if lines.is_empty() => panic!("scenario line {line}: nothing is said"),
        "" => lines.remove(0),
        first => first,
    };
    let head_len = lines.iter().position(|line| line.trim().is_empty()).unwrap_or(lines.len());
    let lost_step = lines.iter().skip(head_len + 1).find(|line| line.contains(" > ") || line.contains(" < "));
    assert!(lost_step.is_none(), "scenario line {line}: in its body a step with an unknown endpoint: {lost_step:?}");
    let body = lines.get(head_len + 1..).map(|body| body.iter().map(|line| format!("{line}\r\n")).collect());
    What::Message { first: first.to_owned(), headers: unfolded(&lines[..head_len]), body }
}

/// One string a header; RFC 3261 §7.3.1: a line that begins with a blank belongs to the one before it.
fn unfolded(lines: &[&str]) -> Vec<String> {
    let mut headers: Vec<String> = Vec::new();
    for line in lines {
        match headers.last_mut() {
            Some(header) if line.starts_with([' ', '\t']) => *header += &format!("\r\n{line}"),
            _ => headers.push((*line).to_owned()),
        }
    }
    headers
}

/// The lines as they stand, with CRLF after each, and the empty line that ends the headers.
fn raw_message(lines: &[&str]) -> Vec<u8> {
    let mut text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    if !lines.contains(&"") {
        text += "\r\n";
    }
    text.into_bytes()
}

/// Text with `\r`, `\n`, `\t`, `\\` and `\xHH`.
fn escaped_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let escape = if character == '\\' { characters.next() } else { None };
        match escape {
            None => bytes.extend(character.to_string().into_bytes()),
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('x') => {
                let hex: String = characters.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&hex, 16).expect("two hex digits follow \\x"));
            }
            Some(other) => bytes.extend(other.to_string().into_bytes()),
        }
    }
    bytes
}
