//! What ports are told to carry, where the bytes themselves do not tell.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::base::flow::Flow;

/// Which ports are told to carry what. Everything is still looked at first for what it is.
#[derive(Clone, Debug, Default)]
pub struct DecodeAs {
    /// In the order given: the first that fits decides.
    pub told: Vec<Told>,
}

/// What some ports carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Over which transport.
    pub over: Over,
    /// The ports.
    pub ports: RangeInclusive<u16>,
    /// What.
    pub protocol: Protocol,
}

/// Transports that have ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// What a port can be told to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SIP, perhaps behind bytes of something else.
    Sip,
    /// VXLAN (RFC 7348), over UDP.
    Vxlan,
    /// GENEVE (RFC 8926), over UDP.
    Geneve,
    /// GTP-U (3GPP TS 29.281), over UDP.
    GtpU,
    /// TZSP, over UDP.
    Tzsp,
}

/// Names of what is known by its bytes on every port, as tshark calls it.
const KNOWN_BY_CONTENT: [&str; 7] = ["tls", "ssl", "dtls", "websocket", "ws", "http", "hep"];

impl DecodeAs {
    /// Whether that flow is told to carry SIP.
    pub fn is_sip(&self, over: Over, flow: Flow) -> bool {
        [flow.source.port, flow.destination.port].into_iter().any(|port| self.of(over, port) == Some(Protocol::Sip))
    }

    /// What that port is told to carry.
    pub fn of(&self, over: Over, port: u16) -> Option<Protocol> {
        let told = self.told.iter().find(|told| told.over == over && told.ports.contains(&port))?;
        Some(told.protocol)
    }

    /// Tells that a port carries SIP, over UDP and TCP.
    pub fn add_sip(&mut self, port: u16) {
        self.told.extend([Over::Udp, Over::Tcp].map(|over| Told { over, ports: port..=port, protocol: Protocol::Sip }));
    }
}

/// Why a text is no [`Told`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldError(String);

impl fmt::Display for ToldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ToldError {}

impl FromStr for Told {
    type Err = ToldError;

    /// Reads what tshark's `-d` takes: `udp.port==5080,sip`, `tcp.port==5060-5069,sip`, `udp.port==4790:2,vxlan`.
    fn from_str(text: &str) -> Result<Told, ToldError> {
        let form = || ToldError("expected PLACE==PORT,PROTOCOL, as in udp.port==5080,sip".to_owned());
        let (place, protocol) = text.rsplit_once(',').ok_or_else(form)?;
        let (layer, ports) = place.split_once("==").ok_or_else(form)?;
        let over = match layer.trim() {
            "udp.port" => Over::Udp,
            "tcp.port" => Over::Tcp,
            other => return Err(ToldError(format!("{other}: ports are known of udp.port and tcp.port"))),
        };
        let ports = ports_of(ports.trim()).ok_or_else(|| {
            ToldError(format!("{}: expected a port (5080), several (5080-5089) or how many (5080:10)", ports.trim()))
        })?;
        let protocol = match protocol.trim().to_ascii_lowercase().as_str() {
            "sip" => Protocol::Sip,
            "vxlan" => Protocol::Vxlan,
            "geneve" => Protocol::Geneve,
            "gtp" => Protocol::GtpU,
            "tzsp" => Protocol::Tzsp,
            known if KNOWN_BY_CONTENT.contains(&known) => {
                return Err(ToldError(format!("{known} is known by its content on every port: leave this out")));
            }
            other => {
                return Err(ToldError(format!("{other} is not read here; it may be sip, vxlan, geneve, gtp or tzsp")));
            }
        };
        if protocol != Protocol::Sip && over == Over::Tcp {
            return Err(ToldError("tunnels are read over UDP: udp.port".to_owned()));
        }
        Ok(Told { over, ports, protocol })
    }
}

fn ports_of(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| text.trim().parse::<u16>().ok();
    if let Some((first, last)) = text.split_once('-') {
        return Some(port(first)?..=port(last)?).filter(|ports| !ports.is_empty());
    }
    let (first, count) = text.split_once(':').unwrap_or((text, "1"));
    let first = port(first)?;
    Some(first..=first.checked_add(port(count)?.checked_sub(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tshark_takes_is_read() {
        let check = |text: &str, over: Over, ports: RangeInclusive<u16>, protocol: Protocol| {
            assert_eq!(text.parse(), Ok(Told { over, ports, protocol }), "{text}");
        };
        check("udp.port==5080,sip", Over::Udp, 5080..=5080, Protocol::Sip);
        check("tcp.port==5060-5069, SIP", Over::Tcp, 5060..=5069, Protocol::Sip);
        check("udp.port == 4790:2,vxlan", Over::Udp, 4790..=4791, Protocol::Vxlan);
        check("udp.port==0-65535,gtp", Over::Udp, 0..=65535, Protocol::GtpU);
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let check = |text: &str, expect: &str| {
            let error = text.parse::<Told>().unwrap_err().to_string();
            assert!(error.contains(expect), "{text}: {error}");
        };
        check("5080", "expected PLACE==PORT,PROTOCOL");
        check("udp.port,sip", "expected PLACE==PORT,PROTOCOL");
        check("ip.proto==50,sip", "ip.proto: ports are known of udp.port and tcp.port");
        for ports in ["", "x", "70000", "5-4", "1:0", "65535:2", "1-2-3"] {
            check(&format!("udp.port=={ports},sip"), "expected a port (5080)");
        }
        check("tcp.port==8443,tls", "tls is known by its content on every port");
        check("udp.port==5080,rtp", "rtp is not read here");
        check("tcp.port==4789,vxlan", "over UDP");
    }
}
