//! One search: every candidate hashed once with every secret, and what candidates share with what was sent hashed once for all of them.

use zeroize::Zeroizing;

use crate::digest::aka;
use crate::digest::hash::Hasher;
use crate::digest::hash::Hex;
use crate::digest::keyring::Entry;
use crate::digest::keyring::SourceId;
use crate::digest::near_miss::Closest;
use crate::digest::near_miss::NearMiss;
use crate::digest::near_miss::candidates;
use crate::digest::near_miss::candidates::Candidate;
use crate::digest::near_miss::candidates::Material;
use crate::digest::near_miss::hashed::Hashed;
use crate::digest::near_miss::hashed::Sent;
use crate::digest::near_miss::passwords;
use crate::digest::near_miss::variant::Input;
use crate::digest::near_miss::variant::Variant;
use crate::digest::secret::SecretKind;

/// A search under way.
pub(super) struct Search<'s> {
    base: &'s Hashed<'s>,
    sent: Sent<'s>,
    secrets: Vec<Known<'s>>,
    /// What was sent between A1 and A2.
    middle: Vec<u8>,
    ha2: Hex,
    fits: Vec<Fit>,
}

/// A secret, and the HA1 that it gives with what was sent.
struct Known<'s> {
    source: &'s SourceId,
    /// None where only its HA1 is known.
    password: Option<Zeroizing<Vec<u8>>>,
    /// Whether people type the password: then it may be mistyped. A SIM's is computed.
    is_typed: bool,
    ha1: Zeroizing<Box<[u8]>>,
    /// The response over it, as far as its A2.
    begun: Hasher,
}

impl<'s> Known<'s> {
    /// None where the secret gives no HA1 for this digest.
    fn new(base: &Hashed<'_>, middle: &[u8], aka: Option<&aka::Challenge>, entry: &'s Entry) -> Option<Known<'s>> {
        let Entry { secret, source, .. } = entry;
        let password = match (secret.kind, aka) {
            (SecretKind::Ha1(_), None) => None,
            (SecretKind::Password, None) => Some(Zeroizing::new(secret.bytes().to_vec())),
            (_, Some(aka)) => Some(aka.password(secret, base.hash)?),
            (SecretKind::AkaRes | SecretKind::AkaKey, None) => return None,
        };
        let ha1: Zeroizing<Box<[u8]>> = Zeroizing::new(match &password {
            Some(password) => base.ha1(password).as_bytes().into(),
            None => secret.bytes().into(),
        });
        let begun = base.begun(&ha1, middle);
        Some(Known { source, password, is_typed: aka.is_none(), ha1, begun })
    }

    fn typed(&self) -> Option<&[u8]> {
        self.password.as_ref().filter(|_| self.is_typed).map(|password| password.as_slice())
    }
}

/// A change that makes the digest right. They order by how telling they are.
struct Fit {
    variant: Variant,
    secret: usize,
    hashed: Option<Box<[u8]>>,
}

impl<'s> Search<'s> {
    /// A search over these secrets.
    pub(super) fn new(
        base: &'s Hashed<'s>,
        sent: Sent<'s>,
        aka: Option<&aka::Challenge>,
        entries: &[&'s Entry],
    ) -> Search<'s> {
        let middle = base.middle();
        let secrets = entries.iter().filter_map(|entry| Known::new(base, &middle, aka, entry)).collect();
        Search { base, sent, secrets, middle, ha2: base.ha2(), fits: Vec::new() }
    }

    /// Tries everything, or one kind of change alone. Gives whether something fits.
    pub(super) fn run(&mut self, material: Material<'_>, only: Option<Variant>) -> bool {
        candidates::for_each(material, only, &mut |candidate| self.inputs(&candidate));
        self.passwords(only);
        !self.is_without_fit()
    }

    /// Whether nothing fits so far.
    pub(super) fn is_without_fit(&self) -> bool {
        self.fits.is_empty()
    }

