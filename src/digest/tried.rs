//! The secrets that may be tried on one digest, in the order of preference.

use crate::digest::ha1s::Ha1s;
use crate::digest::inputs::Inputs;
use crate::digest::keyring::Entry;
use crate::digest::keyring::Keyring;
use crate::digest::keyring::Realms;
use crate::digest::keyring::SourceId;
use crate::digest::secret::SecretKind;
use crate::digest::sessions::Start;
use crate::digest::verdict::Reason;
use crate::digest::verdict::Verdict;

/// Which entries of a group may be tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    All,
    Passwords,
}

/// The entries that may hold the secret, in the order of preference.
pub(super) struct Tried<'v> {
    keyring: &'v Keyring,
    ha1s: &'v mut [Ha1s],
    realms: &'v Realms,
    groups: [(&'v [usize], Take); 3],
}

impl<'v> Tried<'v> {
    /// The entries for a user, by the realm that was sent and that of the challenge.
    pub(super) fn new(
        keyring: &'v Keyring,
        ha1s: &'v mut [Ha1s],
        realms: &'v Realms,
        realm: &[u8],
        challenge_realm: Option<&[u8]>,
    ) -> Tried<'v> {
        let by_challenge = challenge_realm.map_or(&[][..], |realm| realms.exact(realm));
        // An HA1 is bound to its realm; a password is not, so it may be tried with the realm that was sent.
        let groups = [(realms.exact(realm), Take::All), (realms.any(), Take::All), (by_challenge, Take::Passwords)];
        Tried { keyring, ha1s, realms, groups }
    }

    /// The entries that decide: the first group with a secret for that digest.
    pub(super) fn deciding(&self, inputs: &Inputs<'_>) -> Vec<&'v Entry> {
        let is_usable = |entry: &&Entry| match (entry.secret.kind, &inputs.aka) {
            (SecretKind::Password, None) => true,
            (SecretKind::Ha1(hash), None) => hash == inputs.hash,
            (SecretKind::AkaRes | SecretKind::AkaKey, Some(_)) => true,
            _ => false,
        };
        let groups = self.groups.iter().map(|(group, take)| {
            let all = entries(self.keyring, group, *take).map(|(_, entry)| entry);
            all.filter(is_usable).collect::<Vec<_>>()
        });
        groups.into_iter().find(|group| !group.is_empty()).unwrap_or_default()
    }

    /// The source of the first entry; None where no entry may be tried.
    pub(super) fn first(&self) -> Option<&'v SourceId> {
        self.groups.iter().find_map(|(group, take)| entries(self.keyring, group, *take).next()).map(|(_, e)| &e.source)
    }

    /// The verdict, and the entry behind it. The first group with a secret for the algorithm decides.
    pub(super) fn verify(self, inputs: &Inputs<'_>, starts: &[Start]) -> (Verdict, Option<&'v SourceId>) {
        let mut first_usable = None;
        let ha2s = inputs.ha2s();
        for (group, take) in self.groups {
            for (index, entry) in entries(self.keyring, group, take) {
                let Some(cache) = self.ha1s.get_mut(index) else { continue };
                let of_challenge;
                let ha1 = match &inputs.aka {
                    None => cache.ha1(&entry.secret, inputs.hash, inputs.account, self.realms.first_name()),
                    Some(aka) => {
                        of_challenge = aka.ha1(&entry.secret, inputs.hash, inputs.account);
                        of_challenge.as_ref().map(|ha1| &***ha1)
                    }
                };
                let Some(ha1) = ha1 else { continue };
                if inputs.fit(ha1, &ha2s, starts) {
                    return (Verdict::Match, Some(&entry.source));
                }
                // RES may be that of another challenge: that it does not fit proves nothing.
                if entry.secret.kind != SecretKind::AkaRes {
                    first_usable = first_usable.or(Some(&entry.source));
                }
            }
            if first_usable.is_some() {
                return (Verdict::Mismatch, first_usable);
            }
        }
        (Verdict::Unverifiable(self.why_not(inputs)), None)
    }

    fn why_not(&self, inputs: &Inputs<'_>) -> Reason {
        let all = self.groups.iter().flat_map(|(group, take)| entries(self.keyring, group, *take));
        let mut secrets = all.map(|(_, entry)| &entry.secret);
        match &inputs.aka {
            Some(aka) => aka.why_not(secrets),
            None if secrets.any(|secret| matches!(secret.kind, SecretKind::Ha1(_))) => Reason::NoHa1ForAlgorithm,
            None => Reason::SimOnly,
        }
    }
}

fn entries<'v>(keyring: &'v Keyring, group: &'v [usize], take: Take) -> impl Iterator<Item = (usize, &'v Entry)> {
    let known = group.iter().filter_map(|index| Some((*index, keyring.entry(*index)?)));
    known.filter(move |(_, entry)| take == Take::All || !matches!(entry.secret.kind, SecretKind::Ha1(_)))
}
