//! What can go wrong with a capture file: it cannot be read, or it is no capture.

use std::io;

/// Why an input could not be opened or read on.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct CaptureError {
    /// What happened.
    pub kind: CaptureErrorKind,
}

/// The kinds of [`CaptureError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureErrorKind {
    /// The operating system refused to read on; what was read before has been delivered.
    #[error("cannot read: {0}")]
    Io(io::Error),
    /// There is not one byte.
    #[error("empty file")]
    Empty,
    /// The first bytes are of no format that is read here. The text names them and guesses what they are.
    #[error("not a capture: {0}; expected pcap, pcapng, or either compressed with gzip or zstd")]
    NotACapture(String),
}

impl From<CaptureErrorKind> for CaptureError {
    fn from(kind: CaptureErrorKind) -> CaptureError {
        CaptureError { kind }
    }
}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> CaptureError {
        CaptureErrorKind::Io(error).into()
    }
}
