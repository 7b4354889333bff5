//! Fields of the packet that a message came in.

use crate::filter::fields::End;
use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::fields::Kind;
use crate::filter::fields::Layer;
use crate::filter::fields::field;

const fn layer(name: &'static str, what: &'static str, layer: Layer) -> Field {
    field(name, Kind::Protocol, what, Get::Layer(layer))
}

pub(super) static FIELDS: &[Field] = &[
    layer("frame", "every message; its bytes are those of the message", Layer::Frame),
    field("frame.number", Kind::Number, "the frame that completed the message", Get::FrameNumber),
    field("frame.time", Kind::Time, "when that was captured; without a zone, UTC", Get::Time),
    field("frame.time_epoch", Kind::Duration, "the same, in seconds since 1970", Get::Time),
    field("frame.time_relative", Kind::Duration, "the same, since the first frame", Get::TimeRelative),
    layer("ip", "IPv4", Layer::Ip),
    field("ip.addr", Kind::Ipv4, "source and destination", Get::Address(End::Either)),
    field("ip.src", Kind::Ipv4, "source", Get::Address(End::Source)),
    field("ip.dst", Kind::Ipv4, "destination", Get::Address(End::Destination)),
    field("ip.host", Kind::Text, "the same as text: names are not looked up", Get::Address(End::Either)),
    field("ip.src_host", Kind::Text, "the same as text: names are not looked up", Get::Address(End::Source)),
    field("ip.dst_host", Kind::Text, "the same as text: names are not looked up", Get::Address(End::Destination)),
    layer("ipv6", "IPv6", Layer::Ipv6),
    field("ipv6.addr", Kind::Ipv6, "source and destination", Get::Address(End::Either)),
    field("ipv6.src", Kind::Ipv6, "source", Get::Address(End::Source)),
    field("ipv6.dst", Kind::Ipv6, "destination", Get::Address(End::Destination)),
    layer("udp", "UDP", Layer::Udp),
    field("udp.port", Kind::Number, "source and destination", Get::UdpPort(End::Either)),
    field("udp.srcport", Kind::Number, "source", Get::UdpPort(End::Source)),
    field("udp.dstport", Kind::Number, "destination", Get::UdpPort(End::Destination)),
    layer("tcp", "TCP, with TLS and WebSocket above it", Layer::Tcp),
    field("tcp.port", Kind::Number, "source and destination", Get::TcpPort(End::Either)),
    field("tcp.srcport", Kind::Number, "source", Get::TcpPort(End::Source)),
    field("tcp.dstport", Kind::Number, "destination", Get::TcpPort(End::Destination)),
    field("tcp.stream", Kind::Number, "the connection, counted from 0 in the capture", Get::TcpStream),
    layer("tls", "SIP over TLS", Layer::Tls),
    layer("websocket", "SIP over WebSocket", Layer::WebSocket),
    layer("sip", "every message", Layer::Sip),
];
