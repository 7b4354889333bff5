//! zstd (RFC 8878): one frame after the other, in constant memory.

use std::io;
use std::io::BufRead;
use std::io::Read;

use ruzstd::decoding::BlockDecodingStrategy;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::errors::ReadFrameHeaderError;

/// Unpacks what `source` gives. Holds as much as the window that a frame asks for, which has a limit.
pub(super) struct Unpacked<R> {
    source: Watched<R>,
    decoder: FrameDecoder,
    is_in_frame: bool,
    /// Why the frame is cut or broken; told when what was unpacked before has been handed out.
    failure: Option<io::Error>,
}

/// The end of a frame: an empty last block, and a checksum that nobody looks at.
const END_OF_FRAME: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl<R: BufRead> Unpacked<R> {
    pub(super) fn new(source: R, window_bytes_max: usize) -> Unpacked<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window_bytes_max as u64);
        Unpacked { source: Watched { inner: source, error: None }, decoder, is_in_frame: false, failure: None }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.source.inner
    }

    /// Enters the next frame that holds data; false at the end of the source.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.inner.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                // RFC 8878 §3.1.2: a frame to be passed over.
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let passed_over = io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink());
                    passed_over.map_err(|error| self.source.error.take().unwrap_or(error))?;
                }
                Err(error) => return Err(self.source.why(error)),
            }
        }
    }

    /// Unpacks a block more. The decoder keeps a window back until its frame ends: so one that breaks is ended here.
    fn next_block(&mut self) -> io::Result<()> {
        let Err(error) = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1)) else {
            return Ok(());
        };
        let error = self.source.why(error);
        match self.decoder.decode_blocks(END_OF_FRAME.as_slice(), BlockDecodingStrategy::UptoBlocks(1)) {
            Ok(_) => self.failure = Some(error),
            Err(_) => return Err(error),
        }
        Ok(())
    }

    /// The end of a frame, where its checksum stands if it has one.
    fn end_frame(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let sent = self.decoder.get_checksum_from_data();
        let is_right = sent.is_none() || sent == self.decoder.get_calculated_checksum();
        is_right.then_some(()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the checksum is wrong"))
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(space);
            }
            if !self.is_in_frame {
                self.is_in_frame = self.next_frame()?;
                if !self.is_in_frame {
                    return Ok(0);
                }
            } else if self.decoder.is_finished() {
                self.end_frame()?;
            } else {
                self.next_block()?;
            }
        }
    }
}

/// Remembers an error of the source, which the decoder would wrap into its own: a broken disk is no broken file.
struct Watched<R> {
    inner: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.error = Some(error);
                    return Err(kind.into());
                }
                Ok(len) => return Ok(len),
            }
        }
    }
}

impl<R> Watched<R> {
    /// What the decoder's error comes from.
    fn why(&mut self, error: FrameDecoderError) -> io::Error {
        self.error.take().unwrap_or_else(|| match error {
            FrameDecoderError::WindowSizeTooBig { requested, max } => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a zstd frame asks for a window of {requested} bytes, the limit is {max}"),
            ),
            // Its own words are for who reads its source.
            _ => io::Error::new(io::ErrorKind::InvalidData, "the zstd data is damaged or cut off"),
        })
    }
}
