//! What credentials and their request put into a digest: everything but the secret.

use std::borrow::Cow;

use crate::auth::Algorithm;
use crate::auth::Credentials;
use crate::auth::HashName;
use crate::auth::Name;
use crate::auth::Qop;
use crate::digest::aka;
use crate::digest::hash::Hex;
use crate::digest::response::Account;
use crate::digest::response::Protection;
use crate::digest::response::ha1_sess;
use crate::digest::response::ha2;
use crate::digest::response::response;
use crate::digest::sessions::Beginning;
use crate::digest::sessions::Begun;
use crate::digest::sessions::Sessions;
use crate::digest::sessions::Start;
use crate::digest::verdict::Reason;
use crate::digest::verdict::Verdict;
use crate::digest::verify::Request;

const ACK: &[u8] = b"ACK";
const INVITE: &[u8] = b"INVITE";

/// The HA2s that may have been hashed.
pub(super) struct Ha2s {
    usual: Hex,
    /// That of the ACK itself, where the request is one.
    of_ack: Option<Hex>,
}

/// Everything that goes into the digest but the secret.
pub(super) struct Inputs<'i> {
    pub(super) hash: HashName,
    pub(super) account: Account<'i>,
    pub(super) sess: bool,
    pub(super) nonce: Cow<'i, [u8]>,
    pub(super) uri: Cow<'i, [u8]>,
    pub(super) response: Cow<'i, [u8]>,
    pub(super) cnonce: Option<Cow<'i, [u8]>>,
    /// As sent, where there is a qop; else empty.
    pub(super) nonce_count: Cow<'i, [u8]>,
    /// As sent; None is the form of RFC 2069.
    pub(super) qop: Option<Cow<'i, [u8]>>,
    pub(super) is_qop_known: bool,
    pub(super) method: &'i [u8],
    /// The body, where qop is auth-int.
    pub(super) body: Option<&'i [u8]>,
    /// What AKA makes its password of.
    pub(super) aka: Option<aka::Challenge>,
}

impl<'i> Inputs<'i> {
    /// What of the credentials and their request is hashed.
    ///
    /// # Errors
    ///
    /// When something that is hashed is absent, empty or not known.
    pub(super) fn read(
        credentials: &Credentials<'i>,
        request: &Request<'i>,
        username: &'i [u8],
        realm: &'i [u8],
    ) -> Result<Inputs<'i>, Reason> {
        Inputs::read_with(credentials.qop(), credentials, request, Account { username, realm })
    }

    /// The same with another qop than the credentials say; without one it is the form of RFC 2069.
    pub(super) fn read_with(
        qop: Option<Qop<'_>>,
        credentials: &Credentials<'i>,
        request: &Request<'i>,
        account: Account<'i>,
    ) -> Result<Inputs<'i>, Reason> {
        let present = |name: Name| credentials.params.value(name).ok_or(Reason::MissingParameter(name));
        let filled = |name: Name| {
            let value = present(name)?;
            if value.is_empty() { Err(Reason::EmptyParameter(name)) } else { Ok(value) }
        };
        // Whoever was given an empty nonce can hash it; before a challenge there is no response, either (TS 33.203).
        let (response, nonce) = (filled(Name::Response)?, present(Name::Nonce)?);
        let uri = present(Name::Uri)?;
        let (hash, sess, aka) = match credentials.algorithm() {
            Algorithm::Plain { hash, sess } => (hash, sess, None),
            Algorithm::Aka { version, hash, sess } => {
                (hash, sess, Some(aka::Challenge::read(version, &nonce, credentials.auts().as_deref())))
            }
            Algorithm::Unknown(_) => return Err(Reason::UnknownAlgorithm),
        };
        let body = match qop {
            Some(Qop::AuthInt) => Some(request.body.ok_or(Reason::BodyCut)?),
            // What an unknown one protects nobody knows. Whoever sends a list back, or `undefined`, hashes that text as he would hash auth.
            Some(Qop::Auth | Qop::Unknown(_)) | None => None,
        };
        let cnonce = if qop.is_some() || sess { Some(present(Name::Cnonce)?) } else { None };
        let nonce_count = if qop.is_some() { filled(Name::NonceCount)? } else { Cow::default() };
        let is_qop_known = !matches!(qop, Some(Qop::Unknown(_)));
        let qop = qop.and_then(|_| credentials.params.value(Name::Qop));
        let method = request.method;
        Ok(Inputs {
            hash,
            account,
            sess,
            nonce,
            uri,
            response,
            cnonce,
            nonce_count,
            qop,
            is_qop_known,
            method,
            body,
            aka,
        })
    }

    /// For `-sess` what is known of the session's first request. `is_nonce_issued` says that the capture holds the challenge.
    pub(super) fn session<'s>(&self, sessions: &'s mut Sessions, is_nonce_issued: bool) -> Begun<'s> {
        let Some(cnonce) = self.cnonce.as_deref().filter(|_| self.sess) else { return Begun::default() };
        let nonce_count =
            std::str::from_utf8(&self.nonce_count).ok().and_then(|count| u32::from_str_radix(count, 16).ok());
        sessions.note(self.account.username, &self.nonce, cnonce, Beginning { nonce_count, is_nonce_issued })
    }

    /// A mismatch says nothing where the body that counts is another message's, or the qop may stand for another formula.
    pub(super) fn judge(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Mismatch if self.body.is_some() && self.method == ACK => {
                Verdict::Unverifiable(Reason::InviteBodyUnknown)
            }
            Verdict::Mismatch if !self.is_qop_known => Verdict::Unverifiable(Reason::UnknownQop),
            verdict => verdict,
        }
    }

    /// The HA2s that may have been hashed.
    pub(super) fn ha2s(&self) -> Ha2s {
        let of_method = |method: &[u8]| ha2(self.hash, method, &self.uri, self.body);
        // RFC 3261 §22.1: an ACK copies the credentials of its INVITE. Some clients compute new ones.
        let is_ack = self.method == ACK;
        Ha2s { usual: of_method(if is_ack { INVITE } else { self.method }), of_ack: is_ack.then(|| of_method(ACK)) }
    }

    /// Whether the response is what this HA1 gives. `starts` are those of [`Inputs::session`].
    pub(super) fn fit(&self, ha1: &[u8], ha2s: &Ha2s, starts: &[Start]) -> bool {
        let fits = |a1: &[u8]| {
            self.is_response(a1, &ha2s.usual) || ha2s.of_ack.as_ref().is_some_and(|ha2| self.is_response(a1, ha2))
        };
        match &self.cnonce {
            _ if self.response.len() != self.hash.hex_len() => false,
            Some(cnonce) if self.sess => {
                let begun = |nonce: &[u8], cnonce: &[u8]| fits(ha1_sess(self.hash, ha1, nonce, cnonce).as_bytes());
                let others = starts.iter().map(|start| (start.nonce.as_deref().unwrap_or(&self.nonce), &*start.cnonce));
                begun(&self.nonce, cnonce)
                    || others
                        .filter(|other| *other != (&*self.nonce, &**cnonce))
                        .any(|(nonce, cnonce)| begun(nonce, cnonce))
            }
            _ => fits(ha1),
        }
    }

    fn is_response(&self, a1: &[u8], a2: &Hex) -> bool {
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
