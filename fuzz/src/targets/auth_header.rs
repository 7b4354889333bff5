//! Challenges, credentials and Authentication-Info: parameters stand in order within the value, and every view is a part of it.

use sipauth::auth::AuthenticationInfo;
use sipauth::auth::Params;
use sipauth::auth::parse_challenges;
use sipauth::auth::parse_credentials;

fn check(value: &[u8], all: &[&Params<'_>]) {
    let mut at = 0;
    for params in all {
        for param in params.iter() {
            let span = param.span.range();
            assert!(at <= span.start && span.start <= span.end && span.end <= value.len(), "{param:?}");
            let within = &value[span.clone()];
            assert!(within.starts_with(param.name) && param.raw.len() + param.name.len() <= within.len());
            assert!(param.value().len() <= param.raw.len());
            at = span.end;
        }
        for defect in params.defects() {
            assert!(defect.span.start <= defect.span.end && defect.span.end as usize <= value.len(), "{defect:?}");
        }
    }
}

/// One input.
pub fn run(value: &[u8]) {
    let challenges = parse_challenges(value);
    check(value, &challenges.iter().map(|challenge| &challenge.params).collect::<Vec<_>>());
    for challenge in &challenges {
        let (_, _, _, _) = (challenge.realm(), challenge.nonce(), challenge.algorithm(), challenge.stale());
    }
    let all = parse_credentials(value);
    assert!(!all.is_empty());
    check(value, &all.iter().map(|credentials| &credentials.params).collect::<Vec<_>>());
    for credentials in &all {
        let (_, _, _) = (credentials.username(), credentials.username_star(), credentials.realm());
        let (_, _, _) = (credentials.nonce(), credentials.uri(), credentials.response());
    }
    let info = AuthenticationInfo::parse(value);
    check(value, &[&info.params]);
    let (_, _, _, _) = (info.nextnonce(), info.qop(), info.rspauth(), info.nonce_count());
}
