//! Accounts of the capture for which no secret was given, although secrets were. A name that is written otherwise in a list of secrets
//! would else look as if nobody had given any.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;
use crate::digest::keyring::Keyring;
use crate::digest::keyring::SourceId;

/// Accounts that are told apart; more are none of the reader's typing errors.
const ACCOUNTS_MAX: usize = 1024;

/// A user and a realm, as sent.
type Account = (Box<[u8]>, Box<[u8]>);

/// Accounts without a secret, and whether any has one.
#[derive(Default)]
pub(super) struct Unmatched {
    accounts: BTreeSet<Account>,
    /// Users whose secret was used: it is meant for nobody else. Past the limit nobody's is.
    matched: WireMap<Box<[u8]>, ()>,
}

/// An account of the capture that has no secret.
#[derive(Debug, PartialEq, Eq)]
pub struct WithoutSecret<'v> {
    /// The user name as sent.
    pub user: &'v [u8],
    /// The realm as sent.
    pub realm: &'v [u8],
    /// The entry that may have been meant for it.
    pub meant: Option<Meant<'v>>,
}

/// Where the entry of the keyring stands that is not quite that of an account. What stands there is not told: in a row with its columns
/// in another order it is a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant<'v> {
    /// The same user in another realm.
    OtherRealm(&'v SourceId),
    /// A user whose name differs in letter case, or in the scheme or the domain around it.
    OtherForm(&'v SourceId),
}

impl Unmatched {
    /// Notes credentials for which there is no secret.
    pub(super) fn note(&mut self, user: &[u8], realm: &[u8]) {
        if self.accounts.len() < ACCOUNTS_MAX && user.len() <= NAME_BYTES_MAX && realm.len() <= NAME_BYTES_MAX {
            self.accounts.insert((user.into(), realm.into()));
        }
    }

    /// Notes that a secret of that user was tried.
    pub(super) fn note_match(&mut self, user: &[u8]) {
        if self.matched.len() < ACCOUNTS_MAX && !self.matched.contains_key(user) {
            self.matched.insert(user.into(), ());
        }
    }

    /// Whether any account has a secret.
    pub(super) fn has_matched(&self) -> bool {
        !self.matched.is_empty()
    }

    fn is_free(&self, given: &[u8]) -> bool {
        self.matched.len() < ACCOUNTS_MAX && !self.matched.contains_key(given)
    }

    /// All of them, by name.
    pub(super) fn all<'v>(&'v self, keyring: &'v Keyring) -> Vec<WithoutSecret<'v>> {
        if self.accounts.is_empty() {
            return Vec::new();
        }
        // The least name of those that fold to one: hash maps have no order.
        let mut by_form: HashMap<Vec<u8>, &[u8]> = HashMap::new();
        for given in keyring.users() {
            by_form.entry(folded(given)).and_modify(|known| *known = given.min(known)).or_insert(given);
        }
        let meant = |user: &[u8]| match keyring.realms_of(user) {
            Some(_) => keyring.place_of(user).filter(|_| self.is_free(user)).map(Meant::OtherRealm),
            None => {
                let given = by_form.get(&folded(user)).copied();
                let given = given.filter(|given| self.is_free(given) && !are_of_two_domains(given, user));
                given.and_then(|given| keyring.place_of(given)).map(Meant::OtherForm)
            }
        };
        let accounts = self.accounts.iter();
        accounts.map(|(user, realm)| WithoutSecret { user, realm, meant: meant(user) }).collect()
    }
}

/// Whether both names have a domain, and not the same.
fn are_of_two_domains(one: &[u8], other: &[u8]) -> bool {
    let domain = |name: &[u8]| Some(name.splitn(2, |byte| *byte == b'@').nth(1)?.to_ascii_lowercase());
    domain(one).zip(domain(other)).is_some_and(|(one, other)| one != other)
}

/// What two forms of one name have in common: `sip:2001@pbx.example.com` and `2001`.
fn folded(user: &[u8]) -> Vec<u8> {
    let name = user.trim_ascii().to_ascii_lowercase();
    let name = [&b"sips:"[..], b"sip:"].iter().find_map(|scheme| name.strip_prefix(*scheme)).unwrap_or(&name);
    name.split(|byte| *byte == b'@').next().unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::digest::keyring;

    #[test]
    fn names_in_another_form_and_in_another_realm_are_found() {
        let rows = b"user,realm,password\nAlice,r,x\nsip:bob@pbx.example.com,r,x\ncarol,other,x\ndave,*,x\n";
        let (keyring, _) = keyring::read(rows, "c.csv", None).expect("they are rows");
        let mut unmatched = Unmatched::default();
        for user in ["alice", "bob", "carol", "eve", "alice"] {
            unmatched.note(user.as_bytes(), b"r");
        }
        let shown = |meant: Meant<'_>| match meant {
            Meant::OtherForm(place) => format!("form {place}"),
            Meant::OtherRealm(place) => format!("realm {place}"),
        };
        let all = unmatched.all(&keyring);
        let meant: Vec<_> = all.iter().map(|account| (account.user, account.meant.map(shown))).collect();
        assert_eq!(
            meant,
            [
                (&b"alice"[..], Some("form c.csv:2".to_owned())),
                (b"bob", Some("form c.csv:3".to_owned())),
                (b"carol", Some("realm c.csv:4".to_owned())),
                (b"eve", None),
            ]
        );
        // Secrets that are used are meant for who uses them, and another domain is another tenant.
        unmatched.note(b"bob@other.example.com", b"r");
        for user in ["Alice", "carol"] {
            unmatched.note_match(user.as_bytes());
        }
        let meant: Vec<_> = unmatched
            .all(&keyring)
            .iter()
            .filter(|account| account.meant.is_some())
            .map(|account| account.user)
            .collect();
        assert_eq!(meant, [b"bob"]);
    }

    #[test]
    fn accounts_are_bounded() {
        let mut unmatched = Unmatched::default();
        for number in 0..2 * ACCOUNTS_MAX {
            unmatched.note(number.to_string().as_bytes(), b"r");
        }
        unmatched.note(&[b'x'; NAME_BYTES_MAX + 1], b"r");
        assert_eq!(unmatched.accounts.len(), ACCOUNTS_MAX);
    }
}
