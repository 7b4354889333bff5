//! SA702: one of the guesses was right.

use crate::history::Conduct;
use crate::history::PairKey;
use crate::history::ScannerLogin;
use crate::history::Turn;
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
use crate::rules::security::brute_force;
use crate::rules::security::brute_force::Guess;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA702",
    name: "account-guessed",
    label: "password guessed",
    severity: Severity::Critical,
    summary: "A password was guessed: credentials of somebody who tries, or of a tool for attacks, were accepted",
    finds: "A source that tries password after password for a user (brute-force), and credentials of that user from the same \
            source that the server accepts among them or within 60 s behind them; or credentials, after however few tries, of a tool that \
            nobody but attackers uses (scanner-agent). It is medium where phones with several lines \
            would look the same.",
    matters: "Somebody else has the account now. What follows are calls at your expense.",
    advice: "Change the password at once, remove the registrations of that source, block it, and look through the call records \
             since then.",
    not_this: "A phone that repeats itself until its password is corrected: that is no brute force, and so this rule does not \
               speak.",
    sources: &["RFC 7616 section 5.7"],
    sample: "brute-force",
    check: Check::Capture(check),
};

/// The acceptance that ends the guessing of a user's password.
pub fn guessed(guess: &Guess<'_>) -> Option<Turn> {
    guess.tries.accepted.filter(|_| guess.is_certain() || guess.has_company)
}

/// The acceptance of credentials that a tool for attacks sent, however few it tried before.
pub fn by_tool(conduct: &Conduct) -> Option<&ScannerLogin> {
    conduct.scanner.as_ref()?.let_in.as_ref().filter(|_| security::is_scanner(conduct))
}

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, _, conduct) in facts.chronicle.sources.conducts() {
        let before = findings.len();
        for guess in brute_force::guesses(conduct) {
            let Some(accepted) = guessed(&guess) else { continue };
            let user = facts::account(guess.user, &guess.tries.realm);
            let is_proven = guess.confidence() == Confidence::Proven;
            let refused = usize::try_from(guess.tries.refused.count()).unwrap_or(usize::MAX);
            let mut finding = Finding::new(&RULE, format!("{} has guessed the password of {user}", key.client))
                .graded(
                    if guess.is_certain() { Severity::Critical } else { Severity::Medium },
                    if is_proven { Confidence::Likely } else { Confidence::Possible },
                )
                .fault(Fault::Client)
                .explained(format!(
                    "{} accepted the credentials in frame {}, among {} from the same source that were refused{}.{}",
                    key.server,
                    accepted.at.number,
                    facts::count(refused, "digest"),
                    match guess.tries.let_in.count() {
                        0 | 1 => String::new(),
                        all => format!("; since the first of these it accepted {all} in all"),
                    },
                    if is_proven {
                        ""
                    } else {
                        " Only the way of the tries speaks for guesses: ask the owner of the account before you call it theft."
                    }
                ))
                .advises(format!("Change the password of {user} now, and remove the registrations of {}", key.client))
                .advises(format!("Block {}, and look through the calls of the account since then", key.client));
            if is_proven {
                finding = finding.excludes("a phone that repeats one password: it would not try as this one does");
            }
            let (refused, let_in) = (&guess.tries.refused, &guess.tries.let_in);
            finding.spans(
                refused.frames().into_iter().chain([accepted.at]).chain(let_in.frames()),
                refused.sessions().into_iter().chain([accepted.session]).chain(let_in.sessions()),
            );
            finding.subject = Subject {
                realm: guess.tries.realm.to_vec(),
                user: guess.user.to_vec(),
                client: Some(key.client),
                server: Some(key.server),
                ..Subject::default()
            };
            findings.push(finding);
        }
        if findings.len() == before {
            findings.extend(found_by_tool(key, conduct));
        }
    }
    findings
}

fn found_by_tool(key: PairKey, conduct: &Conduct) -> Option<Finding> {
    let login = by_tool(conduct)?;
    let agent = facts::quoted(&conduct.scanner.as_ref()?.agent);
    let user = facts::account(&login.user, &login.realm);
    let mut finding = Finding::new(&RULE, format!("{} has guessed the password of {user}", key.client))
        .graded(Severity::Critical, Confidence::Likely)
        .fault(Fault::Client)
        .explained(format!(
            "{} accepted the credentials in frame {}, which a tool for attacks sent (User-Agent {agent}).",
            key.server, login.at.number
        ))
        .advises(format!("Change the password of {user} now, unless the scan is your own"))
        .advises(format!("Block {}, and look through the calls of the account since then", key.client));
    finding.frames = vec![login.at];
    finding.sessions = vec![login.session];
    finding.subject = Subject {
        realm: login.realm.to_vec(),
        user: login.user.to_vec(),
        client: Some(key.client),
        server: Some(key.server),
        ..Subject::default()
    };
    Some(finding)
}
