//! The samples, what they are made of, and the analyzer run over captures in memory.

use std::io::Cursor;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::digest::Keyring;
use sipauth::digest::keyring;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::human::HumanReport;
use sipauth::report::json::JsonWriter;

use crate::wire;
use crate::wire::Order;
use crate::wire::Resolution;

/// One folder of `samples/`.
pub struct Sample {
    pub name: String,
    /// Where the capture is.
    pub path: PathBuf,
    /// The capture as it is on disk.
    pub bytes: Vec<u8>,
    /// The credentials file's name and content.
    pub credentials: Option<(String, Vec<u8>)>,
}

/// All samples, by name.
pub fn samples() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let entries = std::fs::read_dir(root).expect("samples/ is part of the package");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    let samples: Vec<Sample> = folders.iter().map(|folder| sample_in(folder)).collect();
    assert!(samples.len() > 100, "samples are missing: {} found", samples.len());
    samples
}

/// The sample of that name.
pub fn sample(name: &str) -> Sample {
    sample_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name))
}

fn sample_in(folder: &Path) -> Sample {
    let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
    let read = |file: &str| std::fs::read(folder.join(file)).ok();
    let file = ["capture.pcap", "capture.pcapng", "capture.pcap.gz", "capture.pcap.zst"]
        .into_iter()
        .find(|file| folder.join(file).exists());
    let path = folder.join(file.unwrap_or_else(|| panic!("{name} has no capture")));
    let credentials =
        ["credentials.csv", "credentials.htdigest"].into_iter().find_map(|file| Some((file, read(file)?)));
    let bytes = std::fs::read(&path).expect("a sample can be read");
    Sample { name, path, bytes, credentials: credentials.map(|(file, bytes)| (file.to_owned(), bytes)) }
}

impl Sample {
    /// The secrets of the folder; none where it has none.
    pub fn keyring(&self) -> Keyring {
        match &self.credentials {
            Some((file, bytes)) => keyring::read(bytes, file, None).expect("credentials of a sample can be read").0,
            None => Keyring::new(),
        }
    }

    pub fn report(&self) -> Report {
        analyze(&self.bytes, self.keyring())
    }

    /// The report on another capture, with this sample's secrets.
    pub fn report_on(&self, capture: &[u8]) -> Report {
        analyze(capture, self.keyring())
    }

    /// The report on another capture, with the secrets of its TLS connections.
    pub fn report_with_keys(&self, capture: &[u8], keys: &[u8]) -> Report {
        analyze_with(Cursor::new(capture.to_vec()), self.keyring(), keys).expect("it is a capture")
    }

    pub fn frames(&self) -> Vec<RawFrame> {
        frames(&self.bytes)
    }
}

/// The key logs of all samples: secrets are told apart by the connections that they belong to.
pub fn key_logs() -> &'static [u8] {
    static KEY_LOGS: OnceLock<Vec<u8>> = OnceLock::new();
    KEY_LOGS.get_or_init(|| {
        let folders = samples().into_iter().filter_map(|sample| Some(sample.path.parent()?.join("tls.keys")));
        folders.filter_map(|path| std::fs::read(path).ok()).flatten().collect()
    })
}

/// The report on one capture.
pub fn analyze(capture: &[u8], keyring: Keyring) -> Report {
    analyze_from(Cursor::new(capture.to_vec()), keyring).expect("it is a capture")
}

/// The report on what a source gives, read to its end or to its first fault; `None` where it is no capture at all.
pub fn analyze_from(source: impl Read + Send + 'static, keyring: Keyring) -> Option<Report> {
    analyze_with(source, keyring, key_logs())
}

fn analyze_with(source: impl Read + Send + 'static, keyring: Keyring, keys: &[u8]) -> Option<Report> {
    let mut analyzer = Analyzer::new(Settings { keyring, ..Settings::default() });
    analyzer.add_tls_key_log(keys);
    let mut reader = Reader::open(Box::new(source), InputId(0), &Limits::default()).ok()?;
    while let Ok(Some(record)) = reader.next_record() {
        analyzer.push(&record);
    }
    analyzer.end_input("capture", reader.summary());
    let report = analyzer.finish();
    let coverage = &report.coverage;
    let set_aside: u64 = coverage.set_aside.values().sum();
    assert_eq!(coverage.frames, coverage.used + set_aside, "every frame is used or set aside: {coverage:?}");
    assert_eq!(coverage.frames, report.inputs[0].packets);
    Some(report)
}

