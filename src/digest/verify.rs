//! Credentials × secret → verdict. What is hashed is what was sent; RFC 7616 §3.4.6 tells a server to do more, and the
//! rules above do it. Responses are compared plainly: nobody can time an offline reader.

use std::borrow::Cow;
use std::sync::Arc;

use zeroize::Zeroize;
use zeroize::Zeroizing;

use crate::auth::Algorithm;
use crate::auth::Credentials;
use crate::auth::HashName;
use crate::auth::Name;
use crate::auth::Qop;
use crate::auth::Scheme;
use crate::digest::hash::Hex;
use crate::digest::keyring::Keyring;
use crate::digest::keyring::SourceId;
use crate::digest::response::Account;
use crate::digest::response::Protection;
use crate::digest::response::ha1;
use crate::digest::response::ha1_sess;
use crate::digest::response::ha2;
use crate::digest::response::response;
use crate::digest::secret::Secret;
use crate::digest::secret::SecretKind;
use crate::digest::sessions::Sessions;
use crate::digest::user_hashes::UserHashes;
use crate::digest::verdict::Reason;
use crate::digest::verdict::Verdict;

/// HA1s kept for one entry. An entry for any realm meets realms from the wire: past this, the oldest gives way.
const HA1S_MAX: usize = 8;

/// Bytes of a realm that is kept beside others.
const REALM_LEN_BYTES_MAX: usize = 1024;

/// The request that carries the credentials.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method as sent.
    pub method: &'a [u8],
    /// The body as sent, empty when there is none; None when it was not captured whole.
    pub body: Option<&'a [u8]>,
    /// Whether the capture holds two versions of the message: then nothing is verified.
    pub ambiguous: bool,
    /// Whether the header section was not captured whole: then only a match counts.
    pub headers_cut: bool,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What came out.
    pub verdict: Verdict,
    /// The entry that fits, else the first that was tried; None when it did not come to that.
    pub source: Option<SourceId>,
}

/// Checks credentials against a keyring.
pub struct Verifier {
    keyring: Arc<Keyring>,
    /// For each entry of the keyring the HA1s computed from its password.
    ha1s: Vec<Ha1s>,
    sessions: Sessions,
    user_hashes: UserHashes,
}

impl Verifier {
    /// A verifier with these secrets.
    pub fn new(keyring: Keyring) -> Verifier {
        Verifier::with(Arc::new(keyring))
    }

    /// Another verifier with the same secrets and nothing remembered, for another thread.
    #[must_use]
    pub fn share(&self) -> Verifier {
        Verifier::with(Arc::clone(&self.keyring))
    }

    fn with(keyring: Arc<Keyring>) -> Verifier {
        let mut ha1s = Vec::new();
        ha1s.resize_with(keyring.len(), Ha1s::default);
        Verifier { keyring, ha1s, sessions: Sessions::default(), user_hashes: UserHashes::default() }
    }

    /// Whether there is no secret, so that every check gives None.
    pub fn is_empty(&self) -> bool {
        self.keyring.is_empty()
    }

