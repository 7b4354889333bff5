//! What stands before an IP header in packets that netfilter logs (NFLOG; libpcap's LINKTYPE_NFLOG): a list of attributes, of which one is
//! the packet.

use crate::base::SetAside;

/// The attribute that is the packet.
const PAYLOAD: u16 = 9;
/// Length and type of an attribute.
const HEAD_BYTES: usize = 4;

/// The packet. Attributes are in the byte order of the capturing host, and nothing says which that is.
pub(super) fn packet(bytes: &[u8]) -> Result<&[u8], SetAside> {
    // The address family, the version, and the number of the group.
    let (attributes, version) = match bytes {
        [_, version, _, _, attributes @ ..] => (attributes, *version),
        _ => return Err(SetAside::CutHeaders),
    };
    if version != 0 {
        return Err(SetAside::Malformed);
    }
    let packet = payload(attributes, u16::from_le_bytes).or_else(|| payload(attributes, u16::from_be_bytes));
    match packet.and_then(|packet| packet.first()).map(|first| first >> 4) {
        Some(4 | 6) => packet.ok_or(SetAside::CutHeaders),
        // A bridge logs ARP, too.
        Some(_) => Err(SetAside::NotIp),
        None => Err(SetAside::CutHeaders),
    }
}

/// The payload among the attributes, as much of it as is there.
fn payload(mut attributes: &[u8], number: fn([u8; 2]) -> u16) -> Option<&[u8]> {
    // Each round takes an attribute off, which has a head at least.
    while let [len_0, len_1, type_0, type_1, value @ ..] = attributes {
        let len = usize::from(number([*len_0, *len_1]));
        let value_len = len.checked_sub(HEAD_BYTES)?;
        if number([*type_0, *type_1]) == PAYLOAD {
            return Some(value.get(..value_len).unwrap_or(value));
        }
        attributes = attributes.get(len.next_multiple_of(HEAD_BYTES)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY_AND_GROUP: &[u8] = &[2, 0, 0, 5];

    fn check(attributes: &[&[u8]], expect: Result<&[u8], SetAside>) {
        let frame = [FAMILY_AND_GROUP, &attributes.concat()].concat();
        assert_eq!(packet(&frame), expect, "{attributes:02x?}");
    }

    #[test]
    fn the_packet_is_found_among_the_attributes() {
        let prefix: &[u8] = &[7, 0, 10, 0, b's', b'i', 0, 0];
        check(&[&[6, 0, 9, 0, 0x45, 1]], Ok(&[0x45, 1]));
        check(&[prefix, &[5, 0, 9, 0, 0x60, 0, 0, 0]], Ok(&[0x60]));
        // What follows it is not of it; what is not there is not waited for.
        check(&[&[6, 0, 9, 0, 0x45, 1, 0, 0], prefix], Ok(&[0x45, 1]));
        check(&[&[0xff, 0xff, 9, 0, 0x45, 1, 2]], Ok(&[0x45, 1, 2]));
        // A big-endian host.
        check(&[&[0, 7, 0, 10, b's', b'i', 0, 0], &[0, 6, 0, 9, 0x45, 1]], Ok(&[0x45, 1]));
    }

    #[test]
    fn what_holds_no_packet_is_set_aside() {
        let cut = Err(SetAside::CutHeaders);
        check(&[], cut);
        check(&[&[8, 0, 1, 0, 8, 0, 1, 0]], cut);
        check(&[&[8, 0, 1]], cut);
        check(&[&[4, 0, 9, 0]], cut);
        // Lengths that are too short for their own head, and that lead out of the frame.
        check(&[&[0, 0, 1, 0], &[6, 0, 9, 0, 0x45, 1]], cut);
        check(&[&[3, 0, 9, 0, 0x45, 1]], cut);
        check(&[&[0xff, 0xff, 1, 0], &[6, 0, 9, 0, 0x45, 1]], cut);
        check(&[&[0, 0, 0, 0].repeat(10_000)], cut);
        check(&[&[4, 0, 1, 0].repeat(10_000)], cut);
        check(&[&[8, 0, 9, 0, 0, 1, 8, 0]], Err(SetAside::NotIp));
        assert_eq!(packet(&[2, 1, 0, 5, 6, 0, 9, 0, 0x45, 1]), Err(SetAside::Malformed));
        assert_eq!(packet(&[2, 0, 0]), cut);
    }
}
