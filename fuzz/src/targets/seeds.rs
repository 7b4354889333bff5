//! What the targets begin with: the samples, in the form in which each target reads them.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use sipauth::base::DecodeAs;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::packet;
use sipauth::packet::Decoded;
use sipauth::packet::Segment;
use sipauth::sip;
use sipauth::sip::HeaderName;
use sipauth::sip::parse::Source;

use super::KEY_LOG;
use crate::wire;

/// Longer ones cost more than they show.
const SEED_BYTES_MAX: usize = 32 * 1024;

/// Seeds by target, each once.
#[derive(Default)]
pub struct Seeds(pub BTreeMap<&'static str, Vec<Vec<u8>>>);

impl Seeds {
    fn add(&mut self, target: &'static str, parts: &[&[u8]]) {
        let seed = parts.concat();
        let seeds = self.0.entry(target).or_default();
        if seed.len() <= SEED_BYTES_MAX && !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    files.sort();
    files
}

/// One segment as the targets `tls` and `websocket` read it: direction, length, bytes.
fn note(connections: &mut BTreeMap<(u16, u16), Vec<u8>>, segment: &Segment<'_>) {
    let ports = (segment.flow.source.port, segment.flow.destination.port);
    let from_server = ports.0 < ports.1;
    let tape = connections.entry((ports.0.min(ports.1), ports.0.max(ports.1))).or_default();
    for part in segment.payload.chunks(0x0fff) {
        tape.push(u8::from(from_server));
        tape.extend(u16::try_from(part.len()).expect("a chunk is small").to_be_bytes());
        tape.extend(part);
    }
}

fn of_frames(seeds: &mut Seeds, capture: &[u8]) {
    let limits = Limits::default();
    let source = Box::new(std::io::Cursor::new(capture.to_vec()));
    let Ok(mut reader) = Reader::open(source, InputId(0), &limits) else { return };
    let mut connections = BTreeMap::new();
    while let Ok(Some(record)) = reader.next_record() {
        let Record::Frame(frame) = record else { continue };
        seeds.add("decode", &[&frame.link.0.to_be_bytes(), &[0], frame.bytes]);
        let datagram = frame.bytes.get(42..).unwrap_or_default();
        match packet::decode(&frame, &limits, &DecodeAs::default()) {
            Decoded::Captured(_) => seeds.add("hep", &[&64_u16.to_be_bytes(), datagram]),
            Decoded::Tcp(segment) => note(&mut connections, &segment),
            _ => {}
        }
    }
    for tape in connections.into_values().filter(|tape| tape.len() > 3) {
        let is_tls = matches!(tape.get(3), Some(20..=23));
        seeds.add(if is_tls { "tls" } else { "websocket" }, &[if is_tls { &b""[..] } else { &[1] }, &tape]);
    }
}

fn of_messages(seeds: &mut Seeds, capture: &[u8]) {
    let source = std::io::Cursor::new(capture.to_vec());
    let Ok(outcome) = wire::read_with_keys(source, &Limits::default(), KEY_LOG.as_bytes()) else { return };
    let mut stream = vec![2];
    for seen in &outcome.seen {
        stream.extend(&seen.bytes);
        seeds.add("message", &[&[0], &seen.bytes]);
        seeds.add("verify", &[&[3, 1, 2], &seen.bytes]);
        let message = sip::parse(&seen.bytes, Source { is_cut: seen.cut, header_fields_max: 1000 });
        for header in message.headers.iter() {
            let target = match header.name {
                HeaderName::Authorization
                | HeaderName::ProxyAuthorization
                | HeaderName::WwwAuthenticate
                | HeaderName::ProxyAuthenticate
                | HeaderName::AuthenticationInfo => "auth_header",
                HeaderName::From | HeaderName::To | HeaderName::Contact | HeaderName::Via => "uri",
                _ => continue,
            };
            seeds.add(target, &[message.text(header.value_at)]);
        }
    }
    seeds.add("framing", &[&stream]);
}

/// The seeds of every target, of the samples below this folder, which is the repository's.
pub fn of_samples(root: &Path) -> std::io::Result<Seeds> {
    let mut seeds = Seeds::default();
    for file in files(&root.join("samples")).into_iter().filter(|path| path.is_dir()).flat_map(|path| files(&path)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("capture.") {
            let capture = std::fs::read(&file)?;
            seeds.add("capture", &[&capture]);
            seeds.add("formats", &[&capture]);
            of_frames(&mut seeds, &capture);
            of_messages(&mut seeds, &capture);
        } else if name.starts_with("credentials") || name.ends_with(".conf") || name.ends_with(".xml") {
            seeds.add("keyrings", &[&std::fs::read(&file)?]);
        }
    }
    for line in std::fs::read_to_string(root.join("tests/it/filters/expressions.txt"))?.lines() {
        seeds.add("filter", &[line.as_bytes()]);
    }
    // A tape of segments and fragments in order: the fuzzer shuffles it.
    for kind in [2_u8, 4, 6] {
        let tape: Vec<u8> = (0..12_u16)
            .flat_map(|part| {
                let [high, low] = (part * 96).to_be_bytes();
                [kind | 0x40, 0, high, low, 24]
            })
            .collect();
        seeds.add("reassembly", &[&tape]);
    }
    Ok(seeds)
}
