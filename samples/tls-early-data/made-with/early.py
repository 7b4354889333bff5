"""Registers over TLS 1.3 with openssl at both ends. The first connection is there for its ticket; in the second, the first REGISTER
is 0-RTT data. What a registrar would say is typed into openssl s_server. early.py KEYLOG"""
import hashlib, subprocess, sys, time

USER, HOST, PASSWORD, NONCE = "tls-user", "sip.example.test", "tls-pass-2", "0rtt5d1c9e"
HERE = ["-connect", "127.0.2.10:5061", "-bind", "127.0.2.1", "-tls1_3", "-keylogfile", sys.argv[1]]
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj",
                f"/CN={HOST}"], check=True, stderr=subprocess.DEVNULL)

def register(number, authorization=""):
    return "\r\n".join([f"REGISTER sip:{HOST} SIP/2.0", f"Via: SIP/2.0/TLS client.invalid;branch=z9hG4bKearly{number};rport",
        f"From: <sip:{USER}@{HOST}>;tag=early", f"To: <sip:{USER}@{HOST}>", "Call-ID: early-data@client.invalid",
        f"CSeq: {number} REGISTER", "Max-Forwards: 70", f"Contact: <sip:{USER}@client.invalid;transport=tls>", "Expires: 60"]
        + ([authorization] if authorization else []) + ["Content-Length: 0", "", ""])

def answer(number, status, *more):
    return "\r\n".join([f"SIP/2.0 {status}", f"Via: SIP/2.0/TLS client.invalid;branch=z9hG4bKearly{number};rport=40000",
        f"From: <sip:{USER}@{HOST}>;tag=early", f"To: <sip:{USER}@{HOST}>;tag=registrar", "Call-ID: early-data@client.invalid",
        f"CSeq: {number} REGISTER", *more, "Content-Length: 0", "", ""])

def say(process, text):
    process.stdin.write(text.encode())
    process.stdin.flush()
    time.sleep(0.5)

def start(*words):
    process = subprocess.Popen(["openssl", *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    return process

server = start("s_server", "-accept", "127.0.2.10:5061", "-cert", "cert.pem", "-key", "key.pem", "-tls1_3", "-early_data", "-quiet")
first = start("s_client", *HERE, "-sess_out", "session.pem")
say(first, "Q\n")
first.wait()
with open("first-request", "w", newline="") as file:
    file.write(register(1))
second = start("s_client", *HERE, "-sess_in", "session.pem", "-early_data", "first-request", "-nocommands")
say(server, answer(1, "401 Unauthorized", f'WWW-Authenticate: Digest realm="{HOST}", nonce="{NONCE}", algorithm=MD5, qop="auth"'))
md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
response = md5(md5(f"{USER}:{HOST}:{PASSWORD}") + f":{NONCE}:00000001:0a4f113b:auth:" + md5(f"REGISTER:sip:{HOST}"))
say(second, register(2, f'Authorization: Digest username="{USER}", realm="{HOST}", nonce="{NONCE}", uri="sip:{HOST}", '
             f'response="{response}", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001'))
say(server, answer(2, "200 OK", f"Contact: <sip:{USER}@client.invalid;transport=tls>;expires=60"))
second.terminate()
server.terminate()
