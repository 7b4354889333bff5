//! What a client wants, and of which server.

use std::net::IpAddr;

use crate::session::Session;
use crate::sip::Method;

/// What is asked for and whom it is asked of: an account may be let in here, and not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Whom it is asked of.
    pub server: IpAddr,
    /// What is asked for.
    pub kind: ServiceKind,
}

/// What clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// To be reached.
    Registration,
    /// To call somebody.
    Call,
    /// Anything else.
    Other,
}

impl Service {
    /// What the requests of a session want; `None` where it has none.
    pub fn of(session: &Session<'_>) -> Option<Service> {
        let first = session.attempts.first()?;
        let kind = match session.method() {
            Some(Method::Register) => ServiceKind::Registration,
            Some(Method::Invite) => ServiceKind::Call,
            _ => ServiceKind::Other,
        };
        Some(Service { server: first.transaction.flow().destination.address, kind })
    }
}
