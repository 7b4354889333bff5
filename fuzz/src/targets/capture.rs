//! Capture files of every kind: frames are numbered without a gap, none is longer than it was, and times can be told.

use std::io::Cursor;

use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::capture::Record;

/// One input.
pub fn run(bytes: &[u8]) {
    let limits = Limits { block_len_bytes_max: 1 << 20, ..Limits::default() };
    let Ok(mut reader) = Reader::open(Box::new(Cursor::new(bytes.to_vec())), InputId(0), &limits) else { return };
    let mut frames = 0;
    while let Ok(Some(record)) = reader.next_record() {
        if let Record::Frame(frame) = record {
            frames += 1;
            assert_eq!(frame.at.number.value(), frames);
            assert!(frame.bytes.len() <= frame.original_len as usize);
            assert!(frame.bytes.len() <= limits.block_len_bytes_max);
            frame.time.map(|time| time.as_ns());
        }
    }
    assert_eq!(reader.summary().packets, frames);
}
