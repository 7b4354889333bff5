//! Addresses mapped one to one, so that hosts of one network stay in one network: Crypto-PAn (Xu, Fan, Ammar, Moon,
//! "Prefix-preserving IP address anonymization", 2002). What an address says of its kind is kept: private, documentation,
//! loopback, link-local, multicast.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use aes::Aes128;
use aes::cipher::BlockCipherEncrypt;
use aes::cipher::KeyInit;

/// Blocks of IPv4 whose addresses are mapped within (RFC 1918, 1122, 3927, 5737, 5771, 6598): the block and its prefix length.
const BLOCKS_V4: [(u32, u32); 11] = [
    (0x0000_0000, 8),
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xac10_0000, 12),
    (0xc000_0200, 24),
    (0xc0a8_0000, 16),
    (0xc633_6400, 24),
    (0xcb00_7100, 24),
    (0xe000_0000, 3),
];

/// The same of IPv6 (RFC 4291, 4193, 3849).
const BLOCKS_V6: [(u128, u32); 5] =
    [(0, 96), (0x2001_0db8 << 96, 32), (0xfc00 << 112, 7), (0xfe80 << 112, 10), (0xff00 << 112, 8)];

/// The map of one key.
pub struct AddressMap {
    cipher: Aes128,
    pad: u128,
}

impl AddressMap {
    /// The map that these 32 bytes make.
    pub fn new(key: &[u8; 32]) -> AddressMap {
        let (first, second) = key.split_at(16);
        let first: [u8; 16] = first.try_into().unwrap_or_default();
        let second: [u8; 16] = second.try_into().unwrap_or_default();
        let cipher = Aes128::new(&first.into());
        let pad = encrypted(&cipher, u128::from_be_bytes(second));
        AddressMap { cipher, pad }
    }

    /// The address that stands for another.
    pub fn map(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(self.map_v4(address.to_bits()))),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(self.map_v6(address.to_bits()))),
        }
    }

    fn map_v4(&self, address: u32) -> u32 {
        let block = |address: u32| BLOCKS_V4.iter().find(|(base, len)| (address ^ base) >> (32 - len) == 0);
        let mask = |address: u32, kept: u32| {
            let bits = self.bits(u128::from(address) << 96, 32, kept) >> 96;
            address ^ u32::try_from(bits).unwrap_or(0)
        };
        if let Some((_, len)) = block(address) {
            return mask(address, *len);
        }
        // A walk along the cycle of a one-to-one map ends outside of the blocks, for it began there.
        let mut mapped = mask(address, 0);
        while block(mapped).is_some() {
            mapped = mask(mapped, 0);
        }
        mapped
    }

    fn map_v6(&self, address: u128) -> u128 {
        let block = |address: u128| BLOCKS_V6.iter().find(|(base, len)| (address ^ base) >> (128 - len) == 0);
        if let Some((_, len)) = block(address) {
            return address ^ self.bits(address, 128, *len);
        }
        let mut mapped = address ^ self.bits(address, 128, 0);
        while block(mapped).is_some() {
            mapped ^= self.bits(mapped, 128, 0);
        }
        mapped
    }

    /// The bits to turn, from bit `kept` to bit `len` counted from the left: each depends on all bits before it.
    fn bits(&self, address: u128, len: u32, kept: u32) -> u128 {
        (kept..len).fold(0, |bits, at| {
            let mask = u128::MAX.checked_shl(128 - at).unwrap_or(0);
            let input = address & mask | self.pad & !mask;
            bits | (encrypted(&self.cipher, input) >> 127) << (127 - at)
        })
    }
}

fn encrypted(cipher: &Aes128, block: u128) -> u128 {
    let mut block = block.to_be_bytes().into();
    cipher.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and addresses of the sample trace that the authors of Crypto-PAn publish with their program.
    const KEY: [u8; 32] = [
        21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39,
        98, 87, 76, 45, 42, 132, 34, 2,
    ];

    #[test]
    fn addresses_are_mapped_as_by_its_authors() {
        let map = AddressMap::new(&KEY);
        for (from, to) in [
            ("128.11.68.132", "135.242.180.132"),
            ("129.118.74.4", "134.136.186.123"),
            ("24.0.250.221", "100.15.198.226"),
        ] {
            assert_eq!(map.map(from.parse().unwrap()), to.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn kinds_and_prefixes_stay() {
        let map = AddressMap::new(&KEY);
        let mapped = |text: &str| map.map(text.parse().unwrap()).to_string();
        assert!(mapped("192.168.7.9").starts_with("192.168."));
        assert!(mapped("10.1.2.3").starts_with("10."));
        assert!(mapped("203.0.113.10").starts_with("203.0.113."));
        assert!(mapped("2001:db8::1").starts_with("2001:db8:"));
        assert!(mapped("fe80::1").starts_with("fe"));
        let (one, other) = (mapped("10.1.2.3"), mapped("10.1.2.200"));
        assert_eq!(one.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().0);
        assert_ne!(one, other);
    }

    #[test]
    fn no_two_addresses_become_one() {
        let map = AddressMap::new(&KEY);
        let mut seen: Vec<u32> = (0..60_000_u32).map(|n| map.map_v4(n.wrapping_mul(71_582))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 60_000);
    }
}
