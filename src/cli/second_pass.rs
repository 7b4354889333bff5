//! What needs the frames once more when the report is known: the places of frames in their files.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::report::Report;
use sipauth::report::sarif;
use sipauth::report::sarif::Spans;

/// Where the frames that a report speaks of stand. What cannot be read a second time, as a pipe, has no places.
pub fn spans(report: &Report, inputs: &[PathBuf]) -> Spans {
    let wanted: BTreeSet<(u16, u64)> = sarif::frames(report).map(|frame| (frame.input, frame.number)).collect();
    let mut spans = Spans::new();
    for (index, input) in (0_u16..).zip(&report.inputs) {
        // Inputs that could not be opened have no index: the others are found by name.
        let path = inputs.iter().find(|path| path.to_string_lossy() == input.path);
        let Some(path) = path.filter(|path| path.is_file()) else { continue };
        let mut numbers = wanted.range((index, 0)..=(index, u64::MAX)).peekable();
        let Ok(file) = File::open(path) else { continue };
        let Ok(mut reader) = Reader::open(Box::new(file), InputId(index), &Limits::default()) else { continue };
        while let Some(next) = numbers.peek() {
            let number = match reader.next_record() {
                Ok(Some(Record::Frame(frame))) => frame.at.number.value(),
                Ok(Some(_)) => continue,
                _ => break,
            };
            if number >= next.1 {
                spans.extend(reader.frame_span().filter(|_| number == next.1).map(|span| ((index, number), span)));
                numbers.next();
            }
        }
    }
    spans
}
