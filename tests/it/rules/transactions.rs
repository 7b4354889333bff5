//! Group D: CSeq, branch, tags and Call-ID of a retry.

use super::*;

const SAME_CSEQ: &str = "> REGISTER\nCSeq: 1 REGISTER\nAuthorization: digest user=1001 password=secret\n";

#[test]
fn cseq_not_incremented_is_graded() {
    check(&[ASKED, SAME_CSEQ, "< 482\n"], NOTHING, "high cseq-not-incremented fault=client sure=likely by=-");
    let named = "high cseq-not-incremented fault=client sure=likely by=- says=names_CSeq_as_the_reason";
    check(&[ASKED, SAME_CSEQ, "< 500 CSeq out of order\n"], NOTHING, named);
    // One of two copies of the retry, the other of which got through.
    check(&[ASKED, SAME_CSEQ, "< 500 CSeq out of order\n", RIGHT, OK], NOTHING, "medium cseq-not-incremented");
    check(&[ASKED, SAME_CSEQ, "< 500\n"], NOTHING, "medium cseq-not-incremented sure=possible unsaid=names_CSeq");
    check(
        &[ASKED, SAME_CSEQ, REFUSED],
        SECRET,
        "high cseq-not-incremented sure=possible says=has_this_account by=-\nmedium digest-ok-but-rejected by=cseq-not-incremented",
    );
    check(
        &[ASKED, SAME_CSEQ, REFUSED],
        NOTHING,
        "medium cseq-not-incremented sure=possible\nhigh rejected-credentials",
    );
    check(&[ASKED, SAME_CSEQ, OK], SECRET, "low cseq-not-incremented sure=proven\nsessions accepted");
    let lower = "> REGISTER\nCSeq: 9 REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(&[lower, SAME_CSEQ, OK], SECRET, "low cseq-not-incremented says=lower");
    let wrong = SAME_CSEQ.replace("secret", "wrong");
    check(
        &[ASKED, &wrong, REFUSED],
        SECRET,
        "medium cseq-not-incremented sure=possible\nhigh digest-wrong-password by=-",
    );
}

#[test]
fn cseq_not_incremented_is_not_said_of_ack_nor_of_a_resend() {
    check(&[ASKED, RIGHT, REFUSED], SECRET, "no cseq-not-incremented branch-reused");
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "no cseq-not-incremented branch-reused");
    check(&[ASKED, RIGHT, "+0.5 retransmit\n", OK], SECRET, "no cseq-not-incremented");
    let spare = "spare 203.0.113.11\n";
    let elsewhere = "client > spare REGISTER\nCSeq: 2 REGISTER\nAuthorization: digest user=1001 password=secret\nspare > client 200\n";
    check(&[spare, ASKED, elsewhere], SECRET, "no cseq-not-incremented");
}

const VIA: &str = "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK91c2;rport\n";

fn with_branch(credentials: &str) -> String {
    format!("> REGISTER\n{VIA}{credentials}")
}

#[test]
fn branch_reused_is_graded() {
    let asked = with_branch("< 401\nWWW-Authenticate: challenge nonce=kept\n");
    let retry = with_branch("Authorization: digest user=1001 password=secret\n");
    let kept = "< 401\nWWW-Authenticate: challenge nonce=kept\n";
    // What the server had sent comes again with the CSeq number of the first; what it makes anew may have the same nonce.
    let same = with_branch("CSeq: 1 REGISTER\nAuthorization: digest user=1001 password=secret\n");
    check(&[&asked, &same, "retransmit 2\n", LATER], NOTHING, "high branch-reused fault=client sure=likely by=-");
    check(&[&asked, &same, "retransmit 2\n", LATER], SECRET, "high branch-reused by=-\nno digest-wrong-password");
    let anew = "medium branch-reused sure=possible by=- says=hardly_why";
    check(&[&asked, &retry, kept, LATER], NOTHING, &format!("{anew}\nhigh rejected-credentials by=-"));
    check(&[&asked, &retry, kept, LATER], SECRET, &format!("{anew}\nhigh digest-ok-but-rejected by=-"));
    check(&[&asked, &retry, LATER], NOTHING, "high branch-reused sure=possible");
    check(&[&asked, &retry, REFUSED], NOTHING, "medium branch-reused sure=possible\nhigh rejected-credentials");
    check(&[&asked, &retry, OK], SECRET, "medium branch-reused sure=proven\nsessions accepted");
    // A stateless proxy makes its branch of the client's, which may be the same one, too.
    let forwarded = format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKproxy\n{VIA}");
    let story = [&asked, &same, "retransmit 2\n", LATER].concat().replace(VIA, &forwarded);
    check(&[&story], NOTHING, "high branch-reused fault=path sure=possible says=Vias_below");
}

#[test]
fn branch_reused_is_not_said_of_old_stacks_nor_of_copies() {
    let old = |text: &str| text.replace("z9hG4bK91c2", "91c2");
    let asked = old(&with_branch("< 401\nWWW-Authenticate: challenge nonce=kept\n"));
    let retry = old(&with_branch("Authorization: digest user=1001 password=secret\n"));
    check(&[&asked, &retry, OK], SECRET, "no branch-reused");
    check(&[ASKED, RIGHT, "+0.5 retransmit\n", OK], SECRET, "no branch-reused");
    check(&[CALL_ASKED, CALL_WRONG, CALL_REFUSED], SECRET, "no branch-reused");
}

const TAGGED: &str =
    "> INVITE\nTo: <sip:2000@pbx.example.com>;tag=37f2\nProxy-Authorization: digest user=1001 password=secret\n";

