//! A run at rest. Most Call-IDs say nothing for minutes before they go on or are given up, and wait as a few hundred bytes.

use std::sync::Arc;

use crate::base::FrameRef;
use crate::session::NonceId;
use crate::session::Run;
use crate::session::Transaction;

/// A run as bytes, compressed.
#[derive(Debug)]
pub(super) struct Packed {
    /// The frame of its first message.
    pub(super) first: FrameRef,
    pub(super) nonces: Box<[NonceId]>,
    bytes: Box<[u8]>,
}

/// What stands in nearly every run. The packer refers to it, instead of keeping it again for each.
const COMMON: &[u8] = b"application/sdp;transport=tcp:5060sip:z9hG4bKAccepted403 Forbidden407 Proxy Authentication RequiredUnauthorizedOK\
Digest realm=\"\", nonce=\"\", opaque=\"\", stale=FALSE, qop=\"auth\", algorithm=MD5\
Digest username=\"\", realm=\"\", nonce=\"\", uri=\"sip:\", response=\"\", algorithm=MD5, cnonce=\"\", opaque=\"\", qop=auth, nc=00000001";

impl Packed {
    /// The length of the packed form.
    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Packs a run; `None` where it is so long that packing it after each message would cost too much.
    pub(super) fn pack(run: &Run) -> Option<Packed> {
        if run.is_long() {
            return None;
        }
        let plain = postcard::to_allocvec(run).ok()?;
        let bytes = lz4_flex::block::compress_prepend_size_with_dict(&plain, COMMON).into();
        let nonces = run.transactions.iter().flat_map(Transaction::nonces).collect();
        Some(Packed { first: run.first, nonces, bytes })
    }

    /// The run of that Call-ID again. `None` never comes of what [`Packed::pack`] gave.
    pub(super) fn unpack(&self, call_id: &Arc<[u8]>) -> Option<Run> {
        let plain = lz4_flex::block::decompress_size_prepended_with_dict(&self.bytes, COMMON).ok()?;
        let mut run: Run = postcard::from_bytes(&plain).ok()?;
        run.call_id = call_id.clone();
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CaptureTime;

    use crate::auth::Name;
    use crate::base::Endpoint;
    use crate::base::Flow;
    use crate::base::FrameNumber;
    use crate::base::Frames;
    use crate::base::InputId;
    use crate::base::Limits;
    use crate::base::Transport;
    use crate::digest::Checked;
    use crate::digest::Reason;
    use crate::digest::SourceId;
    use crate::digest::Verdict;
    use crate::session::ChallengeRow;
    use crate::session::CredentialsRow;
    use crate::session::HeaderKind;
    use crate::session::KnownCredentials;
    use crate::session::LinkId;
    use crate::session::Sighting;
    use crate::sip::parse::Source;

    const HEAD: &str = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:1001@pbx.example.com>;tag=a\r\n\
        To: <sip:1001@pbx.example.com>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nUser-Agent: T\r\n\r\n";

    fn push(run: &mut Option<Run>, number: u64, start: &str, checked: Option<Checked>) {
        let text = format!("{start}\r\n{HEAD}");
        let message = crate::sip::parse(text.as_bytes(), Source { is_cut: false, header_fields_max: 100 });
        let frame = |number: u64| FrameRef { input: InputId(3), number: FrameNumber::from(number) };
        let ends = [("192.0.2.1", 5060), ("2001:db8::7", 5080)];
        let [source, destination] =
            ends.map(|(address, port)| Endpoint { address: address.parse().expect("an address"), port });
        let flow = Flow { source, destination };
        let is_response = start.starts_with("SIP");
        let challenge = ChallengeRow {
            header: HeaderKind::Proxy,
            value: (*b"Digest realm=\"r\", nonce=\"n\"").into(),
            nonces: [Some(NonceId(70_000)), None].into(),
        };
        let known = KnownCredentials { nonce: Some(NonceId(1)), checked };
        let credentials = CredentialsRow {
            header: HeaderKind::Www,
            value: (*b"Digest \xff\0").into(),
            others: [known.clone()].into(),
            first: known,
        };
        let sighting = Sighting {
            message: &message,
            flow: if is_response { flow.reversed() } else { flow },
            transport: Transport::Wss,
            link: LinkId(u64::MAX),
            frames: Frames { last: frame(number), others: [frame(number - 1)].into() },
            time: CaptureTime::from_ns(-5 + i64::try_from(number).expect("it is small")),
            is_ambiguous: number == 8,
            is_cut: false,
            credentials: if is_response { Vec::new() } else { vec![credentials] },
            challenges: if is_response { vec![challenge] } else { Vec::new() },
            keeps_body: number == 8,
        };
        let run = run.get_or_insert_with(|| Run::new((*b"c").into(), &sighting));
        run.push(sighting, &Limits::default());
    }

    #[test]
    fn a_run_comes_back_as_it_was() {
        let place = SourceId { label: "creds.csv".into(), line: std::num::NonZeroU32::new(2) };
        let wrong = Verdict::Unverifiable(Reason::MissingParameter(Name::Cnonce));
        let mut run = None;
        push(
            &mut run,
            2,
            "INVITE sip:b@pbx.example.com SIP/2.0",
            Some(Checked { verdict: wrong, source: Some(place) }),
        );
        push(&mut run, 4, "SIP/2.0 407 Proxy Authentication Required", None);
        push(&mut run, 6, "ACK sip:b@pbx.example.com SIP/2.0", None);
        push(
            &mut run,
            8,
            "MESSAGE sip:b@pbx.example.com SIP/2.0",
            Some(Checked { verdict: Verdict::Match, source: None }),
        );
        let run = run.expect("messages came");
        let packed = Packed::pack(&run).expect("it is short");
        let again = packed.unpack(&run.call_id).expect("it was packed here");
        assert_eq!(format!("{again:?}"), format!("{run:?}"));
        assert_eq!(packed.first, run.first);
    }
}
