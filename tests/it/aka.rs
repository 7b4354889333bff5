//! Digests of AKA against values computed elsewhere: RES, CK and IK are those of 3GPP TS 35.208 §4.3.3, and the digests were made
//! of them by Python's hashlib and hmac.

use sipauth::auth::parse_credentials;
use sipauth::digest::Request;
use sipauth::digest::Verdict;
use sipauth::digest::Verifier;
use sipauth::digest::keyring;

/// RAND of the test set and an AUTN, in base64.
const NONCE: &str = "n3yNAhrM9NshPM/wx/caagABAgMEBQYHCAkKCwwNDg8=";

const DIGESTS: [(&str, &str); 12] = [
    ("AKAv1-MD5", "d8a0f88278a004106f5d144a3428d88d"),
    ("AKAv1-MD5-sess", "8f56b96b8d55ed9adcba0cc0fe87ccbd"),
    ("AKAv1-SHA-256", "76fca0d8cbfff7474f75d8cab696d01f688503603450201c546214c104b59cfd"),
    ("AKAv1-SHA-256-sess", "23e2f06ce70514d4c13e6366d4364658af19bfe7e9b30ca900f15ce0de5d6074"),
    ("AKAv1-SHA-512-256", "d2e0cab1d47ba61e8818519ca2c0dbc5020bfa73ae161366dbca8d1eed61e035"),
    ("AKAv1-SHA-512-256-sess", "5d9fb9b844705bbcc4664d4f941a1f6b14d7bda71d88b699484ce87d0a0a435e"),
    ("AKAv2-MD5", "2f91e4fd3231526f5ebb45ac7964e651"),
    ("AKAv2-MD5-sess", "887f1615082f2082ee9e9dda7eed5e00"),
    ("AKAv2-SHA-256", "e0af767f012c5aa1d818f4fdbcec534d9bb91f95eac3a0b785bfa5ee47feaf37"),
    ("AKAv2-SHA-256-sess", "9367d7ab71c1d00abfca3c033f952efb551a1af9338739055e7020e0677f872d"),
    ("AKAv2-SHA-512-256", "e96fe0d8c8a776fbbde7f139b3eb8e713ef14cc56afc66a1bf72078b13171b27"),
    ("AKAv2-SHA-512-256-sess", "6f13fe464f3e4dbb314709d3bdcc448fbd1963fe51fd1b98adc4adb0611c89b4"),
];

const K: &str = "fec86ba6eb707ed08905757b1bb44b8f";
const WITH_OPC: &str = "user,k,opc\n1001,fec86ba6eb707ed08905757b1bb44b8f,1006020f0a478bf6b699f15c062e42b3\n";
const WITH_OP: &str = "user,k,op\n1001,FEC86BA6EB707ED08905757B1BB44B8F,dbc59adcb6f9a0ef735477b7fadf8374\n";
const WITH_RES: &str = "user,realm,res\n1001,*,8011c48c0c214ed2\n";

fn header(algorithm: &str, response: &str, more: &str) -> String {
    format!(
        r#"Digest username="1001",realm="r",nonce="{NONCE}",uri="sip:x",response="{response}",qop=auth,nc=00000001,cnonce="c",algorithm={algorithm}{more}"#
    )
}

/// `match`, `mismatch`, or the reason why there is neither.
fn verdict(rows: &str, header: &str) -> &'static str {
    let (keyring, warnings) = keyring::read(rows.as_bytes(), "sim.csv", None).expect("credentials");
    assert_eq!(warnings, []);
    let request = Request { method: b"REGISTER", body: Some(b""), ambiguous: false, headers_cut: false };
    let checked = Verifier::new(keyring).check(&parse_credentials(header.as_bytes())[0], &request, None);
    match checked.expect("a secret of that user").verdict {
        Verdict::Unverifiable(reason) => reason.name(),
        verdict => verdict.name(),
    }
}

#[test]
fn the_key_of_the_sim_gives_every_form_of_the_digest() {
    for (algorithm, response) in DIGESTS {
        for rows in [WITH_OPC, WITH_OP] {
            assert_eq!(verdict(rows, &header(algorithm, response, "")), "match", "{algorithm}");
            let wrong = [&response[1..], &response[..1]].concat();
            assert_eq!(verdict(rows, &header(algorithm, &wrong, "")), "mismatch", "{algorithm}");
        }
    }
}

/// RES is the password of AKAv1, and of one challenge only.
#[test]
fn res_is_good_for_one_challenge() {
    for (algorithm, response) in DIGESTS {
        let expect = if algorithm.starts_with("AKAv1") { "match" } else { "aka_res_alone" };
        assert_eq!(verdict(WITH_RES, &header(algorithm, response, "")), expect, "{algorithm}");
    }
    let wrong = header("AKAv1-MD5", &"0".repeat(32), "");
    assert_eq!(verdict(WITH_RES, &wrong), "aka_res_of_another");
    assert_eq!(verdict(&format!("{WITH_RES}1001,*,8011c48c0c214ed3\n"), &wrong), "aka_res_of_another");
}

#[test]
fn with_auts_the_password_is_empty() {
    let header = header("AKAv1-MD5", "86f5a28da3a2d89b74a90d9596197960", r#",auts="5PYxMuX2NOT2NeQ2QzI=""#);
    assert_eq!(verdict(WITH_OPC, &header), "match");
    assert_eq!(verdict(WITH_RES, &header), "match");
    assert_eq!(verdict(WITH_OPC, &header.replace(",auts=", ",other=")), "mismatch");
}

#[test]
fn what_cannot_be_computed_says_why() {
    let (algorithm, response) = DIGESTS[0];
    let right = header(algorithm, response, "");
    assert_eq!(verdict("1001,*,password\n", &right), "aka_without_key");
    assert_eq!(verdict(&format!("1001:r:{}\n", "0".repeat(32)), &right), "aka_without_key");
    for nonce in ["n", "AAAA", "!!!!", &NONCE[..40], &NONCE.replace('+', " ")] {
        let expect = if nonce == NONCE { "match" } else { "aka_nonce_malformed" };
        assert_eq!(verdict(WITH_OPC, &right.replace(NONCE, nonce)), expect, "{nonce}");
    }
    // A SIM's key is no password.
    assert_eq!(verdict(WITH_OPC, &right.replace("AKAv1-MD5", "MD5")), "sim_only");
    // Server data may follow RAND and AUTN (RFC 3310 §3.2): the nonce is hashed as it stands, so this is another digest.
    let longer = right.replace(NONCE, &NONCE.replace("Dg8=", "Dg8QERITFBU="));
    assert_eq!(verdict(WITH_OPC, &longer), "mismatch");
    // With the password of another algorithm in the same row.
    let both = format!("user,password,k,opc\n1001,secret,{K},1006020f0a478bf6b699f15c062e42b3\n");
    assert_eq!(verdict(&both, &right), "match");
    // The first request of an IMS client.
    let initial = r#"Digest username="1001",realm="r",nonce="",uri="sip:x",response="",algorithm=AKAv1-MD5"#;
    assert_eq!(verdict(WITH_OPC, initial), "empty_parameter");
}
