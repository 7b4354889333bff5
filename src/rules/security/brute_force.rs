//! SA701: password after password.

use std::cell::OnceCell;
use std::time::Duration;

use crate::history::Conduct;
use crate::history::PairKey;
use crate::history::Tries;
use crate::history::tries;
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
use crate::rules::security::account_guessed;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA701",
    name: "brute-force",
    label: "brute force",
    severity: Severity::Critical,
    summary: "One source tries password after password",
    finds: "Ten refused credentials or more within 60 s for one user from one source, and something that no phone does: the \
            User-Agent of a scanner, two digests that differ although everything in them but the password is equal, a Call-ID \
            of its own for each try, or several users tried in that way. Where the tries come no faster than a phone's, or are calls of several parties, and only \
            their Call-IDs speak, it is medium and possible.",
    matters: "Whoever finds a password makes calls at your expense, mostly to expensive numbers, and mostly at night.",
    advice: "Block the source, and look whether any of its tries was accepted. Let fail2ban or the server's own defence do so \
             from now on. Choose long random passwords.",
    not_this: "A phone that repeats itself under one Call-ID is stuck and guesses nothing. Neither is it one whose digest is \
               right, nor one that had got in from there before, nor an account whose old nonce is refused and whose next request is accepted. What a proxy passes on \
               is possible at most, unless the digests prove it: there may be many phones behind it.",
    sources: &["RFC 7616 section 5.7", "RFC 3261 section 26.3.2"],
    sample: "brute-force",
    check: Check::Capture(check),
};

/// Ten refusals within this time may be guessing …
const WITHIN: Duration = Duration::from_secs(60);
/// … and within this time, one a second, they come faster than phones that begin anew at each try.
const HURRIED_WITHIN: Duration = Duration::from_secs(10);
/// … or this, among so many refusals: nobody lets a phone go on like that.
const HURRIED_AMONG_MANY_WITHIN: Duration = Duration::from_secs(20);
const MANY: u64 = 40;
/// Call-IDs of one try each.
const CALLS_MIN: u64 = 5;
/// Users that are tried in the same way, where they are tried in a hurry …
const USERS_MIN: usize = 3;
/// … and where they are not: a gateway or a phone with several lines has fewer that are all refused.
const USERS_OF_NO_GATEWAY: usize = 10;

/// What shows that refused credentials are guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Scanner,
    Differing,
    Users,
    HurriedCalls,
    Calls,
}

/// A user whose password is being guessed.
#[derive(Clone, Copy, Debug)]
pub struct Guess<'a> {
    /// The user name.
    pub user: &'a [u8],
    /// What was tried.
    pub tries: &'a Tries,
    sign: Sign,
    /// Other users are tried in the same way.
    pub has_company: bool,
}

impl Guess<'_> {
    /// Whether no phone could have done it.
    pub fn is_certain(&self) -> bool {
        self.sign != Sign::Calls
    }

    /// How sure it is that these are guesses.
    pub fn confidence(&self) -> Confidence {
        match self.sign {
            Sign::Scanner | Sign::Differing => Confidence::Proven,
            Sign::Users | Sign::HurriedCalls => Confidence::Likely,
            Sign::Calls => Confidence::Possible,
        }
    }

    fn words(&self) -> &'static str {
        match self.sign {
            Sign::Scanner => "The User-Agent is that of a scanner.",
            Sign::Differing => {
                "Two of the digests differ although nonce, URI, method and counters are equal: they were made with different passwords."
            }
            Sign::Users => "Several users are tried in the same way, under a new Call-ID for each try.",
            Sign::HurriedCalls => "Each try has a Call-ID of its own, and they come faster than any phone begins anew.",
            Sign::Calls => {
                "Each try has a Call-ID of its own. A phone that begins anew every few seconds with one wrong password, or a PBX that calls with one, looks the same: without the passwords, the capture cannot tell."
            }
        }
    }
}

/// The users whose passwords this source is guessing.
pub fn guesses(conduct: &Conduct) -> impl Iterator<Item = Guess<'_>> {
    let is_scanner = security::is_scanner(conduct);
    let quick = conduct.tries.iter().filter(|(_, tries)| tries.shortest.is_some_and(|shortest| shortest <= WITHIN));
    // Looks at all users, and mostly nobody asks.
    let tried_anew = OnceCell::new();
    quick.filter_map(move |(user, tries)| {
        let tried_anew = || *tried_anew.get_or_init(|| users_tried_anew(conduct));
        let sign = match sign(tries, tried_anew, is_scanner)? {
            // Behind a proxy there may be many phones.
            Sign::Users | Sign::HurriedCalls if conduct.forwarded > 0 => Sign::Calls,
            sign => sign,
        };
        Some(Guess { user, tries, sign, has_company: tried_anew() >= USERS_MIN })
    })
}

