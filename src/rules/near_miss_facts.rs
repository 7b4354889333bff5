//! What the rules about near misses share: which digests are meant, how the server took them, and the words for each kind of
//! change.

use std::borrow::Cow;

use crate::auth::Credentials;
use crate::auth::HashName;
use crate::auth::Name;
use crate::auth::Qop;
use crate::digest::Verdict;
use crate::digest::near_miss::Closest;
use crate::digest::near_miss::Input;
use crate::digest::near_miss::NearMiss;
use crate::digest::near_miss::Variant;
use crate::rules::Confidence;
use crate::rules::Severity;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::uri::Uri;

/// The near misses of a session that `fits` wants, by account and variant. What was changed behind the client's own hop is
/// none of the client's.
pub fn by_account<'s, 'run>(
    session: &'s Session<'run>,
    fits: fn(Variant) -> bool,
) -> Vec<(Variant, Vec<Row<'s, 'run>>)> {
    let mut groups: Vec<(Variant, Vec<Row<'s, 'run>>)> = Vec::new();
    for row in facts::presented(session) {
        let (_, attempt, presented) = row;
        let Some(Verdict::NearMiss(variant)) = presented.verdict() else { continue };
        if !fits(variant) || relay_facts::was_right_before(session, attempt, presented) {
            continue;
        }
        let same = |(known, rows): &&mut (Variant, Vec<Row<'s, 'run>>)| {
            let first = rows.first().map(|(_, _, first)| (first.username(), first.realm()));
            *known == variant && first == Some((presented.username(), presented.realm()))
        };
        match groups.iter_mut().find(same) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((variant, vec![row])),
        }
    }
    groups
}

/// How bad near misses are: high where the server turned one away, harmless where it took one and turned none away.
pub fn grade(rows: &[Row<'_, '_>]) -> (Severity, Confidence) {
    if rows.iter().any(|(_, _, presented)| facts::is_turned_away(presented)) {
        (Severity::High, Confidence::Proven)
    } else if rows.iter().any(|row| is_accepted(row)) {
        (Severity::Info, Confidence::Proven)
    } else {
        (Severity::Medium, Confidence::Likely)
    }
}

/// Whether the server took a digest.
pub fn is_accepted((_, attempt, presented): &Row<'_, '_>) -> bool {
    attempt.outcome == AttemptOutcome::Accepted && presented.judgement == Judgement::Accepted
}

/// Whether a device on the path may have written the uri anew behind the client: the one that was hashed names a host, and the one that is
/// there has the address of one of the two ends in its place.
pub fn may_be_rewritten((_, attempt, presented): &Row<'_, '_>) -> bool {
    let Closest::One(NearMiss { variant, hashed: Some(hashed), .. }) = &presented.closest else { return false };
    let (written, flow) = (presented.credentials.uri().unwrap_or_default(), attempt.transaction.flow());
    let ends = [flow.source.address, flow.destination.address];
    variant.input() == Some(Input::Uri)
        && Uri::parse(hashed).address().is_none()
        && Uri::parse(&written).address().is_some_and(|address| ends.contains(&address))
}

/// What the client did: `hashed realm "asterisk", not "example.com"`.
pub fn said(presented: &Presented<'_>) -> String {
    match &presented.closest {
        Closest::One(near_miss) => done(near_miss, &presented.credentials),
        _ => String::new(),
    }
}

/// What whoever made these credentials did: `hashed realm "asterisk", not "example.com"`.
pub fn done(near_miss: &NearMiss, credentials: &Credentials<'_>) -> String {
    let variant = near_miss.variant;
    let hashed = near_miss.hashed.as_deref().unwrap_or_default();
    let instead =
        |what: &str, sent: &[u8]| format!("hashed {what} {}, not {}", facts::quoted(hashed), facts::quoted(sent));
    match variant.input() {
        Some(Input::Uri) => instead("uri", &credentials.uri().unwrap_or_default()),
        Some(Input::Method) => format!("hashed the method {}, not that of the request", facts::text(hashed)),
        Some(Input::Realm) => instead("realm", &credentials.realm().unwrap_or_default()),
        Some(Input::Username) if credentials.userhash() => {
            format!("hashed user name {}, not the one whose hash it sent", facts::quoted(hashed))
        }
        Some(Input::Username) => {
            let sent = credentials.username().or_else(|| credentials.username_star().map(Cow::Owned));
            instead("user name", &sent.unwrap_or_default())
        }
        Some(Input::Algorithm) => {
            let named = credentials.algorithm().hash().map(HashName::name).unwrap_or_default();
            format!("hashed with {}, not with {named}", facts::text(hashed))
        }
        Some(Input::NonceCount) => {
            instead("nonce count", credentials.nonce_count().map(|count| count.raw).unwrap_or_default())
        }
        Some(Input::Qop) => {
            let sent = credentials.params.value(Name::Qop).unwrap_or_default();
            let body = match credentials.qop() {
                Some(Qop::AuthInt) => "left the body out of",
                _ => "took the body into",
            };
            if *sent == *hashed {
                format!("{body} the digest, although it sent qop={}", facts::text(&sent))
            } else {
                instead("qop", &sent)
            }
        }
        Some(Input::Password | Input::Body | Input::Nonce) | None => {
            done_unshown(variant, credentials.algorithm().is_sess()).to_owned()
        }
    }
}

