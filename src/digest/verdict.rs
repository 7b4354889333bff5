//! What the rooms above learn of a check: never a secret, nor a digest that was computed from one.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::auth::Name;
use crate::digest::near_miss::Variant;

/// The result of recomputing one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Verdict {
    /// The response is right over what was sent: user name, realm, nonce, uri, qop, nonce count, cnonce, method, body. It
    /// says nothing about the challenge: the nonce may be stale, and the realm another one's.
    Match,
    /// The response is not right for any secret given.
    Mismatch,
    /// It is not right, and would be if one input were another one.
    NearMiss(Variant),
    /// It could not be recomputed.
    Unverifiable(Reason),
}

impl Verdict {
    /// The name in reports: `match`, `mismatch`, `near_miss`, `unverifiable`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Match => "match",
            Verdict::Mismatch => "mismatch",
            Verdict::NearMiss(_) => "near_miss",
            Verdict::Unverifiable(_) => "unverifiable",
        }
    }

    /// Whether a near miss is worth looking for: one that fits is proof, whether or not the digest as sent could be judged.
    pub fn may_be_near(self) -> bool {
        match self {
            Verdict::Mismatch | Verdict::Unverifiable(Reason::SessionStartUnknown) => true,
            Verdict::Unverifiable(reason) => reason.is_of_qop(),
            Verdict::Match | Verdict::NearMiss(_) => false,
        }
    }

    /// Whether the response is known not to be right over what was sent.
    pub fn is_wrong(self) -> bool {
        matches!(self, Verdict::Mismatch | Verdict::NearMiss(_))
    }
}

/// The result of recomputing a server's `rspauth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Proof {
    /// The server knows the secret.
    Match,
    /// It is not right for any secret given.
    Mismatch {
        /// It is right over the request's method, where the standard wants none.
        over_method: bool,
    },
    /// It could not be recomputed.
    Unverifiable(Reason),
}

/// Why a response could not be recomputed. Displays as a sentence without a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// `qop=auth-int` covers the body, and it was not captured whole.
    BodyCut,
    /// `qop=auth-int` in an ACK covers the body of its INVITE, which is not at hand.
    InviteBodyUnknown,
    /// The credentials entry is an HA1 of another algorithm.
    NoHa1ForAlgorithm,
    /// The credentials entry is the key of a SIM, and the algorithm is not AKA.
    SimOnly,
    /// The algorithm is not known.
    UnknownAlgorithm,
    /// The qop is not known.
    UnknownQop,
    /// AKA needs the SIM's key.
    AkaWithoutKey,
    /// AKAv2 needs more than RES.
    AkaResAlone,
    /// RES answers one challenge, and not this one.
    AkaResOfAnother,
    /// The nonce does not hold what AKA needs.
    AkaNonceMalformed,
    /// A parameter that the digest covers is absent: its name.
    MissingParameter(Name),
    /// A parameter that the digest covers is there and empty: its name. The first request of an IMS client is so.
    EmptyParameter(Name),
    /// A parameter that the digest covers stands there twice with two values: its name. Nobody knows which one counts.
    RepeatedParameter(Name),
    /// The scheme is Basic: there is no digest.
    BasicScheme,
    /// The scheme is neither Digest nor Basic.
    UnknownScheme,
    /// The user name is hashed and fits none of the users given.
    UserhashUnknown,
    /// `-sess` hashes the cnonce of the session's first request, and that is not known.
    SessionStartUnknown,
    /// The headers were not captured whole.
    HeadersCut,
    /// The capture holds two versions of the message.
    Ambiguous,
}

impl Reason {
    /// The name in reports, snake case.
    pub fn name(self) -> &'static str {
        match self {
            Reason::BodyCut => "body_cut",
            Reason::InviteBodyUnknown => "invite_body_unknown",
            Reason::NoHa1ForAlgorithm => "no_ha1_for_algorithm",
            Reason::SimOnly => "sim_only",
            Reason::UnknownAlgorithm => "unknown_algorithm",
            Reason::UnknownQop => "unknown_qop",
            Reason::AkaWithoutKey => "aka_without_key",
            Reason::AkaResAlone => "aka_res_alone",
            Reason::AkaResOfAnother => "aka_res_of_another",
            Reason::AkaNonceMalformed => "aka_nonce_malformed",
            Reason::MissingParameter(_) => "missing_parameter",
            Reason::EmptyParameter(_) => "empty_parameter",
            Reason::RepeatedParameter(_) => "repeated_parameter",
            Reason::BasicScheme => "basic_scheme",
            Reason::UnknownScheme => "unknown_scheme",
            Reason::UserhashUnknown => "userhash_unknown",
            Reason::SessionStartUnknown => "session_start_unknown",
            Reason::HeadersCut => "headers_cut",
            Reason::Ambiguous => "ambiguous",
        }
    }

    /// Whether what is missing is what a qop brings along: then the client may have hashed no qop either.
    pub fn is_of_qop(self) -> bool {
        matches!(
            self,
            Reason::MissingParameter(Name::Cnonce | Name::NonceCount) | Reason::EmptyParameter(Name::NonceCount)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::BodyCut => "qop=auth-int covers the body, which is not at hand whole",
            Reason::InviteBodyUnknown => "qop=auth-int in an ACK covers the body of its INVITE",
            Reason::NoHa1ForAlgorithm => {
                "the HA1 given is for another algorithm: give the password, or an HA1 of this one"
            }
            Reason::SimOnly => "a SIM's key was given, and this algorithm wants a password or its HA1",
            Reason::UnknownAlgorithm => "the algorithm is not known",
            Reason::UnknownQop => "the qop is not known",
            Reason::AkaWithoutKey => "AKA takes its password from the SIM's key, which was not given",
            Reason::AkaResAlone => "AKAv2 needs k with op or opc: res alone does not give its password",
            Reason::AkaResOfAnother => {
                "res is good for the one challenge that it answers, and does not fit this one: give k with op or opc"
            }
            Reason::AkaNonceMalformed => "the nonce is not RAND and AUTN in base64, of which AKA makes its password",
            Reason::MissingParameter(name) => return write!(f, "the credentials have no {}", name.as_str()),
            Reason::EmptyParameter(name) => return write!(f, "the credentials have an empty {}", name.as_str()),
            Reason::RepeatedParameter(name) => {
                return write!(f, "the credentials have two values of {}", name.as_str());
            }
            Reason::BasicScheme => "Basic credentials hold no digest",
            Reason::UnknownScheme => "the scheme is not Digest",
            Reason::UserhashUnknown => "the user name is hashed, and fits none of the users given",
            Reason::SessionStartUnknown => {
                "a -sess algorithm hashes the cnonce of the session's first request, which is not in the capture"
            }
            Reason::HeadersCut => "the headers were not captured whole",
            Reason::Ambiguous => "the capture holds two versions of this message",
        })
    }
}
