//! Which findings say the same of the same account, but for the frames and the time: a phone that tries again every minute under a new
//! Call-ID has one problem, and not one a minute.

use crate::history::PairKey;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::challenge::challenge_header_missing;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge::challenge_unanswered;
use crate::rules::credentials::algorithm_unsupported_no_retry;
use crate::rules::credentials::digest_wrong_password;
use crate::rules::credentials::digest_wrong_password::SEARCHED;
use crate::rules::facts;
use crate::rules::transaction::ack_mismatch;

/// Rules of which the title and the advice say what the trouble is: how often it was met in one session and not in another is no other one.
static COUNTED: [&Rule; 4] =
    [&ack_mismatch::RULE, &challenge_header_missing::RULE, &challenge_loop::RULE, &digest_wrong_password::RULE];

/// What findings have in common that are told as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Alike {
    rule: &'static str,
    severity: Severity,
    /// Confidence, fault, cause, and what explains it.
    verdict: [&'static str; 4],
    subject: Subject,
    pair: Option<PairKey>,
    text: String,
}

impl Alike {
    /// What a finding of one session has in common with others of that source and server.
    pub(super) fn of(finding: &Finding, pair: Option<PairKey>) -> Alike {
        let verdict = [
            finding.confidence.name(),
            finding.fault.name(),
            finding.cause.unwrap_or_default(),
            finding.explained_by.unwrap_or_default(),
        ];
        let sentences = finding.excluded.iter().chain(&finding.remedy).map(AsRef::as_ref);
        let explanation =
            SEARCHED.iter().fold(finding.explanation.clone(), |text, searched| text.replace(searched, ""));
        let caller = finding.subject.caller.map(|_| facts::text(&finding.subject.user)).filter(|name| !name.is_empty());
        let nameless = |sentence: &str| match &caller {
            Some(name) => without_name(&without_place(sentence), name),
            None => without_place(sentence),
        };
        let text: Vec<String> = match finding.rule.is_among(&COUNTED) {
            true => {
                let advice = finding.remedy.iter().map(|advice| nameless(advice));
                std::iter::once(without_counts(&nameless(&finding.title))).chain(advice).collect()
            }
            false => [finding.title.as_str(), &explanation].into_iter().chain(sentences).map(nameless).collect(),
        };
        Alike {
            rule: finding.rule.name,
            severity: finding.severity,
            verdict,
            subject: account(&finding.subject),
            pair,
            text: text.join("\n"),
        }
    }
}

/// Rules whose findings are less sure where the capture ends soon.
static ENDING: [&Rule; 2] = [&algorithm_unsupported_no_retry::RULE, &challenge_unanswered::RULE];

/// What such findings have in common, however soon the capture ends behind them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Unended {
    rule: &'static str,
    /// Fault and cause.
    verdict: [&'static str; 2],
    subject: Subject,
    pair: Option<PairKey>,
    remedy: Option<String>,
}

impl Unended {
    /// What is told of one account, and explained by nothing else.
    pub(super) fn of(finding: &Finding, pair: Option<PairKey>) -> Option<Unended> {
        let is_such = finding.rule.is_among(&ENDING) && finding.merge.is_none() && finding.explained_by.is_none();
        is_such.then(|| Unended {
            rule: finding.rule.name,
            verdict: [finding.fault.name(), finding.cause.unwrap_or_default()],
            subject: account(&finding.subject),
            pair,
            remedy: finding.remedy.first().map(|advice| without_place(advice)),
        })
    }
}

/// Whose account it is about: that of the client, where calls show no other.
pub(super) fn account(subject: &Subject) -> Subject {
    match subject.caller {
        Some(_) => Subject { user: Vec::new(), ..subject.clone() },
        None => subject.clone(),
    }
}

/// A sentence without the numbers of frames and without durations.
fn without_place(sentence: &str) -> String {
    let mut words: Vec<&str> = sentence.split(' ').collect();
    let mut names_frames = false;
    for index in 0..words.len() {
        let is_of_time = words.get(index + 1).copied().is_some_and(is_unit);
        let Some(word) = words.get_mut(index) else { continue };
        let is_number = word.starts_with(|first: char| first.is_ascii_digit());
        names_frames = matches!(*word, "frame" | "frames") || (names_frames && (is_number || *word == "and"));
        if is_number && (names_frames || is_of_time) {
            *word = "#";
        }
        if is_number && is_of_time {
            // Two minutes and a hundred seconds are the same said twice.
            words.get_mut(index + 1).into_iter().for_each(|unit| *unit = "#");
        }
    }
    words.join(" ")
}

/// A title without the number of requests: `2 REGISTERs` and `3 REGISTERs` are the same met more often.
fn without_counts(title: &str) -> String {
    let mut words: Vec<&str> = title.split(' ').collect();
    for index in 1..words.len() {
        let is_count = words.get(index).is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        let noun =
            words.get(index + 1).copied().filter(|noun| noun.starts_with(|first: char| first.is_ascii_uppercase()));
        if let (true, Some(noun)) = (is_count, noun) {
            words.get_mut(index).into_iter().for_each(|word| *word = "#");
            words.get_mut(index + 1).into_iter().for_each(|word| *word = noun.strip_suffix('s').unwrap_or(noun));
        }
    }
    words.join(" ")
}

/// A sentence without that name, where it is a word.
fn without_name(sentence: &str, name: &str) -> String {
    let words = sentence.split(' ').map(|word| if word == name { "#" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word says what the number before it counts, and that is time.
fn is_unit(word: &str) -> bool {
    let unit = word.trim_end_matches(|last: char| last.is_ascii_punctuation());
    matches!(unit, "ms" | "s" | "min" | "h" | "second" | "seconds" | "minutes" | "hours")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_durations_are_left_out_and_nothing_else() {
        let check = |sentence: &str, left: &str| assert_eq!(without_place(sentence), left);
        check("sent in frames 3, 5 and 7, 403 each", "sent in frames # # and # # each");
        check("The credentials in frame 3 got 403.", "The credentials in frame # got 403.");
        check("after 31.2 s, and 2 of 3 were refused", "after # # and 2 of 3 were refused");
        check("a nonce count of 2 (5 min)", "a nonce count of 2 (5 min)");
    }

    #[test]
    fn requests_are_not_counted_and_nothing_else_is_left_out() {
        let check = |title: &str, left: &str| assert_eq!(without_counts(title), left);
        check("1001 met 2 REGISTERs with credentials", "1001 met # REGISTER with credentials");
        check("1001 met 1 REGISTER with credentials", "1001 met # REGISTER with credentials");
        check("The 401 of 2 has no challenge", "The 401 of 2 has no challenge");
    }

    #[test]
    fn a_name_is_left_out_where_it_is_a_word() {
        assert_eq!(
            without_name(&without_place("3 was challenged in frame 35 by 13"), "3"),
            "# was challenged in frame # by 13"
        );
    }
}