    /// Recomputes the response. `challenge_realm` is the realm of the challenge that is answered, where it is known: a
    /// client that answers with another realm still has the right password. None when no secret was given for that user
    /// and realm. Call it in capture order: `-sess` needs the session's first cnonce.
    pub fn check(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request<'_>,
        challenge_realm: Option<&[u8]>,
    ) -> Option<Checked> {
        if self.is_empty() {
            return None;
        }
        let Verifier { keyring, ha1s, sessions, user_hashes } = self;
        let unverifiable = |reason| Some(Checked { verdict: Verdict::Unverifiable(reason), source: None });
        match credentials.scheme {
            Scheme::Digest => {}
            Scheme::Basic => return unverifiable(Reason::BasicScheme),
            Scheme::Other(_) => return unverifiable(Reason::UnknownScheme),
        }
        let username = match username(credentials, keyring, user_hashes) {
            Ok(username) => username,
            Err(reason) if request.headers_cut => return unverifiable(cut(reason)),
            Err(reason) => return unverifiable(reason),
        };
        let realms = keyring.realms_of(&username)?;
        let Some(realm) = credentials.realm() else {
            let absent = Reason::MissingParameter(Name::Realm.as_str());
            return unverifiable(if request.headers_cut { cut(absent) } else { absent });
        };
        let by_challenge = challenge_realm.map_or(&[][..], |realm| realms.exact(realm));
        // An HA1 is bound to its realm; a password is not, so it may be tried with the realm that was sent.
        let groups = [(realms.exact(&realm), true), (realms.any(), true), (by_challenge, false)];
        let tried = Tried { keyring, ha1s, groups };
        let first = tried.first()?;
        let verdict = match Inputs::read(credentials, request, &username, &realm) {
            _ if request.ambiguous => Verdict::Unverifiable(Reason::Ambiguous),
            Err(reason) => Verdict::Unverifiable(reason),
            Ok(inputs) => {
                let first_cnonce = inputs.session_cnonce(sessions);
                let (verdict, fitting) = tried.verify(&inputs, first_cnonce);
                let source = fitting.or(Some(first)).cloned();
                return Some(Checked { verdict: judge(verdict, request, &inputs), source });
            }
        };
        let verdict = match verdict {
            Verdict::Unverifiable(reason) if request.headers_cut => Verdict::Unverifiable(cut(reason)),
            other => other,
        };
        Some(Checked { verdict, source: Some(first.clone()) })
    }
}

/// With cut headers, what is absent may just not have been captured.
fn cut(reason: Reason) -> Reason {
    match reason {
        Reason::MissingParameter(_) | Reason::EmptyParameter(_) | Reason::UserhashUnknown => Reason::HeadersCut,
        other => other,
    }
}

/// A mismatch counts only where everything that was hashed is what was sent.
fn judge(verdict: Verdict, request: &Request<'_>, inputs: &Inputs<'_>) -> Verdict {
    match verdict {
        Verdict::Mismatch if request.headers_cut => Verdict::Unverifiable(Reason::HeadersCut),
        Verdict::Mismatch if inputs.body.is_some() && request.method == ACK => {
            Verdict::Unverifiable(Reason::InviteBodyUnknown)
        }
        other => other,
    }
}

/// The user name in clear: as sent, from `username*`, or the user whose hash was sent.
fn username<'s>(
    credentials: &Credentials<'s>,
    keyring: &Keyring,
    user_hashes: &mut UserHashes,
) -> Result<Cow<'s, [u8]>, Reason> {
    let absent = Reason::MissingParameter(Name::Username.as_str());
    // Both forms at once are against RFC 7616 §3.4; the plain one is what servers read.
    let sent = credentials.username().or_else(|| credentials.username_star().map(Cow::Owned)).ok_or(absent)?;
    if !credentials.userhash() {
        return Ok(sent);
    }
    let hash = credentials.algorithm().hash().ok_or(Reason::UnknownAlgorithm)?;
    let realm = credentials.realm().ok_or(Reason::MissingParameter(Name::Realm.as_str()))?;
    let user = user_hashes.user(hash, &realm, &sent, keyring.users()).ok_or(Reason::UserhashUnknown)?;
    Ok(Cow::Owned(user.to_vec()))
}

const ACK: &[u8] = b"ACK";
const INVITE: &[u8] = b"INVITE";

/// Everything that goes into the digest but the secret.
struct Inputs<'i> {
    hash: HashName,
    account: Account<'i>,
    sess: bool,
    nonce: Cow<'i, [u8]>,
    uri: Cow<'i, [u8]>,
    response: Cow<'i, [u8]>,
    cnonce: Option<Cow<'i, [u8]>>,
    /// As sent, where there is a qop; else empty.
    nonce_count: Cow<'i, [u8]>,
    /// As sent; None is the form of RFC 2069.
    qop: Option<Cow<'i, [u8]>>,
    method: &'i [u8],
    /// The body, where qop is auth-int.
    body: Option<&'i [u8]>,
}

