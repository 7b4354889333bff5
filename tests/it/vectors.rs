//! Digest verification against published values, against values computed elsewhere, and against a second implementation.

use md5::Digest;
use proptest::prelude::*;
use sipauth::auth::parse_credentials;
use sipauth::digest::Keyring;
use sipauth::digest::Reason;
use sipauth::digest::Request;
use sipauth::digest::Secret;
use sipauth::digest::Verdict;
use sipauth::digest::Verifier;

/// One account and one request.
struct Case<'c> {
    user: &'c str,
    secret: Secret,
    method: &'c str,
    body: &'c [u8],
}

impl Case<'_> {
    fn check(self, header: &[u8]) -> Option<Verdict> {
        let request =
            Request { method: self.method.as_bytes(), body: Some(self.body), ambiguous: false, headers_cut: false };
        let mut verifier = verifier(self.user.as_bytes(), self.secret);
        verifier.check(&parse_credentials(header)[0], &request, None).map(|checked| checked.verdict)
    }
}

fn verifier(user: &[u8], secret: Secret) -> Verifier {
    let mut keyring = Keyring::new();
    keyring.account(user, b"*", secret, "test").unwrap();
    Verifier::new(keyring)
}

fn with_password<'c>(user: &'c str, password: &str, method: &'c str) -> Case<'c> {
    Case { user, secret: Secret::password(password.as_bytes()), method, body: b"" }
}

const RFC_2617: &str = r#"Digest username="Mufasa", realm="testrealm@host.com",
    nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b",
    response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;

