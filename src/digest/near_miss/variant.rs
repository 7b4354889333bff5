//! The kinds of change that a wrong digest may be right for, by their public names.

use serde::Deserialize;
use serde::Serialize;

/// One input that was hashed in another form than the one sent. In the order in which they are preferred where one digest
/// fits several: the more telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Variant {
    /// `uri-request-uri`
    UriRequestUri,
    /// `uri-to`
    UriTo,
    /// `uri-port`
    UriPort,
    /// `uri-host`
    UriHost,
    /// `uri-params`
    UriParams,
    /// `uri-challenged`
    UriChallenged,
    /// `method-challenged`
    MethodChallenged,
    /// `method-other`
    MethodOther,
    /// `realm-challenge`
    RealmChallenge,
    /// `realm-case`
    RealmCase,
    /// `realm-domain`
    RealmDomain,
    /// `username-from`
    UsernameFrom,
    /// `username-with-domain`
    UsernameWithDomain,
    /// `username-case`
    UsernameCase,
    /// `password-trimmed`
    PasswordTrimmed,
    /// `password-newline`
    PasswordNewline,
    /// `password-url-decoded`
    PasswordUrlDecoded,
    /// `password-charset`
    PasswordCharset,
    /// `password-cut`
    PasswordCut,
    /// `password-is-ha1`
    PasswordIsHa1,
    /// `algorithm-other`
    AlgorithmOther,
    /// `sha512-truncated`
    Sha512Truncated,
    /// `sess-other`
    SessOther,
    /// `qop-ignored`
    QopIgnored,
    /// `qop-added`
    QopAdded,
    /// `qop-other`
    QopOther,
    /// `body-empty`
    BodyEmpty,
    /// `body-line-ends`
    BodyLineEnds,
    /// `sess-binary-ha1`
    SessBinaryHa1,
    /// `nonce-previous`
    NoncePrevious,
    /// `nonce-altered`
    NonceAltered,
    /// `nc-decimal`
    NcDecimal,
    /// `nc-one`
    NcOne,
    /// `quotes-kept`
    QuotesKept,
    /// `escape-kept`
    EscapeKept,
    /// `quote-within`
    QuoteWithin,
}

/// Every variant with its public name and what it means, in order.
static TABLE: [(Variant, &str, &str); 36] = [
    (Variant::UriRequestUri, "uri-request-uri", "the Request-URI is hashed, and another uri sent"),
    (Variant::UriTo, "uri-to", "the URI of To is hashed, and another uri sent"),
    (Variant::UriPort, "uri-port", "the uri is hashed with a port more or less than is sent"),
    (
        Variant::UriHost,
        "uri-host",
        "the uri is hashed with another host than is sent: the address that the request went to, or the domain of Request-URI, From or To",
    ),
    (
        Variant::UriParams,
        "uri-params",
        "the uri is hashed with other parameters, scheme, brackets or user part than are sent",
    ),
    (Variant::UriChallenged, "uri-challenged", "the URI of the request that was challenged is hashed"),
    (Variant::MethodChallenged, "method-challenged", "the method of the request that was challenged is hashed"),
    (Variant::MethodOther, "method-other", "another method is hashed, or this one in lower case"),
    (Variant::RealmChallenge, "realm-challenge", "the realm of the challenge is hashed, and another realm sent"),
    (Variant::RealmCase, "realm-case", "the realm is hashed in other letter case than it is sent"),
    (
        Variant::RealmDomain,
        "realm-domain",
        "the SIP domain of From, To or Request-URI, or nothing, is hashed as the realm",
    ),
    (Variant::UsernameFrom, "username-from", "the user of From or To is hashed, and another user name sent"),
    (
        Variant::UsernameWithDomain,
        "username-with-domain",
        "the user name is hashed with a domain, or without the one that is sent",
    ),
    (
        Variant::UsernameCase,
        "username-case",
        "the user name is hashed in other letter case, with a + more or less, or with %xx decoded",
    ),
    (Variant::PasswordTrimmed, "password-trimmed", "the password has a blank at its ends on one side only"),
    (Variant::PasswordNewline, "password-newline", "the password has a line end behind it on one side only"),
    (Variant::PasswordUrlDecoded, "password-url-decoded", "the password is written with %xx or &…; on one side only"),
    (Variant::PasswordCharset, "password-charset", "the password is hashed in another character set: UTF-8 or Latin-1"),
    (Variant::PasswordCut, "password-cut", "the password given is hashed cut short"),
    (Variant::PasswordIsHa1, "password-is-ha1", "one side takes an HA1 for the password, or the other way round"),
    (Variant::AlgorithmOther, "algorithm-other", "another hash function is used than the one named"),
    (
        Variant::Sha512Truncated,
        "sha512-truncated",
        "SHA-512 is cut to 256 bits, which is not SHA-512/256 (a slip of RFC 7616's example)",
    ),
    (Variant::SessOther, "sess-other", "-sess is ignored where it is named, or used where it is not"),
    (Variant::QopIgnored, "qop-ignored", "the form of RFC 2069, without qop, is hashed although a qop is sent"),
    (Variant::QopAdded, "qop-added", "qop=auth is hashed although none is sent"),
    (
        Variant::QopOther,
        "qop-other",
        "another qop is hashed than is sent: auth for auth-int, the reverse, or a whole list",
    ),
    (Variant::BodyEmpty, "body-empty", "an empty body is hashed, and another one sent (auth-int)"),
    (Variant::BodyLineEnds, "body-line-ends", "the body is hashed with other line ends than it is sent (auth-int)"),
    (Variant::SessBinaryHa1, "sess-binary-ha1", "-sess starts from the bytes of HA1 and not from its hex digits"),
    (Variant::NoncePrevious, "nonce-previous", "another nonce of the same Call-ID is hashed than the one sent"),
    (
        Variant::NonceAltered,
        "nonce-altered",
        "the nonce is hashed in another form than it is sent: cut, padded, decoded, other letter case",
    ),
    (
        Variant::NcDecimal,
        "nc-decimal",
        "the nonce count is hashed in another notation than it is sent: decimal, unpadded",
    ),
    (Variant::NcOne, "nc-one", "00000001 is hashed as the nonce count, and another one sent"),
    (Variant::QuotesKept, "quotes-kept", "a value is hashed with the quotes around it"),
    (Variant::EscapeKept, "escape-kept", "a quoted value is hashed with its backslashes"),
    (
        Variant::QuoteWithin,
        "quote-within",
        "a value is hashed up to a quotation mark that stands behind its end in the header",
    ),
];

