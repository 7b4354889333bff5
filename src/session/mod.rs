//! Who said what to whom, and how it ended.
