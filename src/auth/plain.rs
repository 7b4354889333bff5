//! Auth headers in which nothing about the form is odd, as in nearly all: seen in one look, so that the rules about form need
//! not be asked one by one.

use crate::auth::Challenge;
use crate::auth::Credentials;
use crate::auth::Name;
use crate::auth::NonceCount;
use crate::auth::Params;
use crate::auth::Scheme;

impl Credentials<'_> {
    /// Whether they are Digest credentials in which every parameter that is needed is there, once, in quotes or without as RFC
    /// 7616 §3.4 wants it, and looks like what it is. False proves nothing.
    pub fn is_plain(&self) -> bool {
        let Credentials { scheme, params, .. } = self;
        *scheme == Scheme::Digest
            && params.defects().is_empty()
            && [Name::Username, Name::Realm, Name::Nonce].into_iter().all(|name| is_text(params, name))
            && [Name::Algorithm, Name::UserHash].into_iter().all(|name| !is_quoted(params, name))
            && [Name::Opaque, Name::Auts].into_iter().all(|name| !is_bare(params, name))
            && !has(params, Name::UsernameStar)
            && self.has_plain_uri()
            && self.has_plain_response()
            && self.has_plain_count()
    }

    fn has_plain_uri(&self) -> bool {
        let uri = self.params.get(Name::Uri).filter(|uri| uri.quoted);
        uri.is_some_and(|uri| uri.raw.starts_with(b"sip:") || uri.raw.starts_with(b"sips:"))
    }

    fn has_plain_response(&self) -> bool {
        let digits = self.algorithm().hash().map(|hash| hash.hex_len());
        self.params.get(Name::Response).filter(|response| response.quoted).is_some_and(|response| {
            // Without an early exit the compiler looks at many bytes at a time.
            Some(response.raw.len()) == digits
                && response.raw.iter().fold(true, |all, byte| all & matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    }

    /// A qop, a client's nonce and a count, or none of them.
    fn has_plain_count(&self) -> bool {
        let params = &self.params;
        match (params.get(Name::Qop), params.get(Name::NonceCount)) {
            (Some(qop), Some(count)) => {
                let value = NonceCount::from_bytes(count.raw).value;
                is_text(params, Name::Cnonce)
                    && !qop.quoted
                    && !qop.raw.is_empty()
                    && !count.quoted
                    && value.is_some_and(|value| value > 0)
            }
            (None, None) => !has(params, Name::Cnonce),
            _ => false,
        }
    }
}

impl Challenge<'_> {
    /// The same of a challenge (RFC 7616 §3.3): of what is there, not of what should be.
    pub fn is_plain(&self) -> bool {
        let Challenge { scheme, params, .. } = self;
        *scheme == Scheme::Digest
            && params.defects().is_empty()
            && [Name::Algorithm, Name::UserHash].into_iter().all(|name| !is_quoted(params, name))
            && [Name::Realm, Name::Nonce, Name::Opaque, Name::Domain, Name::Qop]
                .into_iter()
                .all(|name| !is_bare(params, name))
    }
}

fn has(params: &Params<'_>, name: Name) -> bool {
    params.get(name).is_some()
}

fn is_quoted(params: &Params<'_>, name: Name) -> bool {
    params.get(name).is_some_and(|param| param.quoted)
}

fn is_bare(params: &Params<'_>, name: Name) -> bool {
    params.get(name).is_some_and(|param| !param.quoted)
}

fn is_text(params: &Params<'_>, name: Name) -> bool {
    params.get(name).is_some_and(|param| param.quoted && !param.raw.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::auth::parse_challenges;
    use crate::auth::parse_credentials;

    const PLAIN: &str = r#"Digest username="a", realm="r", nonce="n", uri="sip:b", response="0123456789abcdef0123456789abcdef", algorithm=MD5, opaque="", cnonce="c", qop=auth, nc=00000001"#;

    fn is_plain(value: &str) -> bool {
        parse_credentials(value.as_bytes()).iter().all(|credentials| credentials.is_plain())
    }

    #[test]
    fn one_oddity_is_enough() {
        assert!(is_plain(PLAIN));
        assert!(is_plain(&PLAIN.replace(r#", cnonce="c", qop=auth, nc=00000001"#, "")));
        for (from, to) in [
            ("Digest ", "Basic "),
            (r#"username="a""#, r#"username="""#),
            (r#"username="a""#, "username=a"),
            (r#"username="a""#, r#"username="a", username*=UTF-8''a"#),
            (r#"realm="r""#, r#"realm="r", realm="r""#),
            (r#"nonce="n""#, "nonce=n"),
            (r#"uri="sip:b""#, "uri=sip:b"),
            (r#"uri="sip:b""#, r#"uri="b""#),
            (r#"uri="sip:b", "#, ""),
            ("0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef"),
            ("0123456789abcdef0123456789abcdef", "0123456789abcdef"),
            ("algorithm=MD5", r#"algorithm="MD5""#),
            ("algorithm=MD5", "algorithm=SHA-256"),
            ("algorithm=MD5", "algorithm=X"),
            (r#"cnonce="c", "#, ""),
            ("qop=auth, ", ""),
            ("qop=auth", "qop="),
            ("qop=auth", r#"qop="auth""#),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=00000000"),
            (", nc=00000001", ""),
            (", nc=00000001", ", nc=00000001,"),
        ] {
            let odd = PLAIN.replace(from, to);
            assert_ne!(odd, PLAIN);
            assert!(!is_plain(&odd), "{odd}");
        }
    }

    #[test]
    fn challenges_may_leave_things_out() {
        let is_plain = |value: &str| parse_challenges(value.as_bytes()).iter().all(|challenge| challenge.is_plain());
        assert!(is_plain(r#"Digest realm="r", nonce="n", algorithm=MD5, qop="auth", stale=true"#));
        assert!(is_plain(r#"Digest realm="r""#));
        for odd in [
            r#"Digest realm=r, nonce="n""#,
            r#"Digest realm="r", algorithm="MD5""#,
            "Digest realm=\"r\", qop=auth",
            "Basic realm=\"r\"",
        ] {
            assert!(!is_plain(odd), "{odd}");
        }
    }
}
