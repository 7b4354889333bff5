//! AKA: what the SIM says of a challenge, and digests whose password it makes.

use super::*;

/// RAND of the third test set of 3GPP TS 35.208, and an AUTN: 32 bytes in base64.
const NONCE: &str = "n3yNAhrM9NshPM/wx/caagABAgMEBQYHCAkKCwwNDg8=";
const OTHER: &str = "zoPbxUrAJ0oVfBf4DQF71gABAgMEBQYHCAkKCwwNDg8=";

fn asked(nonce: &str) -> String {
    format!("> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=AKAv1-MD5 nonce=\"{nonce}\"\n")
}

fn challenged(nonce: &str) -> String {
    format!("< 401\nWWW-Authenticate: challenge algorithm=AKAv1-MD5 nonce=\"{nonce}\"\n")
}

fn answered(nonce: &str, more: &str) -> String {
    format!(
        "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"{nonce}\", uri=\"sip:pbx.example.com\", algorithm=AKAv1-MD5, {more}\n"
    )
}

const AUTS: &str = "response=\"\", auts=\"5PYxMuX2NOT2NeQ2QzI=\"";
/// RFC 3310 §3.4: with auts, the response is made of an empty password.
const AUTS_SIGNED: &str = "response=\"0123456789abcdef0123456789abcdef\", auts=\"5PYxMuX2NOT2NeQ2QzI=\"";

#[test]
fn a_sim_out_of_step_is_found() {
    for auts in [AUTS, AUTS_SIGNED] {
        let recovered =
            [&asked(NONCE), &answered(NONCE, auts), &challenged(OTHER), RIGHT, OK].map(str::to_owned).concat();
        check(
            &[&recovered],
            NOTHING,
            "medium aka-sync-failure by=- excludes=wrong_key\ninfo normal-challenge\nno rejected-credentials challenge-loop retry-without-credentials\nattempts challenged challenged accepted",
        );
        let repeated =
            [asked(NONCE), answered(NONCE, auts), challenged(OTHER), answered(OTHER, auts), "< 403\n".to_owned()]
                .concat();
        check(
            &[&repeated],
            NOTHING,
            "high aka-sync-failure fault=server frames=4\nno rejected-credentials forbidden-after-credentials",
        );
        let unanswered = [
            asked(NONCE),
            answered(NONCE, auts),
            challenged(OTHER),
            answered(OTHER, auts),
            challenged("eA=="),
            LATER.to_owned(),
        ]
        .concat();
        check(&[&unanswered], NOTHING, "high aka-sync-failure fault=server by=-");
    }
    // An empty auts asks for nothing.
    let empty = [&asked(NONCE), &answered(NONCE, "response=\"0123456789abcdef0123456789abcdef\", auts=\"\""), REFUSED]
        .map(str::to_owned)
        .concat();
    check(&[&empty], NOTHING, "no aka-sync-failure aka-mac-failure");
}

#[test]
fn a_sim_that_distrusts_the_network_is_found() {
    let empty = "response=\"\"";
    let twice = [asked(NONCE), answered(NONCE, empty), challenged(OTHER), answered(OTHER, empty), "< 403\n".to_owned()]
        .concat();
    check(&[&twice], NOTHING, "high aka-mac-failure fault=operator by=- excludes=out_of_step\nno aka-sync-failure");
    let once = [asked(NONCE), answered(NONCE, empty), "< 403\n".to_owned()].concat();
    check(&[&once], NOTHING, "medium aka-mac-failure sure=likely");
    // The capture begins behind the challenge, which there was all the same.
    let late = [answered(NONCE, empty), "< 403\n".to_owned()].concat();
    check(&[&late], NOTHING, "no registrar-rejects-contact");
    let recovered = [&asked(NONCE), &answered(NONCE, empty), &challenged(OTHER), RIGHT, OK].map(str::to_owned).concat();
    check(&[&recovered], NOTHING, "medium aka-mac-failure\nsessions accepted");
    // The client leaves the algorithm out: the challenge names it.
    let unnamed = twice.replace("algorithm=AKAv1-MD5, response", "response");
    check(&[&unnamed], NOTHING, "high aka-mac-failure");
}

