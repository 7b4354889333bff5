"""Subscribes through openssl s_client, which changes its keys between the two requests: input that begins with K asks for it,
and for the server's too."""
import hashlib, subprocess, sys, time

link = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.2.10:5061", "-bind", "127.0.2.1", "-tls1_3", "-keylogfile",
                         sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
USER, HOST = "tls-user", "sip.example.test"

def say(text):
    link.stdin.write(text.encode())
    link.stdin.flush()
    time.sleep(0.7)

def subscribe(number, authorization=""):
    say("\r\n".join([f"SUBSCRIBE sip:{HOST} SIP/2.0",
        f"Via: SIP/2.0/TLS client.invalid;branch=z9hG4bKupdate{number};rport", f"From: <sip:{USER}@{HOST}>;tag=update",
        f"To: <sip:{USER}@{HOST}>", "Call-ID: key-update@client.invalid", f"CSeq: {number} SUBSCRIBE", "Max-Forwards: 70",
        f"Contact: <sip:{USER}@client.invalid;transport=tls>", "Event: presence", "Expires: 60"] + ([authorization] if authorization else [])
        + ["Content-Length: 0", "", ""]))

time.sleep(1)
subscribe(1)
answer = ""
while 'nonce="' not in answer or "Content-Length" not in answer:
    answer += link.stdout.readline().decode(errors="replace")
nonce = answer.split('nonce="')[1].split('"')[0]
md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
response = md5(md5(f"{USER}:{HOST}:tls-pass-2") + f":{nonce}:00000001:0a4f113b:auth:" + md5(f"SUBSCRIBE:sip:{HOST}"))
say("K\n")
subscribe(2, f'Authorization: Digest username="{USER}", realm="{HOST}", nonce="{nonce}", uri="sip:{HOST}", '
         f'response="{response}", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001')
say("Q\n")
