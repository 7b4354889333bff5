//! The shorthands of the auth headers: `challenge …` writes a Digest challenge, `digest …` answers one. Read RFC 7616
//! §3.4 first. Written from the RFC and apart from the library, so that one can be held against the other.

use md5::Digest;
use md5::Md5;
use sha2::Sha256;
use sha2::Sha512_256;

/// Parameters in the order written. Values are as they stand between the quotes.
#[derive(Clone, Default)]
pub struct Params(pub Vec<(String, String)>);

impl Params {
    /// Reads `name=value name="value"`, with commas or blanks between.
    pub fn parse(text: &str) -> Params {
        let mut params = Vec::new();
        let mut rest = text.trim_start_matches([' ', ',', '\t', '\r', '\n']);
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = value(after.trim_start());
            params.push((name.trim().to_owned(), value.to_owned()));
            rest = after.trim_start_matches([' ', ',', '\t', '\r', '\n']);
        }
        Params(params)
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn value(text: &str) -> (&str, &str) {
    let Some(inside) = text.strip_prefix('"') else {
        return text.split_at(text.find([' ', ',', '\t', '\r']).unwrap_or(text.len()));
    };
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return (&inside[..at], &inside[at + 1..]),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (inside, "")
}

/// One challenge as its receiver keeps it.
#[derive(Clone)]
pub struct Challenge {
    /// The header that the credentials belong in: `Authorization` or `Proxy-Authorization`.
    pub answered_in: &'static str,
    pub params: Params,
}

impl Challenge {
    /// None for any header but the two that challenge, and for schemes other than Digest.
    pub fn from_header(name: &str, value: &str) -> Option<Challenge> {
        let answered_in = match name.to_ascii_lowercase().as_str() {
            "www-authenticate" => "Authorization",
            "proxy-authenticate" => "Proxy-Authorization",
            _ => return None,
        };
        let (scheme, params) = value.trim().split_once([' ', '\t', '\r'])?;
        scheme.eq_ignore_ascii_case("digest").then(|| Challenge { answered_in, params: Params::parse(params) })
    }
}

/// What `challenge …` stands for: realm, nonce, MD5 and qop=auth, unless written otherwise; `none` leaves one out.
pub fn challenge_value(written: &Params, realm: &str, nonce: &str) -> String {
    let mut out = Writer::default();
    out.quoted("realm", Some(written.find("realm").unwrap_or(realm)));
    out.quoted("nonce", Some(written.find("nonce").unwrap_or(nonce)));
    out.quoted("opaque", written.find("opaque"));
    out.token("stale", written.find("stale"));
    out.token("algorithm", Some(written.find("algorithm").unwrap_or("MD5")));
    out.quoted("qop", Some(written.find("qop").unwrap_or("auth")));
    out.finish()
}

/// What a request adds to its credentials.
pub struct Request<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub body: &'a [u8],
    pub cnonce: &'a str,
    pub nonce_count: u32,
}

/// What `digest …` stands for: an answer to `challenge`, each parameter replaced by the one written, if any.
/// `signed-NAME=` changes only what is hashed, not what is sent.
pub fn credentials_value(written: &Params, challenge: &Params, request: &Request) -> String {
    let sent = Sent::new(written, challenge, request);
    let response = match written.find("response") {
        Some("upper") => sent.response(written, request).to_ascii_uppercase(),
        Some(response) => response.to_owned(),
        None => sent.response(written, request),
    };
    let mut out = Writer::default();
    out.quoted("username", Some(&sent.user));
    out.quoted("realm", Some(&sent.realm));
    out.quoted("nonce", Some(&sent.nonce));
    out.quoted("uri", Some(&sent.uri));
    out.quoted("response", Some(&response));
    out.token("algorithm", sent.algorithm.as_deref());
    out.quoted("cnonce", sent.cnonce.as_deref());
    out.quoted("opaque", sent.opaque.as_deref());
    out.token("qop", sent.qop.as_deref());
    out.token("nc", sent.nonce_count.as_deref());
    out.finish()
}

/// The parameters of the credentials, as they go out.
struct Sent {
    user: String,
    realm: String,
    nonce: String,
    uri: String,
    algorithm: Option<String>,
    qop: Option<String>,
    cnonce: Option<String>,
    nonce_count: Option<String>,
    opaque: Option<String>,
}