#[test]
fn an_empty_response_is_no_mac_failure_by_itself() {
    // RFC 3310 §4, TS 24.229 §5.1.1.2: the first REGISTER of an IMS client announces its name.
    let initial = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", uri=\"sip:pbx.example.com\", nonce=\"\", response=\"\", algorithm=AKAv1-MD5\n";
    check(
        &[initial, &challenged(NONCE), RIGHT, OK],
        NOTHING,
        "clean\nno aka-mac-failure aka-sync-failure\nsessions accepted",
    );
    // MD5 is no AKA.
    let md5 = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"x\", uri=\"sip:pbx.example.com\", response=\"\"\n";
    check(&["> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=x\n", md5, "< 403\n"], NOTHING, "no aka-mac-failure");
}

/// The third test set of 3GPP TS 35.208: RES is 8011c48c0c214ed2.
const SIM: &str = "user,k,op,opc\n1001,fec86ba6eb707ed08905757b1bb44b8f,,1006020f0a478bf6b699f15c062e42b3\n";

#[test]
fn a_digest_of_aka_is_checked_with_the_key_of_the_sim() {
    // md5sum over the bytes of RES, computed apart from the library.
    let response = "1701fe83a08accfde3372658bd518861";
    let asked = asked(NONCE).replace("challenge ", "challenge qop=none ");
    let right = [asked, answered(NONCE, &format!("response=\"{response}\"")), OK.to_owned()].concat();
    check(&[&right], SIM, "no digest-wrong-password verification-not-possible\nsessions accepted");
    assert_eq!(analyse(&[&right], SIM).summary.verifications.matched, 1);
    let wrong = right.replace(response, "0123456789abcdef0123456789abcdef").replace("< 200", "< 403");
    check(&[&wrong], SIM, "high digest-wrong-password");
    check(
        &[&wrong],
        "user,res\n1001,8011c48c0c214ed2\n",
        "no digest-wrong-password\ninfo verification-not-possible cause=aka_res_of_another",
    );
    check(&[&right], "user,password\n1001,x\n", "info verification-not-possible cause=aka_without_key");
}

#[test]
fn an_ims_phone_lets_a_challenge_go_that_agrees_on_nothing() {
    let initial = "Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", uri=\"sip:pbx.example.com\", nonce=\"\", response=\"\"\n";
    let client = "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4\n";
    let asked = |request: &str| {
        format!("> REGISTER\n{request}< 401\nWWW-Authenticate: challenge algorithm=AKAv1-MD5 nonce=n\n")
    };
    let told = "high challenge-unanswered cause=security-agreement fault=server sure=likely by=- says=no_Security-Server excludes=wrong_key\n\
        no algorithm-unsupported-no-retry";
    for request in [[initial, client].concat(), client.to_owned()] {
        check(&[&asked(&request), LATER], NOTHING, told);
    }
    let keys = "Digest realm=\"pbx.example.com\", nonce=\"n\", algorithm=AKAv1-MD5, ck=\"2b4af4327b00d39c\", ik=\"3c4af4327b00d39c\"";
    check(
        &[&asked(client).replace("challenge algorithm=AKAv1-MD5 nonce=n", keys), LATER],
        NOTHING,
        "high challenge-unanswered says=carries_ck_and_ik says=take_ck_and_ik_out",
    );
    // Who asked for no agreement is silent for another reason, and is no client that does not know AKA.
    check(
        &[&asked(initial), LATER],
        NOTHING,
        "high challenge-unanswered fault=client says=account_is_in_the_SIM unsaid=Security-Server\nno algorithm-unsupported-no-retry",
    );
    check(&[&asked(""), LATER], NOTHING, "high algorithm-unsupported-no-retry fault=client");
    // Between P-CSCF and S-CSCF nothing is agreed on.
    let core =
        "Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bKpcscf\nVia: SIP/2.0/UDP 10.46.0.2:5060;branch=z9hG4bKphone\n";
    check(
        &[&asked(&[core, client].concat()), LATER],
        NOTHING,
        "high challenge-unanswered unsaid=Security-Server\nno algorithm-unsupported-no-retry",
    );
    // What is agreed on goes on unseen, and a password needs no agreement.
    let agreed = [&asked(&[initial, client].concat()), "Security-Server: tls\n"].concat();
    check(&[&agreed, LATER], NOTHING, "high challenge-unanswered unsaid=no_Security-Server");
    let md5 = asked(client).replace("algorithm=AKAv1-MD5 ", "");
    check(&[&md5, LATER], NOTHING, "high challenge-unanswered fault=client unsaid=Security-Server");
}
