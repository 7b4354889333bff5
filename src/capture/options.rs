//! The options of a pcapng block (draft-ietf-opsawg-pcapng §3.5): comments, and what a capture says of its interfaces.

use crate::capture::blocks::Order;

/// A text about the block, of any block.
pub(super) const COMMENT: u16 = 1;
/// Of frames: direction, and how long the frame check sequence is.
pub(super) const FLAGS: u16 = 2;
/// Of interfaces: its capture filter.
pub(super) const INTERFACE_FILTER: u16 = 11;

const END: u16 = 0;

/// Options as they stand in a block, of which each length is checked when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options { bytes: &[], order: Order::Little }
    }
}

impl<'a> Options<'a> {
    /// Options that begin there in a whole block and end before its trailing length.
    pub(super) fn of(order: Order, block: &'a [u8], start: usize) -> Options<'a> {
        let end = block.len().saturating_sub(4);
        Options { bytes: block.get(start..end).unwrap_or_default(), order }
    }

    /// The values of all options with their codes, up to the end or to the first that claims more than there is.
    pub fn all(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let Options { mut bytes, order } = self;
        std::iter::from_fn(move || {
            let (code, len) = (order.u16_at(bytes, 0)?, usize::from(order.u16_at(bytes, 2)?));
            let value = bytes.get(4..len.saturating_add(4)).filter(|_| code != END)?;
            bytes = bytes.get(len.next_multiple_of(4).saturating_add(4)..).unwrap_or_default();
            Some((code, value))
        })
    }

    /// The comments, in their order.
    pub fn comments(self) -> impl Iterator<Item = &'a [u8]> {
        self.all().filter(|(code, _)| *code == COMMENT).map(|(_, value)| value)
    }

    /// The flags of a frame.
    pub(super) fn flags(self) -> Option<u32> {
        let (_, value) = self.all().find(|(code, _)| *code == FLAGS)?;
        self.order.u32_at(value, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_where_they_lie() {
        let check = |bytes: &[u8], expected: &[(u16, &[u8])]| {
            let options = Options { bytes, order: Order::Little };
            assert_eq!(options.all().collect::<Vec<_>>(), expected, "{bytes:?}");
        };
        check(&[], &[]);
        check(&[1, 0, 2, 0, b'a', b'b', 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &[(1, b"ab")]);
        check(&[1, 0, 0, 0, 1, 0, 0, 0], &[(1, b""), (1, b"")]);
        check(&[1, 0, 3, 0, b'a', b'b'], &[]);
        check(&[1, 0, 2, 0, b'a', b'b'], &[(1, b"ab")]);
        check(&[1, 0, 0xff, 0xff], &[]);
    }
}
