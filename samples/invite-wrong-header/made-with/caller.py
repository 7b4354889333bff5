"""A caller that answers every challenge in Authorization, whichever header it came in."""
import hashlib, re, socket, time

ME, PROXY = ("127.0.2.1", 5060), ("127.0.2.10", 5060)
URI, FROM = "sip:2000@sip.example.test", "<sip:alice@sip.example.test>;tag=1c8851"
SDP = "v=0\r\no=alice 1 1 IN IP4 127.0.2.1\r\ns=-\r\nc=IN IP4 127.0.2.1\r\nt=0 0\r\nm=audio 11780 RTP/AVP 8\r\n"
md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(ME)
sock.settimeout(5)


def send(method, cseq, to=f"<{URI}>", extra="", body=""):
    sock.sendto((f"{method} {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.2.1:5060;branch=z9hG4bK-77{cseq};rport\r\n"
                 f"From: {FROM}\r\nTo: {to}\r\nCall-ID: 5b1d8e0c@127.0.2.1\r\nCSeq: {cseq} {method}\r\n"
                 f"Contact: <sip:alice@127.0.2.1:5060>\r\nMax-Forwards: 70\r\nUser-Agent: sample caller\r\n{extra}"
                 f"Content-Length: {len(body)}\r\n\r\n{body}").encode(), PROXY)


credentials = ""
for cseq in range(1, 6):
    send("INVITE", cseq, extra=credentials + "Content-Type: application/sdp\r\n", body=SDP)
    answer = sock.recv(4096).decode()
    send("ACK", cseq, to=re.search(r"To: (.*)\r", answer)[1])
    nonce = re.search(r'nonce="(.*?)"', answer)[1]
    ha1, ha2 = md5("alice:sip.example.test:wonderland-7"), md5(f"INVITE:{URI}")
    cnonce = f"c0ffee0{cseq}"
    response = md5(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
    credentials = (f'Authorization: Digest username="alice", realm="sip.example.test", nonce="{nonce}", uri="{URI}", '
                   f'response="{response}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001\r\n')
    time.sleep(1.2)
