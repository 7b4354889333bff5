//! How SIP authentication fails in the field, one failure a row: the sample or scenario that shows it, and the finding that has
//! to stand first because it is the cause.

use super::*;
use crate::corpus;

/// Where a failure is shown.
enum Shown {
    /// By a folder of `samples/`.
    Sample(&'static str),
    /// By a scenario, read with these credentials.
    Scenario(&'static [&'static str], &'static str),
}

use Shown::Sample;
use Shown::Scenario;

/// The failure in words; who shows it; severity, rule and fault of the first finding, or `-` where nothing of medium or above may be found.
type Failure = (&'static str, Shown, &'static str);

const NO_QOP: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=none\n";
const SHA_256: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\n";
const FORBIDDEN: &str = "< 403\n";
const BAD_REQUEST: &str = "< 400\n";
const ASKED_N: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n\n";
const DOUBLED_QUOTES: &str = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", cnonce=\"c\", nc=00000001, qop=\"\"auth\"\"\n";
const QUOTED_ALGORITHM: &str = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", cnonce=\"c\", nc=00000001, qop=auth, algorithm=\"MD5\"\n";
const REFUSED_ASTERISK: &str = "< 401\nWWW-Authenticate: challenge realm=asterisk\n";
const REALM_ASTERISK: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge realm=asterisk\n";

const NONCES: &[Failure] = &[
    (
        "a nonce that ran out is refused without stale",
        Sample("register-nonce-rejected-without-stale"),
        "high nonce-rejected-without-stale server",
    ),
    ("every nonce runs out before its answer arrives", Sample("invite-stale-loop"), "high stale-loop server"),
    ("stale=true, and the client gives up", Sample("register-stale-ignored"), "high stale-ignored-by-client client"),
    ("the client caches its first challenge", Sample("register-old-nonce-reused"), "high old-nonce-reused client"),
    ("the nonce count stands still at 1", Sample("register-nonce-count-stuck"), "medium nc-repeated client"),
    (
        "the nonce count stands still at 1, and the server forbids it",
        Scenario(
            &[
                ASKED,
                RIGHT,
                OK,
                "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nc=00000001\n",
                FORBIDDEN,
            ],
            SECRET,
        ),
        "high nc-repeated client",
    ),
    (
        "the nonce count is not reset for a new nonce",
        Sample("register-nonce-count-not-reset"),
        "medium nc-not-reset client",
    ),
    (
        "the nonce count is printed as a decimal number",
        Sample("register-nonce-count-decimal"),
        "medium nc-decimal client",
    ),
    ("the nonce count has too few digits", Sample("register-nonce-count-malformed"), "high nc-malformed client"),
    (
        "the nonce count has seven digits",
        Scenario(&[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret nc=0000001\n", REFUSED], SECRET),
        "high nc-malformed client",
    ),
    (
        "the first nonce count is zero",
        Scenario(
            &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret nc=00000000\n", REFUSED],
            SECRET,
        ),
        "high nc-malformed client",
    ),
    (
        "the client sends its answer to another node",
        Sample("register-nonce-from-other-node"),
        "high nonce-from-other-server client",
    ),
    (
        "the answer comes from another address",
        Sample("register-transport-source-changed"),
        "high nonce-bound-to-source-changed path",
    ),
    (
        "a nonce used twice is forbidden, not called stale",
        Scenario(
            &[ASKED, RIGHT, OK, "+60 > REGISTER\nAuthorization: digest user=1001 password=secret\n", FORBIDDEN],
            SECRET,
        ),
        "high forbidden-after-credentials server",
    ),
    ("a nonce that was announced is not used", Sample("register-nextnonce-ignored"), "medium nextnonce-ignored client"),
    ("the server was restarted, and its nonces with it", Sample("register-server-restarted"), "-"),
    (
        "credentials come unasked, from a cached challenge, and are accepted",
        Scenario(
            &["> REGISTER\nAuthorization: digest user=1001 password=secret nonce=cached realm=pbx.example.com\n", OK],
            SECRET,
        ),
        "-",
    ),
    ("credentials come unasked, and the nonce is unknown", Sample("register-nonce-unknown"), "-"),
];

const CHALLENGES: &[Failure] = &[
    ("a 401 that asks nothing", Sample("register-401-without-challenge"), "high challenge-header-missing server"),
    (
        "a 401 that asks nothing, to a SUBSCRIBE",
        Scenario(&["> SUBSCRIBE\n< 401\n", LATER], NOTHING),
        "high challenge-header-missing server",
    ),
    (
        "a 407 that asks nothing, to an INVITE",
        Scenario(&["> INVITE\n< 407\n> ACK\n", LATER], NOTHING),
        "high challenge-header-missing server",
    ),
    (
        "SHA-256 stands first, and the client gives up",
        Sample("register-two-algorithms-unanswered"),
        "medium algorithm-unsupported-no-retry client",
    ),
    (
        "SHA-256 is asked for, and the client answers with MD5",
        Scenario(
            &[SHA_256, "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=MD5\n", REFUSED],
            SECRET,
        ),
        "high algorithm-not-offered client",
    ),
    (
        "a challenge of each algorithm is answered",
        Sample("register-answers-both-algorithms"),
        "medium multiple-credentials-one-realm client",
    ),
    (
        "the second proxy's realm drives out the first",
        Sample("invite-realm-dropped"),
        "high realm-credentials-dropped client",
    ),
    ("a 407 is answered in Authorization", Sample("invite-wrong-header"), "high credentials-wrong-header client"),
    (
        "a 401 is answered in Proxy-Authorization",
        Sample("register-wrong-header"),
        "high credentials-wrong-header client",
    ),
    ("a challenge has no nonce", Sample("register-challenge-without-nonce"), "high challenge-malformed server"),
    (
        "a challenge has an empty nonce",
        Scenario(
            &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"\"\n", LATER],
            NOTHING,
        ),
        "high challenge-malformed server",
    ),
    (
        "a challenge has no realm",
        Scenario(&["> REGISTER\n< 401\nWWW-Authenticate: Digest nonce=\"abc\"\n", LATER], NOTHING),
        "high challenge-malformed server",
    ),
    (
        "a challenge comes after the first ringing",
        Sample("invite-late-challenge-unanswered"),
        "high challenge-unanswered client",
    ),
    (
        "a BYE is challenged, and nobody answers",
        Sample("bye-challenged-unanswered"),
        "high in-dialog-challenge-unanswered client",
    ),
    ("the first, bare request is counted as a failure", Sample("register-ok"), "-"),
    ("each refresh is challenged anew", Sample("register-refresh-challenged-each-time"), "-"),
    (
        "REGISTER works, and SUBSCRIBE is refused",
        Sample("subscribe-refused-register-ok"),
        "high digest-ok-but-rejected server",
    ),
];

const CREDENTIALS: &[Failure] = &[
    ("opaque is not returned", Sample("register-opaque-dropped"), "high opaque-missing-or-changed client"),
    ("qop stands in quotes", Sample("register-quoted-tokens"), "high malformed-credentials client"),
    (
        "qop stands in doubled quotes",
        Scenario(&[ASKED_N, DOUBLED_QUOTES, BAD_REQUEST], NOTHING),
        "high malformed-credentials client",
    ),
    (
        "qop is answered without cnonce and nc",
        Sample("register-qop-without-cnonce"),
        "high malformed-credentials client",
    ),
    ("qop is dropped", Sample("register-qop-dropped"), "high qop-dropped client"),
    (
        "qop is answered that was not offered",
        Scenario(&[NO_QOP, "> REGISTER\nAuthorization: digest user=1001 password=secret qop=auth\n", REFUSED], SECRET),
        "high qop-not-offered client",
    ),
    ("a qop is chosen that is not in the list", Sample("invite-qop-not-offered"), "medium qop-not-offered client"),
    (
        "algorithm stands in quotes",
        Scenario(&[ASKED_N, QUOTED_ALGORITHM, BAD_REQUEST], NOTHING),
        "high malformed-credentials client",
    ),
    (
        "algorithm is left out where SHA-256 was asked for",
        Scenario(
            &[
                SHA_256,
                "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=none signed-algorithm=SHA-256\n",
                REFUSED,
            ],
            SECRET,
        ),
        "high digest-near-miss client",
    ),
    ("the digest is in capital letters", Sample("register-response-uppercase"), "high response-uppercase client"),
    ("the digest has a wrong length", Sample("register-response-malformed"), "high response-malformed client"),
    (
        "the digest is one of SHA-256 under the name of MD5",
        Scenario(
            &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret signed-algorithm=SHA-256\n", REFUSED],
            NOTHING,
        ),
        "high response-malformed client",
    ),
    (
        "the uri is not the Request-URI, and a strict SBC refuses it",
        Sample("invite-uri-differs-refused"),
        "high uri-differs-from-request-uri client",
    ),
    (
        "the digest covers an empty body, and one came",
        Sample("invite-auth-int-body-changed"),
        "high auth-int-body-mismatch unknown",
    ),
    ("the client insists on a realm of its own", Sample("register-realm-mismatch"), "high realm-mismatch client"),
    ("a line end got into the password", Sample("register-password-with-newline"), "high digest-near-miss client"),
    (
        "a semicolon in the password begins a comment",
        Scenario(
            &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret\n", REFUSED],
            "1001,*,secret;more\n",
        ),
        "high digest-near-miss client",
    ),
    (
        "the password was unescaped by a parser of XML",
        Scenario(&[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=a&b\n", REFUSED], "1001,*,a&amp;b\n"),
        "high digest-near-miss client",
    ),
    (
        "the stored HA1 was made for another realm",
        Scenario(
            &[
                REALM_ASTERISK,
                "> REGISTER\nAuthorization: digest user=1001 password=secret signed-realm=pbx.example.com\n",
                REFUSED_ASTERISK,
            ],
            SECRET,
        ),
        "high digest-near-miss client",
    ),
    (
        "the stored HA1 was made for user@domain",
        Scenario(
            &[
                ASKED,
                "> REGISTER\nAuthorization: digest user=1001 password=secret signed-user=1001@pbx.example.com\n",
                REFUSED,
            ],
            SECRET,
        ),
        "high digest-near-miss client",
    ),
    (
        "the account may not do what it asks for",
        Sample("register-right-digest-403"),
        "high forbidden-after-credentials server",
    ),
    (
        "the auth user is not the account",
        Sample("register-username-not-aor-403"),
        "high forbidden-after-credentials operator",
    ),
    ("the SIM is out of step with the network", Sample("register-aka-sync-failure"), "medium aka-sync-failure unknown"),
    ("the SIM distrusts the network", Sample("register-aka-mac-failure"), "high aka-mac-failure operator"),
];

const TRANSACTIONS_AND_PATHS: &[Failure] = &[
    ("the retry does not raise its CSeq", Sample("register-cseq-not-raised"), "high cseq-not-incremented client"),
    ("the retry has a new Call-ID", Sample("register-new-call-id"), "high dialog-identity-changed client"),
    ("the retry has the old branch", Sample("invite-branch-reused"), "high branch-reused client"),
    ("the 407 gets no ACK", Sample("invite-ack-missing"), "high ack-missing client"),
    ("the ACK does not fit", Sample("invite-ack-mismatch"), "high ack-mismatch client"),
    (
        "the request with credentials is too large",
        Sample("invite-retry-too-large"),
        "high auth-request-too-large-for-udp path",
    ),
    ("a fragment of the request is lost", Sample("invite-fragment-lost"), "high fragments-incomplete path"),
    ("a call that grew moves from UDP to TCP", Sample("invite-401-ok-asterisk"), "-"),
    ("a device rewrites the credentials", Sample("alg-rewrites-credentials"), "high header-altered-en-route path"),
    ("a SIP ALG rewrites addresses and body", Sample("alg-suspected"), "high auth-int-body-mismatch path"),
    ("the server answers nothing", Sample("invite-no-answer"), "high no-response-at-all path"),
    ("the address is blocked after refusals", Sample("blocked-after-failures"), "high digest-wrong-password client"),
    ("a callee asks the caller for a digest", Sample("digest-leak"), "critical digest-leak client"),
    (
        "an account that does not exist is challenged for ever",
        Scenario(UNKNOWN_ACCOUNT, NOTHING),
        "high rejected-credentials unknown",
    ),
];

/// As Asterisk does it, which challenges whom it does not know like everybody else.
const UNKNOWN_ACCOUNT: &[&str] = &[
    "agent server Asterisk PBX 20.5.0\n",
    "> REGISTER\n< 401\nWWW-Authenticate: challenge realm=asterisk nonce=1767607200/0123456789abcdef0123456789abcdef\n",
    "> REGISTER\nAuthorization: digest user=1001 password=a\n< 401\n",
    "WWW-Authenticate: challenge realm=asterisk nonce=1767607200/123456789abcdef0123456789abcdef0\n",
    LATER,
];

/// Severity, rule and fault of the finding that stands first, if it is at least of medium severity.
fn first(report: &Report) -> String {
    let first = report.findings.first().filter(|finding| is_at_least_medium(finding));
    first.map_or_else(|| "-".to_owned(), |first| format!("{} {} {}", first.severity, first.rule, first.fault))
}

#[test]
fn every_failure_of_the_field_has_its_cause_first() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (failure, shown, expected) in [NONCES, CHALLENGES, CREDENTIALS, TRANSACTIONS_AND_PATHS].into_iter().flatten() {
        let report = match shown {
            Sample(name) => corpus::sample(name).report(),
            Scenario(scenario, credentials) => analyse(scenario, credentials),
        };
        count += 1;
        let found = first(&report);
        if found != *expected {
            wrong.push(format!("{failure}: {expected} expected, {found} found\n{}", super::shown(&report)));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 70, "only {count} failures");
}

#[test]
fn a_403_to_a_nonce_that_had_served_asks_for_stale() {
    let again = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret\n";
    check(&[ASKED, RIGHT, OK, again, FORBIDDEN], SECRET, "high forbidden-after-credentials says=second_use_of_a_nonce");
    let first = analyse(&[ASKED, RIGHT, FORBIDDEN], SECRET);
    assert!(!super::shown(&first).contains("second use"));
    let remedy = first.findings.iter().flat_map(|finding| &finding.remedy).any(|text| text.contains("second use"));
    assert!(!remedy, "nothing was accepted before");
}
