//! The one changed input that makes a wrong digest right: what the client hashed in place of what it sent. Many failures in
//! the field are exactly one such change, and no log says so.
//!
//! Each change is tried once and by itself. Two changes at a time would be guessing, and so would a list of words: the secret
//! that is tried is the one given, in the forms that programs make of it.

mod candidates;
mod hashed;
mod passwords;
mod search;
mod searches;
mod uris;
pub mod variant;

use std::borrow::Cow;

use crate::auth::Credentials;
use crate::auth::Name;
use crate::auth::Qop;
use crate::digest::inputs::Inputs;
use crate::digest::keyring::SourceId;
use crate::digest::near_miss::hashed::Form;
use crate::digest::near_miss::hashed::Hashed;
use crate::digest::near_miss::hashed::Sent;
use crate::digest::near_miss::search::Search;
use crate::digest::near_miss::searches::Account;
pub(super) use crate::digest::near_miss::searches::Searches;
use crate::digest::response::Account as Named;
use crate::digest::tried::Tried;
use crate::digest::verdict::Verdict;
use crate::digest::verify::Request;
use crate::digest::verify::Verifier;
use crate::digest::verify::username;

pub use variant::{Input, Variant};

/// What stands around the credentials, and may have been hashed in their place. All as sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// The Request-URI.
    pub request_uri: &'a [u8],
    /// The URI of From.
    pub from: &'a [u8],
    /// The URI of To.
    pub to: &'a [u8],
    /// The address that the request went to, as a URI names a host; empty where it is not known.
    pub destination: &'a [u8],
    /// The body, empty where there is none; None where it is not known whole.
    pub body: Option<&'a [u8]>,
    /// The realm of the challenge that is answered, where it is known.
    pub challenge_realm: Option<&'a [u8]>,
    /// The request that was challenged, where it is known.
    pub challenged: Option<Challenged<'a>>,
    /// The header value that the credentials were read from; empty where it is not known.
    pub text: &'a [u8],
    /// Other nonces that the client got or used before, newest first, each unescaped.
    pub nonces: &'a [Cow<'a, [u8]>],
}

/// A request that was challenged.
#[derive(Clone, Copy, Debug)]
pub struct Challenged<'a> {
    /// Its method.
    pub method: &'a [u8],
    /// Its Request-URI.
    pub uri: &'a [u8],
}

/// The digest is right if one input is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Which input, and how it was changed.
    pub variant: Variant,
    /// What was hashed in place of what was sent, where that is no secret and no nonce: a uri, a method, a realm, a user
    /// name, an algorithm, a qop, a nonce count.
    pub hashed: Option<Box<[u8]>>,
    /// The secret that it fits.
    pub source: SourceId,
}

/// What the search for a near miss came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Closest {
    /// Nobody looked: the digest is right or was not checked, it belongs to an ACK, or searches have reached their limit.
    #[default]
    NotLooked,
    /// No single change makes the digest right.
    Nothing {
        /// False where one of the secrets is an HA1, with which no other realm, user name or password can be tried.
        all_tried: bool,
    },
    /// Several changes do, with several secrets: none of them is told.
    Several,
    /// Exactly one does.
    One(NearMiss),
}

/// Bytes of everything that is hashed but the body. Longer inputs are no phone's, and each is hashed a hundred times.
const INPUTS_LEN_BYTES_MAX: usize = 8 * 1024;

