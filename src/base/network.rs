//! A network: an address and how many of its bits count (RFC 4632, RFC 4291).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network, as `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_len: u32,
}

impl Network {
    /// Whether the address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - self.prefix_len.min(32);
                own.to_bits().checked_shr(shift).unwrap_or(0) == other.to_bits().checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - self.prefix_len.min(128);
                own.to_bits().checked_shr(shift).unwrap_or(0) == other.to_bits().checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    }
}

/// The bits before the IPv4 address in `::ffff:192.0.2.0`.
const MAPPED_PREFIX_LEN: u32 = 96;

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError(String);

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no network: write it as 192.0.2.0/24 or 2001:db8::/32", self.0)
    }
}

impl std::error::Error for NetworkError {}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix_len_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => prefix_len_max,
        };
        if prefix_len > prefix_len_max {
            return Err(wrong());
        }
        // An IPv4 address that is written as one of IPv6 (RFC 4291 §2.5.5.2) is what captures show as IPv4.
        let is_mapped = address != address.to_canonical() && prefix_len >= MAPPED_PREFIX_LEN;
        Ok(if is_mapped {
            Network { address: address.to_canonical(), prefix_len: prefix_len - MAPPED_PREFIX_LEN }
        } else {
            Network { address, prefix_len }
        })
    }
}

/// Whether an address is one of a network of its own, behind NAT or a provider's NAT (RFC 1918, RFC 4193, RFC 6598).
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            v4.is_private() || is_shared
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether an address can be reached from everywhere: neither private nor of this host or link.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || is_private(address)),
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local() || is_private(address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_hosts_and_no_others() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().expect("a network");
            network.contains(address.parse().expect("an address"))
        };
        assert!(holds("192.0.2.0/24", "192.0.2.255"));
        assert!(!holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("0.0.0.0/0", "203.0.113.1"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(holds("::ffff:192.0.2.0/120", "192.0.2.9"));
        assert!(!holds("::ffff:192.0.2.0/120", "192.0.3.9"));
        assert!(holds("::ffff:192.0.2.9", "::ffff:192.0.2.9"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "192.0.2.0/33", "192.0.2.0/", "2001:db8::/129", "192.0.2/24", "pbx.example.com", "192.0.2.0/-1"]
        {
            let error = text.parse::<Network>().expect_err(text);
            assert!(error.to_string().contains("no network"), "{error}");
        }
    }
}
