#!/usr/bin/env python3
"""Captures that are made to exhaust memory or time, the same bytes each time. They are large, so none is kept:

    tests/attacks/floods.py call-ids > /tmp/call-ids.pcap
    /usr/bin/time -v sipauth analyze --fail-on never /tmp/call-ids.pcap

SECURITY.md says what each may cost.
"""

import gzip
import struct
import sys

START_S = 1_700_000_000
SEGMENT_BYTES = 1_400
OUT = sys.stdout.buffer


def pcap_header():
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)


def record(microseconds, frame):
    seconds, rest = divmod(microseconds, 1_000_000)
    return struct.pack("<IIII", START_S + seconds, rest, len(frame), len(frame)) + frame


def ethernet_ipv4(protocol, place, payload, is_answer=False):
    """From `place`, a number below 2^24 that becomes an address of 10.0.0.0/8, to 192.0.2.1; an answer goes back."""
    link = bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0])
    ends = (10 << 24 | place, 0xC0000201)
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0,
                       *(reversed(ends) if is_answer else ends))
    return link + head + payload


def udp(place, payload, is_answer=False):
    return ethernet_ipv4(17, place, struct.pack(">HHHH", 5060, 5060, 8 + len(payload), 0) + payload, is_answer)


def tcp(place, port, sequence, flags, payload=b""):
    head = struct.pack(">HHIIBBHHH", port, 5060, sequence & 0xFFFFFFFF, 0, 0x50, flags, 0xFFFF, 0, 0)
    return ethernet_ipv4(6, place, head + payload)


def register(number):
    return (
        f"REGISTER sip:pbx.example.test SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{number:08x};rport\r\n"
        f"Max-Forwards: 70\r\n"
        f"From: <sip:{number}@pbx.example.test>;tag={number:08x}\r\n"
        f"To: <sip:{number}@pbx.example.test>\r\n"
        f"Call-ID: {number:032x}@10.0.0.1\r\n"
        f"CSeq: 1 REGISTER\r\n"
        f"Contact: <sip:{number}@10.0.0.1:5060>\r\n"
        f"User-Agent: example/1.0\r\n"
        f"Expires: 3600\r\n"
        f"Content-Length: 0\r\n\r\n"
    ).encode()


def call_ids(count=1_000_000):
    """So many Call-IDs, each with a REGISTER that nobody answers, all within ten seconds."""
    for number in range(count):
        yield record(number * 10, udp(number % (1 << 24), register(number)))


def challenged(number):
    """The answer to a REGISTER, with a nonce of its own."""
    status, head = "SIP/2.0 401 Unauthorized", register(number).decode().split("\r\n", 1)[1]
    challenge = f'WWW-Authenticate: Digest realm="pbx.example.test", nonce="{number:032x}", algorithm=MD5, qop="auth"'
    return f"{status}\r\n{challenge}\r\n{head}".encode()


def answered(number, cseq):
    """A REGISTER with credentials that fit no password."""
    credentials = (
        f'Authorization: Digest username="{number}", realm="pbx.example.test", nonce="{number:032x}", '
        f'uri="sip:pbx.example.test", response="{number:032x}", algorithm=MD5, cnonce="{number:08x}", qop=auth, nc=00000001'
    )
    first, rest = register(number).decode().replace("CSeq: 1", f"CSeq: {cseq}").split("\r\n", 1)
    return f"{first}\r\n{credentials}\r\n{rest}".replace("branch=z9hG4bK", f"branch=z9hG4bK{cseq}-").encode()


def logins(count=250_000):
    """So many accounts from as many places, each challenged and refused: every table of the history grows with them."""
    for number in range(count):
        place = number % (1 << 24)
        for step, message in enumerate([register(number), challenged(number), answered(number, 2), challenged(number)]):
            if step == 3:
                message = message.replace(b"CSeq: 1", b"CSeq: 2").replace(b"branch=z9hG4bK", b"branch=z9hG4bK2-")
            yield record(number * 40 + step * 10, udp(place, message, step % 2 == 1))


def half_open(count=1_000_000):
    """So many SYNs from as many places, none answered, all within ten seconds."""
    for number in range(count):
        yield record(number * 10, tcp(number % (1 << 24), 1024 + number % 50_000, number, 2))


def stream(total_bytes, lost):
    """A stream whose first message lacks its end; then so many bytes, of which `lost` says which segments are missing."""
    yield record(0, tcp(1, 40_000, 0, 2))
    yield record(1, tcp(1, 40_000, 1, 16, register(1)[:200]))
    sequence = 1 + 1_000
    filler = (b"x" * 78 + b"\r\n") * (SEGMENT_BYTES // 80)
    for number in range(total_bytes // len(filler)):
        if not lost(number):
            yield record(number, tcp(1, 40_000, sequence, 16, filler))
        sequence += len(filler)


def hole(count=1 << 30):
    """So many bytes behind a hole that never fills."""
    return stream(count, lambda number: False)


def holes(count=1 << 30):
    """So many bytes, of which every second segment is missing."""
    return stream(2 * count, lambda number: number % 2 == 0)


def gzip_bomb(count=1 << 30):
    """So many bytes of empty packets, in a megabyte of gzip."""
    zeros = bytes(1 << 20)
    for _ in range(count >> 20):
        yield zeros


KINDS = {"call-ids": call_ids, "logins": logins, "half-open": half_open, "hole": hole, "holes": holes, "gzip-bomb": gzip_bomb}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in KINDS:
        sys.exit(f"usage: floods.py {'|'.join(KINDS)} [COUNT] > FILE")
    kind, count = sys.argv[1], [int(word) for word in sys.argv[2:3]]
    out = gzip.GzipFile(fileobj=OUT, mode="wb", compresslevel=9, mtime=0) if kind == "gzip-bomb" else OUT
    out.write(pcap_header())
    pieces = []
    for piece in KINDS[kind](*count):
        pieces.append(piece)
        if len(pieces) == 1_000:
            out.write(b"".join(pieces))
            pieces.clear()
    out.write(b"".join(pieces))
    out.close()


if __name__ == "__main__":
    main()
