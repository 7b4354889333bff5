//! Several capture points: one request before and behind a device.

use super::*;

const NAMES: &str = "phone 192.168.1.20\nalg 198.51.100.7\n";
const HOP_ASKED: &str = "phone > alg REGISTER\nalg > server forward\nserver > alg 401\nWWW-Authenticate: challenge nonce=one\nalg > phone forward\n";
const HOP_RIGHT: &str = "phone > alg REGISTER\nAuthorization: digest user=1001 password=secret cnonce=c1\n";
const HOP_WRONG: &str = "phone > alg REGISTER\nAuthorization: digest user=1001 password=wrong cnonce=c1\n";
const HOP_REFUSED: &str = "server > alg 401\nWWW-Authenticate: challenge nonce=two\nalg > phone forward\n";
const HOP_OK: &str = "server > alg 200\nalg > phone forward\n";

/// The next hop with credentials of which `from` was made `to`. The response is that of the phone's request.
fn altered(first: &str, from: &str, to: &str) -> String {
    let password = if first.contains("=wrong") { "wrong" } else { "secret" };
    let row = row(password);
    assert!(row.contains(from), "{row}");
    format!("{first}alg > server forward\nAuthorization: {}\n", row.replacen(from, to, 1))
}

/// What the phone sends.
fn row(password: &str) -> String {
    format!(
        "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"one\", uri=\"sip:pbx.example.com\", response=\"{}\", \
         algorithm=MD5, cnonce=\"c1\", qop=auth, nc=00000001",
        response(password)
    )
}

