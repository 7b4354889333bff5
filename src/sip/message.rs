//! One SIP message: its bytes, and where everything stands in them.

use crate::base::Span;
use crate::base::first_of;
use crate::base::is_token;
use crate::sip::Defect;
use crate::sip::Header;
use crate::sip::HeaderName;
use crate::sip::Headers;
use crate::sip::address::Address;
use crate::sip::uri::Uri;
use crate::sip::via::Via;

/// A message as it was on the wire. Spans point into `bytes`; nothing is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Every byte of the message.
    pub bytes: &'a [u8],
    /// Request line or status line.
    pub start: StartLine,
    /// The header fields in order.
    pub headers: Headers,
    /// The body, as far as it was captured.
    pub body: Span,
    /// Whether the header section was seen to its end.
    pub has_all_headers: bool,
    /// Whether the body was seen to its end.
    pub has_whole_body: bool,
    /// The number of the first CSeq header, and where its method stands; see [`Message::cseq`].
    pub cseq: Option<(u32, Span)>,
    /// What was odd, in the order found.
    pub defects: Vec<Defect>,
}

/// RFC 3261 §7.1 and §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// `REGISTER sip:example.com SIP/2.0`
    Request {
        /// The method token.
        method: Span,
        /// The Request-URI; empty where the line was cut.
        uri: Span,
    },
    /// `SIP/2.0 401 Unauthorized`
    Response {
        /// Three digits; 0 where they were cut or are none.
        status: u16,
        /// The reason phrase.
        reason: Span,
    },
}

/// A CSeq header's two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// RFC 3261 §8.1.1.5: less than 2^31; larger ones that fit 32 bits are read all the same.
    pub number: u32,
    /// The method token.
    pub method: &'a [u8],
}

impl<'a> Message<'a> {
    /// The bytes of a span.
    pub fn text(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { method, .. } => Some(self.text(method)),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI of a request, as sent.
    pub fn request_uri(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { uri, .. } => Some(self.text(uri)),
            StartLine::Response { .. } => None,
        }
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// The name of one of its headers, as written.
    pub fn header_name(&self, header: &Header) -> &'a [u8] {
        let line = self.bytes.get(header.start as usize..).unwrap_or_default();
        let end = line.iter().position(|&byte| !is_token(byte)).unwrap_or(line.len());
        line.get(..end).unwrap_or_default()
    }

    /// The values of every header of that name, in order, folds as sent.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers.all(name).map(|header| self.text(header.value_at))
    }

    /// The first header of that name.
    pub fn value(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.headers.first(name).map(|header| self.text(header.value_at))
    }

    /// The Call-ID; empty where there is none.
    pub fn call_id(&self) -> &'a [u8] {
        self.value(HeaderName::CallId).unwrap_or_default()
    }

    /// The CSeq, where it can be read.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        self.cseq.map(|(number, method)| CSeq { number, method: self.text(method) })
    }

    /// The topmost Via: that of the hop the message was captured on.
    pub fn top_via(&self) -> Option<Via<'a>> {
        self.value(HeaderName::Via).map(Via::parse)
    }

    /// How many Vias it has, comma-joined ones included: how many hops it came, or has still to go back.
    pub fn via_count(&self) -> u8 {
        // Hardly a row has a comma.
        let vias = |row: &[u8]| first_of(row, [b',']).map_or(1, |_| row.split(|&byte| byte == b',').count());
        let rows = self.values(HeaderName::Via).map(vias);
        u8::try_from(rows.fold(0_usize, usize::saturating_add)).unwrap_or(u8::MAX)
    }

    /// The branches of all Vias, topmost first; comma-joined rows included.
    pub fn via_branches(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.values(HeaderName::Via).flat_map(Via::parse_all).filter_map(|via| via.branch)
    }

    /// The From header's parts.
    pub fn from(&self) -> Option<Address<'a>> {
        self.value(HeaderName::From).map(Address::parse)
    }

    /// The To header's parts.
    pub fn to(&self) -> Option<Address<'a>> {
        self.value(HeaderName::To).map(Address::parse)
    }

    /// The user of the From URI; empty where there is none.
    pub fn from_user(&self) -> &'a [u8] {
        self.value(HeaderName::From).map(Address::uri_of).map(Uri::user_of).unwrap_or_default()
    }

    /// The user of the To URI; empty where there is none.
    pub fn to_user(&self) -> &'a [u8] {
        self.value(HeaderName::To).map(Address::uri_of).map(Uri::user_of).unwrap_or_default()
    }

    /// The body's bytes, as far as captured.
    pub fn body(&self) -> &'a [u8] {
        self.text(self.body)
    }
}
