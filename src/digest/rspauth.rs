//! What a server proves in Authentication-Info: the response over an empty method, `H(A1):…:H(":" uri)`, with the qop, cnonce and
//! nonce count of the request (RFC 7616 §3.5, RFC 2617 §3.2.3).

use crate::auth::AuthenticationInfo;
use crate::auth::Name;
use crate::auth::Qop;
use crate::auth::parse_credentials;
use crate::digest::verdict::Proof;
use crate::digest::verdict::Verdict;
use crate::digest::verify::Request;
use crate::digest::verify::Verifier;

/// A 2xx with Authentication-Info, and the credentials that it answers.
#[derive(Clone, Copy)]
pub struct Exchange<'e> {
    /// The row of credentials of the request, as sent.
    pub credentials: &'e [u8],
    /// The request's method: some servers hash it although the standard says none.
    pub method: &'e [u8],
    /// The body of the response, empty when there is none; None when it was not captured whole.
    pub body: Option<&'e [u8]>,
    /// The realm of the challenge that is answered, where it is known.
    pub challenge_realm: Option<&'e [u8]>,
}

impl Verifier {
    /// Recomputes rspauth. None where there is none, or where no secret was given for that user.
    pub fn check_rspauth(&mut self, info: &AuthenticationInfo<'_>, exchange: Exchange<'_>) -> Option<Proof> {
        let rspauth = info.rspauth().filter(|rspauth| !rspauth.is_empty())?;
        if self.is_empty() {
            return None;
        }
        if !rspauth.iter().all(u8::is_ascii_hexdigit) {
            return Some(Proof::Mismatch { over_method: false });
        }
        let mut check = |text: &[u8], method| {
            let request = Request { method, body: exchange.body, ambiguous: false, headers_cut: false };
            Some(self.checked(parse_credentials(text).first()?, &request, exchange.challenge_realm)?.verdict)
        };
        let as_requested = with_response(exchange.credentials, &rspauth, b"")?;
        let mut verdict = check(&as_requested, b"")?;
        // A server should repeat qop, cnonce and nonce count, and counts with its own where it does not. An empty one, as
        // Kamailio writes after a client that sent none, says nothing.
        let as_said = with_response(exchange.credentials, &rspauth, &said(info))?;
        if verdict != Verdict::Match && as_said != as_requested {
            verdict = match check(&as_said, b"")? {
                Verdict::Unverifiable(_) => verdict,
                other => other,
            };
        }
        Some(match verdict {
            Verdict::Match => Proof::Match,
            Verdict::Unverifiable(reason) => Proof::Unverifiable(reason),
            _ => Proof::Mismatch { over_method: check(&as_requested, exchange.method) == Some(Verdict::Match) },
        })
    }
}

/// The credentials with another response: of parameters that stand twice the first counts.
fn with_response(credentials: &[u8], rspauth: &[u8], said: &[u8]) -> Option<Vec<u8>> {
    let credentials = credentials.trim_ascii_start();
    let scheme = credentials.iter().position(|byte| byte.is_ascii_whitespace())?;
    let (scheme, params) = credentials.split_at(scheme);
    Some([scheme, b" response=\"", rspauth, b"\",", said, params].concat())
}

/// `qop=…,nc=…,cnonce="…",` with what the server says.
fn said(info: &AuthenticationInfo<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(qop @ (Qop::Auth | Qop::AuthInt)) = info.qop() {
        text.extend([b"qop=", qop.name(), b","].concat());
    }
    for (name, parameter) in [(&b"nc"[..], Name::NonceCount), (b"cnonce", Name::Cnonce)] {
        let param = info.params.get(parameter).filter(|param| !param.raw.is_empty());
        if let Some(param) = param {
            text.extend([name, b"=\"", param.raw, b"\","].concat());
        }
    }
    text
}
