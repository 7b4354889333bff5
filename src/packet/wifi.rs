//! What stands before an IP header on the air: IEEE 802.11, behind what the radio says of the frame.

use crate::base::SetAside;
use crate::capture::LinkType;
use crate::packet::link::u16_at;
use crate::packet::link::u32_at;

/// The header of a data frame up to its sequence number (IEEE 802.11-2020 §9.3.2.1).
const HEADER_LEN: usize = 24;

/// The length of what the radio says; `None` for links that are none of 802.11.
pub(super) fn radio_len(link: LinkType, bytes: &[u8]) -> Option<Result<usize, SetAside>> {
    let cut = SetAside::CutHeaders;
    let little = |at: usize| u16_at(bytes, at).map(u16::swap_bytes).map(usize::from).ok_or(cut);
    let avs_len = || u32_at(bytes, 4).and_then(|len| usize::try_from(len).ok()).ok_or(cut);
    Some(match link {
        LinkType::IEEE802_11 => Ok(0),
        LinkType::IEEE802_11_RADIO => little(2),
        LinkType::IEEE802_11_AVS => avs_len(),
        // Some drivers say AVS's header where Prism's is announced; that begins with its version.
        LinkType::PRISM if bytes.starts_with(&[0x80, 0x21, 0x10]) => avs_len(),
        LinkType::PRISM => Ok(144),
        _ => return None,
    })
}

/// The length of an 802.11 header up to the LLC behind it. What is encrypted, or parts and bundles of packets, is not read.
pub(super) fn header_len(bytes: &[u8]) -> Result<usize, SetAside> {
    let [control, flags, ..] = bytes else { return Err(SetAside::CutHeaders) };
    let has = |flag: u8| flags & flag != 0;
    let (version, kind, subtype) = (control & 3, control >> 2 & 3, control >> 4);
    if version != 0 {
        return Err(SetAside::Malformed);
    }
    // Beacons, acknowledgements, and data frames that hold none.
    if kind != 2 || subtype & 4 != 0 {
        return Err(SetAside::NotIp);
    }
    let sequence = u16_at(bytes, 22).ok_or(SetAside::CutHeaders)?.swap_bytes();
    let (is_encrypted, is_part) = (has(0x40), has(0x04) || sequence & 0x0f != 0);
    if is_encrypted || is_part {
        return Err(SetAside::OtherProtocol);
    }
    // A fourth address, from one station of the distribution system to another.
    let mut len = HEADER_LEN.saturating_add(if flags & 3 == 3 { 6 } else { 0 });
    if subtype & 8 != 0 {
        let is_bundle = bytes.get(len).ok_or(SetAside::CutHeaders)? & 0x80 != 0;
        if is_bundle {
            return Err(SetAside::OtherProtocol);
        }
        len = len.saturating_add(if has(0x80) { 6 } else { 2 });
    }
    // Some radios let the packet begin at a multiple of four bytes.
    let padded = len.next_multiple_of(4);
    let is_padded = bytes.get(padded..).is_some_and(|rest| rest.starts_with(&[0xaa, 0xaa, 3]));
    Ok(if is_padded { padded } else { len })
}