impl<'i> Inputs<'i> {
    fn read(
        credentials: &Credentials<'i>,
        request: &Request<'i>,
        username: &'i [u8],
        realm: &'i [u8],
    ) -> Result<Inputs<'i>, Reason> {
        let present = |name: Name| credentials.params.value(name).ok_or(Reason::MissingParameter(name.as_str()));
        let filled = |name: Name| {
            let value = present(name)?;
            if value.is_empty() { Err(Reason::EmptyParameter(name.as_str())) } else { Ok(value) }
        };
        let (nonce, response) = (filled(Name::Nonce)?, filled(Name::Response)?);
        let uri = present(Name::Uri)?;
        let (hash, sess) = match credentials.algorithm() {
            Algorithm::Plain { hash, sess } => (hash, sess),
            Algorithm::Aka { .. } => return Err(Reason::AkaWithoutKey),
            Algorithm::Unknown(_) => return Err(Reason::UnknownAlgorithm),
        };
        let qop = credentials.qop();
        let body = match qop {
            Some(Qop::Unknown(_)) => return Err(Reason::UnknownQop),
            Some(Qop::AuthInt) => Some(request.body.ok_or(Reason::BodyCut)?),
            Some(Qop::Auth) | None => None,
        };
        let cnonce = if qop.is_some() || sess { Some(present(Name::Cnonce)?) } else { None };
        let nonce_count = if qop.is_some() { filled(Name::NonceCount)? } else { Cow::default() };
        let qop = qop.and_then(|_| credentials.params.value(Name::Qop));
        let account = Account { username, realm };
        Ok(Inputs { hash, account, sess, nonce, uri, response, cnonce, nonce_count, qop, method: request.method, body })
    }

    /// For `-sess` the cnonce of the session's first request, where it is another than this one's.
    fn session_cnonce<'s>(&self, sessions: &'s mut Sessions) -> Option<&'s [u8]> {
        let cnonce = self.cnonce.as_deref().filter(|_| self.sess)?;
        sessions.first_cnonce(self.account.username, &self.nonce, cnonce).filter(|first| *first != cnonce)
    }

    fn ha2(&self, method: &[u8]) -> Hex {
        ha2(self.hash, method, &self.uri, self.body)
    }

    /// Whether the response is what this A1 and A2 give.
    fn fits(&self, a1: &[u8], a2: &Hex) -> bool {
        let protection = self.qop.as_ref().map(|qop| Protection {
            nonce_count: &self.nonce_count,
            cnonce: self.cnonce.as_deref().unwrap_or_default(),
            qop,
        });
        let computed = response(self.hash, a1, &self.nonce, protection, a2);
        // Digits in upper case are against RFC 7616 §3.4.1, yet the client knew the secret.
        computed.as_bytes().eq_ignore_ascii_case(&self.response)
    }
}

