//! What may have been hashed in place of what was sent: one change at a time, each in the forms that clients are known to
//! use.

use std::borrow::Cow;

use crate::auth::Credentials;
use crate::auth::HashName;
use crate::auth::Name;
use crate::base::encoding::percent_decoded;
use crate::digest::near_miss::Surroundings;
use crate::digest::near_miss::hashed::Form;
use crate::digest::near_miss::hashed::Hashed;
use crate::digest::near_miss::hashed::Text;
use crate::digest::near_miss::uris;
use crate::digest::near_miss::variant::Variant;
use crate::sip::method::METHODS;
use crate::sip::uri::Uri;

/// One change, and the inputs with it.
pub(super) struct Candidate<'c> {
    pub(super) variant: Variant,
    pub(super) hashed: Hashed<'c>,
}

/// Everything that the candidates are made of.
#[derive(Clone, Copy)]
pub(super) struct Material<'c> {
    /// The inputs as sent.
    pub(super) base: &'c Hashed<'c>,
    /// The credentials as sent.
    pub(super) credentials: &'c Credentials<'c>,
    /// What else is known.
    pub(super) around: &'c Surroundings<'c>,
}

struct Candidates<'c> {
    base: &'c Hashed<'c>,
    only: Option<Variant>,
    each: &'c mut dyn FnMut(Candidate<'c>),
}

impl<'c> Candidates<'c> {
    fn add(&mut self, variant: Variant, change: impl FnOnce(&mut Hashed<'c>)) {
        if self.only.is_some_and(|only| only != variant) {
            return;
        }
        let mut hashed = self.base.view();
        change(&mut hashed);
        (self.each)(Candidate { variant, hashed });
    }
}

/// One family of changes: its first and last variant, and what adds their candidates.
type Family<'c> = (Variant, Variant, fn(&mut Candidates<'c>, Material<'c>));

/// Every candidate, or those of one variant, but for those that change the password. Some are what was sent. They are handed on one by
/// one: all of them take up the room of a long list.
pub(super) fn for_each<'c>(material: Material<'c>, only: Option<Variant>, each: &'c mut dyn FnMut(Candidate<'c>)) {
    let families: [Family<'c>; 11] = [
        (Variant::UriRequestUri, Variant::UriChallenged, |to, from| add_uris(to, from.around)),
        (Variant::MethodChallenged, Variant::MethodOther, |to, from| add_methods(to, from.around)),
        (Variant::RealmChallenge, Variant::RealmDomain, |to, from| add_realms(to, from.around)),
        (Variant::UsernameFrom, Variant::UsernameCase, |to, from| add_usernames(to, from.around)),
        (Variant::AlgorithmOther, Variant::SessBinaryHa1, |to, from| add_algorithms(to, from.credentials)),
        (Variant::QopIgnored, Variant::BodyLineEnds, |to, from| add_qops(to, from.around)),
        (Variant::NoncePrevious, Variant::NonceAltered, |to, from| add_nonces(to, from.around)),
        (Variant::NcDecimal, Variant::NcOne, |to, _| add_nonce_counts(to)),
        (Variant::QuotesKept, Variant::QuotesKept, |to, _| add_quotes(to)),
        (Variant::EscapeKept, Variant::EscapeKept, |to, from| add_escapes(to, from.credentials)),
        (Variant::QuoteWithin, Variant::QuoteWithin, add_quote_within),
    ];
    let mut candidates = Candidates { base: material.base, only, each };
    for (first, last, add) in families {
        if only.is_none_or(|only| (first..=last).contains(&only)) {
            add(&mut candidates, material);
        }
    }
}

fn add_uris<'c>(candidates: &mut Candidates<'c>, around: &'c Surroundings<'c>) {
    let base: &'c [u8] = &candidates.base.uri;
    let mut add = |variant, uri: Text<'c>| {
        if !uri.is_empty() {
            candidates.add(variant, |hashed| hashed.uri = uri);
        }
    };
    add(Variant::UriRequestUri, around.request_uri.into());
    add(Variant::UriTo, around.to.into());
    uris::with_other_port(base).into_iter().for_each(|uri| add(Variant::UriPort, uri.into()));
    for host in distinct([around.destination].into_iter().chain(domains(around))) {
        uris::with_host(base, host).into_iter().for_each(|uri| add(Variant::UriHost, uri.into()));
    }
    uris::with_other_parameters(base).into_iter().for_each(|uri| add(Variant::UriParams, uri.into()));
    if let Some(challenged) = around.challenged {
        add(Variant::UriChallenged, challenged.uri.into());
    }
}

