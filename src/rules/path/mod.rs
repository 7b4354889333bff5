//! Group SA6: the network path, and the capture itself.

pub mod alg_suspected;
pub mod auth_request_too_large_for_udp;
pub mod auth_retry_no_response;
pub mod capture_quality;
pub mod clock_jump;
pub mod fragments_incomplete;
pub mod header_altered_en_route;
pub mod no_response_at_all;
pub mod response_not_seen_one_way;
pub mod security_agreement_failed;
pub mod strict_parser_rejects;
pub mod transport_switched;
