//! Why a challenge loop goes on: its causes by their public names, what each of them means, and what to do about it.

/// The cause of a challenge loop, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopCause {
    /// Answered under the wrong kind of header.
    HeaderMismatch,
    /// Answered with another realm.
    Realm,
    /// The nonce is too old.
    Stale,
    /// The nonce is another server's.
    NodeSwitch,
    /// The client's address is not the one that was challenged.
    SourceChanged,
    /// The digest does not fit the secret given.
    WrongDigest,
    /// The branch is that of the request before.
    Branch,
    /// CSeq was not raised.
    CSeq,
    /// The uri is none, or another than the Request-URI.
    Uri,
    /// What was refused is sent again as it was.
    SameNonce,
    /// None of these.
    Unknown,
}

impl LoopCause {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            LoopCause::HeaderMismatch => "header-mismatch",
            LoopCause::Realm => "realm",
            LoopCause::Stale => "stale",
            LoopCause::NodeSwitch => "node-switch",
            LoopCause::SourceChanged => "source-changed",
            LoopCause::WrongDigest => "wrong-digest",
            LoopCause::Branch => "branch",
            LoopCause::CSeq => "cseq",
            LoopCause::Uri => "uri",
            LoopCause::SameNonce => "same-nonce",
            LoopCause::Unknown => "unknown",
        }
    }

    /// The cause that a finding stands for which explains a loop; `None` where the loop's own says as much.
    pub fn of_rule(rule: &str) -> Option<LoopCause> {
        Some(match rule {
            "digest-wrong-password" | "digest-near-miss" | "auth-int-body-mismatch" | "response-malformed" => {
                LoopCause::WrongDigest
            }
            "credentials-wrong-header" => LoopCause::HeaderMismatch,
            "realm-mismatch" | "realm-credentials-dropped" => LoopCause::Realm,
            "old-nonce-reused" | "stale-loop" | "stale-ignored-by-client" | "nonce-unknown" => LoopCause::Stale,
            "nonce-from-other-server" => LoopCause::NodeSwitch,
            "nonce-bound-to-source-changed" => LoopCause::SourceChanged,
            "nc-repeated" | "same-credentials-repeated" => LoopCause::SameNonce,
            "branch-reused" => LoopCause::Branch,
            "cseq-not-incremented" => LoopCause::CSeq,
            "uri-malformed" => LoopCause::Uri,
            _ => return None,
        })
    }

    /// What it means, in a sentence or two.
    pub fn meaning(self) -> &'static str {
        match self {
            LoopCause::HeaderMismatch => {
                "Each answered the challenge under the wrong kind of header, where the server does not look."
            }
            LoopCause::Realm => "Each named a realm that the server did not ask for.",
            LoopCause::Stale => {
                "The server refuses the age of the nonce: it says stale=true, has given a newer one, or wrote into the nonce when it ends."
            }
            LoopCause::NodeSwitch => "Each answered the challenge of another server than the one that refused it.",
            LoopCause::SourceChanged => "Each came from another address than the one that was challenged.",
            LoopCause::WrongDigest => "The digests do not fit the secret given: the server refuses the answer itself.",
            LoopCause::Branch => {
                "Each retry has the branch of the request before, and the server repeats its old answer."
            }
            LoopCause::CSeq => "Every digest is right; no retry raises CSeq.",
            LoopCause::Uri => "Every digest is right; the uri in it is not the Request-URI.",
            LoopCause::SameNonce => {
                "Nonce and response are the same each time: what was refused once is sent again. Why the first was refused, a capture cannot \
                 tell without the password."
            }
            LoopCause::Unknown => {
                "No challenge blamed the nonce. Without the password, a capture cannot tell a wrong secret from a server that refuses a right one."
            }
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            LoopCause::HeaderMismatch => {
                "Let the client answer in the header that belongs to the challenge, or let the server challenge with the kind that the client knows"
            }
            LoopCause::NodeSwitch => {
                "Give all nodes of the server the same nonce secret, or keep a client on the node that challenged it"
            }
            LoopCause::SourceChanged => "Keep the client on one outside address: look at NAT, and at a second uplink",
            LoopCause::Realm => {
                "Set the client's realm to the one in the challenge, or let it take the realm from there"
            }
            LoopCause::Stale => {
                "Compare the nonce's lifetime with the time from challenge to retry, and see whether all nodes of the server share the nonce secret"
            }
            LoopCause::WrongDigest => "Compare the user name and the password on the client with those on the server",
            LoopCause::Branch => "Let the client make a new branch for each new request",
            LoopCause::CSeq => "Let the client raise CSeq by one for each retry",
            LoopCause::Uri => "Let the client hash and send the Request-URI as it stands in the request line",
            LoopCause::SameNonce => {
                "Let the client stop after a refusal; give the password (--user with --ask-password, or --credentials) to learn whether the digest is right"
            }
            LoopCause::Unknown => {
                "Give the password (--user with --ask-password, or --credentials) to learn whether the digests are right"
            }
        }
    }
}