/// A BYE behind a re-INVITE, an ACK with its INVITE's digest: clients that keep the method of an earlier request.
fn add_methods<'c>(candidates: &mut Candidates<'c>, around: &'c Surroundings<'c>) {
    if let Some(challenged) = around.challenged {
        candidates.add(Variant::MethodChallenged, |hashed| hashed.method = challenged.method.into());
    }
    for method in METHODS {
        candidates.add(Variant::MethodOther, |hashed| hashed.method = method.into());
    }
    let lower = candidates.base.method.to_ascii_lowercase();
    candidates.add(Variant::MethodOther, |hashed| hashed.method = lower.into());
}

/// Each of them once, for the same gives the same digest: From, To and Request-URI mostly have one domain.
fn distinct<'c>(all: impl IntoIterator<Item = &'c [u8]>) -> Vec<&'c [u8]> {
    let mut kept = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// The hosts that a client may take for its domain.
fn domains<'c>(around: &'c Surroundings<'c>) -> [&'c [u8]; 3] {
    [around.from, around.to, around.request_uri].map(|uri| Uri::parse(uri).host)
}

fn add_realms<'c>(candidates: &mut Candidates<'c>, around: &'c Surroundings<'c>) {
    let base: &'c [u8] = &candidates.base.realm;
    let mut add = |variant, realm: Text<'c>| candidates.add(variant, |hashed| hashed.realm = realm);
    if let Some(realm) = around.challenge_realm {
        add(Variant::RealmChallenge, realm.into());
    }
    add(Variant::RealmCase, base.to_ascii_lowercase().into());
    add(Variant::RealmCase, base.to_ascii_uppercase().into());
    for domain in distinct(domains(around)) {
        add(Variant::RealmDomain, domain.into());
    }
    add(Variant::RealmDomain, Cow::Borrowed(b""));
}

fn add_usernames<'c>(candidates: &mut Candidates<'c>, around: &'c Surroundings<'c>) {
    let base: &'c [u8] = &candidates.base.username;
    let realm: &'c [u8] = &candidates.base.realm;
    let mut add = |variant, username: Text<'c>| {
        if !username.is_empty() {
            candidates.add(variant, |hashed| hashed.username = username);
        }
    };
    let users = [around.from, around.to].map(Uri::parse).map(|uri| [uri.user, uri.plain_user()]);
    for user in distinct(users.into_iter().flatten()) {
        add(Variant::UsernameFrom, user.into());
    }
    for domain in distinct(domains(around).into_iter().chain([realm]).filter(|domain| !domain.is_empty())) {
        add(Variant::UsernameWithDomain, [base, b"@", domain].concat().into());
        add(Variant::UsernameWithDomain, [b"sip:", base, b"@", domain].concat().into());
    }
    let address = Uri::parse(base);
    if base.contains(&b'@') {
        add(Variant::UsernameWithDomain, address.user.into());
    }
    add(Variant::UsernameCase, base.to_ascii_lowercase().into());
    add(Variant::UsernameCase, base.to_ascii_uppercase().into());
    match base.strip_prefix(b"+") {
        Some(rest) => add(Variant::UsernameCase, rest.into()),
        None => add(Variant::UsernameCase, [b"+", base].concat().into()),
    }
    add(Variant::UsernameCase, percent_decoded(base).into());
}

fn add_algorithms<'c>(candidates: &mut Candidates<'c>, credentials: &'c Credentials<'c>) {
    let base = candidates.base;
    for hash in HashName::ALL {
        candidates.add(Variant::AlgorithmOther, |hashed| hashed.hash = hash);
    }
    if base.hash == HashName::Sha512_256 {
        candidates.add(Variant::Sha512Truncated, |hashed| hashed.form = Form::Sha512Cut);
    }
    if base.sess || credentials.cnonce().is_some() {
        candidates.add(Variant::SessOther, |hashed| hashed.sess = !base.sess);
    }
    if base.sess {
        candidates.add(Variant::SessBinaryHa1, |hashed| hashed.form = Form::BinaryHa1);
    }
}

const AUTH: &[u8] = b"auth";
const AUTH_INT: &[u8] = b"auth-int";
const FIRST_USE: &[u8] = b"00000001";

/// The lists of challenges that clients send back whole.
const QOP_LISTS: [&[u8]; 4] = [b"auth,auth-int", b"auth, auth-int", b"auth-int,auth", b"auth-int, auth"];