/// The entries that may hold the secret, in the order of preference; false: passwords only.
struct Tried<'v> {
    keyring: &'v Keyring,
    ha1s: &'v mut [Ha1s],
    groups: [(&'v [usize], bool); 3],
}

impl<'v> Tried<'v> {
    /// The source of the first entry.
    fn first(&self) -> Option<&'v SourceId> {
        self.indexes().next().and_then(|index| self.keyring.entry(index)).map(|entry| &entry.source)
    }

    fn indexes(&self) -> impl Iterator<Item = usize> + use<'_, 'v> {
        let keyring = self.keyring;
        self.groups.iter().flat_map(|(group, with_ha1)| group.iter().map(move |index| (*index, *with_ha1))).filter_map(
            move |(index, with_ha1)| {
                let is_password =
                    || keyring.entry(index).is_some_and(|entry| entry.secret.kind == SecretKind::Password);
                (with_ha1 || is_password()).then_some(index)
            },
        )
    }

    /// The verdict, and the entry behind it. The first group with a secret for the algorithm decides.
    fn verify(self, inputs: &Inputs<'_>, first_cnonce: Option<&[u8]>) -> (Verdict, Option<&'v SourceId>) {
        let mut first_usable = None;
        let is_ack = inputs.method == ACK;
        // RFC 3261 §22.1: an ACK copies the credentials of its INVITE. Some clients compute new ones.
        let a2 = inputs.ha2(if is_ack { INVITE } else { inputs.method });
        let a2_ack = is_ack.then(|| inputs.ha2(ACK));
        for (group, with_ha1) in self.groups {
            for index in group {
                let Some(entry) = self.keyring.entry(*index) else { continue };
                let Some(cache) = self.ha1s.get_mut(*index) else { continue };
                let Some(ha1) = cache.ha1(&entry.secret, with_ha1, inputs) else { continue };
                first_usable = first_usable.or(Some(&entry.source));
                let fits = |a1: &[u8]| inputs.fits(a1, &a2) || a2_ack.as_ref().is_some_and(|a2| inputs.fits(a1, a2));
                let is_match = match &inputs.cnonce {
                    _ if inputs.response.len() != inputs.hash.hex_len() => false,
                    Some(cnonce) if inputs.sess => {
                        [Some(&**cnonce), first_cnonce].into_iter().flatten().any(|cnonce| {
                            let mut a1 = ha1_sess(inputs.hash, ha1, &inputs.nonce, cnonce);
                            let is_match = fits(a1.as_bytes());
                            a1.zeroize();
                            is_match
                        })
                    }
                    _ => fits(ha1),
                };
                if is_match {
                    return (Verdict::Match, Some(&entry.source));
                }
            }
            if first_usable.is_some() {
                return (Verdict::Mismatch, first_usable);
            }
        }
        (Verdict::Unverifiable(Reason::NoHa1ForAlgorithm), None)
    }
}

/// The HA1s of one password: a check then costs two hashes and not three.
#[derive(Default)]
struct Ha1s {
    known: Vec<Ha1>,
    oldest: usize,
}

struct Ha1 {
    hash: HashName,
    realm: Box<[u8]>,
    hex: Zeroizing<Box<[u8]>>,
}

impl Ha1s {
    /// The HA1 of `secret` for these inputs; None where it is an HA1 of another algorithm or must be a password.
    fn ha1<'s>(&'s mut self, secret: &'s Secret, with_ha1: bool, inputs: &Inputs<'_>) -> Option<&'s [u8]> {
        match secret.kind {
            SecretKind::Ha1(hash) => (with_ha1 && hash == inputs.hash).then(|| secret.bytes()),
            SecretKind::Password => self.computed(secret, inputs),
        }
    }

    fn computed(&mut self, secret: &Secret, inputs: &Inputs<'_>) -> Option<&[u8]> {
        let realm = inputs.account.realm;
        let is_known = |known: &Ha1| known.hash == inputs.hash && *known.realm == *realm;
        let index = match self.known.iter().position(is_known) {
            Some(index) => index,
            None => {
                let mut computed = ha1(inputs.hash, inputs.account, secret.bytes());
                let hex = Zeroizing::new(computed.as_bytes().into());
                computed.zeroize();
                self.add(Ha1 { hash: inputs.hash, realm: realm.into(), hex })
            }
        };
        self.known.get(index).map(|known| &**known.hex)
    }

    fn add(&mut self, ha1: Ha1) -> usize {
        if ha1.realm.len() > REALM_LEN_BYTES_MAX {
            self.known.clear();
            self.oldest = 0;
        }
        if self.known.len() < HA1S_MAX {
            self.known.push(ha1);
            return self.known.len() - 1;
        }
        let index = self.oldest;
        self.oldest = (self.oldest + 1) % HA1S_MAX;
        if let Some(slot) = self.known.get_mut(index) {
            *slot = ha1;
        }
        index
    }
}