/// RFC 2617 §3.2.2, of the phone's request.
pub(super) fn response(password: &str) -> String {
    use md5::Digest;
    let md5 = |text: String| -> String {
        md5::Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let a1 = md5(format!("1001:pbx.example.com:{password}"));
    let a2 = md5("REGISTER:sip:pbx.example.com".to_owned());
    md5(format!("{a1}:one:00000001:c1:auth:{a2}"))
}

#[test]
fn credentials_that_are_changed_are_the_devices_fault() {
    let sent = altered(HOP_RIGHT, "uri=\"sip:pbx.example.com\"", "uri=\"sip:203.0.113.10\"");
    check(
        &[NAMES, HOP_ASKED, &sent, HOP_REFUSED],
        SECRET,
        "
        high header-altered-en-route cause=credentials fault=path sure=proven by=- excludes=wrong_password
        medium digest-ok-but-rejected by=header-altered-en-route
        no digest-wrong-password",
    );
    check(
        &[NAMES, HOP_ASKED, &sent, HOP_REFUSED],
        NOTHING,
        "
        high header-altered-en-route sure=likely says=uri_differs
        medium rejected-credentials by=header-altered-en-route",
    );
}

#[test]
fn every_part_of_the_credentials_counts() {
    for (from, to) in [
        ("username=\"1001\"", "username=\"1001@pbx.example.com\""),
        ("realm=\"pbx.example.com\"", "realm=\"203.0.113.10\""),
        ("nc=00000001", "nc=00000002"),
        ("cnonce=\"c1\"", "cnonce=\"c2\""),
    ] {
        let sent = altered(HOP_RIGHT, from, to);
        check(&[NAMES, HOP_ASKED, &sent, HOP_REFUSED], NOTHING, "high header-altered-en-route by=-");
        check(&[NAMES, HOP_ASKED, &sent, HOP_REFUSED], SECRET, "high header-altered-en-route by=-");
    }
}

#[test]
fn a_change_that_was_accepted_is_medium() {
    let sent = altered(HOP_RIGHT, "uri=\"sip:pbx.example.com\"", "uri=\"sip:203.0.113.10\"");
    check(&[NAMES, HOP_ASKED, &sent, HOP_OK], SECRET, "medium header-altered-en-route by=-\nsessions accepted");
}

#[test]
fn a_wrong_password_before_the_device_stays_one() {
    let sent = altered(HOP_WRONG, "uri=\"sip:pbx.example.com\"", "uri=\"sip:203.0.113.10\"");
    check(
        &[NAMES, HOP_ASKED, &sent, HOP_REFUSED],
        SECRET,
        "several\nhigh digest-wrong-password\nmedium header-altered-en-route",
    );
}

#[test]
fn the_same_credentials_written_otherwise_are_the_same() {
    let sent = altered(HOP_RIGHT, "qop=auth, nc=00000001", "nc=00000001,qop=auth");
    check(&[NAMES, HOP_ASKED, &sent, HOP_OK], SECRET, "clean\nno header-altered-en-route");
    check(
        &[NAMES, HOP_ASKED, HOP_RIGHT, "alg > server forward\n", HOP_OK],
        SECRET,
        "clean\nno header-altered-en-route",
    );
    check(
        &[NAMES, HOP_ASKED, HOP_WRONG, "alg > server forward\n", HOP_REFUSED],
        SECRET,
        "high digest-wrong-password\nno header-altered-en-route",
    );
}

#[test]
fn credentials_that_are_taken_away_are_the_devices_fault() {
    let sent = [HOP_RIGHT, "alg > server forward\nAuthorization: -\n"].concat();
    check(
        &[NAMES, HOP_ASKED, &sent, HOP_REFUSED],
        SECRET,
        "high header-altered-en-route cause=credentials-removed fault=path by=-",
    );
    // A proxy takes away what it asked for itself.
    let own = "phone > alg REGISTER\nalg > phone 407\nProxy-Authenticate: challenge\nphone > alg REGISTER\nProxy-Authorization: digest user=1001 password=secret\nalg > server forward\nProxy-Authorization: -\n";
    check(&[NAMES, own, HOP_OK], SECRET, "clean\nno header-altered-en-route");
    check(&[NAMES, own, HOP_REFUSED, LATER], SECRET, "no header-altered-en-route");
}

#[test]
fn one_nonce_for_two_realms_is_not_an_altered_realm() {
    // The proxy takes away what is its own, and passes the other on; Kamailio's nonces may be equal within a second.
    let names = "phone 192.168.1.20\nedge 198.51.100.7\n";
    let asked = "phone > edge INVITE\nedge > phone 407\nProxy-Authenticate: challenge realm=edge nonce=same\nphone > edge ACK\nphone > edge INVITE\nProxy-Authorization: digest user=1001 password=secret\nedge > server forward\nserver > edge 407\nProxy-Authenticate: challenge realm=core nonce=same\nedge > phone forward\n";
    let both = "phone > edge INVITE\nCSeq: 9 INVITE\nVia: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\nProxy-Authorization: again\nProxy-Authorization: Digest username=\"1001\", realm=\"core\", nonce=\"same\", uri=\"sip:2000@pbx.example.com\", response=\"00000000000000000000000000000000\"\n";
    let one = "edge > server INVITE\nCSeq: 9 INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKe\nVia: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\nProxy-Authorization: Digest username=\"1001\", realm=\"core\", nonce=\"same\", uri=\"sip:2000@pbx.example.com\", response=\"00000000000000000000000000000000\"\nserver > edge 200\nedge > phone forward\n";
    check(&[names, asked, both, one], NOTHING, "no header-altered-en-route");
}

#[test]
fn a_device_that_authenticates_by_itself_changes_nothing() {
    let own = "phone > alg REGISTER\nalg > phone 401\nWWW-Authenticate: challenge nonce=own\nphone > alg REGISTER\nAuthorization: digest user=1001 password=secret\nalg > server forward\nAuthorization: -\n";
    let upstream = "server > alg 401\nWWW-Authenticate: challenge nonce=up\nalg > server REGISTER\nAuthorization: digest user=1001 password=secret nonce=up\n";
    check(&[NAMES, own, upstream, HOP_OK], SECRET, "no header-altered-en-route");
}

#[test]
fn a_proxy_with_an_account_of_its_own_changes_no_credentials() {
    // The two servers share the secret of their nonces, so that those of a second are equal.
    let call = |password: &str, answer: &str| {
        format!(
            "phone > alg INVITE\nalg > phone 407\nProxy-Authenticate: challenge nonce=same\nphone > alg ACK\n\
             phone > alg INVITE\nProxy-Authorization: digest user=1001 password=secret\nalg > server forward\nProxy-Authorization: -\n\
             server > alg 407\nProxy-Authenticate: challenge realm=carrier nonce=same\nalg > server ACK\n\
             alg > server INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKown\nVia: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKx\n\
             Proxy-Authorization: digest user=trunk realm=carrier password={password} nonce=same\nserver > alg {answer}\nalg > server ACK\n"
        )
    };
    let secrets = "1001,*,secret\ntrunk,*,trunk-secret\n";
    check(&[NAMES, &call("trunk-secret", "486"), LATER], secrets, "no header-altered-en-route");
    let refused = call("other", "407\nProxy-Authenticate: challenge realm=carrier nonce=same");
    check(&[NAMES, &refused, LATER], secrets, "high digest-wrong-password by=-\nno header-altered-en-route");
}

#[test]
fn an_account_of_the_proxy_is_not_the_callers() {
    let call = "phone > alg INVITE\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\nalg > server forward\n\
                server > alg 407\nProxy-Authenticate: challenge realm=carrier\nalg > server ACK\n\
                alg > server INVITE\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKown\n\
                Via: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\nProxy-Authorization: digest user=trunk realm=carrier password=other\n\
                server > alg 407\nProxy-Authenticate: challenge realm=carrier\nalg > server ACK\nalg > phone 503\nphone > alg ACK\n";
    let found = "told 1 of 1 client was not seen to get in: 1 wrong password\nhigh digest-wrong-password says=Enter_the_secret_again_on_198.51.100.7";
    check(&[NAMES, call, LATER], "trunk,*,secret\n", found);
    let report = analyse(&[NAMES, call, LATER], NOTHING);
    assert_eq!(report.sessions[0].user, "1001");
}

#[test]
fn a_request_uri_counts_where_a_right_digest_was_refused_for_it() {
    // The language cannot forward under another Request-URI, so both requests are written out.
    let sent = |password: &str| {
        let row = format!("Authorization: {}\n", row(password));
        let phone = "Via: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\n";
        format!(
            "phone > alg REGISTER\nCSeq: 2 REGISTER\n{phone}{row}alg > server REGISTER sip:203.0.113.10\nCSeq: 2 REGISTER\n\
             Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\n{phone}{row}"
        )
    };
    let (right, wrong) = (sent("secret"), sent("wrong"));
    check(
        &[NAMES, HOP_ASKED, &right, HOP_REFUSED],
        SECRET,
        "high header-altered-en-route cause=request-uri fault=path by=- excludes=wrong_password",
    );
    // Without the password nobody knows whether it was right.
    check(&[NAMES, HOP_ASKED, &right, HOP_REFUSED], NOTHING, "no header-altered-en-route\nhigh rejected-credentials");
    check(&[NAMES, HOP_ASKED, &right, HOP_OK], SECRET, "clean\nno header-altered-en-route");
    check(&[NAMES, HOP_ASKED, &wrong, HOP_REFUSED], SECRET, "high digest-wrong-password\nno header-altered-en-route");
    // A call that is sent on under another one may be refused for want of an account as well.
    let of_call = "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"one\", uri=\"sip:2000@pbx.example.com\", \
                   response=\"edf50565b46849d18395be0a1908f65f\", algorithm=MD5, cnonce=\"c1\", qop=auth, nc=00000001";
    let call =
        format!("{HOP_ASKED}{right}{HOP_REFUSED}").replace("REGISTER", "INVITE").replace(&row("secret"), of_call);
    check(
        &[NAMES, &call, LATER],
        SECRET,
        "medium header-altered-en-route sure=possible\nhigh digest-ok-but-rejected by=-",
    );
    // RFC 3261 §16.5: rewriting it is what proxies are for, and a 403 is about permission.
    let forbidden = "server > alg 403\nalg > phone forward\n";
    check(
        &[NAMES, HOP_ASKED, &right, forbidden],
        SECRET,
        "high forbidden-after-credentials\nno header-altered-en-route",
    );
}

#[test]
fn a_body_counts_where_the_digest_covers_it() {
    let names = "phone 192.168.1.20\nalg 198.51.100.7\n";
    let asked = "phone > alg INVITE\nalg > server forward\nserver > alg 407\nProxy-Authenticate: challenge nonce=one qop=auth-int\nalg > phone forward\nphone > alg ACK\n";
    let sent = |qop: &str, body: &str, behind: &str| {
        let row = format!(
            "Proxy-Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"one\", \
             uri=\"sip:2000@pbx.example.com\", response=\"{}\", cnonce=\"c1\", qop={qop}, nc=00000001\n",
            "0".repeat(32)
        );
        let phone = "Via: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\n";
        format!(
            "phone > alg INVITE\nCSeq: 2 INVITE\n{phone}{row}\n{body}\nalg > server INVITE sip:2000@pbx.example.com\nCSeq: 2 INVITE\n\
             Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\n{phone}{row}\n{behind}\n"
        )
    };
    let refused = "server > alg 407\nProxy-Authenticate: challenge nonce=two qop=auth-int\nalg > phone forward\n";
    let changed = sent("auth-int", "c=IN IP4 192.168.1.20", "c=IN IP4 198.51.100.7");
    check(
        &[names, asked, &changed, refused],
        NOTHING,
        "high header-altered-en-route cause=body fault=path sure=likely by=-",
    );
    // The same length, other bytes.
    let changed = sent("auth-int", "m=audio 4000", "m=audio 5000");
    check(&[names, asked, &changed, refused], NOTHING, "high header-altered-en-route cause=body");
    let same = sent("auth-int", "c=IN IP4 192.168.1.20", "c=IN IP4 192.168.1.20");
    check(&[names, asked, &same, refused], NOTHING, "no header-altered-en-route");
    // A proxy may rewrite a body that no digest covers.
    let rewritten = sent("auth", "c=IN IP4 192.168.1.20", "c=IN IP4 198.51.100.7");
    check(&[names, asked, &rewritten, refused], NOTHING, "no header-altered-en-route");
}

#[test]
fn a_proxy_that_rewrites_the_request_uri_to_the_called_partys_contact_changes_nothing() {
    // The called party refuses the call; who asked for the credentials let it pass.
    let call = "phone > alg INVITE\nalg > phone 407\nProxy-Authenticate: challenge\nphone > alg ACK\nphone > alg INVITE\nCSeq: 2 INVITE\nVia: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\nProxy-Authorization: digest user=1001 password=secret\n";
    let behind = "alg > server INVITE sip:2000@203.0.113.10\nCSeq: 2 INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\nVia: SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKp\nserver > alg 403\nalg > phone forward\n";
    check(&[NAMES, call, behind], SECRET, "no header-altered-en-route");
}

/// A registration through a B2BUA that makes Call-IDs of its own and passes challenges on. `behind` is what it sends on in place of the
/// credentials, `end` how that ends.
fn through_b2bua(inside: &str, behind: &str, end: &str) -> String {
    let behind = if behind.is_empty() { B2BUA_ANSWER } else { behind };
    format!("sbc 203.0.113.20\n{inside}{}{LATER}", b2bua_legs("a", "b", "abc", behind, end))
}

const B2BUA_ANSWER: &str = "Authorization: digest user=1001 password=PW cnonce=0a4f113b\n";

fn b2bua_legs(outer: &str, inner: &str, nonce: &str, behind: &str, end: &str) -> String {
    format!(
        "[{outer}] client > sbc REGISTER\n[{inner}] inner > server REGISTER\n\
         [{inner}] inner < server 401\nWWW-Authenticate: challenge nonce={nonce}\n\
         [{outer}] client < sbc 401\nWWW-Authenticate: challenge nonce={nonce}\n\
         [{outer}] client > sbc REGISTER\n{B2BUA_ANSWER}[{inner}] inner > server REGISTER\n{behind}\
         [{inner}] inner < server {end}\n[{outer}] client < sbc {end}\n"
    )
}

const INSIDE: &str = "inner 10.0.0.20\n";
const SAME: &str = "inner 203.0.113.20\n";

#[test]
fn the_two_sides_of_a_b2bua_are_one_client_and_one_trouble() {
    let wrong = through_b2bua(SAME, "", "403").replace("PW", "wrong");
    let found =
        "high digest-wrong-password fault=client sessions=2 says=is_told_the_same\ntold 1 of 1 client did not get in";
    check(&[&wrong], SECRET, found);
    check(&[&wrong], NOTHING, "high forbidden-after-credentials sessions=2\ntold 1 of 1 client did not get in");
    let right = through_b2bua(SAME, "", "200").replace("PW", "secret");
    check(&[&right], SECRET, "clean\ntold The client authenticated");
    // It may answer with another status than it is given.
    let mapped = wrong.replace("client < sbc 403", "client < sbc 401\nWWW-Authenticate: challenge");
    check(
        &[&mapped],
        NOTHING,
        "told 1 of 1 client did not get in\nhigh rejected-credentials by=-\nmedium forbidden-after-credentials by=rejected-credentials",
    );
    // Another user's request at the same moment is another client's.
    let other = wrong.replace("[b] inner >", "user 1002\n[b] inner >");
    check(&[&other], NOTHING, "told did not get in\nhigh forbidden-after-credentials sessions=1");
}

/// With one address for each side it is known by two users, or by credentials that it sends on as they are.
#[test]
fn a_b2bua_with_two_addresses_is_known_by_what_it_sends_on() {
    let one = b2bua_legs("a", "b", "abc", B2BUA_ANSWER, "403").replace("PW", "wrong");
    let two = b2bua_legs("c", "d", "def", B2BUA_ANSWER, "403").replace("PW", "wrong").replace("1001", "1002");
    let both =
        format!("sbc 203.0.113.20\n{INSIDE}{one}+5 user 1002\n{two}{LATER}").replace("+5 user 1002\n", "user 1002\n");
    check(&[&both], NOTHING, "told 2 of 2 clients did not get in\nhigh forbidden-after-credentials sessions=2");
    // One is enough where the very same response is sent on.
    let alone = format!("sbc 203.0.113.20\n{INSIDE}{one}{LATER}");
    check(&[&alone], NOTHING, "told 1 of 1 client did not get in\nhigh forbidden-after-credentials sessions=2");
    // Two phones of one user may get the same nonce from two nodes of a server.
    let other = one.replacen(
        "[b] inner > server REGISTER\nAuthorization: digest user=1001 password=wrong",
        "[b] inner > server REGISTER\nAuthorization: digest user=1001 password=other",
        1,
    );
    let phones = format!("sbc 203.0.113.20\n{INSIDE}{other}{LATER}");
    check(&[&phones], NOTHING, "told 2 of 2 clients did not get in\nhigh forbidden-after-credentials sessions=1");
}

/// Two phones of one user register at the same moment through one B2BUA, and the server gives both the same nonce.
#[test]
fn two_phones_behind_one_b2bua_are_two_clients() {
    let phone = "sbc 203.0.113.20\nphone 198.51.100.8\n";
    let challenge = "WWW-Authenticate: challenge nonce=abc\n";
    let (wrong, right) =
        ("Authorization: digest user=1001 password=wrong\n", "Authorization: digest user=1001 password=secret\n");
    let both = format!(
        "{phone}[a] client > sbc REGISTER\n[b] sbc > server REGISTER\n[c] phone > sbc REGISTER\n[d] sbc > server REGISTER\n\
         [b] sbc < server 401\n{challenge}[a] client < sbc 401\n{challenge}[d] sbc < server 401\n{challenge}[c] phone < sbc 401\n{challenge}\
         [a] client > sbc REGISTER\n{wrong}[b] sbc > server REGISTER\n{wrong}[b] sbc < server 403\n[a] client < sbc 403\n\
         [c] phone > sbc REGISTER\n{right}[d] sbc > server REGISTER\n{right}[d] sbc < server 200\n[c] phone < sbc 200\n{LATER}"
    );
    check(
        &[&both],
        SECRET,
        "high digest-wrong-password fault=client sessions=2\ntold 1 of 2 clients did not get in: 1 wrong password",
    );
}

#[test]
fn a_b2bua_that_strips_credentials_is_named() {
    let stripped = through_b2bua(SAME, "Expires: 600\n", "401\nWWW-Authenticate: challenge").replace("PW", "secret");
    check(
        &[&stripped],
        SECRET,
        "high retry-without-credentials fault=path says=203.0.113.20_sends_this sessions=2 by=-
        medium digest-ok-but-rejected by=retry-without-credentials
        told 1 of 1 client did not get in",
    );
    check(
        &[&stripped],
        NOTHING,
        "high retry-without-credentials fault=path\nmedium rejected-credentials by=retry-without-credentials",
    );
}

#[test]
fn what_does_not_come_to_a_b2bua_is_not_sent_on() {
    // The client never answers, and so nobody does behind it.
    let silent = "sbc 203.0.113.20\ninner 203.0.113.20\n[a] client > sbc REGISTER\n[b] inner > server REGISTER\n\
        [b] inner < server 401\nWWW-Authenticate: challenge nonce=abc\n[a] client < sbc 401\nWWW-Authenticate: challenge nonce=abc\n";
    check(
        &[silent, LATER],
        NOTHING,
        "high challenge-unanswered fault=client sure=proven sessions=2\ntold 1 of 1 client",
    );
    // It answers, and that does not arrive: what is not answered behind follows from it.
    let lost = "[a] client > sbc REGISTER\nAuthorization: digest user=1001 password=secret\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";
    check(
        &[silent, lost, LATER],
        SECRET,
        "high auth-retry-no-response by=-\nmedium challenge-unanswered fault=path by=auth-retry-no-response\ntold 1 of 1 client",
    );
}

#[test]
fn three_sides_in_a_row_are_one_client_too() {
    let credentials = "Authorization: digest user=1001 password=wrong cnonce=0a4f113b\n";
    let challenge = "WWW-Authenticate: challenge nonce=abc\n";
    let chain = format!(
        "one 203.0.113.20\ntwo 203.0.113.30\n[a] client > one REGISTER\n[b] one > two REGISTER\n[c] two > server REGISTER\n\
         [c] two < server 401\n{challenge}[b] one < two 401\n{challenge}[a] client < one 401\n{challenge}\
         [a] client > one REGISTER\n{credentials}[b] one > two REGISTER\n{credentials}[c] two > server REGISTER\n{credentials}\
         [c] two < server 403\n[b] one < two 403\n[a] client < one 403\n{LATER}"
    );
    check(&[&chain], SECRET, "high digest-wrong-password fault=client sessions=3\ntold 1 of 1 client did not get in");
}

#[test]
fn a_refusal_that_a_proxy_passes_back_in_other_words_is_one() {
    let refused = "server > alg 401\nWWW-Authenticate: challenge nonce=two\nalg > phone 480\n";
    let all = [NAMES, HOP_ASKED, HOP_WRONG, "alg > server forward\n", refused, LATER];
    check(&all, NOTHING, "high rejected-credentials\nno registrar-rejects-contact");
    check(&all, SECRET, "high digest-wrong-password\nno registrar-rejects-contact");
    // What was accepted behind it was not.
    let all = [NAMES, HOP_ASKED, HOP_RIGHT, "alg > server forward\n", "server > alg 200\nalg > phone 480\n", LATER];
    check(&all, SECRET, "medium registrar-rejects-contact");
}

/// A REGISTER that is passed on and challenged, and the challenge as the device passes it back.
fn challenged_as(status: &str, told: &str) -> String {
    format!(
        "phone > alg REGISTER\nalg > server forward\nserver > alg 401\nWWW-Authenticate: challenge nonce=one opaque=x\n\
         alg > phone {status}\n{told}\n"
    )
}

#[test]
fn a_challenge_that_was_altered_on_its_way_is_the_paths() {
    let sent = format!("{HOP_WRONG}alg > server forward\n{HOP_REFUSED}");
    let altered = "high header-altered-en-route fault=path sure=likely cause=challenge by=-";
    let explained = "medium rejected-credentials by=header-altered-en-route";
    for (told, what) in [
        ("WWW-Authenticate: challenge nonce=one opaque=x realm=other", "realm"),
        ("WWW-Authenticate: challenge nonce=one opaque=x algorithm=SHA-256", "algorithm"),
        ("WWW-Authenticate: challenge nonce=one opaque=y", "opaque"),
        ("WWW-Authenticate: challenge nonce=one opaque=x qop=auth-int", "qop"),
        ("Proxy-Authenticate: challenge nonce=one opaque=x", "header"),
    ] {
        let explained = match what {
            // With the realm that the client was told, its answer answers nobody.
            "realm" => "medium challenge-unanswered by=header-altered-en-route",
            "header" => "medium challenge-header-wrong-kind by=header-altered-en-route",
            _ => explained,
        };
        let said = format!("{altered} says=another_{what}\n{explained}");
        check(&[NAMES, &challenged_as("401", told), &sent, LATER], NOTHING, &said);
    }
    // Passed back as it is, in other letters, with one of the device's own beside it, or in the place of it.
    for told in [
        "WWW-Authenticate: challenge nonce=one opaque=x",
        "WWW-Authenticate: Digest opaque=\"x\",nonce=\"one\",qop=\"AUTH\",algorithm=md5,realm=\"pbx.example.com\"",
        "WWW-Authenticate: challenge nonce=one opaque=x\nProxy-Authenticate: challenge realm=alg nonce=two",
        "Proxy-Authenticate: challenge realm=alg nonce=two",
    ] {
        check(&[NAMES, &challenged_as("401", told), &sent, LATER], NOTHING, "no header-altered-en-route");
    }
    // Whoever is challenged and answers itself has nothing to pass back.
    let own = "alg > server REGISTER\nAuthorization: digest user=trunk password=x nonce=one realm=pbx.example.com\nserver > alg 200\n";
    let asked = challenged_as("401", "WWW-Authenticate: challenge nonce=one opaque=x realm=other");
    let (before, behind) = asked.split_at(asked.find("alg > phone").expect("it is there"));
    check(&[NAMES, before, own, behind, LATER], NOTHING, "no header-altered-en-route");
}

#[test]
fn a_challenge_that_was_taken_out_on_its_way_is_the_paths() {
    let bare = challenged_as("401", "");
    let found = "high header-altered-en-route fault=path cause=challenge-removed by=-\n\
        medium challenge-header-missing by=header-altered-en-route";
    check(&[NAMES, &bare, &bare, LATER], NOTHING, found);
}

#[test]
fn a_nonce_that_was_altered_comes_back_to_the_server() {
    let told = challenged_as("401", "WWW-Authenticate: challenge nonce=other opaque=x");
    let sent = format!("{HOP_WRONG}alg > server forward\n{HOP_REFUSED}");
    let altered = "high header-altered-en-route fault=path says=another_nonce";
    check(&[NAMES, &told, &sent, LATER], NOTHING, altered);
    // A device that asks for itself takes the answer for itself.
    let kept = format!("{HOP_WRONG}alg > phone 401\nWWW-Authenticate: challenge\n");
    check(&[NAMES, &told, &kept, LATER], NOTHING, "no header-altered-en-route");
}

#[test]
fn a_registration_that_was_accepted_behind_the_device_was_not_refused_by_the_registrar() {
    let refused = "alg > server forward\nserver > alg 200\nalg > phone 403\n";
    let found = "high header-altered-en-route fault=path cause=answer by=-\n\
        medium forbidden-after-credentials by=header-altered-en-route";
    check(&[NAMES, HOP_ASKED, HOP_RIGHT, refused, LATER], SECRET, found);
    let both = "alg > server forward\nserver > alg 403\nalg > phone 403\n";
    check(&[NAMES, HOP_ASKED, HOP_RIGHT, both, LATER], SECRET, "no header-altered-en-route");
}

#[test]
fn a_request_that_came_to_a_device_and_no_further_was_kept_back_there() {
    let kept = [HOP_RIGHT, "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n"].concat();
    let found = "high auth-retry-no-response fault=path says=went_no_further says=Authorization_headers unsaid=Capture_at_the_server";
    check(&[NAMES, HOP_ASKED, &kept, LATER], SECRET, found);
    let passed_on =
        [HOP_RIGHT, "alg > server forward\n+0.5 retransmit 5\n+1 retransmit 5\n+2 retransmit 5\n+4 retransmit 5\n"]
            .concat();
    check(&[NAMES, HOP_ASKED, &passed_on, LATER], SECRET, "high auth-retry-no-response unsaid=went_no_further");
}

#[test]
fn what_a_proxy_may_do_with_a_challenge_alters_none() {
    let sent = format!("{HOP_WRONG}alg > server forward\n{HOP_REFUSED}");
    let none = "no header-altered-en-route";
    let asked = |given: &str, told: &str| {
        format!("phone > alg REGISTER\nalg > server forward\nserver > alg 401\n{given}\nalg > phone {told}\n")
    };
    let several = "WWW-Authenticate: challenge nonce=one algorithm=SHA-256\nWWW-Authenticate: challenge nonce=one";
    for (given, told) in [
        // One of two offers, a shorter list, an empty value left out.
        (several, "401\nWWW-Authenticate: challenge nonce=one"),
        ("WWW-Authenticate: challenge nonce=one qop=\"auth,auth-int\"", "401\nWWW-Authenticate: challenge nonce=one"),
        ("WWW-Authenticate: challenge nonce=one opaque=\"\"", "401\nWWW-Authenticate: challenge nonce=one"),
        // Its own, with the nonce that Kamailio gives to everybody within a second.
        ("WWW-Authenticate: challenge nonce=one", "407\nProxy-Authenticate: challenge nonce=one realm=edge"),
    ] {
        check(&[NAMES, &asked(given, told), &sent, LATER], NOTHING, none);
    }
    // The first answer was lost, and the repeat has another one.
    let first = "phone > alg REGISTER\nalg > server forward\nserver > alg 401\nWWW-Authenticate: challenge nonce=one\n";
    let again = "+0.5 retransmit 1\nretransmit 2\nserver > alg 401\nWWW-Authenticate: challenge nonce=other\nalg > phone forward\n";
    check(&[NAMES, first, again, &sent, LATER], NOTHING, none);
    // A wrong password is reason enough.
    let altered =
        asked("WWW-Authenticate: challenge nonce=one opaque=x", "401\nWWW-Authenticate: challenge nonce=one opaque=y");
    check(&[NAMES, &altered, &sent, LATER], SECRET, "high digest-wrong-password by=-\nmedium header-altered-en-route");
    // Who is asked by another registrar of the service passes that on.
    let other = "alg > server forward\nserver > alg 200\nalg > phone 401\nWWW-Authenticate: challenge realm=other\n";
    check(&[NAMES, HOP_ASKED, HOP_RIGHT, other, LATER], SECRET, none);
}
