//! Every attempt of one client for one purpose: same hop, method and From tag.

use std::net::IpAddr;

use crate::sip::Method;

/// An exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Who sends the requests.
    pub client: IpAddr,
    /// Who answers.
    pub server: IpAddr,
    /// What they are about.
    pub method: Method,
    /// The attempts in capture order, as indices into the session's.
    pub attempts: Vec<usize>,
    /// The last of them that was let past, as an index into the session's.
    pub let_past_last: Option<usize>,
}
