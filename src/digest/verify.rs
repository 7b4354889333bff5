//! Credentials × secret → verdict. What is hashed is what was sent; RFC 7616 §3.4.6 tells a server to do more, and the
//! rules above do it. Responses are compared plainly: nobody can time an offline reader.

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;

use crate::auth::Credentials;
use crate::auth::Name;
use crate::auth::Scheme;
use crate::base::Limits;
use crate::digest::ha1s::Ha1s;
use crate::digest::inputs::Inputs;
use crate::digest::keyring::Keyring;
use crate::digest::keyring::SourceId;
use crate::digest::near_miss::Searches;
use crate::digest::sessions::Sessions;
use crate::digest::tried::Tried;
use crate::digest::unmatched::Unmatched;
use crate::digest::unmatched::WithoutSecret;
use crate::digest::user_hashes::UserHashes;
use crate::digest::verdict::Reason;
use crate::digest::verdict::Verdict;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What came out.
    pub verdict: Verdict,
    /// The entry that fits, else the first that was tried; None when it did not come to that.
    pub source: Option<SourceId>,
}

/// Checks credentials against a keyring.
pub struct Verifier {
    pub(super) keyring: Keyring,
    /// For each entry of the keyring the HA1s computed from its password.
    pub(super) ha1s: Vec<Ha1s>,
    pub(super) sessions: Sessions,
    pub(super) user_hashes: UserHashes,
    pub(super) searches: Searches,
    unmatched: Unmatched,
}

impl Verifier {
    /// A verifier with these secrets.
    pub fn new(keyring: Keyring) -> Verifier {
        let mut ha1s = Vec::new();
        ha1s.resize_with(keyring.len(), Ha1s::default);
        let (sessions, user_hashes) = (Sessions::default(), UserHashes::default());
        Verifier {
            keyring,
            ha1s,
            sessions,
            user_hashes,
            searches: Searches::default(),
            unmatched: Unmatched::default(),
        }
    }

    /// The same with bounds of the caller's on searches for near misses.
    #[must_use]
    pub fn limited(self, limits: &Limits) -> Verifier {
        Verifier { searches: Searches::new(limits), ..self }
    }

    /// Whether there is no secret, so that every check gives None.
    pub fn is_empty(&self) -> bool {
        self.keyring.is_empty()
    }

    /// Whether a secret was given for any of the credentials so far.
    pub fn has_matched(&self) -> bool {
        self.unmatched.has_matched()
    }

