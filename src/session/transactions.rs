//! The transactions of a run, in order of their first message.

use serde::Deserialize;
use serde::Serialize;

use crate::base::Flow;
use crate::session::Transaction;

/// A list of transactions. Each has its own room: they are large, and a list that grows would copy them and keep room for more, which was a
/// tenth of the memory of a busy capture.
#[derive(Debug, Default, Serialize, Deserialize)]
#[expect(clippy::vec_box, reason = "see above")]
pub struct Transactions(Vec<Box<Transaction>>);

impl Transactions {
    /// Adds the next one.
    pub(super) fn push(&mut self, transaction: Transaction) {
        self.0.push(Box::new(transaction));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of that index.
    pub fn get(&self, index: usize) -> Option<&Transaction> {
        self.0.get(index).map(Box::as_ref)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Transaction> {
        self.0.get_mut(index).map(Box::as_mut)
    }

    /// Puts two in each other's places.
    pub(super) fn swap(&mut self, one: usize, other: usize) {
        if one.max(other) < self.0.len() {
            self.0.swap(one, other);
        }
    }

    /// The one that began first.
    pub fn first(&self) -> Option<&Transaction> {
        self.0.first().map(Box::as_ref)
    }

    /// The one that began last.
    pub fn last(&self) -> Option<&Transaction> {
        self.0.last().map(Box::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Transaction> + ExactSizeIterator + Clone {
        self.0.iter().map(Box::as_ref)
    }

    /// All of them, to change them.
    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Transaction> + ExactSizeIterator {
        self.0.iter_mut().map(Box::as_mut)
    }

    /// What they take up, without what they refer to.
    pub(super) fn held_bytes(&self) -> usize {
        // With the addresses of IPv6, which stand outside.
        let each = (size_of::<Transaction>() + size_of::<Flow>()) * self.0.len();
        each.saturating_add(self.0.capacity().saturating_mul(size_of::<Box<Transaction>>()))
    }
}
