//! Values that are formatted when they are written, since most reports write few of those they hold.

use std::fmt;

use serde::Serialize;
use serde::Serializer;

use crate::base::CaptureTime;
use crate::base::Endpoint;

/// A time of the capture: RFC 3339, UTC, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub CaptureTime);

/// Address and port of one side; empty where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Option<Endpoint>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |endpoint| endpoint.fmt(f))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
