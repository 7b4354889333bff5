//! Fields that Wireshark has and sipauth does not fill, each with the reason.

use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::fields::Kind;
use crate::filter::fields::field;

const REMARK: &str = "it is a remark of Wireshark's own; sipauth's are findings: sipauth.finding";

const fn unfilled(name: &'static str, why: &'static str) -> Field {
    field(name, Kind::Nothing, why, Get::Unfilled(why))
}

pub(super) static FIELDS: &[Field] = &[
    unfilled("sip.r-uri.display.info", "a Request-URI has no display name; Wireshark 4.0 never fills it"),
    unfilled("sip.resend-original", "the report names the copies of each request; sip.resend selects them"),
    unfilled(
        "sip.response-request",
        "Wireshark pairs by Call-ID and CSeq, which proxies break; the report shows each request with its answer",
    ),
    unfilled(
        "sip.response-time",
        "Wireshark pairs by Call-ID and CSeq, which proxies break; the report shows each request with its answer",
    ),
    unfilled("sip.release-time", "it speaks of the end of a call, not of authentication"),
    unfilled("sip.Via.oc_seq.ts", "overload control is no matter of authentication; sip.Via.oc_seq holds it as text"),
    unfilled("sip.Session-ID.sess_id", "it is a part of the text of sip.Session-ID: use contains"),
    unfilled("sip.Session-ID.param", "it is a part of the text of sip.Session-ID: use contains"),
    unfilled("sip.Session-ID.local_uuid", "it is a part of the text of sip.Session-ID: use contains"),
    unfilled("sip.Session-ID.remote_uuid", "it is a part of the text of sip.Session-ID: use contains"),
    unfilled("sip.Session-ID.logme", "it is a part of the text of sip.Session-ID: use contains"),
    unfilled("sip.continuation", "sipauth puts messages together, so that no part is left over"),
    unfilled("sip.feature_cap", "it is a part of the text of sip.Feature-Caps: use contains"),
    unfilled("sip.service_priority", "it is a part of the text of sip.Resource-Priority: use contains"),
    unfilled("sip.icid_gen_addr", "it is a part of the text of sip.P-Charging-Vector: use contains"),
    unfilled("sip.call_id_generated", "it is made up by Wireshark; sip.Call-ID is what was sent"),
    unfilled("sip.unrecognized_header", REMARK),
    unfilled("sip.header_no_colon", REMARK),
    unfilled("sip.header_not_terminated", REMARK),
    unfilled("sip.sec_mechanism.malformed", REMARK),
    unfilled("sip.Via.sent-by.port.invalid", REMARK),
    unfilled("sip.content_length.invalid", REMARK),
    unfilled("sip.retry_after.invalid", REMARK),
    unfilled("sip.Status-Code.invalid", REMARK),
    unfilled("sip.authorization.invalid", REMARK),
    unfilled("sip.Session-ID.sess_id.invalid", REMARK),
    unfilled("sdp", "sipauth reads SIP only; sip.Content-Type contains \"sdp\" selects messages that carry it"),
    unfilled("udp.stream", "sipauth follows SIP by Call-ID and addresses; udp.port and ip.addr select a conversation"),
    unfilled("frame.len", "a message may be made of several frames"),
    unfilled("frame.time_delta", "it speaks of neighbouring packets of any kind; frame.time_relative is filled"),
    unfilled("frame.protocols", "ask for protocols by name: udp, tcp, tls, websocket"),
    unfilled("eth.addr", "sipauth starts at IP"),
    unfilled("eth.src", "sipauth starts at IP"),
    unfilled("eth.dst", "sipauth starts at IP"),
    unfilled("vlan.id", "sipauth starts at IP"),
];
