//! What explains what: the table that says which finding is the cause of another, and so which stands first.

use crate::rules::Rule;
use crate::rules::challenge;
use crate::rules::challenge::challenge_loop;
use crate::rules::configuration;
use crate::rules::credentials;
use crate::rules::nonce;
use crate::rules::path;
use crate::rules::transaction;

/// A rule, and the names of those whose findings it explains where both speak of the same exchange. Earlier rows win.
pub(super) static EXPLAINS: &[(&Rule, &[&str])] = &[
    (
        &path::header_altered_en_route::RULE,
        &[
            "alg-suspected",
            "algorithm-not-offered",
            "algorithm-unsupported-no-retry",
            "auth-int-body-mismatch",
            "challenge-header-missing",
            "challenge-header-wrong-kind",
            "challenge-loop",
            "challenge-malformed",
            "challenge-unanswered",
            "credentials-wrong-header",
            "digest-near-miss",
            "digest-ok-but-rejected",
            "digest-wrong-password",
            "forbidden-after-credentials",
            "malformed-credentials",
            "nc-repeated",
            "nonce-altered",
            "nonce-rejected-without-stale",
            "nonce-unknown",
            "old-nonce-reused",
            "opaque-missing-or-changed",
            "qop-dropped",
            "qop-not-offered",
            "realm-mismatch",
            "register-challenged-407",
            "registrar-rejects-contact",
            "rejected-credentials",
            "response-malformed",
            "retry-without-credentials",
            "stale-ignored-by-client",
            "uri-differs-from-request-uri",
        ],
    ),
    (
        &challenge::credentials_wrong_header::RULE,
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "challenge-unanswered",
            "retry-without-credentials",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "nc-repeated",
        ],
    ),
    (
        &credentials::realm_credentials_dropped::RULE,
        &[
            "realm-mismatch",
            "challenge-loop",
            "challenge-unanswered",
            "rejected-credentials",
            "digest-ok-but-rejected",
            "nc-repeated",
        ],
    ),
    (
        &credentials::realm_mismatch::RULE,
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "challenge-unanswered",
            "retry-without-credentials",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "digest-wrong-password",
            "digest-near-miss",
        ],
    ),
    (
        &credentials::nonce_altered::RULE,
        &[
            "digest-near-miss",
            "digest-wrong-password",
            "forbidden-after-credentials",
            "malformed-credentials",
            "nonce-unknown",
            "old-nonce-reused",
            "stale-loop",
            "stale-ignored-by-client",
            "challenge-loop",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "nonce-rejected-without-stale",
        ],
    ),
    (
        &transaction::branch_reused::RULE,
        &[
            "auth-retry-no-response",
            "cseq-not-incremented",
            "challenge-loop",
            "challenge-unanswered",
            "registrar-rejects-contact",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "nc-repeated",
            "same-credentials-repeated",
        ],
    ),
    (
        &nonce::old_nonce_reused::RULE,
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "stale-loop",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "rejected-credentials",
            "digest-ok-but-rejected",
            "nc-repeated",
            "nonce-expired-by-content",
        ],
    ),
    (
        &nonce::nonce_from_other_server::RULE,
        &[
            "uri-differs-from-request-uri",
            "stale-loop",
            "challenge-loop",
            "challenge-unanswered",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "nonce-bound-to-source-changed",
            "rejected-credentials",
            "digest-ok-but-rejected",
        ],
    ),
    (
        &nonce::nonce_bound_to_source_changed::RULE,
        &[
            "uri-differs-from-request-uri",
            "stale-loop",
            "challenge-loop",
            "challenge-unanswered",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "rejected-credentials",
            "digest-ok-but-rejected",
        ],
    ),
    (
        &nonce::nonce_unknown::RULE,
        &[
            "uri-differs-from-request-uri",
            "stale-loop",
            "challenge-loop",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "rejected-credentials",
            "nc-repeated",
        ],
    ),
    (
        &nonce::stale_loop::RULE,
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "digest-ok-but-rejected",
            "stale-ignored-by-client",
            "rejected-credentials",
        ],
    ),
    (
        &nonce::stale_format::RULE,
        &["nonce-rejected-without-stale", "challenge-loop", "rejected-credentials", "digest-ok-but-rejected"],
    ),
    (&nonce::stale_ignored_by_client::RULE, &["challenge-unanswered", "challenge-loop"]),
    (
        &credentials::aka_mac_failure::RULE,
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "rejected-credentials"],
    ),
    (
        &credentials::aka_sync_failure::RULE,
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "rejected-credentials"],
    ),
    (
        &nonce::nc_repeated::RULE,
        &[
            "uri-differs-from-request-uri",
            "digest-ok-but-rejected",
            "challenge-loop",
            "rejected-credentials",
            "forbidden-after-credentials",
        ],
    ),
    (
        &credentials::malformed_credentials::RULE,
        &[
            "combined-challenges-one-row",
            "multiple-credentials-one-realm",
            "duplicate-auth-param",
            "nc-malformed",
            "username-both-forms",
            "username-empty",
            "nonce-altered",
            "algorithm-not-offered",
            "qop-dropped",
            "qop-not-offered",
            "qop-params-missing",
            "auth-param-quoting",
            "opaque-missing-or-changed",
            "uri-malformed",
            "uri-differs-from-request-uri",
        ],
    ),
    (
        &nonce::nc_malformed::RULE,
        &["digest-ok-but-rejected", "challenge-loop", "stale-loop", "stale-ignored-by-client", "rejected-credentials"],
    ),
    (
        &nonce::nc_not_reset::RULE,
        &[
            "nonce-rejected-without-stale",
            "digest-ok-but-rejected",
            "challenge-loop",
            "stale-loop",
            "rejected-credentials",
        ],
    ),
    (
        &nonce::nc_backwards::RULE,
        &["one-time-nonce-reused", "nonce-rejected-without-stale", "digest-ok-but-rejected", "rejected-credentials"],
    ),
    (&credentials::response_uppercase::RULE, &["digest-ok-but-rejected", "challenge-loop", "rejected-credentials"]),
    (
        &credentials::username_empty::RULE,
        &["challenge-loop", "rejected-credentials", "forbidden-after-credentials", "user-unknown-suspected"],
    ),
    (
        &credentials::username_both_forms::RULE,
        &["challenge-loop", "rejected-credentials", "digest-ok-but-rejected", "forbidden-after-credentials"],
    ),
    (&credentials::algorithm_not_offered::RULE, UNREADABLE),
    (&credentials::algorithm_not_offered::RULE, &["forbidden-after-credentials"]),
    (&credentials::qop_dropped::RULE, UNREADABLE),
    (&credentials::qop_not_offered::RULE, UNREADABLE),
    (&credentials::qop_params_missing::RULE, UNREADABLE),
    (&credentials::opaque_missing_or_changed::RULE, UNREADABLE),
    (
        &credentials::uri_malformed::RULE,
        &["uri-differs-from-request-uri", "digest-ok-but-rejected", "challenge-loop", "rejected-credentials"],
    ),
    (
        &transaction::cseq_not_incremented::RULE,
        &["challenge-loop", "registrar-rejects-contact", "digest-ok-but-rejected", "rejected-credentials"],
    ),
    (&transaction::to_tag_added_to_retry::RULE, &["registrar-rejects-contact"]),
    (
        &transaction::dialog_identity_changed::RULE,
        &["digest-ok-but-rejected", "challenge-loop", "rejected-credentials"],
    ),
    (
        &challenge::challenge_header_missing::RULE,
        &[
            "challenge-unanswered",
            "challenge-loop",
            "retry-without-credentials",
            "rejected-credentials",
            "digest-ok-but-rejected",
        ],
    ),
    (
        &challenge::challenge_header_wrong_kind::RULE,
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "credentials-wrong-header"],
    ),
    (
        &challenge::challenge_malformed::RULE,
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "rejected-credentials"],
    ),
    (&challenge::unsupported_scheme::RULE, &["challenge-unanswered", "challenge-loop", "retry-without-credentials"]),
    (&challenge::combined_challenges_one_row::RULE, UNREAD),
    (&path::strict_parser_rejects::RULE, UNREAD),
    (&transaction::ack_mismatch::RULE, &["challenge-unanswered", "late-challenge-not-answered"]),
    (&transaction::ack_missing::RULE, &["challenge-unanswered", "late-challenge-not-answered"]),
    (&challenge::in_dialog_challenge_unanswered::RULE, &["challenge-unanswered", "late-challenge-not-answered"]),
    (&credentials::algorithm_unsupported_no_retry::RULE, &["retry-without-credentials"]),
    (&challenge::retry_without_credentials::RULE, &["challenge-unanswered", "challenge-loop"]),
    (
        &credentials::algorithm_unsupported_no_retry::RULE,
        &["challenge-unanswered", "late-challenge-not-answered", "algorithm-order-weak-first"],
    ),
    (
        &credentials::response_malformed::RULE,
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "challenge-unanswered",
            "retry-without-credentials",
            "rejected-credentials",
            "forbidden-after-credentials",
            "user-unknown-suspected",
        ],
    ),
    (
        &credentials::digest_near_miss::RULE,
        &[
            "digest-wrong-password",
            "uri-differs-from-request-uri",
            "algorithm-not-offered",
            "challenge-loop",
            "rejected-credentials",
            "nc-repeated",
            "nonce-rejected-without-stale",
            "user-unknown-suspected",
        ],
    ),
    (&credentials::auth_param_quoting::RULE, WHERE_HIGH),
    (&credentials::multiple_credentials_one_realm::RULE, WHERE_HIGH),
    (
        &credentials::auth_int_body_mismatch::RULE,
        &[
            "digest-wrong-password",
            "uri-differs-from-request-uri",
            "algorithm-not-offered",
            "challenge-loop",
            "rejected-credentials",
            "nc-repeated",
            "nonce-rejected-without-stale",
        ],
    ),
    (
        &credentials::auth_int_unsupported_by_server::RULE,
        &["digest-ok-but-rejected", "challenge-loop", "rejected-credentials"],
    ),
    (
        &credentials::digest_wrong_password::RULE,
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "rejected-credentials",
            "nc-repeated",
            "forbidden-after-credentials",
            "user-unknown-suspected",
            "nonce-rejected-without-stale",
            "retry-after-403",
        ],
    ),
    (
        &path::fragments_incomplete::RULE,
        &["auth-request-too-large-for-udp", "auth-retry-no-response", "no-response-at-all", "challenge-unanswered"],
    ),
    (
        &path::auth_request_too_large_for_udp::RULE,
        &["auth-retry-no-response", "no-response-at-all", "transport-switched"],
    ),
    (
        &path::auth_retry_no_response::RULE,
        &["no-response-at-all", "transport-switched", "challenge-unanswered", "registrar-rejects-contact"],
    ),
    (&nonce::nonce_rejected_without_stale::RULE, &["digest-ok-but-rejected", "rejected-credentials"]),
    (&credentials::digest_ok_but_rejected::RULE, &["challenge-loop"]),
    (
        &credentials::forbidden_after_credentials::RULE,
        &["rejected-credentials", "challenge-loop", "user-unknown-suspected", "retry-after-403"],
    ),
    (&credentials::same_credentials_repeated::RULE, &["nc-repeated"]),
    (&challenge::challenge_loop::RULE, challenge_loop::EXPLAINS.1),
    (&configuration::registrar_rejects_contact::RULE, &["challenge-unanswered"]),
    (
        &challenge::challenge_unanswered::RULE,
        &["late-challenge-not-answered", "register-challenged-407", "both-challenges-at-once"],
    ),
];

/// What credentials bring about whose form is not that of the challenge. Some servers call them stale (OpenSIPS).
pub(super) static UNREADABLE: &[&str] =
    &["digest-ok-but-rejected", "challenge-loop", "stale-loop", "stale-ignored-by-client", "rejected-credentials"];

/// What a challenge brings about that the client could not read.
pub(super) static UNREAD: &[&str] =
    &["challenge-unanswered", "retry-without-credentials", "ack-missing", "challenge-loop"];

/// What a form brings about that most servers put up with: it explains that only where it is a high finding itself.
pub(super) static WHERE_HIGH: &[&str] = &[
    "challenge-loop",
    "digest-ok-but-rejected",
    "digest-wrong-password",
    "forbidden-after-credentials",
    "rejected-credentials",
];
