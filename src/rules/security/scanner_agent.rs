//! SA704: a tool for attacks that says its name.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::security;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA704",
    name: "scanner-agent",
    label: "scanner",
    severity: Severity::Low,
    summary: "The User-Agent is that of a known scanner",
    finds: "Requests whose User-Agent is the name of a tool that looks for SIP servers, extensions and passwords: \
            friendly-scanner (SIPVicious), sipcli, pplsip and sippts, sip-scan, sundayddr, SIVuS, iWar, Gulp, smap, VaxSIPUserAgent.",
    matters: "Nobody's phone is called that. Whoever runs it wants to know which accounts there are, and calls at your expense next.",
    advice: "Block the source at the firewall, let fail2ban watch the server's log, and do not answer unknown users differently \
             from known ones.",
    not_this: "sipsak, SIPp and nmap are tools of administrators as well. Other names prove nothing: a scanner can call itself \
               what it likes. VaxSIPUserAgent is the default of a toolkit, and some softphones keep it: alone it is a hint.",
    sources: &["RFC 3261 section 20.41", "RFC 3261 section 26.1"],
    sample: "user-enumeration",
    check: Check::Capture(check),
};

/// A tool, and how to know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    /// The tool's name.
    pub name: &'static str,
    /// The word of the User-Agent that it is known by, in lower case.
    word: &'static str,
    /// Whether that must be its first word: short names may be part of others.
    is_first: bool,
    /// Whether nobody but attackers uses that name.
    is_attack_only: bool,
}

const fn tool_of(name: &'static str, word: &'static str, is_first: bool) -> Tool {
    Tool { name, word, is_first, is_attack_only: true }
}

/// The tools that are known by their default User-Agent. Few on purpose: a wrong name would excuse a phone's real fault.
static TOOLS: &[Tool] = &[
    tool_of("SIPVicious", "friendly-scanner", false),
    tool_of("SIPVicious", "sipvicious", false),
    tool_of("sipcli", "sipcli", true),
    tool_of("sippts", "pplsip", true),
    tool_of("sippts", "sippts", true),
    tool_of("SIPScan", "sip-scan", false),
    tool_of("SIPScan", "sipscan", false),
    tool_of("Sundayddr", "sundayddr", false),
    tool_of("SIVuS", "sivus", false),
    tool_of("iWar", "iwar", true),
    tool_of("Gulp", "gulp", true),
    tool_of("smap", "smap", true),
    Tool { name: "VaxSIPUserAgent", word: "vaxsipuseragent", is_first: true, is_attack_only: false },
];

/// The tool of that User-Agent.
pub fn tool(agent: &[u8]) -> Option<&'static Tool> {
    let mut words =
        agent.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-')).filter(|word| !word.is_empty());
    let first = words.next()?;
    let is = |word: &[u8], tool: &Tool| word.eq_ignore_ascii_case(tool.word.as_bytes());
    let by_first = TOOLS.iter().find(|tool| may_be_tool(first) && is(first, tool));
    let mut others = words.filter(|word| may_be_tool(word));
    by_first.or_else(|| others.find_map(|word| TOOLS.iter().find(|tool| !tool.is_first && is(word, tool))))
}

/// Whether a word has a length and a first letter of theirs: every session asks, and most words do not.
fn may_be_tool(word: &[u8]) -> bool {
    let initial = word.first().map(u8::to_ascii_lowercase);
    word.len() >= 4 && initial.is_some_and(|initial| matches!(initial, b'f' | b'g' | b'i' | b'p' | b's' | b'v'))
}

/// Whether nobody but attackers has that User-Agent.
pub fn is_attack_only(agent: &[u8]) -> bool {
    tool(agent).is_some_and(|tool| tool.is_attack_only)
}

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let claims = security::claims(facts);
    for (key, _, conduct) in facts.chronicle.sources.conducts() {
        let Some(scanner) = &conduct.scanner else { continue };
        let is_certain = is_attack_only(&scanner.agent);
        let requests = usize::try_from(scanner.seen.count()).unwrap_or(usize::MAX);
        let mut finding = Finding::new(&RULE, format!("{} sends requests of the scanner {}", key.client, scanner.tool))
            .graded(Severity::Low, if is_certain { Confidence::Likely } else { Confidence::Possible })
            .fault(Fault::Client)
            .explained(format!(
                "{} to {} with the User-Agent {}.{}",
                facts::count(requests, "request"),
                key.server,
                facts::quoted(&scanner.agent),
                if is_certain {
                    ""
                } else {
                    " It is the default of a toolkit: scanners bear it, and a few softphones."
                }
            ))
            .advises("Block the source, unless the scan is your own")
            .advises("Let the server answer unknown users as it answers known ones (Asterisk: alwaysauthreject=yes)");
        finding.explained_by = claims.get(&key).map(|rule| rule.name).filter(|name| *name != RULE.name);
        finding.frames = scanner.seen.frames();
        finding.sessions = scanner.seen.sessions();
        finding.subject = Subject { client: Some(key.client), server: Some(key.server), ..Subject::default() };
        findings.push(finding);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_word_in_any_letter_case() {
        assert!(TOOLS.iter().all(|tool| may_be_tool(tool.word.as_bytes())));
        let name = |agent: &str| tool(agent.as_bytes()).map(|tool| tool.name);
        assert_eq!(name("friendly-scanner"), Some("SIPVicious"));
        assert_eq!(name("Friendly-Scanner/1.0"), Some("SIPVicious"));
        assert_eq!(name("Some phone (friendly-scanner)"), Some("SIPVicious"));
        assert_eq!(name("sipcli/v1.8"), Some("sipcli"));
        assert_eq!(name("VaxSIPUserAgent/3.1"), Some("VaxSIPUserAgent"));
        for agent in [
            "",
            "sipsak 0.9.8",
            "SIPp",
            "Gulpstream 3",
            "Smapper/2",
            "Yealink SIP-T46S 66.86.0.15",
            "my-sipcli",
            "phone of sipcli",
            "friendly-scanners",
        ] {
            assert_eq!(name(agent), None, "{agent}");
        }
    }
}
