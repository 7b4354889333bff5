//! Names, numbers, hosts and addresses replaced by others, the same for the same, under a key. The sentences of findings give
//! way to those of the catalogue: what a rule writes may hold any text of the capture, and the catalogue holds none.
//! What comes out is still personal data (GDPR article 4(5)) for whoever has the key.

use std::net::IpAddr;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Digest;
use sha2::Sha256;

use crate::auth::scheme::SCHEMES;
use crate::base::Endpoint;
use crate::report::Attempt;
use crate::report::Credentials;
use crate::report::FrameAt;
use crate::report::Hop;
use crate::report::Nonce;
use crate::report::Party;
use crate::report::Report;
use crate::report::Session;
use crate::report::model;
use crate::report::pseudonyms::address::AddressMap;
use crate::report::wireshark;
use crate::rules::Finding;
use crate::sip::host_port;
use crate::sip::method::METHODS;
use crate::sip::uri::Uri;

pub mod address;

/// Hex digits of a pseudonym: two names of a million become one with a chance of one in two.
const DIGITS: usize = 10;

/// The map of one key.
pub struct Pseudonyms {
    /// RFC 2104 §2: filled up with zeros to a block of the hash.
    key: [u8; 64],
    addresses: AddressMap,
}

impl Pseudonyms {
    /// The map that this key makes. Whoever knows the key can test guesses of names.
    pub fn new(key: &[u8; 32]) -> Pseudonyms {
        // One key for names and another for addresses.
        let part = |label: &[u8]| -> [u8; 32] { Sha256::new().chain_update(label).chain_update(key).finalize().into() };
        let mut names = [0; 64];
        names.iter_mut().zip(part(b"names")).for_each(|(byte, of_key)| *byte = of_key);
        Pseudonyms { key: names, addresses: AddressMap::new(&part(b"addresses")) }
    }

    fn digits(&self, class: &str, text: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&self.key.into());
        mac.update(class.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        format!("{:.DIGITS$}", hex::encode(mac.finalize().into_bytes()))
    }

    fn named(&self, class: &str, text: &str) -> String {
        if text.is_empty() { String::new() } else { format!("{class}-{}", self.digits(class, text)) }
    }

    /// A user name or number: of numbers the country code and the length are kept.
    pub fn user(&self, text: &str) -> String {
        match text.rsplit_once('@') {
            // How a name is written is worth knowing.
            Some((user, host)) if !user.is_empty() && !host.is_empty() => {
                format!("{}@{}", self.local_user(user), self.host(host))
            }
            _ => self.local_user(text),
        }
    }

