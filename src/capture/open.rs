//! Tells what an input is by its first bytes, never by its name, and takes one layer of gzip or zstd off.

use std::io;
use std::io::BufReader;
use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use crate::capture::error::CaptureErrorKind;
use crate::capture::summary::Compression;
use crate::capture::summary::Format;
use crate::capture::zstd;

/// Compressed bytes read at a time.
const COMPRESSED_BUFFER_BYTES: usize = 64 * 1024;

/// Where the (uncompressed) bytes come from.
pub(super) enum Source {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
    Zstd(Box<zstd::Unpacked<BufReader<Counted>>>),
}

impl Source {
    /// Gives `source` its decoder. `head` was read from it already and is put back in front.
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        head: Vec<u8>,
        compression: Option<Compression>,
        zstd_window_bytes_max: usize,
    ) -> Source {
        let counted = Counted { inner: Box::new(io::Cursor::new(head).chain(source)), bytes: 0 };
        let Some(compression) = compression else { return Source::Plain(counted) };
        let buffered = BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, counted);
        match compression {
            Compression::Gzip => Source::Gzip(Box::new(MultiGzDecoder::new(buffered))),
            Compression::Zstd => Source::Zstd(Box::new(zstd::Unpacked::new(buffered, zstd_window_bytes_max))),
        }
    }

    /// Bytes taken from the input so far, compressed where it is compressed.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Source::Plain(counted) => counted.bytes,
            Source::Gzip(decoder) => decoder.get_ref().get_ref().bytes,
            Source::Zstd(decoder) => decoder.get_ref().get_ref().bytes,
        }
    }
}

impl Read for Source {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Plain(counted) => counted.read(space),
            Source::Gzip(decoder) => decoder.read(space),
            Source::Zstd(decoder) => decoder.read(space),
        }
    }
}

/// A reader that counts.
pub(super) struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(space)?;
        self.bytes = self.bytes.saturating_add(len as u64);
        Ok(len)
    }
}

/// Reads up to `len` bytes, fewer only at the end of the input. A pipe may hand over one byte at a time.
pub(super) fn read_head(source: &mut dyn Read, len: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(len);
    source.take(len as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// How the input is compressed that these bytes begin, if it is.
pub(super) fn compression(head: &[u8]) -> Option<Compression> {
    match head {
        // RFC 1952 §2.3.1.
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // RFC 8878 §3.1.1 and §3.1.2: a frame, or one that is passed over.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// The container that the bytes begin.
pub(super) fn recognise(head: &[u8]) -> Result<Format, CaptureErrorKind> {
    match head {
        [] => Err(CaptureErrorKind::Empty),
        [0xd4, 0xc3, 0xb2, 0xa1, ..] | [0xa1, 0xb2, 0xc3, 0xd4, ..] => Ok(Format::Pcap),
        [0x4d, 0x3c, 0xb2, 0xa1, ..] | [0xa1, 0xb2, 0x3c, 0x4d, ..] => Ok(Format::Pcap),
        // Alexey Kuznetsov's modified format, little endian.
        [0x34, 0xcd, 0xb2, 0xa1, ..] => Ok(Format::Pcap),
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => Ok(Format::PcapNg),
        _ => Err(CaptureErrorKind::NotACapture(describe(head))),
    }
}

/// `starts with 7b 22 73 63 (JSON?)`
fn describe(head: &[u8]) -> String {
    let bytes: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let guess = guess(head).map(|guess| format!(" ({guess}?)")).unwrap_or_default();
    format!("starts with {}{guess}", bytes.join(" "))
}

fn guess(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let guesses: [(&[u8], &str); 17] = [
        (&[0xa1, 0xb2, 0xcd, 0x34], "pcap, modified format, big endian"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd, compressed twice"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        (b"BZh", "bzip2"),
        (b"PK\x03\x04", "ZIP"),
        (&[0x1f, 0x8b], "gzip, compressed twice"),
        (b"snoop\0", "Solaris snoop"),
        (b"GMBU", "Microsoft Network Monitor"),
        (b"RTSS", "Microsoft Network Monitor"),
        (b"\x7fELF", "a program"),
        (b"%PDF", "PDF"),
        (b"HEP3", "HEP"),
        (b"SIP/2.0", "SIP text"),
        (b"{", "JSON"),
        (b"[", "JSON"),
        (b"<", "XML or HTML"),
        (b"#", "text"),
    ];
    let hit = guesses.iter().find(|(magic, _)| text.starts_with(magic)).map(|(_, name)| *name);
    hit.or_else(|| head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()).then_some("text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_named_by_its_first_bytes() {
        let check = |head: &[u8], expect: &str| {
            let error = recognise(head).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        let expected = "expected pcap, pcapng, or either compressed with gzip or zstd";
        check(b"{\"schema\"", &format!("not a capture: starts with 7b 22 73 63 (JSON?); {expected}"));
        check(b"REGISTER ", &format!("not a capture: starts with 52 45 47 49 (text?); {expected}"));
        check(
            b"\x28\xb5\x2f\xfd\x00",
            &format!("not a capture: starts with 28 b5 2f fd (zstd, compressed twice?); {expected}"),
        );
        check(b"\x01\x02", &format!("not a capture: starts with 01 02; {expected}"));
        check(b"", "empty file");
    }
}
