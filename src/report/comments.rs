//! What findings say of single frames, as the comments that Wireshark shows beside packets, and what the capture's own comments may say.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::FrameSet;
use crate::base::Untrusted;
use crate::report::Finding;
use crate::report::hidden;
use crate::report::hidden::Hides;

/// Comments by input and frame number.
pub type Comments = BTreeMap<(u16, u64), Vec<String>>;

/// Comments of one frame; further findings about it are in the report.
const COMMENTS_MAX: usize = 20;

/// What stands for each byte of a secret.
const MASK: u8 = b'x';

/// What comments of findings begin with.
const OWN: &str = "sipauth ";

/// A text of a capture's own, as it may be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Lines, safe to show.
    pub text: String,
    /// Whether something in it was overwritten.
    pub is_masked: bool,
}

/// What somebody wrote into a capture, without what may be a secret and without characters that act.
pub fn copied(text: &[u8], hides: Option<Hides>) -> Copied {
    let mut masked = text.to_vec();
    for secret in hides.map(|hides| hidden::secrets_of_prose(text, hides)).unwrap_or_default() {
        masked.get_mut(secret).unwrap_or_default().fill(MASK);
    }
    let lines = masked.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cells = line.split(|byte| *byte == b'\t').map(|cell| Untrusted(cell).to_terminal());
        cells.collect::<Vec<_>>().join(" ")
    });
    Copied { text: lines.collect::<Vec<_>>().join("\n"), is_masked: masked != text }
}

/// The same of a comment on a frame. One that speaks like a finding, as of an earlier run, is told from those of this one.
pub fn copied_comment(text: &[u8], hides: Option<Hides>) -> Copied {
    let copied = copied(text, hides);
    let is_like_own = copied.text.trim_start().starts_with(OWN);
    if is_like_own { Copied { text: format!("before: {}", copied.text), ..copied } } else { copied }
}

/// The comments of all findings on the frames that are written: the first frame of a finding says what was seen and what to do, its
/// others name the finding.
pub fn comments(findings: &[Finding], written: &FrameSet) -> Comments {
    let mut comments = Comments::new();
    for finding in findings {
        let head =
            format!("{OWN}{} {}: {} ({}): {}", finding.id, finding.severity, finding.rule, finding.code, finding.title);
        let mut text = format!("{head}. {}", finding.explanation);
        for (number, remedy) in (1..).zip(&finding.remedy) {
            text.push_str(&format!(" Do {number}: {remedy}."));
        }
        let mut seen = BTreeSet::new();
        for frame in &finding.frames {
            let is_new = seen.insert((frame.input, frame.number));
            if !is_new || !written.has(frame.input, frame.number) {
                continue;
            }
            let of_frame = comments.entry((frame.input, frame.number)).or_default();
            if of_frame.len() < COMMENTS_MAX {
                of_frame.push(Untrusted(std::mem::replace(&mut text, head.clone()).as_bytes()).to_terminal());
            }
        }
    }
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_copied_without_secrets() {
        let check = |text: &str, expected: &str, is_masked: bool| {
            let expected = Copied { text: expected.to_owned(), is_masked };
            assert_eq!(copied_comment(text.as_bytes(), Some(Hides::Digests)), expected, "{text:?}");
        };
        check("two\r\nlines\tand a tab", "two\nlines and a tab", false);
        check("\u{1b}[31mred \u{202e}", "\\x1b[31mred <U+202E>", false);
        check("response=\"0123\"", "response=\"xxxx\"", true);
        check("sipauth F1 high: nothing to see here", "before: sipauth F1 high: nothing to see here", false);
        assert_eq!(copied(b"response=0123", None).text, "response=0123");
    }
}