    fn local_user(&self, text: &str) -> String {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.len() < 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.named("user", text);
        }
        let country = if text.starts_with('+') { country_code(digits) } else { "" };
        let country = if country.is_empty() { String::new() } else { format!("+{country}·") };
        format!("{country}num-{}·{}", self.digits("user", text), digits.len())
    }

    /// A host name, or an address in its place.
    pub fn host(&self, text: &str) -> String {
        match host_port::address(text.as_bytes()) {
            Some(address) => self.addresses.map(address).to_string(),
            None => self.named("host", &text.to_ascii_lowercase()),
        }
    }

    fn realm(&self, text: &str) -> String {
        match text.parse::<IpAddr>() {
            Ok(address) => self.addresses.map(address).to_string(),
            Err(_) => self.named("realm", text),
        }
    }

    /// A URI: scheme, user and host; parameters and headers may hold anything and are left out.
    fn uri(&self, text: &str) -> String {
        let shown = |bytes: &[u8]| crate::base::Untrusted(bytes).to_text();
        let uri = Uri::parse(text.as_bytes());
        let scheme = shown(uri.scheme).to_ascii_lowercase();
        let scheme = if matches!(scheme.as_str(), "sip" | "sips" | "tel") { scheme } else { "other".to_owned() };
        let (user, host) = (self.user(&shown(uri.user)), self.host(&shown(uri.host)));
        match (user.is_empty(), host.is_empty()) {
            (false, false) => format!("{scheme}:{user}@{host}"),
            _ => format!("{scheme}:{user}{host}"),
        }
    }

    fn place(&self, place: Party) -> Party {
        Party(place.0.map(|endpoint| Endpoint { address: self.addresses.map(endpoint.address), ..endpoint }))
    }

    fn hop(&self, hop: &mut Hop) {
        hop.client = self.place(hop.client);
        hop.server = self.place(hop.server);
    }

    /// A product name, without what else may stand there: the session's own names, addresses of hardware, serial numbers.
    fn agent(&self, text: &str, names: &[String]) -> String {
        let mut text = text.to_owned();
        for name in names.iter().filter(|name| name.len() >= 3) {
            text = text.replace(name.as_str(), "[…]");
        }
        let is_id = |word: &str| {
            let hex = word.bytes().filter(u8::is_ascii_hexdigit).count();
            let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'-'));
            (is_hex && hex >= 8) || word.bytes().filter(u8::is_ascii_digit).count() >= 8 || word.contains('@')
        };
        let words = text.split_whitespace().map(|word| {
            let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_id(core) { word.replace(core, "[id]") } else { word.to_owned() }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Replaces the names in a session.
    pub fn session(&self, session: &mut Session) {
        let mut names = vec![session.user.clone(), session.call_id.clone()];
        names.extend(session.realms.iter().cloned());
        let addresses = [session.client, session.server];
        names.extend(addresses.iter().filter_map(|place| place.0).map(|endpoint| endpoint.address.to_string()));
        for uri in [&session.from, &session.to].into_iter().flatten() {
            let uri = Uri::parse(uri.as_bytes());
            names.extend([uri.user, uri.host].map(|part| crate::base::Untrusted(part).to_text()));
        }
        let agent = |agent: Option<String>| agent.map(|agent| self.agent(&agent, &names));
        session.user_agent = agent(session.user_agent.take());
        session.server_agent = agent(session.server_agent.take());
        session.method = known_method(&session.method);
        session.call_id = self.named("call", &session.call_id);
        session.user = self.user(&session.user);
        (session.call_id_hex, session.user_hex) = (None, None);
        session.from = session.from.take().map(|uri| self.uri(&uri));
        session.to = session.to.take().map(|uri| self.uri(&uri));
        session.realm = session.realm.take().map(|realm| self.realm(&realm));
        session.realms.iter_mut().for_each(|realm| *realm = self.realm(realm));
        session.client = self.place(session.client);
        session.server = self.place(session.server);
        session.attempts.iter_mut().for_each(|attempt| self.attempt(attempt));
        let frames = session.attempts.iter().flat_map(|attempt| attempt.request.into_iter().chain(attempt.response));
        session.wireshark_filter = filter(frames);
    }

    fn attempt(&self, attempt: &mut Attempt) {
        attempt.method = known_method(&attempt.method);
        // A reason phrase may hold anything; the status says what it should say.
        attempt.reason = None;
        attempt.from = attempt.from.take().map(|uri| self.uri(&uri));
        attempt.to = attempt.to.take().map(|uri| self.uri(&uri));
        attempt.hop.iter_mut().for_each(|hop| self.hop(hop));
        attempt.copies.iter_mut().filter_map(|copy| copy.hop.as_mut()).for_each(|hop| self.hop(hop));
        for challenge in &mut attempt.challenges {
            challenge.scheme = known(&challenge.scheme, &SCHEMES);
            challenge.realm = challenge.realm.take().map(|realm| self.realm(&realm));
            challenge.realm_hex = None;
            challenge.algorithm = challenge.algorithm.take().map(|name| known_algorithm(&name));
            challenge.qop.iter_mut().for_each(|qop| *qop = known(qop, &QOPS));
        }
        attempt.credentials.iter_mut().for_each(|one| self.credentials(one));
        attempt.ack.iter_mut().flat_map(|ack| &mut ack.credentials).for_each(|one| self.credentials(one));
    }

    fn credentials(&self, credentials: &mut Credentials) {
        credentials.scheme = known(&credentials.scheme, &SCHEMES);
        credentials.username = credentials.username.take().map(|name| self.user(&name));
        credentials.realm = credentials.realm.take().map(|realm| self.realm(&realm));
        (credentials.username_hex, credentials.realm_hex) = (None, None);
        credentials.uri = credentials.uri.take().map(|uri| self.uri(&uri));
        credentials.algorithm = credentials.algorithm.take().map(|name| known_algorithm(&name));
        credentials.qop = credentials.qop.take().map(|qop| known(&qop, &QOPS));
        let is_count = |count: &str| count.len() <= 8 && count.bytes().all(|byte| byte.is_ascii_hexdigit());
        credentials.nc = credentials.nc.take().map(|count| if is_count(&count) { count } else { "other".to_owned() });
        if let Some(check) = &mut credentials.verification {
            check.credential_source = None;
        }
    }

    /// Replaces what a finding says of this capture by what the catalogue says of all, and names whom it is about.
    pub fn finding(&self, model: &mut model::Finding, finding: &Finding) {
        let text = |bytes: &[u8]| crate::base::Untrusted(bytes).to_text();
        let (user, realm) = (self.user(&text(&finding.subject.user)), self.realm(&text(&finding.subject.realm)));
        let account = match (user.is_empty(), realm.is_empty()) {
            (false, false) => format!(": {user}@{realm}"),
            (true, true) => String::new(),
            _ => format!(": {user}{realm}"),
        };
        model.title = format!("{}{account}", finding.rule.summary);
        model.explanation = finding.rule.finds.to_owned();
        model.remedy = vec![finding.rule.advice.to_owned()];
        // What is ruled out is told with what rules it out.
        model.excluded = Vec::new();
        model.fingerprint = format!("hmac-sha256:{}", self.digits("fingerprint", &model.fingerprint));
    }

    /// Replaces the names in the life of a nonce.
    pub fn nonce(&self, nonce: &mut Nonce) {
        nonce.value.clone_from(&nonce.id);
        nonce.value_hex = None;
        nonce.realm = self.realm(&nonce.realm);
    }

    /// Replaces the names in everything that is no session, no nonce and no finding.
    pub fn rest(&self, report: &mut Report) {
        for (number, input) in (1..).zip(&mut report.inputs) {
            input.path = format!("input {number}");
        }
        for diagnostic in &mut report.diagnostics {
            diagnostic.text = diagnostic.event.replace('_', " ");
        }
    }
}

const QOPS: [&str; 2] = ["auth", "auth-int"];

fn known(text: &str, all: &[&str]) -> String {
    if all.iter().any(|known| known.eq_ignore_ascii_case(text)) { text.to_owned() } else { "other".to_owned() }
}

fn known_method(text: &str) -> String {
    let is_known = METHODS.iter().any(|method| method.eq_ignore_ascii_case(text.as_bytes()));
    if is_known { text.to_owned() } else { "other".to_owned() }
}

fn known_algorithm(text: &str) -> String {
    let names: Vec<&str> = crate::auth::Algorithm::names().collect();
    known(text, &names)
}

/// Selects frames of the first input among them.
fn filter(frames: impl Iterator<Item = FrameAt>) -> String {
    let all: Vec<FrameAt> = frames.collect();
    let input = all.first().map(|frame| frame.input);
    wireshark::numbers(all.iter().filter(|frame| Some(frame.input) == input).map(|frame| frame.number).collect())
}

/// The country code that a number in international form begins with (ITU-T E.164.D).
fn country_code(digits: &str) -> &str {
    let two = digits.get(..2).unwrap_or_default();
    let len = match digits.as_bytes().first() {
        Some(b'1' | b'7') => 1,
        _ => match two {
            "20" | "27" | "30" | "31" | "32" | "33" | "34" | "36" | "39" | "40" | "41" | "43" | "44" | "45" | "46"
            | "47" | "48" | "49" | "51" | "52" | "53" | "54" | "55" | "56" | "57" | "58" | "60" | "61" | "62"
            | "63" | "64" | "65" | "66" | "81" | "82" | "84" | "86" | "90" | "91" | "92" | "93" | "94" | "95"
            | "98" => 2,
            _ => 3,
        },
    };
    digits.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_others_and_stay_the_same() {
        let names = Pseudonyms::new(&[7; 32]);
        assert_eq!(names.user("alice"), names.user("alice"));
        assert_ne!(names.user("alice"), names.user("bob"));
        assert_ne!(names.user("alice"), Pseudonyms::new(&[8; 32]).user("alice"));
        let number = names.user("+4930123456789");
        assert!(number.starts_with("+49·num-") && number.ends_with("·13"), "{number}");
        assert!(names.user("1001").starts_with("num-"));
        assert_eq!(names.user("alice@b.example"), format!("{}@{}", names.user("alice"), names.host("b.example")));
        assert_eq!(names.uri("sip:alice@EXAMPLE.com;x=alice"), names.uri("sip:alice@example.com"));
        assert!(names.uri("sip:1001@192.168.1.4").contains("@192.168."));
        assert_eq!(names.agent("Phone 1.2.3 001565aabbcc 00:15:65:aa:bb:cc", &[]), "Phone 1.2.3 [id] [id]");
    }
}