    /// The accounts of the credentials so far for which no secret was given, by name; at most a thousand.
    pub fn without_secret(&self) -> Vec<WithoutSecret<'_>> {
        self.unmatched.all(&self.keyring)
    }

    /// Recomputes the response. `challenge_realm` is the realm of the challenge that is answered, where it is known: a
    /// client that answers with another realm still has the right password. It also says that the capture holds the challenge, so that a
    /// session of `-sess` did not begin before it. None when no secret was given for that user
    /// and realm. Call it in capture order: `-sess` needs the session's first cnonce.
    pub fn check(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request<'_>,
        challenge_realm: Option<&[u8]>,
    ) -> Option<Checked> {
        let mut checked = self.checked(credentials, request, challenge_realm)?;
        if let Some(name) = credentials.params.two_values_of_one().filter(|_| checked.verdict == Verdict::Mismatch) {
            checked.verdict = Verdict::Unverifiable(Reason::RepeatedParameter(name));
        }
        Some(checked)
    }

    /// The same, where the first of two values counts.
    pub(super) fn checked(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request<'_>,
        challenge_realm: Option<&[u8]>,
    ) -> Option<Checked> {
        if self.is_empty() {
            return None;
        }
        let mut checked = match credentials.scheme {
            Scheme::Digest => self.recompute(credentials, request, challenge_realm)?,
            Scheme::Basic => return Some(Checked::without_source(Reason::BasicScheme)),
            Scheme::Other(_) => return Some(Checked::without_source(Reason::UnknownScheme)),
        };
        if request.ambiguous {
            checked.verdict = Verdict::Unverifiable(Reason::Ambiguous);
        } else if request.headers_cut && checked.verdict != Verdict::Match {
            // What is absent, unknown or wrong may be what was not captured.
            checked.verdict = Verdict::Unverifiable(Reason::HeadersCut);
        }
        Some(checked)
    }

    /// The server announced the nonce of the next request: a `-sess` session of these credentials goes on with it.
    pub fn go_on(&mut self, credentials: &Credentials<'_>, nextnonce: &[u8]) {
        let Verifier { keyring, sessions, user_hashes, .. } = self;
        if let (Ok(username), Some(nonce)) = (username(credentials, keyring, user_hashes), credentials.nonce()) {
            sessions.go_on(&username, &nonce, nextnonce);
        }
    }

    fn recompute(
        &mut self,
        credentials: &Credentials<'_>,
        request: &Request<'_>,
        challenge_realm: Option<&[u8]>,
    ) -> Option<Checked> {
        let Verifier { keyring, ha1s, sessions, user_hashes, unmatched, .. } = self;
        let username = match username(credentials, keyring, user_hashes) {
            Ok(username) => username,
            Err(reason) => return Some(Checked::without_source(reason)),
        };
        let realm = credentials.realm();
        let Some(realms) = keyring.realms_of(&username) else {
            unmatched.note(&username, &realm.unwrap_or_default());
            return None;
        };
        let Some(realm) = realm else {
            return Some(Checked::without_source(Reason::MissingParameter(Name::Realm)));
        };
        let tried = Tried::new(keyring, ha1s, realms, &realm, challenge_realm);
        let Some(first) = tried.first() else {
            unmatched.note(&username, &realm);
            return None;
        };
        unmatched.note_match(&username);
        let (verdict, fitting) = match Inputs::read(credentials, request, &username, &realm) {
            Err(reason) => (Verdict::Unverifiable(reason), None),
            Ok(inputs) => {
                let begun = inputs.session(sessions, challenge_realm.is_some());
                let (verdict, fitting) = tried.verify(&inputs, begun.starts);
                let verdict = match verdict {
                    Verdict::Mismatch if begun.is_unknown => Verdict::Unverifiable(Reason::SessionStartUnknown),
                    verdict => inputs.judge(verdict),
                };
                (verdict, fitting)
            }
        };
        Some(Checked { verdict, source: fitting.or(Some(first)).cloned() })
    }
}

impl Checked {
    fn without_source(reason: Reason) -> Checked {
        Checked { verdict: Verdict::Unverifiable(reason), source: None }
    }
}

