//! What findings say of single frames, as the comments that Wireshark shows beside packets.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::FrameSet;
use crate::base::Untrusted;
use crate::report::Finding;

/// Comments by input and frame number.
pub type Comments = BTreeMap<(u16, u64), Vec<String>>;

/// Comments of one frame; further findings about it are in the report.
const COMMENTS_MAX: usize = 20;

/// The comments of all findings on the frames that are written: the first of each is told what was seen and what to do, the others
/// whose they are.
pub fn comments(findings: &[Finding], written: &FrameSet) -> Comments {
    let mut comments = Comments::new();
    for finding in findings {
        let head = format!(
            "sipauth {} {}: {} ({}): {}",
            finding.id, finding.severity, finding.rule, finding.code, finding.title
        );
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
