//! Short searches: a header, a URI or a parameter ends within a few dozen bytes, and there a search that was made for long texts takes
//! longer to begin than to end.

use wide::u8x16;

/// How many bytes are compared in one go.
const BLOCK: usize = 16;

/// Where the first of the wanted bytes stands.
#[inline]
pub fn first_of<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks();
    let mut at = 0;
    for block in blocks {
        if let Some(within) = first_in(block, wanted) {
            return Some(at + within);
        }
        at += BLOCK;
    }
    match bytes.last_chunk() {
        // It begins with bytes that were looked at before, and are none of those.
        Some(end) => first_in(end, wanted).map(|within| bytes.len() - BLOCK + within),
        None => rest.iter().position(|byte| wanted.contains(byte)),
    }
}

#[inline]
fn first_in<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> Option<usize> {
    let block = u8x16::new(*block);
    let found = wanted.iter().fold(u8x16::splat(0), |found, byte| found | block.cmp_eq(u8x16::splat(*byte)));
    let bits = found.move_mask();
    (bits != 0).then(|| bits.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_stands() {
        for len in 0..70 {
            let mut bytes = vec![b'x'; len];
            assert_eq!(first_of(&bytes, [b';', b',']), None);
            for at in (0..len).rev() {
                bytes[at] = if at % 3 == 0 { b';' } else { b',' };
                assert_eq!(first_of(&bytes, [b';', b',']), Some(at), "{len}");
            }
        }
    }
}