fn add_qops<'c>(candidates: &mut Candidates<'c>, around: &'c Surroundings<'c>) {
    let base = candidates.base;
    let Some(qop) = base.qop.as_deref() else {
        candidates.add(Variant::QopAdded, |hashed| {
            hashed.qop = Some(AUTH.into());
            if hashed.nonce_count.is_empty() {
                hashed.nonce_count = FIRST_USE.into();
            }
        });
        return;
    };
    add_bodies(candidates);
    candidates.add(Variant::QopIgnored, |hashed| (hashed.qop, hashed.body) = (None, None));
    // The other one, the A2 of the other one, or its text.
    if base.body.is_some() {
        candidates.add(Variant::QopOther, |hashed| (hashed.qop, hashed.body) = (Some(AUTH.into()), None));
        candidates.add(Variant::QopOther, |hashed| hashed.body = None);
        candidates.add(Variant::QopOther, |hashed| hashed.qop = Some(AUTH.into()));
    } else {
        candidates.add(Variant::QopOther, |hashed| hashed.qop = Some(AUTH_INT.into()));
        if let Some(body) = around.body {
            let body = || Some(Cow::Borrowed(body));
            candidates.add(Variant::QopOther, |hashed| (hashed.qop, hashed.body) = (Some(AUTH_INT.into()), body()));
            candidates.add(Variant::QopOther, |hashed| hashed.body = body());
        }
    }
    // qop=AUTH or qop=" auth" is sent, and auth hashed.
    let plain = qop.trim_ascii();
    candidates.add(Variant::QopOther, |hashed| hashed.qop = Some(plain.to_vec().into()));
    candidates.add(Variant::QopOther, |hashed| hashed.qop = Some(plain.to_ascii_lowercase().into()));
    // Of `qop=auth,auth-int` without quotes only the first is the value.
    for list in QOP_LISTS {
        candidates.add(Variant::QopOther, |hashed| hashed.qop = Some((*list).into()));
    }
}

fn add_bodies(candidates: &mut Candidates<'_>) {
    let Some(body) = candidates.base.body.as_deref() else { return };
    let lines = without_carriage_returns(body);
    let joined = |end: &[u8]| lines.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(end);
    let end = body.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let forms: [Vec<u8>; 4] =
        [joined(b"\r\n"), lines.clone(), body.get(..end).unwrap_or_default().to_vec(), [body, b"\r\n"].concat()];
    candidates.add(Variant::BodyEmpty, |hashed| hashed.body = Some(Cow::Borrowed(b"")));
    for form in forms {
        candidates.add(Variant::BodyLineEnds, |hashed| hashed.body = Some(form.into()));
    }
}

fn without_carriage_returns(body: &[u8]) -> Vec<u8> {
    let next = body.iter().skip(1).chain(&[0]);
    body.iter().zip(next).filter(|(byte, next)| **byte != b'\r' || **next != b'\n').map(|(byte, _)| *byte).collect()
}

fn add_nonces<'c>(candidates: &mut Candidates<'c>, around: &'c Surroundings<'c>) {
    let base: &'c [u8] = &candidates.base.nonce;
    let mut add = |variant, nonce: Text<'c>| candidates.add(variant, |hashed| hashed.nonce = nonce);
    for other in around.nonces {
        let is_form = is_form_of(base, other) || is_form_of(other, base);
        add(if is_form { Variant::NonceAltered } else { Variant::NoncePrevious }, Cow::Borrowed(other));
    }
    let bare = base.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    add(Variant::NonceAltered, base.get(..bare).unwrap_or_default().into());
    add(Variant::NonceAltered, [base, b"="].concat().into());
    add(Variant::NonceAltered, [base, b"=="].concat().into());
    add(Variant::NonceAltered, base.to_ascii_lowercase().into());
    add(Variant::NonceAltered, base.to_ascii_uppercase().into());
    add(Variant::NonceAltered, percent_decoded(base).into());
}

/// Bytes of a nonce that must be there for it to count as one that was cut.
const NONCE_LEN_MIN: usize = 8;

/// Whether a nonce is another one in another form: cut, in other letter case, decoded.
fn is_form_of(short: &[u8], long: &[u8]) -> bool {
    let (short, long) = (percent_decoded(short), percent_decoded(long));
    short.len() >= NONCE_LEN_MIN && long.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(&short))
}