/// The user name in clear: as sent, from `username*`, or the user whose hash was sent.
pub(super) fn username<'s>(
    credentials: &Credentials<'s>,
    keyring: &Keyring,
    user_hashes: &mut UserHashes,
) -> Result<Cow<'s, [u8]>, Reason> {
    let absent = Reason::MissingParameter(Name::Username);
    // Both forms at once are against RFC 7616 §3.4; the plain one is what servers read.
    let sent = credentials.username().or_else(|| credentials.username_star().map(Cow::Owned)).ok_or(absent)?;
    if !credentials.userhash() {
        return Ok(sent);
    }
    let hash = credentials.algorithm().hash().ok_or(Reason::UnknownAlgorithm)?;
    let realm = credentials.realm().ok_or(Reason::MissingParameter(Name::Realm))?;
    let user = user_hashes.user(hash, &realm, &sent, keyring.users()).ok_or(Reason::UserhashUnknown)?;
    Ok(Cow::Owned(user.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::auth::HashName;
    use crate::auth::parse_credentials;
    use crate::digest::Hex;
    use crate::digest::keyring;
    use crate::digest::response::Account;
    use crate::digest::response::Protection;
    use crate::digest::response::ha1;
    use crate::digest::response::ha1_sess;
    use crate::digest::response::ha2;
    use crate::digest::response::response;

    /// `alice` in `example.com` with the password `new`, for REGISTER of `sip:x` with the nonce `n`.
    fn header(response: &Hex, more: &str) -> String {
        let response = std::str::from_utf8(response.as_bytes()).unwrap();
        format!(r#"Digest username="alice",realm="example.com",nonce="n",uri="sip:x",response="{response}"{more}"#)
    }

    fn no_qop(realm: &str, password: &str, method: &str) -> Hex {
        let a1 = ha1(HashName::Md5, Account { username: b"alice", realm: realm.as_bytes() }, password.as_bytes());
        response(HashName::Md5, a1.as_bytes(), b"n", None, &ha2(HashName::Md5, method.as_bytes(), b"sip:x", None))
    }

    fn request(method: &str) -> Request<'_> {
        Request { method: method.as_bytes(), body: Some(b""), ambiguous: false, headers_cut: false }
    }

    fn verifier(rows: &str) -> Verifier {
        Verifier::new(keyring::read(rows.as_bytes(), "c.csv", None).unwrap().0)
    }

    /// The verdict's name with its reason's, and the source.
    fn check_in(verifier: &mut Verifier, header: &str, request: &Request<'_>, challenge_realm: Option<&str>) -> String {
        let credentials = parse_credentials(header.as_bytes());
        match verifier.check(&credentials[0], request, challenge_realm.map(str::as_bytes)) {
            None => "none".to_owned(),
            Some(Checked { verdict, source }) => {
                let reason = if let Verdict::Unverifiable(reason) = verdict { reason.name() } else { verdict.name() };
                source.map_or(reason.to_owned(), |source| format!("{reason} {source}"))
            }
        }
    }

    fn check(rows: &str, header: &str, expect: &str) {
        assert_eq!(check_in(&mut verifier(rows), header, &request("REGISTER"), None), expect, "{rows:?} {header:?}");
    }

    #[test]
    fn the_secret_is_looked_up_by_realm_then_for_any_then_by_challenge() {
        let right = header(&no_qop("example.com", "new", "REGISTER"), "");
        check("", &right, "none");
        check("bob,*,new\n", &right, "none");
        check("alice,other,new\n", &right, "none");
        check("alice@example.com,*,new\n", &right, "none");
        check("alice,*,new\n", &right, "match c.csv:1");
        check("alice,*,new\nalice,example.com,old\n", &right, "mismatch c.csv:2");
        check("alice,example.com,old\nalice,example.com,new\n", &right, "match c.csv:2");
        check("alice,example.com,old\nalice,example.com,older\n", &right, "mismatch c.csv:1");
        let by_challenge = |rows: &str| check_in(&mut verifier(rows), &right, &request("REGISTER"), Some("other"));
        assert_eq!(by_challenge("alice,other,new\n"), "match c.csv:1");
        assert_eq!(by_challenge("alice,other,old\n"), "mismatch c.csv:1");
        assert_eq!(by_challenge("alice:other:00112233445566778899aabbccddeeff\n"), "none");
    }

    #[test]
    fn an_ha1_is_good_for_its_algorithm_alone() {
        let sha = "0".repeat(64);
        let md5 = header(&no_qop("example.com", "new", "REGISTER"), "");
        check(&format!("alice:example.com:{sha}\n"), &md5, "no_ha1_for_algorithm c.csv:1");
        check(&format!("user,realm,password,ha1\nalice,example.com,,{sha}\nalice,*,new,\n"), &md5, "match c.csv:3");
        let hex = ha1(HashName::Md5, Account { username: b"alice", realm: b"example.com" }, b"new");
        let hex = String::from_utf8(hex.as_bytes().to_ascii_uppercase()).unwrap();
        check(&format!("alice:example.com:{hex}\n"), &md5, "match c.csv:1");
    }

    #[test]
    fn an_ack_is_hashed_with_invite_and_with_ack() {
        for (method, expect) in [("INVITE", "match c.csv:1"), ("ACK", "match c.csv:1"), ("BYE", "mismatch c.csv:1")] {
            let header = header(&no_qop("example.com", "new", method), "");
            assert_eq!(check_in(&mut verifier("alice,*,new"), &header, &request("ACK"), None), expect);
        }
    }

    #[test]
    fn a_session_keeps_its_first_cnonce() {
        let more = |cnonce: &str| format!(r#",algorithm=MD5-sess,cnonce="{cnonce}",qop=auth,nc=00000001"#);
        let signed = |first: &str, cnonce: &str| {
            let account = Account { username: b"alice", realm: b"example.com" };
            let a1 = ha1(HashName::Md5, account, b"new");
            let a1 = ha1_sess(HashName::Md5, a1.as_bytes(), b"n", first.as_bytes());
            let protection = Protection { nonce_count: b"00000001", cnonce: cnonce.as_bytes(), qop: b"auth" };
            let a2 = ha2(HashName::Md5, b"REGISTER", b"sip:x", None);
            header(&response(HashName::Md5, a1.as_bytes(), b"n", Some(protection), &a2), &more(cnonce))
        };
        let mut verifier = verifier("alice,*,new");
        let mut check = |header: &str| check_in(&mut verifier, header, &request("REGISTER"), None);
        assert_eq!(check(&signed("1", "1")), "match c.csv:1");
        assert_eq!(check(&signed("1", "2")), "match c.csv:1");
        assert_eq!(check(&signed("3", "3")), "match c.csv:1");
        assert_eq!(check(&signed("4", "3")), "mismatch c.csv:1");
    }

    #[test]
    fn what_cannot_be_recomputed_says_why() {
        let rows = "alice,*,new\n";
        let right = no_qop("example.com", "new", "REGISTER");
        let with = |more: &str| header(&right, more);
        check(rows, &with(",algorithm=SHA256"), "unknown_algorithm c.csv:1");
        check(rows, &with(",algorithm=AKAv1-MD5"), "aka_without_key c.csv:1");
        check(rows, &with(",qop=conf,nc=00000001,cnonce=x"), "unknown_qop c.csv:1");
        check(rows, &with(",qop=auth,nc=00000001"), "missing_parameter c.csv:1");
        check(rows, &with(",qop=auth,cnonce=x"), "missing_parameter c.csv:1");
        check(rows, &with(",algorithm=MD5-sess"), "missing_parameter c.csv:1");
        check(rows, &with(",qop=,nc=,cnonce=\"\""), "match c.csv:1");
        check(rows, &with(",algorithm=SHA-256"), "mismatch c.csv:1");
        check(rows, r#"Digest username="alice",realm="r",nonce="",uri="x",response="""#, "empty_parameter c.csv:1");
        check(rows, r#"Digest username="alice",realm="r",nonce="n",uri="x""#, "missing_parameter c.csv:1");
        check(rows, r#"Digest username="alice",nonce="n",uri="x",response="00""#, "missing_parameter");
        check(rows, r#"Digest realm="r",nonce="n",uri="x",response="00""#, "missing_parameter");
        check(rows, "Digest username=aa,userhash=true,realm=r,nonce=n,uri=x,response=00", "userhash_unknown");
        check(rows, "Basic YWxpY2U6bmV3", "basic_scheme");
        check(rows, "Bearer abc", "unknown_scheme");
    }

    #[test]
    fn what_was_not_captured_is_no_mismatch() {
        let check = |header: &str, request: &Request<'_>, expect: &str| {
            assert_eq!(check_in(&mut verifier("alice,*,new"), header, request, None), expect);
        };
        let (right, wrong) = (no_qop("example.com", "new", "REGISTER"), no_qop("example.com", "old", "REGISTER"));
        let cut = Request { headers_cut: true, ..request("REGISTER") };
        check(&header(&right, ""), &cut, "match c.csv:1");
        check(&header(&wrong, ""), &cut, "headers_cut c.csv:1");
        check(r#"Digest username="alice",realm="r",nonce="n"#, &cut, "headers_cut c.csv:1");
        check(&header(&right, ",algorithm=MD5-s"), &cut, "headers_cut c.csv:1");
        check("Basic YWx", &cut, "basic_scheme");
        check(&header(&right, ""), &Request { ambiguous: true, ..request("REGISTER") }, "ambiguous c.csv:1");
        let auth_int = header(&wrong, ",qop=auth-int,nc=00000001,cnonce=x");
        check(&auth_int, &Request { body: None, ..request("REGISTER") }, "body_cut c.csv:1");
        check(&auth_int, &request("ACK"), "invite_body_unknown c.csv:1");
    }

    #[test]
    fn realms_from_the_wire_are_forgotten() {
        let mut verifier = verifier("alice,*,new");
        for round in 0..3 {
            for number in 0..20 {
                let realm = format!("realm {number}").repeat(1 + number * 20);
                let header = header(&no_qop(&realm, "new", "REGISTER"), "").replace("example.com", &realm);
                let checked = check_in(&mut verifier, &header, &request("REGISTER"), None);
                assert_eq!(checked, "match c.csv:1", "{round} {realm}");
            }
        }
    }
}