#[test]
fn rfc_2617_section_3_5() {
    let check = |header: &str, password| with_password("Mufasa", password, "GET").check(header.as_bytes());
    assert_eq!(check(RFC_2617, "Circle Of Life"), Some(Verdict::Match));
    assert_eq!(check(RFC_2617, "Circle of Life"), Some(Verdict::Mismatch));
    // Upper-case digits are against RFC 7616 §3.4.1, yet right.
    let upper = RFC_2617.replace("6629fae49393a05397450978507c4ef1", "6629FAE49393A05397450978507C4EF1");
    assert_eq!(check(&upper, "Circle Of Life"), Some(Verdict::Match));
    // The digest covers the qop as written: this one was computed for the lower-case word.
    assert_eq!(check(&RFC_2617.replace("qop=auth", r#"qop="auth""#), "Circle Of Life"), Some(Verdict::Match));
    assert_eq!(check(&RFC_2617.replace("qop=auth", "qop=Auth"), "Circle Of Life"), Some(Verdict::Mismatch));
    let cut = RFC_2617.replace("4ef1\"", "4ef\"");
    assert_eq!(check(&cut, "Circle Of Life"), Some(Verdict::Mismatch));
}

/// With erratum 4495: the password is "Circle of Life".
#[test]
fn rfc_7616_section_3_9_1() {
    let header = |algorithm: &str, response: &str| {
        format!(
            r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm},
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        )
    };
    let check = |algorithm, response| {
        with_password("Mufasa", "Circle of Life", "GET").check(header(algorithm, response).as_bytes())
    };
    let sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert_eq!(check("MD5", "8ca523f5e9506fed4657c9700eebdbec"), Some(Verdict::Match));
    assert_eq!(check("SHA-256", sha256), Some(Verdict::Match));
    assert_eq!(check("SHA-512-256", sha256), Some(Verdict::Mismatch));
}

/// With erratum 4897: response and user hash as printed in the RFC are those of SHA-512 cut to 256 bits.
#[test]
fn rfc_7616_section_3_9_2() {
    let hashed = r#"username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", userhash=true"#;
    let header = |username: &str| {
        format!(
            r#"Digest {username}, realm="api@example.org", uri="/doe.json", algorithm=SHA-512-256,
            nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", nc=00000001,
            cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", qop=auth,
            response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
            opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS""#
        )
    };
    let check =
        |username: &str| with_password("Jäsøn Doe", "Secret, or not?", "GET").check(header(username).as_bytes());
    assert_eq!(check(hashed), Some(Verdict::Match));
    assert_eq!(check(r#"username="Jäsøn Doe""#), Some(Verdict::Match));
    assert_eq!(check("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe"), Some(Verdict::Match));
    let printed = r#"username="488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec", userhash=true"#;
    assert_eq!(check(printed), Some(Verdict::Unverifiable(Reason::UserhashUnknown)));
}

/// The example of RFC 3261 §22.2 carries RFC 2617's response under another name: no password gives it.
#[test]
fn rfc_3261_example_does_not_verify() {
    let header = RFC_2617
        .replace("Mufasa", "bob")
        .replace("testrealm@host.com", "biloxi.com")
        .replace("/dir/index.html", "sip:bob@biloxi.com");
    for password in ["zanzibar", "Circle Of Life"] {
        assert_eq!(with_password("bob", password, "INVITE").check(header.as_bytes()), Some(Verdict::Mismatch));
    }
}

/// A manual's worked example: its response belongs to the HA1 it prints, which is not that of the password it names.
#[test]
fn a_manual_with_the_wrong_ha1() {
    let header = br#"Digest username="122", realm="audiocodes.com", nonce="11432d6bce58ddf02e3b5e1c77c010d2",
        uri="sip:10.2.2.222", response="b9c45d0234a5abf5ddf5c704029b38cf""#;
    let secret = Secret::parse_ha1(b"a8f17d4b41ab8dab6c95d3c14e34a9e1").unwrap();
    let by_ha1 = Case { user: "122", secret, method: "REGISTER", body: b"" }.check(header);
    assert_eq!(by_ha1, Some(Verdict::Match));
    assert_eq!(with_password("122", "AudioCodes", "REGISTER").check(header), Some(Verdict::Mismatch));
}

/// Values made with Python: hashlib.new("sha512_256"), "sha512", "md5" of OpenSSL 3, over strings joined by hand:
/// H(H("alice:example.com:wonderland") : n : 00000001 : c : qop : H("REGISTER:sip:example.com"[:H("body")])), for -sess
/// with H(HA1:n:c) as the first part.
#[test]
fn values_made_with_python() {
    let check = |algorithm: &str, qop: &str, response: &str| {
        let header = format!(
            r#"Digest username="alice",realm="example.com",nonce="n",uri="sip:example.com",response="{response}",
            algorithm={algorithm},cnonce="c",qop={qop},nc=00000001"#
        );
        let secret = Secret::password(b"wonderland");
        let case = Case { user: "alice", secret, method: "REGISTER", body: b"body" };
        assert_eq!(case.check(header.as_bytes()), Some(Verdict::Match), "{algorithm} {qop}");
    };
    check("MD5", "auth", "9724b3be99696be591eb46685dab6bce");
    check("MD5", "auth-int", "6a0455142ec922959b41ee9491dc0daf");
    check("MD5-sess", "auth", "7dec29abb72a62a52d59b447877a73e6");
    check("SHA-256", "auth", "6ce5f012b80e888758c841dbf5c2418e5d1bd72cdc3c9a0ad440f7115629b050");
    check("SHA-256", "auth-int", "d2a9d5986458bfe6af823be8f4f7c55d8d0dfda00054467bd1486c82c4bdf4e2");
    check("SHA-256-sess", "auth", "1440ac78161058d3d8ac98c06c4c9b04b1c5cb64a113c9da4dca049f9626550e");
    check("SHA-512-256", "auth", "4b9180034a2abf85c40c86124aca3e6ff7a3eaccc0049500301f3dc37190c48c");
    check("SHA-512-256", "auth-int", "31c11afb429aeb1b24501f2a8ce46a1cc558f4949e0e5ff10ae8831da3d192ab");
    check("SHA-512-256-sess", "auth", "3c8576105615210a33a1a8ebedbf3ec0ccd5f94a9f192b97ee5fe997723c9fbd");
    let sha512 = concat!(
        "daf0a4a910939fdb82fd3a1b99c5f344e92e9906cfa7793ea07aa7d3db4cf3af",
        "67dca1243d622c31c2c2e3aca402284d745c8c20f84b9b57a923eae40343a848"
    );
    check("SHA-512", "auth", sha512);
    let sha512 = concat!(
        "915de6d1efe2ec142e99e05e9482d0970b980ff2c6f2a9c067cb62183b2b7c1f",
        "04624bddbb1a03dbb84c9da4d50e4baaff70cfbd7f4ee177c99ef396fcb3c16a"
    );
    check("SHA-512", "auth-int", sha512);
    let sha512 = concat!(
        "fd94de2421df582dee1a581043ca5a9cca817243b4e484235ff1a96eeccd40a9",
        "e253e83c1000ad5ace6e0459f924d66bcdd75af4148dbd7ebbddcd21044e49d0"
    );
    check("SHA-512-sess", "auth", sha512);
}

/// RFC 7616 §3.4: `unq()` resolves quoted pairs before hashing; bytes that are not UTF-8 are hashed as they are.
#[test]
fn quoted_values_are_hashed_unescaped() {
    let mut header = Vec::new();
    let response =
        md5_hex(&[&md5_hex(&[b"sip:j\xf6rg\"x", b"a\\b", b"p\xe4ss"]), b"n", &md5_hex(&[b"REGISTER", b"sip:a"])]);
    header.extend(b"Digest username=\"sip:j\xf6rg\\\"x\", realm=\"a\\\\b\", nonce=\"n\", uri=\"sip:a\", response=\"");
    header.extend(response);
    header.push(b'"');
    let mut verifier = verifier(b"sip:j\xf6rg\"x", Secret::password(b"p\xe4ss"));
    let checked = verifier.check(&parse_credentials(&header)[0], &register(), None).unwrap();
    assert_eq!(checked.verdict, Verdict::Match);
}

fn register() -> Request<'static> {
    Request { method: b"REGISTER", body: Some(b""), ambiguous: false, headers_cut: false }
}

/// `H(part:part…)`, by another road than the library's.
fn md5_hex(parts: &[&[u8]]) -> Vec<u8> {
    let joined = parts.join(&b':');
    md5::Md5::digest(joined).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

/// What a client knows.
#[derive(Clone, Debug, PartialEq)]
struct Signed {
    username: String,
    realm: String,
    password: String,
    nonce: String,
    uri: String,
    method: String,
    cnonce: String,
    nonce_count: u32,
    qop: Option<&'static str>,
    sess: bool,
    body: Vec<u8>,
}

impl Signed {
    fn response(&self) -> String {
        let hash = |text: String| format!("{:x?}", Hex(md5::Md5::digest(text).to_vec()));
        let mut a1 = hash(format!("{}:{}:{}", self.username, self.realm, self.password));
        if self.sess {
            a1 = hash(format!("{a1}:{}:{}", self.nonce, self.cnonce));
        }
        let mut a2 = format!("{}:{}", self.method, self.uri);
        if self.qop == Some("auth-int") {
            a2 = format!("{a2}:{:x?}", Hex(md5::Md5::digest(&self.body).to_vec()));
        }
        let a2 = hash(a2);
        match self.qop {
            Some(qop) => hash(format!("{a1}:{}:{:08x}:{}:{qop}:{a2}", self.nonce, self.nonce_count, self.cnonce)),
            None => hash(format!("{a1}:{}:{a2}", self.nonce)),
        }
    }

    fn header(&self, response: &str) -> String {
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut header = format!(
            r#"Digest username="{}",realm="{}",nonce="{}",uri="{}",response="{response}",cnonce="{}",algorithm={}"#,
            quote(&self.username),
            quote(&self.realm),
            quote(&self.nonce),
            quote(&self.uri),
            quote(&self.cnonce),
            if self.sess { "MD5-sess" } else { "MD5" }
        );
        if let Some(qop) = self.qop {
            header += &format!(", qop={qop}, nc={:08x}", self.nonce_count);
        }
        header
    }

    /// The verdict on these values under a response computed for others.
    fn verdict(&self, response: &str, password: &str) -> Verdict {
        let mut verifier = verifier(self.username.as_bytes(), Secret::password(password.as_bytes()));
        let method = self.method.as_bytes();
        let request = Request { method, body: Some(&self.body), ambiguous: false, headers_cut: false };
        let header = self.header(response);
        // The challenge was seen: a session of -sess begins with this request.
        let realm = Some(self.realm.as_bytes());
        verifier.check(&parse_credentials(header.as_bytes())[0], &request, realm).unwrap().verdict
    }

    /// Each field changed, where the digest covers it.
    fn changed(&self) -> Vec<Signed> {
        let mut all = Vec::new();
        let mut push = |change: &dyn Fn(&mut Signed)| {
            let mut other = self.clone();
            change(&mut other);
            all.push(other);
        };
        push(&|other| other.username.push('x'));
        push(&|other| other.realm.push('x'));
        push(&|other| other.nonce.push('x'));
        push(&|other| other.uri.push('x'));
        push(&|other| other.method.push('X'));
        push(&|other| other.sess = !other.sess);
        if self.qop.is_some() {
            push(&|other| other.nonce_count = other.nonce_count.wrapping_add(1));
            push(&|other| other.qop = None);
        }
        if self.qop.is_some() || self.sess {
            push(&|other| other.cnonce.push('x'));
        }
        if self.qop == Some("auth-int") {
            push(&|other| other.body.push(b'x'));
        }
        all
    }
}

/// Lower-case hex through `{:x?}`.
struct Hex(Vec<u8>);

impl std::fmt::Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn signed() -> impl Strategy<Value = Signed> {
    let text = "[ -~äß€]{1,20}";
    let token = "[A-Za-z0-9+/=,]{1,40}";
    (
        (text, text, "\\PC{0,20}", token, "sips?:[a-z0-9;=.@]{1,20}"),
        ("[A-Z]{3,9}", "[A-Za-z0-9\"\\\\]{0,20}", prop_oneof![Just(1), any::<u32>()]),
        (prop::sample::select(vec![None, Some("auth"), Some("auth-int")]), any::<bool>()),
        prop::collection::vec(any::<u8>(), 0..64),
    )
        .prop_map(|((username, realm, password, nonce, uri), (method, cnonce, nonce_count), (qop, sess), body)| {
            Signed { username, realm, password, nonce, uri, method, cnonce, nonce_count, qop, sess, body }
        })
        .prop_filter("`*` is no user, and ACK has two methods", |signed| {
            signed.username != "*" && signed.method != "ACK"
        })
}

fn header_like() -> impl Strategy<Value = Vec<u8>> {
    let alphabet = b"Digest \"\\,;=\r\n\tu:nc\xff*''%";
    prop::collection::vec(prop::sample::select(alphabet.to_vec()), 0..200)
}

proptest! {
    #[test]
    fn what_was_signed_verifies_and_nothing_else(signed in signed()) {
        let response = signed.response();
        prop_assert_eq!(signed.verdict(&response, &signed.password), Verdict::Match);
        // Of a session that counts otherwise, the first request is not at hand.
        let is_later = signed.sess && signed.qop.is_some() && signed.nonce_count != 1;
        let wrong = if is_later { Verdict::Unverifiable(Reason::SessionStartUnknown) } else { Verdict::Mismatch };
        prop_assert_eq!(signed.verdict(&response, &format!("{}x", signed.password)), wrong);
        for other in signed.changed() {
            prop_assert_ne!(other.verdict(&response, &signed.password), Verdict::Match, "{:?}", other);
        }
    }

    /// rsip is right for MD5 with no qop or auth, and a nonce count of eight decimal digits up to 255.
    #[test]
    fn rsip_agrees(mut signed in signed(), count in 2_u8..=255) {
        signed.sess = false;
        signed.qop = signed.qop.map(|_| "auth");
        signed.method = "REGISTER".into();
        // rsip writes the count in decimal: the text is what both hash.
        signed.nonce_count = u32::from_str_radix(&count.to_string(), 16).unwrap();
        let uri = rsip::Uri { host_with_port: rsip::Domain::from(signed.uri.as_str()).into(), ..Default::default() };
        let auth = |_| rsip::headers::auth::AuthQop::Auth { cnonce: signed.cnonce.clone(), nc: count };
        let qop = signed.qop.map(auth);
        let generator = rsip::services::DigestGenerator {
            username: &signed.username,
            password: &signed.password,
            nonce: &signed.nonce,
            uri: &uri,
            realm: &signed.realm,
            method: &rsip::Method::Register,
            qop: qop.as_ref(),
            algorithm: rsip::headers::auth::Algorithm::Md5,
        };
        prop_assert_eq!(signed.verdict(&generator.compute(), &signed.password), Verdict::Match);
    }

    /// No header value makes the reader or the check fail, and what is read tiles within the value.
    #[test]
    fn any_bytes_are_read(value in header_like()) {
        let mut verifier = verifier(b"u", Secret::password(b"p"));
        for credentials in parse_credentials(&value) {
            let mut end = 0;
            for param in &credentials.params {
                prop_assert!(param.span.start >= end && param.span.end as usize <= value.len());
                end = param.span.end;
            }
            verifier.check(&credentials, &register(), Some(b"r"));
        }
        prop_assert!(!sipauth::auth::parse_challenges(&value).is_empty());
    }
}
