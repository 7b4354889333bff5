"""Registers over TLS or WebSocket with digest: one connection an invocation, or two where it resumes.

client.py KEYLOG PORT [tls10|tls11|tls12|tls13|none] [CIPHERS] [no-etm] [ws] [resume] [fragments] [split]
"""
import hashlib, os, socket, ssl, sys, time

keylog, port, version, ciphers, *flags = sys.argv[1:]
NAME, HOST = "alice", "sip.example.test"
USER = "tls-user"

def context():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.keylog_filename = keylog
    if version != "tls13":
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = {"tls10": ssl.TLSVersion.TLSv1, "tls11": ssl.TLSVersion.TLSv1_1,
                               "tls12": ssl.TLSVersion.TLSv1_2}[version]
        tls.set_ciphers(ciphers + ":@SECLEVEL=0")
    else:
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
    if "no-etm" in flags:
        tls.options |= 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC
    return tls

def frame(data, opcode, fin=True):
    mask = b"\x37\xfa\x21\x3d"
    head = bytes([opcode | (0x80 if fin else 0)])
    head += bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xfe]) + len(data).to_bytes(2, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

def send(link, text):
    data = text.encode()
    if "ws" not in flags:
        if "split" in flags:
            for at in range(0, len(data), 100):
                link.sendall(data[at:at + 100])
        else:
            link.sendall(data)
    elif "fragments" in flags:
        link.sendall(frame(data[:100], 1, False))
        link.sendall(frame(b"are you there", 9))
        link.sendall(frame(data[100:200], 0, False))
        link.sendall(frame(data[200:], 0))
    else:
        link.sendall(frame(data, 1))

def receive(link, wanted=b"SIP/2.0 "):
    data = b""
    while wanted not in data or b"\r\n\r\n" not in data[data.index(wanted):]:
        data += link.recv(65536)
    return data[data.index(wanted):].decode(errors="replace")

def register(link, number, authorization=""):
    transport = {(False, False): "TCP", (True, False): "TLS", (False, True): "WS", (True, True): "WSS"}[
        version != "none", "ws" in flags]
    call = hashlib.md5(f"{version}{ciphers}{flags}{os.getpid()}{link.fileno()}{id(link)}".encode()).hexdigest()[:12]
    text = [f"REGISTER sip:{HOST} SIP/2.0",
            f"Via: SIP/2.0/{transport} client.invalid;branch=z9hG4bK{call}{number};rport",
            f"From: <sip:{USER}@{HOST}>;tag={call}", f"To: <sip:{USER}@{HOST}>", f"Call-ID: {call}@client.invalid",
            f"CSeq: {number} REGISTER", "Max-Forwards: 70",
            f"Contact: <sip:{USER}@client.invalid;transport={transport.lower()}>", "Expires: 60"]
    text += [authorization] if authorization else []
    send(link, "\r\n".join(text + ["Content-Length: 0", "", ""]))
    return receive(link)

def value(answer, name):
    return answer.split(name + '="')[1].split('"')[0]

def login(link):
    if "ws" in flags:
        link.sendall((f"GET / HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n"
                      "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        receive(link, b"HTTP/1.1 101")
    challenge = register(link, 1)
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    nonce, realm, uri = value(challenge, "nonce"), value(challenge, "realm"), f"sip:{HOST}"
    response = md5(md5(f"{USER}:{realm}:tls-pass-2") + f":{nonce}:00000001:0a4f113b:auth:" + md5(f"REGISTER:{uri}"))
    print(register(link, 2, f'Authorization: Digest username="{USER}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
          f'response="{response}", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001').splitlines()[0])

def connect(session=None):
    link = socket.create_connection(("127.0.2.10", int(port)), source_address=("127.0.2.1", 0))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if version == "none":
        return link
    return tls.wrap_socket(link, session=session)

tls = context() if version != "none" else None
link = connect()
login(link)
print(version != "none" and link.cipher())
if "resume" in flags:
    session = link.session
    link.close()
    link = connect(session)
    print("resumed", link.session_reused)
    login(link)
link.close()
