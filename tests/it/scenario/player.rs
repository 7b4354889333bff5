//! Plays a scenario: keeps what each side would remember (RFC 3261 §8.1, §12, §17) and fills in what was not written.

mod auth;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use crate::scenario::digest;
use crate::scenario::digest::Challenge;
use crate::scenario::message::Message;
use crate::scenario::message::reason;
use crate::scenario::pcap;
use crate::scenario::script::Entry;
use crate::scenario::script::Step;
use crate::scenario::script::What;
use crate::scenario::script::When;

const SNAP_LEN_DEFAULT: u32 = 262_144;
const PAUSE_US: u64 = 10_000;
/// 2026-01-05T10:00:00Z.
const START_US_DEFAULT: u64 = 1_767_607_200_000_000;

/// Entries in, a capture out.
pub struct Player {
    start_us: u64,
    now_us: u64,
    snap_len: u32,
    mtu: usize,
    user: String,
    domain: String,
    endpoints: BTreeMap<String, SocketAddrV4>,
    agents: BTreeMap<String, String>,
    calls: BTreeMap<String, Call>,
    sent: Vec<Sent>,
    challenges: Vec<Received>,
    nonce_uses: BTreeMap<(String, String), u32>,
    frames: Vec<(u64, Vec<u8>)>,
}

/// What the parties of one Call-ID agree on.
struct Call {
    id: String,
    caller: String,
    caller_uri: String,
    callee_uri: String,
    caller_tag: String,
    /// The To tag of the 2xx that made a dialog.
    dialog_tag: Option<String>,
    caller_contact: String,
    callee_contact: String,
    cseq: BTreeMap<String, u32>,
}

struct Sent {
    call: String,
    from: String,
    to: String,
    /// None when the bytes are no SIP message.
    message: Option<Message>,
    payload: Vec<u8>,
    identification: u16,
}

/// A challenge and who got it.
struct Received {
    call: String,
    by: String,
    in_message: usize,
    challenge: Challenge,
}

impl Default for Player {
    fn default() -> Player {
        let address = |text: &str| text.parse().expect("an address");
        Player {
            start_us: START_US_DEFAULT,
            now_us: START_US_DEFAULT,
            snap_len: SNAP_LEN_DEFAULT,
            mtu: usize::MAX,
            user: "1001".to_owned(),
            domain: "pbx.example.com".to_owned(),
            endpoints: BTreeMap::from([
                ("client".to_owned(), address("198.51.100.7:5060")),
                ("server".to_owned(), address("203.0.113.10:5060")),
            ]),
            agents: BTreeMap::new(),
            calls: BTreeMap::new(),
            sent: Vec::new(),
            challenges: Vec::new(),
            nonce_uses: BTreeMap::new(),
            frames: Vec::new(),
        }
    }
}

