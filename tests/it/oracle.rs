//! Every sample, message by message, as tshark reads it and as sipauth reads it. Where they differ and sipauth is right,
//! the difference is listed with its reason; a difference that is listed and not there fails too.

use std::collections::BTreeMap;
use std::io::Cursor;

use sipauth::auth::Param;
use sipauth::auth::Params;
use sipauth::auth::parse_challenges;
use sipauth::auth::parse_credentials;
use sipauth::base::DecodeAs;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::packet;
use sipauth::sip;
use sipauth::sip::HeaderName;
use sipauth::sip::framing::SipFramer;
use sipauth::sip::parse::Source;
use sipauth::transport::Payload;
use sipauth::transport::Reassembly;

use crate::corpus;
use crate::corpus::Sample;
use crate::tshark;

/// Differences that are allowed: each of the fields in each of the frames.
struct Allowed {
    sample: &'static str,
    /// Frames that hold one message each.
    frames: &'static [u64],
    fields: &'static [&'static str],
    tshark: Shows,
    /// Why sipauth is right.
    #[expect(dead_code, reason = "it is for readers")]
    reason: &'static str,
}

#[derive(PartialEq, Eq)]
enum Shows {
    /// No such field.
    Nothing,
    /// The first of several.
    First,
}

const ALLOWED: &[Allowed] = &[
    Allowed {
        sample: "folded-authorization",
        frames: &[3],
        fields: &[
            "Authorization 1 cnonce",
            "Authorization 1 nc",
            "Authorization 1 nonce",
            "Authorization 1 qop",
            "Authorization 1 realm",
            "Authorization 1 response",
            "Authorization 1 scheme",
            "Authorization 1 uri",
            "Authorization 1 username",
        ],
        tshark: Shows::Nothing,
        reason: "tshark 4.0 does not know `aUTHORIZATION  :`; RFC 3261 §7.3.1 allows blanks before the colon",
    },
    Allowed {
        sample: "folded-authorization",
        frames: &[3, 4],
        fields: &["Call-ID"],
        tshark: Shows::Nothing,
        reason: "tshark 4.0 does not know `Call-ID :`; RFC 3261 §7.3.1 allows blanks before the colon",
    },
    Allowed {
        sample: "register-challenges-in-one-row",
        frames: &[2],
        fields: &["WWW-Authenticate 1 realm", "WWW-Authenticate 1 scheme"],
        tshark: Shows::First,
        reason: "tshark takes the second challenge of a row for parameters of the first; RFC 7235 §4.1 joins them by commas",
    },
    Allowed {
        sample: "snaplen-200",
        frames: &[1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        fields: &["Via branch"],
        tshark: Shows::Nothing,
        reason: "of a packet cut by the snap length tshark shows the lines, not what is in them",
    },
];

/// The texts of one message by the name of the field.
type Fields = BTreeMap<String, String>;

#[test]
fn samples_are_read_as_tshark_reads_them() {
    let mut differences = Vec::new();
    let mut messages = 0;
    for sample in corpus::samples() {
        let ours = read(&sample);
        messages += ours.values().map(Vec::len).sum::<usize>();
        let mut theirs: BTreeMap<u64, Vec<Fields>> = BTreeMap::new();
        for message in &tshark::messages()[&sample.name] {
            theirs.entry(message.frame).or_default().push(fields_of_tshark(message));
        }
        compare(&sample.name, &theirs, &ours, &mut differences);
    }
    assert!(messages > 1000, "only {messages} messages were compared");
    let mut unused: Vec<(&str, String, &str, &Shows)> = Vec::new();
    for entry in ALLOWED {
        for (frame, field) in entry.frames.iter().flat_map(|frame| entry.fields.iter().map(move |field| (frame, field)))
        {
            unused.push((entry.sample, format!("{frame}.1"), field, &entry.tshark));
        }
    }
    differences.retain(|difference| {
        let place = unused.iter().position(|entry| difference.is(entry.0, &entry.1, entry.2, entry.3));
        place.map(|place| unused.swap_remove(place)).is_none()
    });
    let unused: Vec<String> =
        unused.iter().map(|(sample, place, field, _)| format!("{sample} {place} {field}")).collect();
    assert!(unused.is_empty(), "these differences are listed, and are gone:\n{}", unused.join("\n"));
    let told: Vec<String> = differences.iter().map(Difference::to_string).collect();
    assert!(told.is_empty(), "tshark and sipauth differ:\n{}", told.join("\n"));
}

struct Difference {
    sample: String,
    place: String,
    field: String,
    tshark: String,
    sipauth: String,
}

impl Difference {
    fn is(&self, sample: &str, place: &str, field: &str, tshark: &Shows) -> bool {
        let is_shown = match tshark {
            Shows::Nothing => self.tshark == "-",
            Shows::First => self.sipauth.strip_prefix(&self.tshark).is_some_and(|rest| rest.starts_with(" and ")),
        };
        is_shown && (&*self.sample, &*self.place, &*self.field) == (sample, place, field)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { sample, place, field, tshark, sipauth } = self;
        write!(f, "{sample} {place} {field}: tshark {tshark:?}, sipauth {sipauth:?}")
    }
}

fn compare(
    sample: &str,
    theirs: &BTreeMap<u64, Vec<Fields>>,
    ours: &BTreeMap<u64, Vec<Fields>>,
    differences: &mut Vec<Difference>,
) {
    let none = Vec::new();
    let mut frames: Vec<u64> = theirs.keys().chain(ours.keys()).copied().collect();
    frames.sort_unstable();
    frames.dedup();
    for frame in frames {
        let (theirs, ours) = (theirs.get(&frame).unwrap_or(&none), ours.get(&frame).unwrap_or(&none));
        let mut add = |place: String, field: &str, tshark: &str, sipauth: &str| {
            if tshark != sipauth {
                let [tshark, sipauth, field] = [tshark, sipauth, field].map(str::to_owned);
                differences.push(Difference { sample: sample.to_owned(), place, field, tshark, sipauth });
            }
        };
        add(frame.to_string(), "messages", &theirs.len().to_string(), &ours.len().to_string());
        for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
            let mut names: Vec<&String> = theirs.keys().chain(ours.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let text = |fields: &Fields| fields.get(name).cloned().unwrap_or_else(|| "-".to_owned());
                add(format!("{frame}.{}", index + 1), name, &text(theirs), &text(ours));
            }
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"")
}

fn fields_of_tshark(message: &tshark::Message) -> Fields {
    let mut fields = Fields::new();
    let mut add = |name: &str, text: Option<&Vec<u8>>| {
        if let Some(text) = text {
            fields.insert(name.to_owned(), shown(text));
        }
    };
    add("method", message.method.as_ref());
    add("status", message.status.as_ref());
    add("Call-ID", message.call_id.first());
    add("CSeq number", message.cseq_number.first());
    add("CSeq method", message.cseq_method.first());
    add("Via branch", message.branches.first());
    for (name, count, header) in numbered(message.auth.iter().map(|header| (header.name, header))) {
        for (param, text) in &header.params {
            // tshark leaves the blanks behind a value in it.
            add_param(&mut fields, &format!("{name} {count} {param}"), text.trim_ascii());
        }
    }
    fields
}

/// Counts the rows of each header from 1.
fn numbered<'n, T>(rows: impl Iterator<Item = (&'n str, T)>) -> impl Iterator<Item = (&'n str, usize, T)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    rows.map(move |(name, row)| {
        let count = counts.entry(name).or_default();
        *count += 1;
        (name, *count, row)
    })
}

