//! Group P: the network path, and the capture itself.

pub mod capture_quality;
pub mod no_response_at_all;
pub mod strict_parser_rejects;