#[test]
fn to_tag_added_to_retry_is_found() {
    check(
        &[CALL_ASKED, TAGGED, "< 481\n> ACK\n"],
        SECRET,
        "medium to-tag-added-to-retry fault=client sure=likely by=-",
    );
    check(&[CALL_ASKED, TAGGED, CALL_OK], SECRET, "medium to-tag-added-to-retry sure=proven\nsessions accepted");
    check(&[CALL_ASKED, TAGGED, CALL_REFUSED], NOTHING, "medium to-tag-added-to-retry sure=possible");
}

#[test]
fn to_tag_added_to_retry_is_not_said_within_a_dialog() {
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, "+9 ", TAGGED, CALL_OK], SECRET, "no to-tag-added-to-retry");
    check(&[CALL_ASKED, CALL_RIGHT, "< 481\n> ACK\n"], SECRET, "no to-tag-added-to-retry");
    let within = "> INVITE\nTo: <sip:2000@pbx.example.com>;tag=37f2\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(&[within, TAGGED, CALL_OK], SECRET, "no to-tag-added-to-retry");
}

const MOVED: &str = "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n";

#[test]
fn dialog_identity_changed_is_found() {
    check(&[ASKED, MOVED, "[b] < 200\n"], SECRET, "medium dialog-identity-changed fault=client sure=proven");
    check(
        &[ASKED, MOVED, "[b] < 401\n", "WWW-Authenticate: challenge\n"],
        SECRET,
        "high dialog-identity-changed by=-\nmedium digest-ok-but-rejected by=dialog-identity-changed",
    );
    check(
        &[ASKED, MOVED, "[b] < 401\n", "WWW-Authenticate: challenge\n"],
        NOTHING,
        "medium dialog-identity-changed sure=possible\nhigh rejected-credentials",
    );
    let tag =
        "> REGISTER\nFrom: <sip:1001@pbx.example.com>;tag=another\nAuthorization: digest user=1001 password=secret\n";
    check(&[ASKED, tag, OK], SECRET, "medium dialog-identity-changed says=From_tag");
}

#[test]
fn dialog_identity_changed_is_not_a_nonce_that_is_used_again_elsewhere() {
    check(&[ASKED, RIGHT, OK, "+60 ", MOVED, "[b] < 200\n"], SECRET, "no dialog-identity-changed");
    // The other Call-ID was faster; the challenge is answered at home as well.
    check(
        &[ASKED, MOVED, "[b] < 200\n", "> REGISTER\nAuthorization: digest user=1001 password=secret nc=00000002\n", OK],
        SECRET,
        "no dialog-identity-changed",
    );
    let call = "[b] > INVITE\nAuthorization: digest user=1001 password=secret\n[b] < 200\n[b] > ACK\n";
    check(&[ASKED, call], SECRET, "no dialog-identity-changed");
    let other = "[b] > REGISTER\nTo: <sip:1002@pbx.example.com>\nFrom: <sip:1002@pbx.example.com>;tag=x\nAuthorization: digest user=1002 password=secret\n[b] < 200\n";
    check(&[ASKED, other], NOTHING, "no dialog-identity-changed");
    check(&[ASKED, RIGHT, OK], SECRET, "no dialog-identity-changed");
}

#[test]
fn overlapping_register_is_found() {
    let late = "> REGISTER\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKov1;rport\n+0.002 > REGISTER\n+0.01 < 401\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKov1;rport\nCSeq: 1 REGISTER\nWWW-Authenticate: challenge\n< 401\nWWW-Authenticate: challenge\n";
    check(&[late, RIGHT, OK], SECRET, "medium overlapping-register fault=client sure=proven\nsessions accepted");
    check(&["> REGISTER\n", "+0.2 > REGISTER\n", OK], NOTHING, "medium overlapping-register sure=possible");
    check(
        &["> REGISTER\n", "+0.5 retransmit\n", "+1 > REGISTER\n", OK],
        NOTHING,
        "medium overlapping-register sure=possible",
    );
}

#[test]
fn overlapping_register_is_not_said_of_copies_nor_after_a_timeout() {
    check(&[ASKED, "+0.5 ", RIGHT, "+0.5 retransmit\n+1 retransmit\n", OK], SECRET, "no overlapping-register");
    check(&["> REGISTER\n", "+40 ", ASKED, RIGHT, OK], SECRET, "no overlapping-register");
    check(&["> OPTIONS\n", "+1 > OPTIONS\n", OK], NOTHING, "no overlapping-register");
    // Who hears nothing sends it again within five seconds: the capture has lost the answer.
    check(&["> REGISTER\n", "+5 > REGISTER\n", OK], NOTHING, "no overlapping-register");
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, OK], SECRET, "no overlapping-register");
}

fn registration(call: &str) -> String {
    let lines = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n> REGISTER\nAuthorization: digest user=1001 password=secret\n< 200\n";
    lines.replace("> ", &format!("[{call}] > ")).replace("< ", &format!("[{call}] < "))
}

#[test]
fn registration_callid_churn_is_found() {
    let all: Vec<String> = ["a", "b", "c", "d"].iter().map(|call| format!("+60 {}", registration(call))).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    check(&all, SECRET, "clean\ninfo registration-callid-churn fault=client");
    check(&all[..2], SECRET, "no registration-callid-churn");
}

#[test]
fn registration_callid_churn_is_not_said_where_call_ids_are_kept() {
    let kept = format!("{}+60 {}", registration("a"), registration("a"));
    check(&[&kept, &registration("b"), &registration("c"), &registration("d")], SECRET, "no registration-callid-churn");
    let refused = |call: &str| registration(call).replace("< 200", "< 403");
    check(&[&refused("a"), &refused("b"), &refused("c"), &refused("d")], SECRET, "no registration-callid-churn");
}