    /// What came out. Changes that fit with one secret hash the very same bytes, so that they are one, under the most telling
    /// name. With two secrets they are two explanations.
    pub(super) fn closest(mut self) -> Closest {
        self.fits.sort_by_key(|fit| (fit.secret, fit.variant));
        self.fits.dedup_by_key(|fit| fit.secret);
        let mut fits = self.fits.into_iter();
        let Some(first) = fits.next() else {
            return Closest::Nothing { all_tried: self.secrets.iter().all(|known| known.password.is_some()) };
        };
        if fits.any(|other| other.variant != first.variant) {
            return Closest::Several;
        }
        match self.secrets.get(first.secret) {
            Some(known) => {
                let source = known.source.clone();
                Closest::One(NearMiss { variant: first.variant, hashed: first.hashed, source })
            }
            None => Closest::NotLooked,
        }
    }

    fn inputs(&mut self, candidate: &Candidate<'_>) {
        let hashed = &candidate.hashed;
        if self.sent.len != hashed.hash.hex_len() {
            return;
        }
        let base = self.base;
        let is_same_a1 = hashed.has_same_a1(base);
        let other_ha2 = (!hashed.has_same_a2(base)).then(|| hashed.ha2());
        let ha2 = other_ha2.as_ref().unwrap_or(&self.ha2);
        let other_middle = (!hashed.has_same_middle(base)).then(|| hashed.middle());
        let is_same_use = (hashed.sess, hashed.form) == (base.sess, base.form);
        // What was sent was checked before.
        if is_same_a1 && is_same_use && other_ha2.is_none() && other_middle.is_none() {
            return;
        }
        let middle = other_middle.as_ref().unwrap_or(&self.middle);
        let begins_alike = is_same_a1 && !hashed.sess && other_middle.is_none();
        for (secret, known) in self.secrets.iter().enumerate() {
            let fits = match &known.password {
                _ if begins_alike => hashed.ends_as(self.sent, known.begun.clone(), ha2),
                _ if is_same_a1 => hashed.fits(self.sent, &known.ha1, middle, ha2),
                Some(password) => hashed.fits(self.sent, hashed.ha1(password).as_bytes(), middle, ha2),
                // An HA1 is bound to the user name, the realm and the algorithm that it was made with.
                None => false,
            };
            if fits {
                let variant = candidate.variant;
                self.fits.push(Fit { variant, secret, hashed: told(variant, hashed) });
            }
        }
    }

    fn passwords(&mut self, only: Option<Variant>) {
        let is_tried = |variant: Variant| only.is_none_or(|only| only == variant);
        let fits = |ha1: &[u8]| self.base.fits(self.sent, ha1, &self.middle, &self.ha2);
        let mut found = Vec::new();
        for (secret, known) in self.secrets.iter().enumerate() {
            let mut note = |variant| found.push(Fit { variant, secret, hashed: None });
            if is_tried(Variant::PasswordIsHa1) {
                // The client was given the HA1 where a password belongs, or the other way round; or sipauth was.
                let given = known.typed().and_then(|password| passwords::as_ha1(password, self.base.hash));
                let twice = self.base.ha1(&known.ha1);
                let is_raw = known.typed().is_some_and(fits);
                if fits(twice.as_bytes()) || is_raw || given.is_some_and(|ha1| fits(&ha1)) {
                    note(Variant::PasswordIsHa1);
                }
            }
            let Some(password) = known.typed() else { continue };
            if only.is_some_and(|only| !has_passwords(only)) {
                continue;
            }
            for (variant, form) in passwords::forms(password).iter().filter(|(variant, _)| is_tried(*variant)) {
                if fits(self.base.ha1(form).as_bytes()) {
                    note(*variant);
                }
            }
        }
        self.fits.extend(found);
    }
}

/// Whether a kind of change has forms of the password.
fn has_passwords(variant: Variant) -> bool {
    variant.input() == Some(Input::Password) || matches!(variant, Variant::QuotesKept | Variant::EscapeKept)
}

