//! Fields of our own: what sipauth found out. They are known when the session closes, and decide with it.

use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::fields::Kind;
use crate::filter::fields::field;

pub(super) static FIELDS: &[Field] = &[
    field("sipauth.finding", Kind::Text, "names and codes of the session's findings", Get::Finding),
    field(
        "sipauth.severity",
        Kind::Severity,
        "their severities: info, low, medium, high, critical",
        Get::FindingSeverity,
    ),
    field("sipauth.session", Kind::Text, "the session, as the report without a filter numbers it", Get::SessionId),
    field(
        "sipauth.outcome",
        Kind::Text,
        "how the session ended: accepted, refused, unanswered_challenge, forbidden, failed, no_answer, not_challenged, undecided",
        Get::Outcome,
    ),
    field(
        "sipauth.verify",
        Kind::Text,
        "the message's credentials against the secrets given: match, mismatch, near_miss, unverifiable, not_checked",
        Get::Verify,
    ),
    field(
        "sipauth.nonce.age",
        Kind::Duration,
        "from the challenge with a nonce to the message that uses it",
        Get::NonceAge,
    ),
];