fn sign(tries: &Tries, tried_anew: impl Fn() -> usize, is_scanner: bool) -> Option<Sign> {
    let is_mostly_accepted = tries.let_in.count() >= tries.refused.count();
    // Whoever makes calls has a new Call-ID each time, and a gateway may make many.
    let within = if tries.refused.count() >= MANY { HURRIED_AMONG_MANY_WITHIN } else { HURRIED_WITHIN };
    let is_hurried = !tries.has_parties && tries.shortest.is_some_and(|shortest| shortest <= within);
    if is_scanner {
        Some(Sign::Scanner)
    } else if tries.differing.is_some() {
        Some(Sign::Differing)
    } else if is_mostly_accepted || tries.single_calls < CALLS_MIN {
        None
    } else if tried_anew() >= if is_hurried { USERS_MIN } else { USERS_OF_NO_GATEWAY } {
        Some(Sign::Users)
    } else if is_hurried {
        Some(Sign::HurriedCalls)
    } else {
        Some(Sign::Calls)
    }
}

/// Whether the source had got in with that account before it was refused: it knows the password, or did. What shows guesses by itself
/// counts all the same.
fn is_owner(facts: &CaptureFacts, key: PairKey, guess: &Guess<'_>) -> bool {
    let account = facts.chronicle.sources.hash((guess.user, &*guess.tries.realm));
    let began = facts.chronicle.logins.began(account, key.client);
    !guess.is_certain() && began.is_some_and(|began| Some(began) < guess.tries.began)
}

/// Users of a source that never got in and are tried under a new Call-ID each time; no more are counted than it takes.
fn users_tried_anew(conduct: &Conduct) -> usize {
    let is_anew = |tries: &&Tries| tries.single_calls * 2 >= tries.calls && tries.refused.count() <= tries.calls * 2;
    let all = conduct.tries.values().map(Box::as_ref).filter(|tries| tries.let_in.count() == 0);
    all.filter(is_anew).take(USERS_OF_NO_GATEWAY).count()
}

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, _, conduct) in facts.chronicle.sources.conducts() {
        let all: Vec<Guess<'_>> = guesses(conduct).filter(|guess| !is_owner(facts, key, guess)).collect();
        let Some(first) = all.iter().max_by_key(|guess| (guess.confidence(), std::cmp::Reverse(guess.user))) else {
            continue;
        };
        let user = facts::account(first.user, &first.tries.realm);
        let refused = usize::try_from(all.iter().map(|guess| guess.tries.refused.count()).sum::<u64>());
        let whom = if all.len() == 1 { user } else { format!("{user} and {}", facts::count(all.len() - 1, "other")) };
        let what = if first.confidence() == Confidence::Proven { "password after password" } else { "again and again" };
        let mut finding = Finding::new(&RULE, format!("{} tries {what} for {whom}", key.client))
            .graded(Severity::Critical, first.confidence())
            .fault(Fault::Client)
            .explained(format!(
                "{} were refused by {}, {} and more of them within {}. {}",
                facts::count(refused.unwrap_or(usize::MAX), "digest"),
                key.server,
                tries::REFUSALS_MIN,
                facts::duration_text(first.tries.shortest.unwrap_or(WITHIN)),
                first.words()
            ))
            .excludes("a phone that repeats one request: each digest counted here is a new transaction")
            .advises(match conduct.forwarded {
                0 => format!("Block {} at the firewall, and see in the server's log what else it tried", key.client),
                _ => format!("Find out who is behind {}, which passes these requests on, and block that", key.client),
            })
            .advises("Let fail2ban or the server's own defence block whoever is refused that often")
            .advises("Give accounts long random passwords");
        if !first.is_certain() {
            finding.severity = Severity::Medium;
        } else if all.iter().any(|guess| account_guessed::guessed(guess).is_some()) {
            (finding.severity, finding.explained_by) = (Severity::Medium, Some(account_guessed::RULE.name));
        }
        let differing = first.tries.differing.into_iter().flat_map(|(one, other)| [one, other]);
        let sessions = all.iter().flat_map(|guess| guess.tries.refused.sessions());
        finding.spans(first.tries.refused.frames().into_iter().chain(differing), sessions);
        finding.subject = Subject {
            realm: first.tries.realm.to_vec(),
            user: first.user.to_vec(),
            client: Some(key.client),
            server: Some(key.server),
            ..Subject::default()
        };
        findings.push(finding);
    }
    findings
}
