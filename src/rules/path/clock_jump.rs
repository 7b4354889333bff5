//! SA610: time goes back.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA610",
    name: "clock-jump",
    label: "clock jump",
    severity: Severity::Info,
    summary: "The capture's clock goes back, or its interfaces differ",
    finds: "A packet that is more than a second older than the one before it: on the same interface, where the clock was set back or \
            files were joined without being sorted, or on two interfaces of one pcapng whose clocks differ.",
    matters: "Durations across the jump mean nothing: how old a nonce is, how long nobody answered. The order of the packets in the \
              file is what sipauth goes by.",
    advice: "Let the capturing machine keep its clock with NTP. Merge files with mergecap, which sorts by time, and not with cat.",
    not_this: "Packets of several queues or processors may be out of order by milliseconds: that is no jump. A clock that goes \
               forward looks like silence, and is not told.",
    sources: &["RFC 3261 section 17.1.1.2", "RFC 5905 section 7"],
    sample: "clock-jump",
    check: Check::Capture(check),
};

fn check(capture: &CaptureFacts) -> Vec<Finding> {
    let clock = &capture.clock;
    let mut said = Vec::new();
    if let Some((first, largest)) = clock.back.first.zip(clock.back.largest()) {
        said.push(format!(
            "Time goes back {}, first in frame {}, by {} at most: the clock was set, or files were joined without being sorted",
            facts::count(clock.back.count, "time"),
            first.number,
            facts::duration_text(largest),
        ));
    }
    if let Some((first, largest)) = clock.apart.first.zip(clock.apart.largest()) {
        said.push(format!(
            "The interfaces differ by up to {}, first in frame {}: each has a clock of its own",
            facts::duration_text(largest),
            first.number,
        ));
    }
    if said.is_empty() {
        return Vec::new();
    }
    let title = match clock.back.count {
        0 => "The clocks of the capture's interfaces differ",
        _ => "The clock of the capture goes back",
    };
    let mut finding = Finding::new(&RULE, title)
        .fault(Fault::Path)
        .explained(format!("{}. Durations across that place mean nothing.", said.join(". ")))
        .advises("Keep the capturing machine's clock with NTP, and merge files with mergecap, which sorts by time");
    finding.frames = clock.back.first.into_iter().chain(clock.apart.first).collect();
    finding.frames.sort_unstable();
    vec![finding]
}