/// A parameter that is sent twice has both values.
fn add_param(fields: &mut Fields, name: &str, text: &[u8]) {
    let entry = fields.entry(name.to_owned()).or_default();
    if !entry.is_empty() {
        entry.push_str(" and ");
    }
    entry.push_str(&shown(text));
}

/// The messages of a sample by the frame that completes them.
fn read(sample: &Sample) -> BTreeMap<u64, Vec<Fields>> {
    let limits = Limits::default();
    let source = Box::new(Cursor::new(sample.bytes.clone()));
    let mut reader = Reader::open(source, InputId(0), &limits).expect("a sample is a capture");
    let mut reassembly = Reassembly::<SipFramer>::new(limits.clone());
    reassembly.add_key_log(corpus::key_logs());
    let mut messages: BTreeMap<u64, Vec<Fields>> = BTreeMap::new();
    let mut sink = |payload: Payload<'_>| {
        let source = Source { is_cut: payload.cut, header_fields_max: limits.header_fields_max };
        let fields = fields_of(&sip::parse(payload.bytes, source));
        messages.entry(payload.frames.last.number.value()).or_default().push(fields);
    };
    while let Ok(Some(record)) = reader.next_record() {
        if let Record::Frame(frame) = record {
            reassembly.push(&frame, packet::decode(&frame, &limits, &DecodeAs::default()), &mut sink);
        }
    }
    reassembly.finish(&mut sink);
    messages
}

fn fields_of(message: &sip::Message<'_>) -> Fields {
    let mut fields = Fields::new();
    let mut add = |name: &str, text: Option<Vec<u8>>| {
        if let Some(text) = text {
            fields.insert(name.to_owned(), shown(&text));
        }
    };
    add("method", message.method().map(<[u8]>::to_vec));
    add("status", message.status().map(|status| status.to_string().into_bytes()));
    add("Call-ID", message.value(HeaderName::CallId).map(<[u8]>::to_vec));
    add("CSeq number", message.cseq().map(|cseq| cseq.number.to_string().into_bytes()));
    add("CSeq method", message.cseq().map(|cseq| cseq.method.to_vec()));
    add("Via branch", message.top_via().and_then(|via| via.branch).map(<[u8]>::to_vec));
    let headers = [
        HeaderName::WwwAuthenticate,
        HeaderName::ProxyAuthenticate,
        HeaderName::Authorization,
        HeaderName::ProxyAuthorization,
    ];
    for header in headers {
        let rows = message.values(header).map(|value| (header.as_str(), value));
        for (name, count, value) in numbered(rows) {
            let is_challenge = matches!(header, HeaderName::WwwAuthenticate | HeaderName::ProxyAuthenticate);
            let parts: Vec<(Vec<u8>, Params<'_>)> = if is_challenge {
                parse_challenges(value).into_iter().map(|part| (part.scheme_raw.to_vec(), part.params)).collect()
            } else {
                parse_credentials(value).into_iter().map(|part| (part.scheme_raw.to_vec(), part.params)).collect()
            };
            for (scheme, params) in parts {
                add_param(&mut fields, &format!("{name} {count} scheme"), &scheme);
                for (param, _) in tshark::PARAMS {
                    for found in params.iter().filter(|found| found.is(param)) {
                        add_param(&mut fields, &format!("{name} {count} {param}"), &as_sent(found));
                    }
                }
            }
        }
    }
    fields
}

/// With the quotes, as tshark shows it.
fn as_sent(param: &Param<'_>) -> Vec<u8> {
    if param.quoted { [b"\"", param.raw, b"\""].concat() } else { param.raw.to_vec() }
}
