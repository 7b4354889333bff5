//! Answers that the capture lacks, and that came all the same: nobody failed for them.

use super::*;

/// Longer than one fragment of a small MTU.
fn long(answer: &str) -> String {
    format!("< first-fragment-of {answer}X-Padding: {}\n", "x".repeat(500))
}

#[test]
fn an_answer_whose_first_fragment_is_there_was_given() {
    let accepted = long("200\n");
    let open = "info fragments-incomplete\nno auth-retry-no-response no-response-at-all\nuntold did not get in\nsessions undecided";
    check(&["mtu 576\n", ASKED, RIGHT, &accepted, LATER], NOTHING, open);
    // The same of each refresh, and of what else is told of them.
    let refresh = format!("+50 {RIGHT}{accepted}");
    check(&["mtu 576\n", ASKED, RIGHT, &accepted, &refresh.repeat(3), LATER], NOTHING, open);
    check(&["mtu 576\n", ASKED, RIGHT, OK, &refresh, LATER], NOTHING, "info fragments-incomplete\nsessions accepted");
    // Who goes on to repeat his request has not got it.
    let repeated = "+0.5 retransmit 3\n+1 retransmit 3\n+2 retransmit 3\n+4 retransmit 3\n";
    let lost = "high fragments-incomplete fault=path says=did_not_arrive\ntold did not get in\nsessions no_answer";
    check(&["mtu 576\n", ASKED, RIGHT, &accepted, repeated, LATER], NOTHING, lost);
}
