//! URIs, addresses and Vias: every part is a part of the text, in the order in which it stands there.

use sipauth::sip::address::Address;
use sipauth::sip::address::parameters;
use sipauth::sip::uri::Uri;
use sipauth::sip::via::Via;

/// Where a part ends, which begins behind `at`.
fn behind(text: &[u8], at: usize, part: &[u8]) -> usize {
    if part.is_empty() {
        return at;
    }
    assert!(text.as_ptr_range().contains(&part.as_ptr()));
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    assert!(at <= start && start + part.len() <= text.len());
    start + part.len()
}

fn check_uri(text: &[u8], uri: &Uri<'_>) {
    let parts = [uri.scheme, uri.user, uri.host, uri.port, uri.parameters];
    parts.iter().fold(0, |at, part| behind(text, at, part));
    assert!(uri.plain_user().len() <= uri.user.len());
    assert_eq!(uri.first_difference(uri), None);
}

/// One input.
pub fn run(text: &[u8]) {
    check_uri(text, &Uri::parse(text));
    check_uri(text, &Uri::parse(Address::parse(text).uri));
    parameters(text).for_each(|(name, value)| {
        behind(text, behind(text, 0, name), value);
    });
    Via::parse_all(text).for_each(|via| {
        let (_, _) = (via.transport(), via.sent_by());
        behind(text, 0, via.branch.unwrap_or_default());
    });
}