/// The same where what was hashed is no matter, or must not be shown.
fn done_unshown(variant: Variant, is_sess: bool) -> &'static str {
    match variant {
        Variant::SessOther if is_sess => "left -sess out of the digest, although it names it",
        Variant::SessOther => "made the digest of -sess, although it does not name it",
        Variant::PasswordTrimmed => "hashed the password given with a blank more or less at its ends",
        Variant::PasswordNewline => "hashed the password given with a line end more or less behind it",
        Variant::PasswordUrlDecoded => "hashed the password given with %xx or &…; written or decoded",
        Variant::PasswordCharset => "hashed the password given in another character set",
        Variant::PasswordCut => "hashed the password given cut short",
        Variant::PasswordIsHa1 => {
            "took an HA1 for the password or the password for an HA1, or the password given is an HA1"
        }
        Variant::Sha512Truncated => "cut SHA-512 to 256 bits, which is not SHA-512-256",
        Variant::QopIgnored => "left qop, nonce count and cnonce out of the digest, although it sent a qop",
        Variant::QopAdded => "hashed qop=auth, although it sent none",
        Variant::BodyEmpty => "hashed an empty body",
        Variant::BodyLineEnds => "hashed the body with other line ends",
        Variant::SessBinaryHa1 => "began -sess with the bytes of HA1, not with its hex digits",
        Variant::NoncePrevious => "hashed another nonce of this Call-ID than the one it sent",
        Variant::NonceAltered => "hashed the nonce in another form than it sent it",
        Variant::QuotesKept => "hashed a value with quotes around it",
        Variant::EscapeKept => "hashed a value with its backslashes",
        Variant::QuoteWithin => {
            "took the quotation mark too many for the end of a value, and hashed all that stands before it"
        }
        _ => "hashed another input than it sent",
    }
}

/// What to do about it.
pub fn advice(variant: Variant) -> &'static str {
    match variant {
        Variant::UriRequestUri | Variant::UriTo | Variant::UriPort | Variant::UriParams | Variant::UriChallenged => {
            "Let the client hash the uri that it writes into the credentials, byte for byte: the Request-URI of this very request"
        }
        Variant::UriHost => {
            "Find out who writes that host: a client that hashes another than it sends, or a device on the way (SIP ALG) that changes it in the credentials"
        }
        Variant::MethodChallenged | Variant::MethodOther => {
            "Let the client hash the method of the request that carries the credentials, in capitals"
        }
        Variant::RealmChallenge | Variant::RealmCase | Variant::RealmDomain => {
            "Let the client hash the realm of the challenge; where it stores an HA1, make that anew for this realm"
        }
        Variant::UsernameFrom | Variant::UsernameWithDomain | Variant::UsernameCase => {
            "Enter the authentication user name in the form that it is sent in; where the client stores an HA1, make that anew"
        }
        Variant::PasswordTrimmed | Variant::PasswordNewline => {
            "Enter the password again without copying what stands around it, and look for the blank or line end in the provisioning file"
        }
        Variant::PasswordUrlDecoded => {
            "Write the password into the client's configuration in the form that it decodes, or choose one without %, &, + and ;"
        }
        Variant::PasswordCharset => "Choose a password of ASCII characters, or let both sides use UTF-8",
        Variant::PasswordCut => {
            "Put the password into quotes in the client's configuration, or choose one without special characters and of a length that its field holds"
        }
        Variant::PasswordIsHa1 => "Enter the password where a password belongs, and the HA1 where an HA1 belongs",
        Variant::AlgorithmOther | Variant::Sha512Truncated => {
            "Update the client: it computes another algorithm than it names. Until then let the server offer the one that it computes, alone"
        }
        Variant::SessOther | Variant::SessBinaryHa1 => "Let the server offer the algorithm without -sess",
        Variant::QopIgnored => {
            "Update the client; until then let the server challenge without qop, as this client answers"
        }
        Variant::QopAdded | Variant::QopOther => "Update the client; until then let the server offer qop=auth alone",
        Variant::BodyEmpty | Variant::BodyLineEnds => "Use qop=auth",
        Variant::NoncePrevious => {
            "Update the client: it writes the new nonce into the header and computes with the old one"
        }
        Variant::NonceAltered => {
            "Let the client hash the nonce as it stands in the challenge, padding and letter case included"
        }
        Variant::NcDecimal | Variant::NcOne => {
            "Let the client hash the eight hex digits of the nonce count that it sends"
        }
        Variant::QuoteWithin => {
            "Update the client: it does not find the end of that value in the challenge. Until then another order of the parameters there may help"
        }
        Variant::QuotesKept | Variant::EscapeKept => {
            "Let the client hash values without quotes and backslashes (RFC 7616 section 3.4); choose values without special characters until then"
        }
    }
}