/// What may be said of what was hashed: nothing that is a secret, and nothing that nonces are hidden for.
fn told(variant: Variant, hashed: &Hashed<'_>) -> Option<Box<[u8]>> {
    let text: &[u8] = match variant.input()? {
        Input::Uri => &hashed.uri,
        Input::Method => &hashed.method,
        Input::Realm => &hashed.realm,
        Input::Username => &hashed.username,
        Input::Algorithm => hashed.hash.name().as_bytes(),
        Input::Qop => hashed.qop.as_deref().unwrap_or_default(),
        Input::NonceCount => &hashed.nonce_count,
        Input::Password | Input::Body | Input::Nonce => return None,
    };
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashSet;

    use super::*;
    use crate::auth::HashName;
    use crate::auth::parse_credentials;
    use crate::digest::hash::hash_joined;
    use crate::digest::keyring;
    use crate::digest::near_miss::Challenged;
    use crate::digest::near_miss::Surroundings;
    use crate::digest::near_miss::hashed::Form;

    const PASSWORDS: u64 = 100_000;

    /// A password of one's own for each number, as SplitMix64 scatters them.
    fn password(number: u64) -> String {
        let mut word = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        format!("{:016x}", word ^ (word >> 31))
    }

    fn base(qop: &str) -> Hashed<'_> {
        Hashed {
            hash: HashName::Md5,
            sess: false,
            form: Form::Standard,
            username: b"1001".into(),
            realm: b"pbx.example.com".into(),
            nonce: b"aX7dQk0v1uY2==".into(),
            cnonce: b"0a4f113b".into(),
            nonce_count: b"0000000a".into(),
            qop: Some(qop.as_bytes().into()),
            method: b"INVITE".into(),
            uri: b"sip:2000@pbx.example.com;user=phone".into(),
            body: (qop == "auth-int").then(|| b"v=0\r\n"[..].into()),
        }
    }

    /// A search compares what it computes with the response sent. Here it is compared with the responses of all those wrong
    /// passwords at once, which is the same as a search for each of them.
    fn check(qop: &str) {
        let base = base(qop);
        let ha2 = base.ha2();
        let response = |password: &[u8]| -> Box<[u8]> {
            let ha1 = base.ha1(password);
            let parts = [&base.nonce, &base.nonce_count, &base.cnonce, base.qop.as_ref().unwrap()].map(|part| &**part);
            let [nonce, nonce_count, cnonce, qop] = parts;
            hash_joined(base.hash, &[ha1.as_bytes(), nonce, nonce_count, cnonce, qop, ha2.as_bytes()]).as_bytes().into()
        };
        let wrong: HashSet<Box<[u8]>> = (0..PASSWORDS).map(|number| response(password(number).as_bytes())).collect();
        assert_eq!(wrong.len() as u64, PASSWORDS);
        let (keyring, _) = keyring::read("1001,*,correct;horse%41ä\n".as_bytes(), "c.csv", None).unwrap();
        let tries = Cell::new(0);
        let is_response = |computed: &[u8]| {
            tries.set(tries.get() + 1);
            wrong.contains(computed)
        };
        let sent = Sent { len: 32, is_response: &is_response, first_cnonce: None };
        let header = format!(
            "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"aX7dQk0v1uY2==\", response=\"0\", \
             uri=\"sip:2000@pbx.example.com;user=phone\", qop={qop}, nc=0000000a, cnonce=\"0a4f113b\""
        );
        let credentials = &parse_credentials(header.as_bytes())[0];
        let nonces = [b"UwVkG0hP2yZx"[..].into(), b"mF8s3LqT"[..].into()];
        let around = &Surroundings {
            request_uri: b"sip:sip.example.net;transport=udp",
            from: b"sip:1002@home.example",
            to: b"sip:1003@office.example:5070",
            destination: b"203.0.113.10",
            body: Some(b"v=0\r\n"),
            challenge_realm: Some(b"asterisk"),
            challenged: Some(Challenged { method: b"SUBSCRIBE", uri: b"sip:old.example" }),
            text: header.as_bytes(),
            nonces: &nonces,
        };
        let closest = |sent| {
            let mut search = Search::new(&base, sent, None, &[keyring.entry(0).unwrap()]);
            search.run(Material { base: &base, credentials, around }, None);
            search.closest()
        };
        assert_eq!(closest(sent), Closest::Nothing { all_tried: true });
        // A few hundred hashes a digest, and no more.
        assert!((80..=160).contains(&tries.get()), "{} responses were tried", tries.get());
        // One among them that is a near miss is found.
        let cut = response(b"correct");
        let is_response = |computed: &[u8]| wrong.contains(computed) || *computed == *cut;
        let found = closest(Sent { is_response: &is_response, ..sent });
        assert!(matches!(found, Closest::One(NearMiss { variant: Variant::PasswordCut, .. })));
    }

    #[test]
    fn a_hundred_thousand_wrong_passwords_give_no_near_miss() {
        check("auth");
        check("auth-int");
    }
}