/// The report as the JSON that the binary writes.
pub fn json(report: &Report) -> String {
    let mut writer = JsonWriter::new(Vec::new(), Report::empty());
    for session in &report.sessions {
        writer.session(session).expect("memory can be written");
    }
    String::from_utf8(writer.finish(report).expect("memory can be written")).expect("JSON is UTF-8")
}

/// The report as the text that the binary writes, styles included.
pub fn human(report: &Report) -> String {
    let mut human = HumanReport::new(Redaction::Default);
    for session in &report.sessions {
        human.session(session);
    }
    human.print(report, sipauth::report::human::WIDTH_DEFAULT)
}

/// One frame with all that a capture file says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    pub time_ns: u64,
    pub link: u16,
    pub bytes: Vec<u8>,
    pub original_len: u32,
}

/// The frames of a capture.
pub fn frames(capture: &[u8]) -> Vec<RawFrame> {
    let mut frames = Vec::new();
    let source = Box::new(Cursor::new(capture.to_vec()));
    let mut reader = Reader::open(source, InputId(0), &Limits::default()).expect("it is a capture");
    while let Ok(Some(record)) = reader.next_record() {
        if let Record::Frame(frame) = record {
            frames.push(RawFrame {
                time_ns: u64::try_from(frame.time.expect("samples have times").as_ns()).expect("samples are recent"),
                link: frame.link.0,
                bytes: frame.bytes.to_vec(),
                original_len: frame.original_len,
            });
        }
    }
    frames
}

/// A pcap file of these frames.
pub fn pcap(order: Order, resolution: Resolution, frames: &[RawFrame]) -> Vec<u8> {
    let mut file = wire::pcap(order, resolution, &[]);
    // The link type is the last field of the header.
    let link = frames.first().map_or(1, |frame| u32::from(frame.link));
    file.truncate(20);
    file.extend(order.u32(link));
    let ns_per_tick = if resolution == Resolution::Nano { 1 } else { 1000 };
    for frame in frames {
        assert_eq!(u32::from(frame.link), link, "pcap holds one link type");
        let seconds = u32::try_from(frame.time_ns / 1_000_000_000).expect("pcap ends in 2106");
        let ticks = u32::try_from(frame.time_ns % 1_000_000_000 / ns_per_tick).expect("below a second");
        let len = u32::try_from(frame.bytes.len()).expect("a frame is small");
        for word in [seconds, ticks, len, frame.original_len] {
            file.extend(order.u32(word));
        }
        file.extend(&frame.bytes);
    }
    file
}

/// The pcap file that everything else is compared with.
pub fn plain_pcap(frames: &[RawFrame]) -> Vec<u8> {
    pcap(Order::Little, Resolution::Micro, frames)
}

/// A pcapng file of these frames.
pub fn pcapng(order: Order, resolution: Resolution, frames: &[RawFrame]) -> Vec<u8> {
    let (options, ns_per_tick) = match resolution {
        Resolution::Nano => (wire::option(order, 9, &[9]), 1),
        Resolution::Micro => (Vec::new(), 1000),
    };
    let link = frames.first().map_or(1, |frame| frame.link);
    let section = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    let interface = [&order.u16(link)[..], &order.u16(0), &order.u32(0), &options].concat();
    let mut file = [wire::block(order, 0x0a0d_0d0a, &section), wire::block(order, 1, &interface)].concat();
    for frame in frames {
        let ticks = frame.time_ns / ns_per_tick;
        let [high, low] =
            [ticks >> 32, ticks & 0xffff_ffff].map(|half| order.u32(u32::try_from(half).expect("a half")));
        let len = order.u32(u32::try_from(frame.bytes.len()).expect("a frame is small"));
        let head = [&order.u32(0)[..], &high, &low, &len, &order.u32(frame.original_len)].concat();
        file.extend(wire::block(order, 6, &[&head[..], &frame.bytes].concat()));
    }
    file
}
