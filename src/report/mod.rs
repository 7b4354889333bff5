//! Says what was found; decides nothing.
