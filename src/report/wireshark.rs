//! Display filters to paste into Wireshark.

use std::borrow::Cow;
use std::fmt::Write;

use crate::base::FrameRef;
use crate::base::untrusted::is_printable_ascii;
use crate::base::without_secrets;
use crate::report::FrameAt;
use crate::report::Input;

/// Selects a Call-ID; `None` where the filter language cannot write it, or a secret stands in it: then frames must do.
pub fn call_id(call_id: &[u8]) -> Option<String> {
    let is_shown = is_printable_ascii(call_id) && matches!(without_secrets(call_id), Cow::Borrowed(_));
    let text = std::str::from_utf8(call_id).ok().filter(|_| is_shown)?;
    Some(["sip.Call-ID == \"", &text.replace('\\', "\\\\").replace('"', "\\\""), "\""].concat())
}

/// Selects frames by number, runs of them as ranges. Frames of later inputs are numbered anew: those of the first one named
/// are selected.
pub fn frames(frames: &[FrameRef]) -> String {
    let input = frames.first().map(|frame| frame.input);
    numbers(frames.iter().filter(|frame| Some(frame.input) == input).map(|frame| frame.number.value()).collect())
}

/// `frame 3`, and of which capture where there are several.
pub fn frame(frame: FrameAt, inputs: &[Input]) -> String {
    match capture(&[frame], inputs) {
        Some(capture) => format!("frame {} of {capture}", frame.number),
        None => format!("frame {}", frame.number),
    }
}

/// The capture whose frames a filter of [`frames`] selects; `None` where there is but one.
pub fn capture<'i>(frames: &[FrameAt], inputs: &'i [Input]) -> Option<&'i str> {
    let first = inputs.get(usize::from(frames.first()?.input))?;
    (inputs.len() > 1).then_some(first.path.as_str())
}

/// Selects frames by number.
pub fn numbers(mut numbers: Vec<u64>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.is_empty() {
        return "frame".to_owned();
    }
    let mut filter = String::from("frame.number in {");
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        let _ = match run {
            [first, _, .., last] => write!(filter, "{first}..{last},"),
            few => few.iter().try_for_each(|number| write!(filter, "{number},")),
        };
    }
    filter.pop();
    filter.push('}');
    filter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{FrameNumber, InputId};

    #[test]
    fn filters_are_what_wireshark_accepts() {
        let frame = |number: u64| {
            let number = (1..number).fold(FrameNumber::FIRST, |at, _| at.next());
            FrameRef { input: InputId(0), number }
        };
        let numbers: Vec<FrameRef> = [3, 5, 7, 8, 9, 11, 12].map(frame).to_vec();
        assert_eq!(frames(&numbers), "frame.number in {3,5,7..9,11,12}");
        assert_eq!(call_id(b"a\"b\\c@h").as_deref(), Some(r#"sip.Call-ID == "a\"b\\c@h""#));
        assert_eq!(call_id(b"a\x07"), None);
    }

    #[test]
    fn a_secret_in_a_call_id_stands_in_no_filter() {
        assert_eq!(call_id(b"1,response=0123456789abcdef"), None);
        assert_eq!(call_id(b"sip:alice:secret@192.0.2.1"), None);
    }
}
