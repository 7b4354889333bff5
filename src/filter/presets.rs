//! Named filters. Each is an expression of the language; those with a value put it in where `VALUE` stands.

use crate::filter::FilterError;
use crate::filter::ast::Literal;
use crate::filter::error::nearest;
use crate::filter::fields::Kind;
use crate::filter::literal;
use crate::rules::Check;
use crate::rules::RULES;

/// A named filter.
#[derive(Debug)]
pub struct Preset {
    /// What is typed.
    pub name: &'static str,
    /// What it selects.
    pub meaning: &'static str,
    /// Its expression.
    pub expression: &'static str,
    /// What its value is, where it takes one.
    pub value: Option<&'static str>,
}

const fn preset(name: &'static str, meaning: &'static str, expression: &'static str) -> Preset {
    Preset { name, meaning, expression, value: None }
}

const fn with(name: &'static str, value: &'static str, meaning: &'static str, expression: &'static str) -> Preset {
    Preset { name, meaning, expression, value: Some(value) }
}

/// Every preset, in the order of the documentation.
pub static PRESETS: &[Preset] = &[
    preset("challenges", "challenges", "sip.WWW-Authenticate or sip.Proxy-Authenticate"),
    preset("credentials", "requests with credentials", "sip.Authorization or sip.Proxy-Authorization"),
    preset(
        "auth-any",
        "whatever has to do with authentication",
        "sip.auth or sip.Status-Code == 401 or sip.Status-Code == 407",
    ),
    preset(
        "failures",
        "sessions that did not get in",
        "sipauth.outcome in {\"refused\", \"unanswered_challenge\", \"forbidden\", \"no_answer\"}",
    ),
    preset("loops", "sessions that go round in circles", "sipauth.finding in {\"challenge-loop\", \"stale-loop\"}"),
    preset(
        "register-auth",
        "authentication of registrations",
        "sip.CSeq.method == \"REGISTER\" and (sip.auth or sip.Status-Code == 401 or sip.Status-Code == 407)",
    ),
    preset(
        "invite-auth",
        "authentication of calls",
        "sip.CSeq.method == \"INVITE\" and (sip.auth or sip.Status-Code == 401 or sip.Status-Code == 407)",
    ),
    preset("challenge-401", "challenges of servers and registrars", "sip.Status-Code == 401"),
    preset("challenge-407", "challenges of proxies", "sip.Status-Code == 407"),
    preset("www-auth", "headers of servers and registrars", "sip.WWW-Authenticate or sip.Authorization"),
    preset("proxy-auth", "headers of proxies", "sip.Proxy-Authenticate or sip.Proxy-Authorization"),
    preset("stale", "challenges that call a nonce stale", "sip.auth.stale matches \"true\""),
    preset("unanswered", "sessions that end with a challenge", "sipauth.outcome == \"unanswered_challenge\""),
    preset("no-qop", "challenges and credentials without qop", "sip.auth.nonce and not sip.auth.qop"),
    preset(
        "weak",
        "challenges and credentials of MD5, named or not",
        "sip.auth.nonce and (not sip.auth.algorithm or sip.auth.algorithm matches \"^\\\"?md5\")",
    ),
    preset("sha2", "challenges and credentials of SHA-256 or SHA-512-256", "sip.auth.algorithm matches \"^\\\"?sha\""),
    preset("aka", "challenges and credentials of AKA", "sip.auth.algorithm matches \"^\\\"?aka\""),
    preset("basic", "challenges and credentials of Basic", "sip.auth.scheme matches \"^basic\""),
    preset(
        "registrar-refusals",
        "registrations answered 402, 403, 404, 408 or 423",
        "sip.CSeq.method == \"REGISTER\" and sip.Status-Code in {402, 403, 404, 408, 423}",
    ),
    preset(
        "scanners",
        "tools that look for servers, extensions and passwords",
        "sip.User-Agent matches \"friendly-scanner|sipvicious|^sipcli|^pplsip|^sippts|sip-?scan|sundayddr|sivus|^iwar|^gulp|^smap|^vaxsip\"",
    ),
    preset(
        "mismatch",
        "challenges and credentials under the wrong header",
        "sipauth.finding in {\"SA105\", \"SA106\"}",
    ),
    with(
        "user",
        "USER",
        "what a user does, and what is done to him",
        "sip.auth.username in {VALUE, QUOTED} or sip.from.user == VALUE or sip.to.user == VALUE",
    ),
    with("realm", "REALM", "challenges and credentials of a realm", "sip.auth.realm in {VALUE, QUOTED}"),
    with("nonce", "NONCE", "where a nonce is issued and used", "sip.auth.nonce in {VALUE, QUOTED}"),
    with("call", "CALL-ID", "a Call-ID", "sip.Call-ID == VALUE"),
    with(
        "host",
        "HOST",
        "an address or network (192.0.2.0/24, 2001:db8::1), or a host name in URIs and Vias",
        "sip.r-uri.host == VALUE or sip.from.host == VALUE or sip.to.host == VALUE or sip.contact.host == VALUE or sip.Via.sent-by.address == VALUE",
    ),
    with("finding", "RULE", "sessions with a finding, by its name or code", "sipauth.finding == VALUE"),
];

