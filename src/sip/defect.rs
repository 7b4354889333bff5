//! What was wrong with a message, and which bytes.

use crate::base::Span;

/// One oddity. A defect never hides a message: it is said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// What is odd.
    pub kind: DefectKind,
    /// Where, in the message's bytes.
    pub at: Span,
}

/// The oddities the scanner knows. Names are those of RFC 3261 where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectKind {
    /// A start line that is cut short, has more blanks than it should, a URI in brackets, with blanks or with headers, another
    /// version, or a status code that is no number of three digits.
    StartLine,
    /// A line that ends in LF alone.
    LineFeedOnly,
    /// A header folded over several lines (RFC 3261 §7.3.1: legal, and a trap for many parsers).
    Folded,
    /// A header continued on a line without a leading blank.
    FoldedWithoutBlank,
    /// Blanks between the name and the colon (legal, §7.3.1, and rare).
    BlankBeforeColon,
    /// A line in the header section that is no header.
    NotAHeader,
    /// A header value with bytes that are not UTF-8.
    NotUtf8,
    /// The header section has no end: the capture or the sender cut it.
    HeadersCut,
    /// The body is shorter than Content-Length says.
    BodyCut,
    /// The datagram goes on behind the body that Content-Length ends (§18.3: to be ignored).
    BytesAfterBody,
    /// Content-Length that is no number, or two that differ.
    BadContentLength,
    /// A mandatory header that is not there (§8.1.1).
    MissingHeader(HeaderGap),
    /// A CSeq that is not a number and a method.
    BadCSeq,
    /// The CSeq method is not that of the request line (§8.1.1.5).
    CSeqMethodMismatch,
    /// A header that must not repeat, and does, with another value.
    RepeatedHeader,
    /// More header fields than the limit allows: the rest is not read.
    TooManyHeaders,
}

/// Which mandatory header is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeaderGap {
    /// No Via.
    Via,
    /// No From.
    From,
    /// No To.
    To,
    /// No Call-ID.
    CallId,
    /// No CSeq.
    CSeq,
}

impl DefectKind {
    /// The name in reports, snake case.
    pub fn name(self) -> &'static str {
        match self {
            DefectKind::StartLine => "start_line",
            DefectKind::LineFeedOnly => "line_feed_only",
            DefectKind::Folded => "folded",
            DefectKind::FoldedWithoutBlank => "folded_without_blank",
            DefectKind::BlankBeforeColon => "blank_before_colon",
            DefectKind::NotAHeader => "not_a_header",
            DefectKind::NotUtf8 => "not_utf8",
            DefectKind::HeadersCut => "headers_cut",
            DefectKind::BodyCut => "body_cut",
            DefectKind::BytesAfterBody => "bytes_after_body",
            DefectKind::BadContentLength => "bad_content_length",
            DefectKind::MissingHeader(HeaderGap::Via) => "missing_via",
            DefectKind::MissingHeader(HeaderGap::From) => "missing_from",
            DefectKind::MissingHeader(HeaderGap::To) => "missing_to",
            DefectKind::MissingHeader(HeaderGap::CallId) => "missing_call_id",
            DefectKind::MissingHeader(HeaderGap::CSeq) => "missing_cseq",
            DefectKind::BadCSeq => "bad_cseq",
            DefectKind::CSeqMethodMismatch => "cseq_method_mismatch",
            DefectKind::RepeatedHeader => "repeated_header",
            DefectKind::TooManyHeaders => "too_many_headers",
        }
    }
}