impl Verifier {
    /// Looks for the one change that makes a digest right which [`Verifier::check`] called wrong. `request.body` is `None`
    /// where the body is not known.
    pub fn near_miss(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request<'_>,
        around: &Surroundings<'_>,
    ) -> Closest {
        let Verifier { keyring, ha1s, sessions, user_hashes, searches, .. } = self;
        let Ok(username) = username(credentials, keyring, user_hashes) else { return Closest::NotLooked };
        let (Some(realms), Some(realm)) = (keyring.realms_of(&username), credentials.realm()) else {
            return Closest::NotLooked;
        };
        let account = searches.account(&username, &realm);
        // Without its body an auth-int digest cannot be tried in full, and half a search proves nothing.
        let lacks_body = credentials.qop() == Some(Qop::AuthInt) && request.body.is_none();
        let is_too_long = inputs_len(credentials, around) > INPUTS_LEN_BYTES_MAX;
        let Some(account) = account.filter(|_| !lacks_body && !is_too_long) else {
            searches.passed_over += 1;
            return Closest::NotLooked;
        };
        let inputs = match Inputs::read(credentials, request, &username, &realm) {
            Ok(inputs) => inputs,
            Err(reason) if reason.is_of_qop() => {
                let account = Named { username: &username, realm: &realm };
                let plain = Inputs::read_with(None, credentials, request, account);
                let tried = Tried::new(keyring, ha1s, realms, &realm, around.challenge_realm);
                return plain.map_or(Closest::NotLooked, |plain| without_qop(tried, &plain));
            }
            Err(_) => return Closest::NotLooked,
        };
        let first_cnonce = if inputs.sess { sessions.known_cnonce(&username, &inputs.nonce) } else { None };
        let base = hashed(&inputs, credentials);
        let entries = Tried::new(keyring, ha1s, realms, &realm, around.challenge_realm).deciding(&inputs);
        let is_response = |computed: &[u8]| computed.eq_ignore_ascii_case(&inputs.response);
        let sent = Sent { len: inputs.response.len(), is_response: &is_response, first_cnonce };
        let mut search = Search::new(&base, sent, inputs.aka.as_ref(), &entries);
        let material = candidates::Material { base: &base, credentials, around };
        // An account that fails in one way mostly goes on so: then there is no need to try all the others.
        if let Account::Fits { variant, may_search } = account
            && !search.run(material, Some(variant))
            && !may_search
        {
            searches.passed_over += 1;
            return Closest::NotLooked;
        }
        if search.is_without_fit() {
            search.run(material, None);
        }
        let closest = search.closest();
        searches.note(&username, &realm, &closest);
        closest
    }

    /// The same of a digest that the server let past: one such search is enough, for what is left serves those that were refused.
    pub fn near_miss_of_accepted(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request<'_>,
        around: &Surroundings<'_>,
    ) -> Closest {
        let username = username(credentials, &self.keyring, &mut self.user_hashes).unwrap_or_default();
        if self.searches.is_fruitless(&username, &credentials.realm().unwrap_or_default()) {
            self.searches.passed_over += 1;
            return Closest::NotLooked;
        }
        self.near_miss(credentials, request, around)
    }

    /// Wrong digests that were not searched for a near miss, because of a limit.
    pub fn passed_over(&self) -> u64 {
        self.searches.passed_over
    }
}

/// Whether a client that writes a qop without what belongs to it has left it out of the digest as well.
fn without_qop(tried: Tried<'_>, plain: &Inputs<'_>) -> Closest {
    match tried.verify(plain, &[]) {
        (Verdict::Match, Some(source)) => {
            Closest::One(NearMiss { variant: Variant::QopIgnored, hashed: None, source: source.clone() })
        }
        _ => Closest::NotLooked,
    }
}

fn inputs_len(credentials: &Credentials<'_>, around: &Surroundings<'_>) -> usize {
    let sent: usize = credentials.params.iter().map(|param| param.raw.len()).sum();
    let challenged = around.challenged.map_or(0, |challenged| challenged.method.len() + challenged.uri.len());
    let nonces: usize = around.nonces.iter().map(|nonce| nonce.len()).sum();
    let realm = around.challenge_realm.map_or(0, <[u8]>::len);
    let uris = [around.request_uri, around.from, around.to].map(<[u8]>::len).iter().sum::<usize>();
    sent + uris + around.destination.len() + challenged + nonces + realm
}

/// The inputs as sent, and what of them was sent and need not be hashed.
fn hashed<'h>(inputs: &'h Inputs<'h>, credentials: &'h Credentials<'h>) -> Hashed<'h> {
    let param = |name: Name| credentials.params.value(name).unwrap_or_default();
    Hashed {
        hash: inputs.hash,
        sess: inputs.sess,
        form: Form::Standard,
        username: inputs.account.username.into(),
        realm: inputs.account.realm.into(),
        nonce: Cow::Borrowed(&inputs.nonce),
        cnonce: param(Name::Cnonce),
        nonce_count: param(Name::NonceCount),
        qop: inputs.qop.as_deref().map(Cow::Borrowed),
        method: inputs.method.into(),
        uri: Cow::Borrowed(&inputs.uri),
        body: inputs.body.map(Cow::Borrowed),
    }
}