impl Player {
    pub fn play(&mut self, entry: Entry) {
        match entry {
            Entry::Time(microseconds) => (self.start_us, self.now_us) = (microseconds, microseconds),
            Entry::SnapLen(bytes) => self.snap_len = bytes,
            Entry::Mtu(bytes) => self.mtu = bytes,
            Entry::User(user) => self.user = user,
            Entry::Domain(domain) => self.domain = domain,
            Entry::Agent { endpoint, text } => drop(self.agents.insert(endpoint, text)),
            Entry::Endpoint { name, address } => drop(self.endpoints.insert(name, address)),
            Entry::Step(step) => self.step(step),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        let mut file = pcap::File::new(self.snap_len);
        for (time_us, frame) in &self.frames {
            file.record(*time_us, frame);
        }
        file.into_bytes()
    }

    fn step(&mut self, step: Step) {
        self.now_us = match step.when {
            When::Next if self.sent.is_empty() => self.start_us,
            When::Next => self.now_us + PAUSE_US,
            When::AfterPrevious(microseconds) => self.now_us + microseconds,
            When::AfterStart(microseconds) => self.start_us + microseconds,
        };
        let identification = 0x1000_u16.wrapping_add((self.sent.len() as u16).wrapping_mul(0x25));
        let mut sent = self.sent_by(step.what, &step.call, step.route, step.line);
        if sent.identification == 0 {
            sent.identification = identification;
        }
        let datagram = pcap::Datagram {
            source: self.address(&sent.from),
            destination: self.address(&sent.to),
            identification: sent.identification,
            payload: &sent.payload,
        };
        let seen = pcap::frames(&datagram, self.mtu).into_iter().take(step.packets_seen);
        self.frames.extend(seen.map(|frame| (self.now_us, frame)));
        self.remember(&sent);
        self.sent.push(sent);
    }

    /// What goes out; its identification is 0 unless it is another copy of a packet.
    fn sent_by(&mut self, what: What, call: &str, route: Option<(String, String)>, line: usize) -> Sent {
        if let What::Repeat { number, same_packet } = what {
            return self.repeated(number, same_packet, line);
        }
        let (from, to) = route.expect("only a repetition goes without a route");
        let call = call.to_owned();
        let message = match what {
            What::Bytes(payload) => {
                return Sent { call, message: Message::parse(&payload), payload, from, to, identification: 0 };
            }
            What::Forward { headers } => self.forwarded(&call, &from, &to, headers, line),
            What::Message { first, headers, body } => self.filled_in(&call, [&from, &to], &first, headers, body, line),
            What::Repeat { .. } => unreachable!("handled above"),
        };
        Sent { call, payload: message.to_bytes(), message: Some(message), from, to, identification: 0 }
    }

    fn repeated(&self, number: Option<usize>, same_packet: bool, line: usize) -> Sent {
        let number = number.unwrap_or(self.sent.len());
        let sent = number.checked_sub(1).and_then(|index| self.sent.get(index));
        let sent = sent.unwrap_or_else(|| panic!("scenario line {line}: there is no message {number} to repeat"));
        Sent {
            call: sent.call.clone(),
            from: sent.from.clone(),
            to: sent.to.clone(),
            message: sent.message.clone(),
            payload: sent.payload.clone(),
            identification: if same_packet { sent.identification } else { 0 },
        }
    }

    /// RFC 3261 §16.6 and §16.7: a request gets a Via more, a response loses one.
    fn forwarded(&self, call: &str, from: &str, to: &str, written: Vec<String>, line: usize) -> Message {
        let received = |sent: &&Sent| sent.call == call && sent.to == from && sent.from != to && sent.message.is_some();
        let sent = self.sent.iter().rev().find(received);
        let sent = sent.unwrap_or_else(|| panic!("scenario line {line}: {from} has received nothing to forward"));
        let mut message = sent.message.clone().expect("only messages are found");
        let via = message.headers.iter().position(|(name, _)| name == "Via").unwrap_or(0);
        if message.status().is_some() {
            message.headers.remove(via);
        } else {
            message.headers[via].1 = self.with_received(&message.headers[via].1, &sent.from);
            message.headers.insert(via, ("Via".to_owned(), self.via(from)));
            for (name, value) in &mut message.headers {
                if name == "Max-Forwards" {
                    *value = value.parse::<u8>().map_or(value.clone(), |hops| (hops - 1).to_string());
                }
            }
        }
        message.overlay(self.written_headers(written, call, from, &message));
        message
    }

    fn filled_in(
        &mut self,
        call: &str,
        [from, to]: [&str; 2],
        first: &str,
        written: Vec<String>,
        body: Option<String>,
        line: usize,
    ) -> Message {
        let code = first.strip_prefix("SIP/2.0 ").unwrap_or(first);
        let mut message = match code.get(..3).and_then(|code| code.parse().ok()) {
            Some(status) => self.response(call, from, to, status, code[3..].trim()),
            None => self.request(call, from, to, first),
        }
        .unwrap_or_else(|why| panic!("scenario line {line}: {why}"));
        message.body = match body.as_deref() {
            Some("sdp\r\n") => self.offer(from).into_bytes(),
            body => body.unwrap_or_default().as_bytes().to_vec(),
        };
        if message.body.starts_with(b"v=0") {
            message.add("Content-Type", "application/sdp");
        }
        message.add("Content-Length", message.body.len().to_string());
        let written = self.written_headers(written, call, from, &message);
        self.count_nonces(from, &written);
        message.overlay(written);
        let written_cseq = message.header("CSeq").split(' ').next().and_then(|number| number.parse().ok());
        if let (Some(_), Some(number), Some(call)) = (message.method(), written_cseq, self.calls.get_mut(call)) {
            call.cseq.insert(from.to_owned(), number);
        }
        message
    }

    fn request(&mut self, call: &str, from: &str, to: &str, first: &str) -> Result<Message, String> {
        let mut words = first.split_whitespace();
        let method = words.next().ok_or("a request has a method")?;
        let uri = words.next();
        self.open_call(call, from, method, uri);
        if method == "ACK" || method == "CANCEL" {
            return self.same_transaction(call, from, to, method, uri);
        }
        let (via, contact) = (self.via(from), self.contact(from));
        let (domain, agent) = (self.domain.clone(), self.agents.get(from).cloned());
        let call = self.calls.get_mut(call).expect("opened above");
        let cseq = call.cseq.get(from).map_or(1, |last| last + 1);
        let default_uri = call.target(from, method, &domain);
        let mut message =
            Message { first: format!("{method} {} SIP/2.0", uri.unwrap_or(&default_uri)), ..Message::default() };
        message.add("Via", via);
        let [from_value, to_value] = call.parties(from);
        message.add("From", from_value);
        message.add("To", to_value);
        message.add("Call-ID", &call.id);
        message.add("CSeq", format!("{cseq} {method}"));
        if matches!(method, "REGISTER" | "INVITE" | "SUBSCRIBE" | "UPDATE" | "REFER" | "NOTIFY") {
            message.add("Contact", contact);
        }
        message.add("Max-Forwards", "70");
        agent.into_iter().for_each(|agent| message.add("User-Agent", agent));
        if method == "REGISTER" {
            message.add("Expires", "3600");
        }
        Ok(message)
    }

    /// RFC 3261 §17.1.1.3, §13.2.2.4 and §9.1: an ACK or CANCEL is made from its INVITE.
    fn same_transaction(
        &self,
        call: &str,
        from: &str,
        to: &str,
        method: &str,
        uri: Option<&str>,
    ) -> Result<Message, String> {
        let invite =
            self.last(call, from, to, |message| message.method() == Some("INVITE")).ok_or("no INVITE before")?;
        let answer = self.last(call, to, from, |message| {
            message.status() >= Some(200) && message.header("CSeq") == invite.header("CSeq")
        });
        let accepted = answer.is_some_and(|answer| answer.status() < Some(300)) && method == "ACK";
        let target = uri.map(str::to_owned).unwrap_or_else(|| match accepted {
            true => self.calls[call].callee_contact.clone(),
            false => invite.request_uri().to_owned(),
        });
        let mut message = Message { first: format!("{method} {target} SIP/2.0"), ..Message::default() };
        message.add("Via", if accepted { self.via(from) } else { invite.header("Via").to_owned() });
        message.add("From", invite.header("From"));
        message.add("To", answer.filter(|_| method == "ACK").unwrap_or(invite).header("To"));
        message.add("Call-ID", invite.header("Call-ID"));
        message.add("CSeq", invite.header("CSeq").replace("INVITE", method));
        // RFC 3261 §22.1: the ACK of a 2xx carries the credentials of its INVITE.
        for (name, value) in invite.headers.iter().filter(|(name, _)| accepted && name.ends_with("Authorization")) {
            message.add(name, value);
        }
        message.add("Max-Forwards", "70");
        self.agents.get(from).into_iter().for_each(|agent| message.add("User-Agent", agent));
        Ok(message)
    }

    /// RFC 3261 §8.2.6.2: an answer copies from its request.
    fn response(&self, call: &str, from: &str, to: &str, status: u16, words: &str) -> Result<Message, String> {
        let (phrase, to_method) = words.split_once("to ").filter(|_| words.starts_with("to ")).unwrap_or((words, ""));
        let asked = |message: &Message| match (message.method(), to_method) {
            (Some(method), "") => method != "ACK",
            (method, to_method) => method == Some(to_method),
        };
        let request = self.last(call, to, from, asked).ok_or("there is no request to answer")?;
        let phrase = if phrase.is_empty() { reason(status) } else { phrase };
        let mut message = Message { first: format!("SIP/2.0 {status:03} {phrase}"), ..Message::default() };
        for (index, (_, via)) in request.headers.iter().filter(|(name, _)| name == "Via" || name == "v").enumerate() {
            message.add("Via", if index == 0 { self.with_received(via, to) } else { via.clone() });
        }
        message.add("From", request.header("From"));
        let tag = self.token(&["to-tag", call, from, request.header("CSeq")], 10);
        match request.header("To") {
            to if to.contains("tag=") || status == 100 => message.add("To", to),
            to => message.add("To", format!("{to};tag={tag}")),
        }
        message.add("Call-ID", request.header("Call-ID"));
        message.add("CSeq", request.header("CSeq"));
        match (request.method(), status) {
            (Some("REGISTER"), 200..300) if !request.header("Contact").is_empty() => {
                message.add("Contact", format!("{};expires={}", request.header("Contact"), request.header("Expires")));
            }
            (Some("INVITE"), 180..300) => message.add("Contact", self.contact(from)),
            _ => {}
        }
        self.agents.get(from).into_iter().for_each(|agent| message.add("Server", agent));
        Ok(message)
    }

    fn remember(&mut self, sent: &Sent) {
        let Some(message) = &sent.message else { return };
        for (name, value) in &message.headers {
            self.challenges.extend(Challenge::from_header(name, value).map(|challenge| Received {
                call: sent.call.clone(),
                by: sent.to.clone(),
                in_message: self.sent.len(),
                challenge,
            }));
        }
        let Some(call) = self.calls.get_mut(&sent.call) else { return };
        let contact = message.header("Contact").trim_start_matches('<').split('>').next().unwrap_or("").to_owned();
        let makes_a_dialog = ["INVITE", "SUBSCRIBE"].iter().any(|method| message.header("CSeq").ends_with(method));
        match message.status() {
            Some(200..300) if makes_a_dialog => {
                call.callee_contact = contact;
                call.dialog_tag = message.header("To").split_once("tag=").map(|(_, tag)| tag.to_owned());
            }
            None if message.method() == Some("INVITE") => call.caller_contact = contact,
            _ => {}
        }
    }

    fn open_call(&mut self, call: &str, from: &str, method: &str, uri: Option<&str>) {
        let ip = *self.address(from).ip();
        let caller_uri = format!("sip:{}@{}", self.user, self.domain);
        let callee_uri = match method {
            "REGISTER" => caller_uri.clone(),
            "OPTIONS" => uri.map_or_else(|| format!("sip:{}", self.domain), str::to_owned),
            _ => uri.map_or_else(|| format!("sip:2000@{}", self.domain), str::to_owned),
        };
        let [id, caller_tag] = [self.token(&["call-id", call], 16), self.token(&["from-tag", call], 10)];
        self.calls.entry(call.to_owned()).or_insert_with(|| Call {
            id: format!("{id}@{ip}"),
            caller: from.to_owned(),
            caller_tag,
            caller_contact: caller_uri.clone(),
            callee_contact: callee_uri.clone(),
            caller_uri,
            callee_uri,
            dialog_tag: None,
            cseq: BTreeMap::new(),
        });
    }

    fn last(&self, call: &str, from: &str, to: &str, wanted: impl Fn(&Message) -> bool) -> Option<&Message> {
        let on_the_way = self.sent.iter().rev().filter(|sent| sent.call == call && sent.from == from && sent.to == to);
        on_the_way.filter_map(|sent| sent.message.as_ref()).find(|message| wanted(message))
    }

    /// The same letters for the same words and the same first moment: a scenario gives the same capture every time.
    fn token(&self, words: &[&str], len: usize) -> String {
        let seed = format!("{} {}", self.start_us, words.join(" "));
        digest::hash("MD5", seed.as_bytes())[..len].to_owned()
    }

    fn address(&self, endpoint: &str) -> SocketAddrV4 {
        self.endpoints[endpoint]
    }

    /// RFC 3261 §8.1.1.7: a new branch for each request.
    fn via(&self, endpoint: &str) -> String {
        let branch = self.token(&["branch", endpoint, &self.sent.len().to_string()], 12);
        format!("SIP/2.0/UDP {};branch=z9hG4bK{branch};rport", self.address(endpoint))
    }

    /// RFC 3581 §4.
    fn with_received(&self, via: &str, sender: &str) -> String {
        let address = self.address(sender);
        match via.strip_suffix(";rport") {
            Some(via) => format!("{via};rport={};received={}", address.port(), address.ip()),
            None => via.to_owned(),
        }
    }

    fn contact(&self, endpoint: &str) -> String {
        format!("<sip:{}@{}>", self.user, self.address(endpoint))
    }

    fn offer(&self, endpoint: &str) -> String {
        let ip = *self.address(endpoint).ip();
        let lines = [
            "v=0",
            &format!("o=- 20518 20518 IN IP4 {ip}"),
            "s=-",
            &format!("c=IN IP4 {ip}"),
            "t=0 0",
            "m=audio 11780 RTP/AVP 8 0 101",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=ptime:20",
            "a=sendrecv",
        ];
        lines.map(|line| format!("{line}\r\n")).concat()
    }
}

impl Call {
    /// The Request-URI when none is written.
    fn target(&self, from: &str, method: &str, domain: &str) -> String {
        match (method, &self.dialog_tag) {
            ("REGISTER", _) => format!("sip:{domain}"),
            (_, Some(_)) if from == self.caller => self.callee_contact.clone(),
            (_, None) if from == self.caller => self.callee_uri.clone(),
            _ => self.caller_contact.clone(),
        }
    }

    fn parties(&self, from: &str) -> [String; 2] {
        let caller = format!("<{}>;tag={}", self.caller_uri, self.caller_tag);
        let callee = match &self.dialog_tag {
            Some(tag) => format!("<{}>;tag={tag}", self.callee_uri),
            None => format!("<{}>", self.callee_uri),
        };
        if from == self.caller { [caller, callee] } else { [callee, caller] }
    }
}