impl Variant {
    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Variant> {
        TABLE.iter().map(|(variant, _, _)| *variant)
    }

    /// The public name.
    pub fn name(self) -> &'static str {
        TABLE.get(self as usize).map(|(_, name, _)| *name).unwrap_or_default()
    }

    /// What it means, in plain words.
    pub fn meaning(self) -> &'static str {
        TABLE.get(self as usize).map(|(_, _, meaning)| *meaning).unwrap_or_default()
    }

    /// The input that was another one; `None` where the inputs are those that were sent, and the digest was made of them in another way.
    pub fn input(self) -> Option<Input> {
        Some(match self {
            Variant::UriRequestUri
            | Variant::UriTo
            | Variant::UriPort
            | Variant::UriHost
            | Variant::UriParams
            | Variant::UriChallenged => Input::Uri,
            Variant::MethodChallenged | Variant::MethodOther => Input::Method,
            Variant::RealmChallenge | Variant::RealmCase | Variant::RealmDomain => Input::Realm,
            Variant::UsernameFrom | Variant::UsernameWithDomain | Variant::UsernameCase => Input::Username,
            Variant::PasswordTrimmed
            | Variant::PasswordNewline
            | Variant::PasswordUrlDecoded
            | Variant::PasswordCharset
            | Variant::PasswordCut
            | Variant::PasswordIsHa1 => Input::Password,
            Variant::AlgorithmOther => Input::Algorithm,
            Variant::QopOther => Input::Qop,
            Variant::BodyEmpty | Variant::BodyLineEnds => Input::Body,
            Variant::NoncePrevious | Variant::NonceAltered => Input::Nonce,
            Variant::NcDecimal | Variant::NcOne => Input::NonceCount,
            Variant::Sha512Truncated
            | Variant::SessOther
            | Variant::QopIgnored
            | Variant::QopAdded
            | Variant::SessBinaryHa1
            | Variant::QuotesKept
            | Variant::EscapeKept
            | Variant::QuoteWithin => return None,
        })
    }
}

/// What goes into a digest (RFC 7616 §3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The digest uri.
    Uri,
    /// The method of the request.
    Method,
    /// The realm.
    Realm,
    /// The user name.
    Username,
    /// The password, or the HA1 that stands for it.
    Password,
    /// The hash function that is named.
    Algorithm,
    /// The qop.
    Qop,
    /// The body, with `qop=auth-int`.
    Body,
    /// The nonce.
    Nonce,
    /// The nonce count.
    NonceCount,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_in_its_place_under_a_name_of_its_own() {
        assert!(Variant::all().enumerate().all(|(place, variant)| variant as usize == place));
        let mut names: Vec<&str> = Variant::all().map(Variant::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }
}
