//! Names that people write and that are not Wireshark's, and protocols that sipauth does not read.

use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::fields::Kind;
use crate::filter::fields::field;

/// A name that is not Wireshark's, and what it means there. More than one field: any of them.
#[derive(Debug)]
pub struct Alias {
    /// In lower case.
    pub written: &'static str,
    /// What it means.
    pub fields: &'static [&'static str],
}

const fn alias(written: &'static str, fields: &'static [&'static str]) -> Alias {
    Alias { written, fields }
}

/// Compared in lower case, with `_` for `-` where the alias has that.
pub static ALIASES: &[Alias] = &[
    alias("sip.header.authenticate", &["sip.WWW-Authenticate", "sip.Proxy-Authenticate"]),
    alias("sip.header.authorization", &["sip.Authorization", "sip.Proxy-Authorization"]),
    alias("sip.header.www-authenticate", &["sip.WWW-Authenticate"]),
    alias("sip.header.proxy-authenticate", &["sip.Proxy-Authenticate"]),
    alias("sip.header.proxy-authorization", &["sip.Proxy-Authorization"]),
    alias("sip.auth.response", &["sip.auth.digest.response"]),
    alias("sip.auth.digest.username", &["sip.auth.username"]),
    alias("sip.auth.digest.realm", &["sip.auth.realm"]),
    alias("sip.auth.digest.nonce", &["sip.auth.nonce"]),
    alias("sip.auth.digest.algorithm", &["sip.auth.algorithm"]),
    alias("sip.auth.user", &["sip.auth.username"]),
    alias("sip.auth.nonce-count", &["sip.auth.nc"]),
    alias("sip.status", &["sip.Status-Code"]),
    alias("sip.statuscode", &["sip.Status-Code"]),
    alias("sip.response", &["sip.Status-Code"]),
    alias("sip.response-code", &["sip.Status-Code"]),
    alias("sip.request", &["sip.Method"]),
    alias("sip.request.method", &["sip.Method"]),
    alias("sip.callid", &["sip.Call-ID"]),
    alias("sip.cseq-method", &["sip.CSeq.method"]),
    alias("sip.ruri", &["sip.r-uri"]),
    alias("sip.request-uri", &["sip.r-uri"]),
    alias("sip.useragent", &["sip.User-Agent"]),
    alias("sip.branch", &["sip.Via.branch"]),
    alias("sip.caller", &["sip.from.user"]),
    alias("sip.callee", &["sip.to.user"]),
    alias("sip.contact.addr", &["sip.contact.uri"]),
    alias("sip.from.uri", &["sip.from.addr"]),
    alias("sip.to.uri", &["sip.to.addr"]),
    alias("sip.if-match", &["sip.If_Match"]),
    alias("sip.user-to-user", &["sip.uui"]),
    alias("ws", &["websocket"]),
    alias("ip.source", &["ip.src"]),
    alias("ip.destination", &["ip.dst"]),
    alias("port", &["udp.port", "tcp.port"]),
];

const fn other(name: &'static str) -> Field {
    field(name, Kind::Protocol, "another protocol: no SIP message has it", Get::Never)
}

/// Protocols that are asked for beside SIP. No message here has them, and the rest of the expression counts.
pub(super) static PROTOCOLS: &[Field] = &[
    other("rtp"),
    other("rtcp"),
    other("srtp"),
    other("t38"),
    other("stun"),
    other("icmp"),
    other("icmpv6"),
    other("arp"),
    other("dns"),
    other("http"),
    other("diameter"),
    other("h225"),
    other("h245"),
    other("q931"),
    other("mgcp"),
    other("iax2"),
    other("skinny"),
    other("rtpevent"),
    other("megaco"),
    other("sctp"),
];
