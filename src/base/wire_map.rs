//! Maps whose keys come from the wire: Call-IDs, nonces, addresses.

use std::collections::HashMap;

use foldhash::quality::RandomState;

/// A hash map with a seed of its own, drawn anew for each: whoever sends the packets cannot choose keys that collide. The
/// order of its entries means nothing; what is printed is sorted.
pub type WireMap<K, V> = HashMap<K, V, RandomState>;
