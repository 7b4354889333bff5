//! Packets → payloads: IP fragments and TCP streams put together.