fn add_nonce_counts(candidates: &mut Candidates<'_>) {
    if candidates.base.qop.is_none() {
        return;
    }
    let text = std::str::from_utf8(&candidates.base.nonce_count).unwrap_or_default();
    let mut add =
        |variant, count: String| candidates.add(variant, |hashed| hashed.nonce_count = count.into_bytes().into());
    if let Ok(value) = u32::from_str_radix(text, 16) {
        add(Variant::NcDecimal, format!("{value:08}"));
        add(Variant::NcDecimal, format!("{value}"));
        add(Variant::NcDecimal, format!("{value:x}"));
        add(Variant::NcDecimal, format!("{value:08x}"));
        add(Variant::NcDecimal, format!("{value:08X}"));
    }
    if let Ok(value) = text.parse::<u32>() {
        add(Variant::NcDecimal, format!("{value:08x}"));
    }
    candidates.add(Variant::NcOne, |hashed| hashed.nonce_count = FIRST_USE.into());
}

fn quoted(text: &[u8]) -> Text<'static> {
    [b"\"", text, b"\""].concat().into()
}

fn add_quotes(candidates: &mut Candidates<'_>) {
    let base = candidates.base;
    let mut add = |change: &dyn Fn(&mut Hashed<'_>)| candidates.add(Variant::QuotesKept, |hashed| change(hashed));
    add(&|hashed| hashed.username = quoted(&base.username));
    add(&|hashed| hashed.realm = quoted(&base.realm));
    add(&|hashed| hashed.nonce = quoted(&base.nonce));
    add(&|hashed| hashed.uri = quoted(&base.uri));
    // A client that takes both from the challenge as they stand there.
    let from_challenge =
        |hashed: &mut Hashed<'_>| (hashed.realm, hashed.nonce) = (quoted(&base.realm), quoted(&base.nonce));
    add(&from_challenge);
    add(&|hashed| {
        from_challenge(hashed);
        (hashed.username, hashed.uri) = (quoted(&base.username), quoted(&base.uri));
        if base.qop.is_some() {
            hashed.cnonce = quoted(&base.cnonce);
        }
    });
    if let Some(qop) = &base.qop {
        add(&|hashed| hashed.cnonce = quoted(&base.cnonce));
        add(&|hashed| hashed.qop = Some(quoted(qop)));
    }
}

fn add_escapes<'c>(candidates: &mut Candidates<'c>, credentials: &'c Credentials<'c>) {
    let raw = |name: Name| credentials.params.get(name).map(|param| param.raw).filter(|raw| raw.contains(&b'\\'));
    let (username, realm, nonce) = (raw(Name::Username), raw(Name::Realm), raw(Name::Nonce));
    let (uri, cnonce) = (raw(Name::Uri), raw(Name::Cnonce));
    let mut add = |change: &dyn Fn(&mut Hashed<'c>)| candidates.add(Variant::EscapeKept, |hashed| change(hashed));
    let set = |place: &mut Text<'c>, raw: Option<&'c [u8]>| {
        if let Some(raw) = raw {
            *place = raw.into();
        }
    };
    add(&|hashed| set(&mut hashed.username, username));
    add(&|hashed| set(&mut hashed.realm, realm));
    add(&|hashed| set(&mut hashed.nonce, nonce));
    add(&|hashed| set(&mut hashed.uri, uri));
    add(&|hashed| set(&mut hashed.cnonce, cnonce));
    add(&|hashed| {
        set(&mut hashed.username, username);
        set(&mut hashed.realm, realm);
        set(&mut hashed.nonce, nonce);
        set(&mut hashed.uri, uri);
        set(&mut hashed.cnonce, cnonce);
    });
}

/// A client that looks for the last quotation mark takes what stands between two values of the challenge for the end of the first, and sends
/// it back so (pyVoIP).
fn add_quote_within<'c>(candidates: &mut Candidates<'c>, Material { credentials, around, .. }: Material<'c>) {
    let Some((param, value)) = credentials.params.to_stray_quote(around.text) else { return };
    let place: for<'h> fn(&'h mut Hashed<'c>) -> &'h mut Text<'c> = match Name::from_bytes(param.name) {
        Some(Name::Username) => |hashed| &mut hashed.username,
        Some(Name::Realm) => |hashed| &mut hashed.realm,
        Some(Name::Nonce) => |hashed| &mut hashed.nonce,
        Some(Name::Uri) => |hashed| &mut hashed.uri,
        Some(Name::Cnonce) => |hashed| &mut hashed.cnonce,
        _ => return,
    };
    candidates.add(Variant::QuoteWithin, |hashed| *place(hashed) = value.into());
}
