//! What of a challenge credentials do not answer, parameter by parameter (RFC 7616 §3.4). Whether the digest is right is another
//! question.

use crate::auth::Challenge;
use crate::auth::Credentials;
use crate::auth::Scheme;
use crate::base::Untrusted;

/// One parameter in which credentials do not answer their challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// `scheme`, `response`, `realm`, `nonce`, `algorithm`, `qop` or `opaque`.
    pub parameter: &'static str,
    /// What is wrong with it, in a sentence without a full stop. Holds text from the wire.
    pub text: String,
}

/// The challenge among those offered that credentials answer: the one with their nonce, realm and algorithm, else the one that
/// shares most of them, the first of equals.
pub fn answered<'c, 'a>(challenges: &'c [Challenge<'a>], credentials: &Credentials<'_>) -> Option<&'c Challenge<'a>> {
    let likeness = |challenge: &Challenge<'_>| {
        let is_nonce = credentials.nonce().is_some() && challenge.nonce() == credentials.nonce();
        let is_realm = credentials.realm().is_some() && challenge.realm() == credentials.realm();
        let is_algorithm = is_same_algorithm(challenge, credentials);
        (is_nonce, is_realm, is_algorithm)
    };
    challenges
        .iter()
        .rev()
        .filter(|challenge| challenge.scheme == credentials.scheme)
        .max_by_key(|one| likeness(one))
        .or(challenges.first())
}

/// What of the challenge is not answered, in the order of the standard.
pub fn unanswered(challenge: &Challenge<'_>, credentials: &Credentials<'_>) -> Vec<Unanswered> {
    let mut found = Vec::new();
    let mut add = |parameter, text| found.push(Unanswered { parameter, text });
    if challenge.scheme != credentials.scheme {
        let text = format!(
            "the challenge asks for {}, the credentials are {}",
            shown(challenge.scheme_raw),
            shown(credentials.scheme_raw)
        );
        add("scheme", text);
        return found;
    }
    if credentials.scheme == Scheme::Digest && credentials.response().is_none() {
        add("response", "the credentials have none: they look like a challenge, or are cut off".to_owned());
    }
    if let Some(asked) = challenge.realm().filter(|asked| credentials.realm().as_ref() != Some(asked)) {
        let sent = credentials.realm();
        let is_case = sent.as_ref().is_some_and(|sent| sent.eq_ignore_ascii_case(&asked));
        let but = if is_case { ": only the letter case differs, and it counts" } else { "" };
        add(
            "realm",
            format!("the challenge names {}, the credentials {}{but}", quoted(Some(&asked)), quoted(sent.as_deref())),
        );
    }
    if challenge.nonce() != credentials.nonce() {
        let text = match credentials.nonce() {
            Some(_) => {
                "the credentials use another nonce than the challenge's: they answer an older one, or it was altered"
            }
            None => "the credentials have no nonce",
        };
        add("nonce", text.to_owned());
    }
    if !is_same_algorithm(challenge, credentials) {
        let (asked, sent) = (shown(challenge.algorithm().text()), shown(credentials.algorithm().text()));
        add("algorithm", format!("the challenge asks for {asked}, the credentials say {sent}; none written means MD5"));
    }
    if let Some(text) = qop(challenge, credentials) {
        add("qop", text);
    }
    let asked = challenge.opaque().filter(|opaque| !opaque.is_empty());
    let sent = credentials.opaque().filter(|opaque| !opaque.is_empty());
    if asked != sent {
        let text = match (&asked, &sent) {
            (Some(_), None) => "the challenge has an opaque, and the credentials do not return it",
            (None, _) => "the credentials have an opaque, and the challenge has none",
            _ => "the credentials return another opaque than the challenge's",
        };
        add("opaque", text.to_owned());
    }
    found
}

fn qop(challenge: &Challenge<'_>, credentials: &Credentials<'_>) -> Option<String> {
    let offered = challenge.qop();
    match credentials.qop() {
        None if offered.is_empty() => None,
        None => Some("the challenge offers a qop, and the credentials have none: the old form of RFC 2069".to_owned()),
        Some(_) if offered.is_empty() => Some("the credentials have a qop, and the challenge offers none".to_owned()),
        Some(sent) if offered.iter().any(|one| one.is_same(&sent)) => None,
        Some(sent) => {
            let list: Vec<String> = offered.iter().map(|one| shown(one.name())).collect();
            Some(format!("the challenge offers {}, the credentials say {}", list.join(", "), shown(sent.name())))
        }
    }
}

fn is_same_algorithm(challenge: &Challenge<'_>, credentials: &Credentials<'_>) -> bool {
    challenge.algorithm().is_same(credentials.algorithm())
}

fn quoted(value: Option<&[u8]>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("\"{}\"", shown(value)))
}

fn shown(bytes: &[u8]) -> String {
    Untrusted(bytes).to_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::parse_challenges;
    use crate::auth::parse_credentials;

    /// The parameters that are not answered by these and a response.
    fn check(challenge: &str, credentials: &str, expect: &[&str]) {
        check_whole(challenge, &format!(r#"{credentials},response="d""#), expect);
    }

    fn check_whole(challenge: &str, credentials: &str, expect: &[&str]) {
        let challenges = parse_challenges(challenge.as_bytes());
        let credentials = parse_credentials(credentials.as_bytes());
        let found = unanswered(answered(&challenges, &credentials[0]).unwrap(), &credentials[0]);
        let found: Vec<&str> = found.iter().map(|one| one.parameter).collect();
        assert_eq!(found, expect, "{challenge:?} {:?}", credentials[0].params);
    }

    #[test]
    fn each_parameter_is_held_against_the_challenge() {
        let asked = r#"Digest realm="r", nonce="n", qop="auth,auth-int", opaque="o", algorithm=MD5"#;
        check(asked, r#"Digest realm="r",nonce="n",qop=auth,opaque="o""#, &[]);
        check(
            asked,
            r#"Digest realm="R",nonce="m",algorithm=SHA-256"#,
            &["realm", "nonce", "algorithm", "qop", "opaque"],
        );
        check(asked, r#"Digest realm="r",nonce="n",qop=auth-conf,opaque="p""#, &["qop", "opaque"]);
        check_whole(asked, "Basic YTpi", &["scheme"]);
        check_whole(asked, asked, &["response", "qop"]);
        check(r#"Digest realm="r",nonce="n""#, r#"Digest realm="r",nonce="n",qop=auth,opaque="o""#, &["qop", "opaque"]);
        check(r#"Digest realm="r",nonce="n",opaque="""#, r#"Digest realm="r",nonce="n""#, &[]);
        check(r#"Digest realm="a\"b",nonce="n""#, r#"Digest realm="a\"b",nonce=n"#, &[]);
        let of_no_standard = r#"Digest realm="r",nonce="n",qop="auth-conf",algorithm=SHA256"#;
        check(of_no_standard, r#"Digest realm="r",nonce="n",qop=Auth-Conf,algorithm=sha256"#, &[]);
    }

    #[test]
    fn of_several_challenges_the_nearest_counts() {
        let both = r#"Digest realm="r",nonce="n",algorithm=SHA-256, Digest realm="r",nonce="n",algorithm=MD5"#;
        check(both, r#"Digest realm="r",nonce="n""#, &[]);
        check(both, r#"Digest realm="r",nonce="n",algorithm=SHA-256"#, &[]);
        check(both, r#"Digest realm="r",nonce="n",algorithm=SHA-512-256"#, &["algorithm"]);
        check(r#"Basic realm="r", Digest realm="q",nonce="m""#, r#"Digest realm="r",nonce="n""#, &["realm", "nonce"]);
    }
}
