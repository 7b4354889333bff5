//! Values that are formatted when they are written, since most reports write few of those they hold.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use serde::Serializer;

use crate::base::CaptureTime;
use crate::base::Endpoint;

/// A time of the capture: RFC 3339, UTC, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub CaptureTime);

/// Address and port of one side; empty where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Party(pub Option<Endpoint>);

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |endpoint| endpoint.fmt(f))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // Two of these stand in every attempt, and the formatting machinery was a thirtieth of a report's time.
            Some(Endpoint { address: IpAddr::V4(address), port }) => {
                let mut text = String::with_capacity(MAX_LEN_V4);
                for (octet, mark) in address.octets().into_iter().zip(['.', '.', '.', ':']) {
                    push_number(&mut text, u16::from(octet));
                    text.push(mark);
                }
                push_number(&mut text, port);
                serializer.serialize_str(&text)
            }
            _ => serializer.collect_str(self),
        }
    }
}

/// `255.255.255.255:65535`
const MAX_LEN_V4: usize = 21;

fn push_number(text: &mut String, number: u16) {
    let digits = [10_000, 1000, 100, 10, 1].map(|unit| number / unit % 10);
    let first = digits.iter().position(|digit| *digit > 0).unwrap_or(digits.len() - 1);
    text.extend(digits.iter().skip(first).filter_map(|digit| char::from_digit(u32::from(*digit), 10)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_they_are_shown() {
        for (address, port) in [("0.0.0.0", 0), ("10.200.3.44", 5060), ("255.255.255.255", 65535), ("100.0.10.1", 10)] {
            let place = Party(Some(Endpoint { address: address.parse().expect("an address"), port }));
            let written = serde_json::to_string(&place).expect("a string");
            assert_eq!(written, format!("\"{place}\""));
        }
    }
}