impl Sent {
    fn new(written: &Params, challenge: &Params, request: &Request) -> Sent {
        let echoed = |name| or_none(written.find(name).or(challenge.find(name)));
        // RFC 7616 §3.3: the challenge lists what the server takes; the first that is not auth-int is what most clients pick.
        let offered = challenge.find("qop").map(|list| {
            list.split(',')
                .map(str::trim)
                .find(|qop| *qop == "auth")
                .unwrap_or_else(|| list.split(',').next().unwrap_or(""))
        });
        let qop = or_none(written.find("qop").or(offered));
        // RFC 2617 §3.2.2: cnonce and nc go with a qop; a -sess algorithm needs the cnonce in any case.
        let algorithm = echoed("algorithm");
        let needs_cnonce = qop.is_some() || algorithm.as_deref().is_some_and(|name| name.ends_with("-sess"));
        let nonce_count = format!("{:08x}", request.nonce_count);
        Sent {
            user: written.find("user").unwrap_or_default().to_owned(),
            realm: echoed("realm").unwrap_or_default(),
            nonce: echoed("nonce").unwrap_or_default(),
            uri: written.find("uri").unwrap_or(request.uri).to_owned(),
            cnonce: or_none(written.find("cnonce").or(needs_cnonce.then_some(request.cnonce))),
            nonce_count: or_none(written.find("nc").or(qop.as_ref().map(|_| nonce_count.as_str()))),
            opaque: echoed("opaque"),
            algorithm,
            qop,
        }
    }

    /// RFC 7616 §3.4.1 to §3.4.3.
    fn response(&self, written: &Params, request: &Request) -> String {
        let signed = |name: &str, sent: &str| unescaped(written.find(&format!("signed-{name}")).unwrap_or(sent));
        let [user, realm] = [signed("user", &self.user), signed("realm", &self.realm)];
        let [nonce, uri] = [signed("nonce", &self.nonce), signed("uri", &self.uri)];
        let cnonce = signed("cnonce", self.cnonce.as_deref().unwrap_or_default());
        let nonce_count = signed("nc", self.nonce_count.as_deref().unwrap_or_default());
        let algorithm = signed("algorithm", self.algorithm.as_deref().unwrap_or("MD5"));
        let qop = signed("qop", self.qop.as_deref().unwrap_or("none"));
        let method = written.find("method").unwrap_or(request.method);
        let hash = |text: &str| hash(&algorithm, text.as_bytes());

        let password = written.find("password").unwrap_or_default();
        let mut ha1 = written.find("ha1").map_or_else(|| hash(&format!("{user}:{realm}:{password}")), str::to_owned);
        if algorithm.ends_with("-sess") {
            ha1 = hash(&format!("{ha1}:{nonce}:{cnonce}"));
        }
        let ha2 = match qop.as_str() {
            "auth-int" => hash(&format!("{method}:{uri}:{}", self::hash(&algorithm, request.body))),
            _ => hash(&format!("{method}:{uri}")),
        };
        match qop.as_str() {
            "none" => hash(&format!("{ha1}:{nonce}:{ha2}")),
            qop => hash(&format!("{ha1}:{nonce}:{nonce_count}:{cnonce}:{qop}:{ha2}")),
        }
    }
}

fn or_none(value: Option<&str>) -> Option<String> {
    value.filter(|value| *value != "none").map(str::to_owned)
}

/// Lower-case hex. Algorithms that the builder does not know are hashed with MD5: their digest means nothing anyway.
pub fn hash(algorithm: &str, bytes: &[u8]) -> String {
    let digest = match algorithm.to_ascii_uppercase().trim_end_matches("-SESS") {
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-512-256" => Sha512_256::digest(bytes).to_vec(),
        _ => Md5::digest(bytes).to_vec(),
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 7616 §3.4: what is hashed is the text that the quoted-string stands for.
fn unescaped(quoted: &str) -> String {
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[derive(Default)]
struct Writer(Vec<String>);

impl Writer {
    fn quoted(&mut self, name: &str, value: Option<&str>) {
        self.0.extend(or_none(value).map(|value| format!("{name}=\"{value}\"")));
    }

    fn token(&mut self, name: &str, value: Option<&str>) {
        self.0.extend(or_none(value).map(|value| format!("{name}={value}")));
    }

    fn finish(self) -> String {
        format!("Digest {}", self.0.join(", "))
    }
}
