//! What tshark reads in the samples: one run a sample, all of them once for all tests, two at a time.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::OnceLock;

use serde_json::Value;

use crate::corpus;
use crate::corpus::Sample;

/// A SIP message as tshark shows it. Texts are the bytes on the wire, quotes included.
#[derive(Debug, Default)]
pub struct Message {
    pub frame: u64,
    pub method: Option<Vec<u8>>,
    pub status: Option<Vec<u8>>,
    pub call_id: Vec<Vec<u8>>,
    pub cseq_number: Vec<Vec<u8>>,
    pub cseq_method: Vec<Vec<u8>>,
    pub branches: Vec<Vec<u8>>,
    pub auth: Vec<AuthHeader>,
    pub body: Vec<u8>,
}

/// One row of an auth header.
#[derive(Debug, Default)]
pub struct AuthHeader {
    /// `Authorization`…
    pub name: &'static str,
    /// Name and value of every parameter that tshark has a field for, and of the scheme, in the order sent.
    pub params: Vec<(&'static str, Vec<u8>)>,
}

pub const AUTH_HEADERS: [&str; 4] = ["WWW-Authenticate", "Proxy-Authenticate", "Authorization", "Proxy-Authorization"];

/// The parameters that are compared, and tshark's fields for them.
pub const PARAMS: [(&str, &str); 13] = [
    ("scheme", "sip.auth.scheme"),
    ("username", "sip.auth.username"),
    ("realm", "sip.auth.realm"),
    ("nonce", "sip.auth.nonce"),
    ("uri", "sip.auth.uri"),
    ("response", "sip.auth.digest.response"),
    ("algorithm", "sip.auth.algorithm"),
    ("cnonce", "sip.auth.cnonce"),
    ("opaque", "sip.auth.opaque"),
    ("qop", "sip.auth.qop"),
    ("nc", "sip.auth.nc"),
    ("stale", "sip.auth.stale"),
    ("auts", "sip.auth.auts"),
];

/// What tshark reads in every sample.
pub fn messages() -> &'static BTreeMap<String, Vec<Message>> {
    static MESSAGES: OnceLock<BTreeMap<String, Vec<Message>>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let samples = Mutex::new(corpus::samples());
        let read = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let next = samples.lock().expect("no test panics here").pop();
                let Some(sample) = next else { return };
                let messages = run(&sample);
                read.lock().expect("no test panics here").insert(sample.name, messages);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(work);
            scope.spawn(work);
        });
        read.into_inner().expect("both threads have ended")
    })
}

fn run(sample: &Sample) -> Vec<Message> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "json", "-x", "--no-duplicate-keys"]);
    // HEP is beyond tshark 4.0: there it reads the same messages as they went over the wire.
    let plain = sample.path.with_file_name("made-with").join("plain.pcap");
    let path = if plain.exists() { &plain } else { &sample.path };
    tshark.args(["-J", "frame sip", "-Y", "sip", "-r"]).arg(path);
    let keys = sample.path.with_file_name("tls.keys");
    if keys.exists() {
        tshark.arg("-o").arg(format!("tls.keylog_file:{}", keys.display()));
    }
    // Ports that no dissector claims are found by their content.
    let output = tshark.output().expect("tshark is needed for this test: apt-get install tshark");
    // tshark complains of a file that is cut short, and shows what is in it all the same.
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: tshark printed no JSON: {error}: {}", sample.name, String::from_utf8_lossy(&output.stderr))
    });
    packets.iter().flat_map(packet).collect()
}

fn packet(packet: &Value) -> Vec<Message> {
    let layers = &packet["_source"]["layers"];
    let frame = layers["frame"]["frame.number"].as_str().and_then(|number| number.parse().ok());
    let frame = frame.expect("every packet has a number");
    let all = each(&layers["sip"]).map(|sip| message(frame, sip));
    // Bytes that tshark takes for a part of a message have no start line.
    all.filter(|message| message.method.is_some() || message.status.is_some()).collect()
}

fn message(frame: u64, sip: &Value) -> Message {
    let header = &sip["sip.msg_hdr_tree"];
    let trees = |name: &str| each(&header[format!("sip.{name}_tree")]).collect::<Vec<_>>();
    let cseq =
        |field: &str| trees("CSeq").into_iter().flat_map(|cseq| raw(cseq, field)).map(|(_, text)| text).collect();
    let auth =
        AUTH_HEADERS.into_iter().flat_map(|name| trees(name).into_iter().map(move |tree| auth_header(name, tree)));
    let via = trees("Via").into_iter().flat_map(|via| raw(via, "sip.Via.branch"));
    Message {
        frame,
        method: first(&sip["sip.Request-Line_tree"], "sip.Method"),
        status: first(&sip["sip.Status-Line_tree"], "sip.Status-Code"),
        // This field spans the whole line.
        call_id: raw(header, "sip.Call-ID").into_iter().map(|(_, line)| value_of(&line)).collect(),
        cseq_number: cseq("sip.CSeq.seq"),
        cseq_method: cseq("sip.CSeq.method"),
        branches: via.map(|(_, text)| text).collect(),
        auth: auth.collect(),
        body: first(sip, "sip.msg_body").unwrap_or_default(),
    }
}

fn auth_header(name: &'static str, tree: &Value) -> AuthHeader {
    let params = PARAMS
        .into_iter()
        .flat_map(|(param, field)| raw(tree, field).into_iter().map(move |(offset, text)| (offset, param, text)));
    let mut params: Vec<_> = params.collect();
    params.sort();
    AuthHeader { name, params: params.into_iter().map(|(_, param, text)| (param, text)).collect() }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Value::Array(many) => (many.as_slice(), None),
        Value::Null => (&[][..], None),
        one => (&[][..], Some(one)),
    };
    many.iter().chain(one)
}

fn first(tree: &Value, field: &str) -> Option<Vec<u8>> {
    raw(tree, field).into_iter().next().map(|(_, text)| text)
}

/// The bytes of a field, each time it occurs, with their offset: `-x` adds `["hex", offset, length, …]` for each.
fn raw(tree: &Value, field: &str) -> Vec<(u64, Vec<u8>)> {
    let value = &tree[format!("{field}_raw")];
    let Some(entries) = value.as_array() else { return Vec::new() };
    let one = [value.clone()];
    let entries = if entries.first().is_some_and(Value::is_string) { &one[..] } else { entries.as_slice() };
    let read = |entry: &Value| Some((entry[1].as_u64()?, unhex(entry[0].as_str()?)?));
    entries.iter().map(|entry| read(entry).unwrap_or_else(|| panic!("{field}: {entry}"))).collect()
}

fn value_of(line: &[u8]) -> Vec<u8> {
    line.splitn(2, |byte| *byte == b':').last().unwrap_or_default().trim_ascii().to_vec()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