impl Preset {
    /// As it is typed: `user=USER`.
    pub fn usage(&self) -> String {
        self.value.map_or_else(|| self.name.to_owned(), |value| format!("{}={value}", self.name))
    }

    /// Its expression with that value.
    fn with_value(&self, value: &str) -> String {
        if self.name == "host" {
            for (kind, field) in [(Kind::Ipv4, "ip.addr"), (Kind::Ipv6, "ipv6.addr")] {
                if literal::network(kind, value).is_some() {
                    return format!("{field} == {value}");
                }
            }
        }
        let quoted = Literal::Quoted(value.into()).to_string();
        let twice = Literal::Quoted(format!("\"{value}\"").into_bytes()).to_string();
        // One pass: a value may hold the words that stand for it.
        let parts: Vec<&str> = self.expression.split("VALUE").collect();
        let parts = parts.iter().map(|part| part.replace("QUOTED", &twice));
        parts.collect::<Vec<String>>().join(&quoted)
    }
}

/// The expression of a preset as it was typed: `failures`, `user=1001`.
///
/// # Errors
///
/// Where there is none of that name, or its value is missing, needless or unknown.
pub fn expression(typed: &str) -> Result<String, FilterError> {
    let (name, value) = typed.split_once('=').map_or((typed, None), |(name, value)| (name, Some(value)));
    let names = PRESETS.iter().map(|preset| preset.name);
    let Some(preset) = PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name)) else {
        let error = FilterError::new(0..name.len(), format!("there is no preset {name}"));
        return Err(error.cured(match nearest(name, names) {
            Some(name) => format!("did you mean {name}?"),
            None => "sipauth list presets names them all".to_owned(),
        }));
    };
    let at_value = || name.len()..typed.len().max(name.len() + 1);
    match (preset.value, value) {
        (None, None) => Ok(preset.expression.to_owned()),
        (None, Some(_)) => {
            Err(FilterError::new(at_value(), format!("the preset {name} takes no value"))
                .cured(format!("write {name}")))
        }
        (Some(wanted), None | Some("")) => {
            let error = FilterError::new(at_value(), format!("the preset {name} needs a value"));
            Err(error.cured(format!("write {name}={wanted}")))
        }
        (Some(_), Some(value)) => {
            if preset.name == "finding" {
                return finding(value, at_value()).map(|rule| preset.with_value(rule));
            }
            Ok(preset.with_value(value))
        }
    }
}

/// The name of a rule, by name or code.
fn finding(value: &str, place: std::ops::Range<usize>) -> Result<&'static str, FilterError> {
    let is_it =
        |rule: &&&crate::rules::Rule| rule.name.eq_ignore_ascii_case(value) || rule.code.eq_ignore_ascii_case(value);
    let place = place.start + 1..place.end;
    let Some(rule) = RULES.iter().find(is_it) else {
        let error = FilterError::new(place, format!("there is no finding {value}"));
        return Err(error.cured(match nearest(value, RULES.iter().map(|rule| rule.name)) {
            Some(name) => format!("did you mean {name}?"),
            None => "sipauth list rules names them all".to_owned(),
        }));
    };
    match rule.check {
        Check::Session(_) | Check::Form(_) | Check::Trouble(_) | Check::Deviation(_) => Ok(rule.name),
        Check::Capture(_) => {
            let text = format!("{} is found when the capture ends, and speaks of many sessions", rule.name);
            Err(FilterError::new(place, text).cured("select its sessions by user=, host= or realm="))
        }
    }
}
