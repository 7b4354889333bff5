#!/usr/bin/env python3
"""Wrong digests with exactly one input changed, for every variant that sipauth names, made by Python's hashlib.

Prints a JSON array of cases: name, the verdict expected (match, mismatch or the variant's name), the scenario (in the language
of samples/README.md) and the credentials file. Written from RFC 7616 section 3.4 and apart from the library."""
import hashlib
import json
import urllib.parse

USER, REALM, PASSWORD = "1001", "pbx.example.com", "correct horse"
URI, NONCE, CNONCE, NC = "sip:pbx.example.com", "QGrl1p7dZkW0", "0a4f113b", "00000002"
# Of a session that is under way nobody knows how it began.
FIRST = "00000001"
SDP = ("v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", "c=IN IP4 198.51.100.7", "t=0 0", "m=audio 4000 RTP/AVP 8")
BODY = "".join(line + "\r\n" for line in SDP).encode()
NAMES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256", "SHA-512": "sha512"}
CASES = []


def octets(text):
    return text if isinstance(text, bytes) else text.encode()


def digest(name, *parts):
    """H(part:part:...), in lower-case hex."""
    return hashlib.new(name, b":".join(octets(part) for part in parts)).hexdigest()


class Inputs(dict):
    """What is sent; a copy with one thing changed is what is hashed."""

    def but(self, **changes):
        return Inputs(self, **changes)

    def response(self):
        algorithm = self["algorithm"] or "MD5"
        sess = algorithm.endswith("-sess")
        name = NAMES[algorithm.removesuffix("-sess")]
        cut = self.get("cut")
        hashed = lambda *parts: digest(name, *parts)[:cut]
        ha1 = self.get("ha1") or hashed(self["user"], self["realm"], self["password"])
        if sess:
            start = bytes.fromhex(ha1) if self.get("binary") else ha1
            ha1 = hashed(start, self["nonce"], self["cnonce"])
        ha2 = [self["method"], self["uri"]]
        if self["body_hashed"] if "body_hashed" in self else self["qop"] == "auth-int":
            ha2.append(hashed(self["body"]))
        ha2 = hashed(*ha2)
        if self["qop"] is None:
            return hashed(ha1, self["nonce"], ha2)
        return hashed(ha1, self["nonce"], self["nc"], self["cnonce"], self["qop"], ha2)


PLAIN = Inputs(
    user=USER, realm=REALM, password=PASSWORD, nonce=NONCE, uri=URI, method="REGISTER", algorithm="MD5", qop="auth",
    nc=NC, cnonce=CNONCE, body=b"", request_uri=URI, to=f"sip:{USER}@{REALM}", sender=f"sip:{USER}@{REALM}",
)
CALL = PLAIN.but(method="INVITE", uri="sip:2000@pbx.example.com", request_uri="sip:2000@pbx.example.com",
                 to="sip:2000@pbx.example.com", body=BODY, qop="auth-int")


def escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def authorization(sent, response):
    """The header's value; quoted-strings escaped as RFC 3261 section 25.1 says."""
    quoted = [("username", sent["user"]), ("realm", sent["realm"]), ("nonce", sent["nonce"]), ("uri", sent["uri"]),
              ("response", response)]
    parts = [f'{name}="{value if name == sent.get("torn") else escape(value)}"' for name, value in quoted]
    if sent["algorithm"]:
        parts.append(f"algorithm={sent['algorithm']}")
    if sent["qop"] is not None:
        parts.append(f"qop={sent['qop']}")
    if sent["nc"] is not None and (sent["qop"] is not None or sent.get("always")):
        parts.append(f"nc={sent['nc']}")
    if sent["cnonce"] is not None:
        parts.append(f'cnonce="{escape(sent["cnonce"])}"')
    return "Digest " + ", ".join(parts)


def challenge(sent, nonce):
    realm = sent.get("challenge_realm", sent["realm"])
    algorithm = sent["algorithm"] or "MD5"
    qop = "" if sent["qop"] is None and not sent.get("offers") else ', qop="auth,auth-int"'
    return f'Digest realm="{escape(realm)}", nonce="{escape(nonce)}", algorithm={algorithm}{qop}'


def scenario(sent, response):
    """Asked, answered, asked again. `before` holds the nonces of exchanges before, in which all was well."""
    call = sent["method"] == "INVITE"
    body = "\n" + "\n".join(SDP) + "\n" if sent["body"] else ""
    ack = "> ACK\n" if call else ""
    text = "domain pbx.example.com\nuser 1001\n"
    first_method, first_uri = sent.get("asked", (sent["method"], sent["request_uri"]))
    head = f"From: <{sent['sender']}>;tag=f1\nTo: <{sent['to']}>\n"
    asks = f"> {first_method} {first_uri}\n{head}< 401\nWWW-Authenticate: "
    for nonce in sent.get("before", ()):
        earlier = sent.but(nonce=nonce)
        text += f"{asks}{challenge(sent, nonce)}\n> REGISTER {sent['request_uri']}\n{head}"
        text += f"Authorization: {authorization(earlier, earlier.response())}\n< 200\n"
    text += f"{asks}{challenge(sent, sent.get('offered', sent['nonce']))}\n"
    text += "> ACK\n" if first_method == "INVITE" else ""
    text += f"> {sent['method']} {sent['request_uri']}\n{head}Authorization: {authorization(sent, response)}\n{body}"
    return text + f"< 401\nWWW-Authenticate: {challenge(sent, 'another')}\n{ack}"


def cell(text):
    return '"' + text.replace('"', '""') + '"'


def add(verdict, name, sent, hashed, given=None, rows=None):
    """`sent` goes out with the response over `hashed`. `given` is the password that sipauth is told, else the one sent."""
    given = sent["password"] if given is None else given
    rows = rows or [f"{cell(sent['user'])},*,{cell(given)},\n"]
    credentials = "user,realm,password,ha1\n" + "".join(rows)
    CASES.append({"name": name, "verdict": verdict, "scenario": scenario(sent, hashed.response()),
                  "credentials": credentials})


def one(variant, name, sent, given=None, **changes):
    add(variant, name, sent, sent.but(**changes), given=given)


def right_ones():
    for algorithm in ("MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512", None):
        one("match", f"right {algorithm}", PLAIN.but(algorithm=algorithm))
    one("match", "right without qop", PLAIN.but(qop=None))
    one("match", "right auth-int", CALL)
    one("match", "right with escapes", PLAIN.but(user='al"ice', realm='Corp "Lab"'))


def uris():
    other = PLAIN.but(uri="sip:sip.example.net")
    one("uri-request-uri", "Request-URI hashed", other, uri=URI)
    one("uri-to", "To hashed", CALL.but(to="sip:+49301234@sip.example.net"), uri="sip:+49301234@sip.example.net")
    one("uri-port", "port hashed", PLAIN, uri=URI + ":5060")
    one("uri-port", "port of TLS hashed", PLAIN, uri=URI + ":5061")
    with_port = PLAIN.but(uri=URI + ":5080", request_uri=URI + ":5080")
    one("uri-port", "port not hashed", with_port, uri=URI)
    one("uri-host", "address hashed", PLAIN, uri="sip:203.0.113.10")
    by_address = PLAIN.but(uri="sip:203.0.113.10", request_uri="sip:203.0.113.10")
    one("uri-host", "domain hashed", by_address, uri="sip:pbx.example.com")
    port_kept = by_address.but(uri="sip:203.0.113.10:5060", request_uri="sip:203.0.113.10:5060")
    one("uri-host", "domain hashed, with the port", port_kept, uri="sip:pbx.example.com:5060")
    for parameter in (";transport=udp", ";transport=tcp", ";transport=tls", ";user=phone", ";lr"):
        one("uri-params", f"hashed with {parameter}", PLAIN, uri=URI + parameter)
    tcp = PLAIN.but(uri=URI + ";transport=tcp", request_uri=URI + ";transport=tcp")
    one("uri-params", "hashed without parameters", tcp, uri=URI)
    one("uri-params", "sips hashed", PLAIN, uri="sips:pbx.example.com")
    one("uri-params", "brackets hashed", PLAIN, uri=f"<{URI}>")
    one("uri-params", "user left out", CALL, uri=URI)
    one("uri-params", "scheme left out", PLAIN, uri="pbx.example.com")
    moved = PLAIN.but(asked=("REGISTER", "sip:old.example.com"))
    one("uri-challenged", "URI of the request before hashed", moved, uri="sip:old.example.com")


def methods():
    asked = CALL.but(asked=("REGISTER", "sip:2000@pbx.example.com"), qop="auth")
    one("method-challenged", "method of the request before hashed", asked, method="REGISTER")
    for method in ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH", "REFER",
                   "INFO", "UPDATE", "PRACK", "register"):
        one("method-other", f"{method} hashed", PLAIN, method=method)
    for method in ("REGISTER", "ACK", "BYE", "invite"):
        one("method-other", f"{method} hashed for INVITE", CALL.but(qop="auth"), method=method)


def realms():
    one("realm-challenge", "realm of the challenge hashed", PLAIN.but(challenge_realm="asterisk"), realm="asterisk")
    mixed = PLAIN.but(realm="Voice.Example.Com")
    one("realm-case", "lower case hashed", mixed, realm="voice.example.com")
    one("realm-case", "upper case hashed", mixed, realm="VOICE.EXAMPLE.COM")
    generic = PLAIN.but(realm="asterisk")
    one("realm-domain", "SIP domain hashed", generic, realm="pbx.example.com")
    one("realm-domain", "no realm hashed", generic, realm="")
    one("realm-domain", "domain of To hashed", generic.but(to="sip:1001@office.example"), realm="office.example")
    one("realm-domain", "domain of From hashed", generic.but(sender="sip:1001@home.example"), realm="home.example")


def usernames():
    auth = PLAIN.but(user="acct-7")
    one("username-from", "From user hashed", auth, user="1001")
    one("username-from", "To user hashed", auth.but(to="sip:1002@pbx.example.com"), user="1002")
    one("username-with-domain", "domain hashed", PLAIN, user="1001@pbx.example.com")
    one("username-with-domain", "realm hashed", PLAIN.but(realm="asterisk"), user="1001@asterisk")
    office = PLAIN.but(to="sip:1001@office.example")
    one("username-with-domain", "domain of To hashed", office, user="1001@office.example")
    one("username-with-domain", "scheme and domain hashed", PLAIN, user="sip:1001@pbx.example.com")
    full = PLAIN.but(user="acct-7@pbx.example.com")
    one("username-with-domain", "domain left out", full, user="acct-7")
    one("username-case", "lower case hashed", PLAIN.but(user="Alice"), user="alice")
    one("username-case", "upper case hashed", PLAIN.but(user="Alice"), user="ALICE")
    one("username-case", "plus left out", PLAIN.but(user="+4930"), user="4930")
    one("username-case", "plus hashed", PLAIN.but(user="4930"), user="+4930")
    one("username-case", "decoded", PLAIN.but(user="a%2Fb"), user="a/b")


def passwords():
    def case(variant, given, hashed):
        one(variant, f"{given!r} hashed as {hashed!r}", PLAIN, given=given, password=hashed)

    for blank in (" secret", "secret ", "\tsecret", "secret\t"):
        case("password-trimmed", "secret", blank)
        case("password-trimmed", blank, "secret")
    case("password-trimmed", " secret ", "secret")
    for end in ("\n", "\r\n", "\r"):
        case("password-newline", "secret", "secret" + end)
    case("password-newline", "secret\n", "secret")
    case("password-url-decoded", "a%3Bb", "a;b")
    case("password-url-decoded", "a+b", "a b")
    case("password-url-decoded", "a;b/c", urllib.parse.quote("a;b/c", safe=""))
    case("password-url-decoded", "a;b/c", "a%3bb%2fc")
    case("password-url-decoded", "a&amp;b", "a&b")
    case("password-url-decoded", "a<b&c", "a&lt;b&amp;c")
    case("password-charset", "grün", "grün".encode("latin-1"))
    case("password-charset", "5€", "5€".encode("cp1252"))
    case("password-charset", "grün", "grün".encode().decode("latin-1"))
    case("password-charset", "grün", "gr?n")
    for end in ";#%@\"'&,:?\\$!=/ ":
        case("password-cut", f"s3cret{end}rest", "s3cret")
    for length in (8, 16, 20, 25, 32):
        case("password-cut", "abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz0123456789"[:length])
    ha1 = digest("md5", USER, REALM, "secret")
    case("password-is-ha1", "secret", ha1)
    one("password-is-ha1", "the password taken for an HA1", PLAIN, ha1=PASSWORD)
    one("password-is-ha1", "the given one is the HA1", PLAIN, given=ha1.upper(), ha1=ha1)
    add("password-is-ha1", "an HA1 was given, and hashed as a password", PLAIN, PLAIN.but(password=ha1),
        rows=[f"1001,{REALM},,{ha1}\n"])


def algorithms():
    sha = PLAIN.but(algorithm="SHA-256")
    one("algorithm-other", "SHA-512-256 for SHA-256", sha, algorithm="SHA-512-256")
    one("algorithm-other", "SHA-256 for MD5", PLAIN, algorithm="SHA-256")
    one("algorithm-other", "MD5 for SHA-256", sha, algorithm="MD5")
    one("algorithm-other", "SHA-512 for MD5", PLAIN, algorithm="SHA-512")
    sha512 = PLAIN.but(algorithm="SHA-512-256")
    one("sha512-truncated", "SHA-512 cut", sha512, algorithm="SHA-512", cut=64)
    one("sha512-truncated", "SHA-512 cut, -sess", sha512.but(algorithm="SHA-512-256-sess", nc=FIRST), algorithm="SHA-512-sess", cut=64)
    one("sess-other", "-sess ignored", PLAIN.but(algorithm="MD5-sess", nc=FIRST), algorithm="MD5")
    one("sess-other", "-sess added", PLAIN, algorithm="MD5-sess")
    one("sess-other", "-sess added to SHA-256", sha, algorithm="SHA-256-sess")
    one("sess-binary-ha1", "bytes of HA1", PLAIN.but(algorithm="MD5-sess", nc=FIRST), binary=True)
    one("sess-binary-ha1", "bytes of HA1, SHA-256", PLAIN.but(algorithm="SHA-256-sess", nc=FIRST), binary=True)


def qops():
    one("qop-ignored", "the form of RFC 2069", PLAIN, qop=None)
    one("qop-ignored", "the form of RFC 2069 for auth-int", CALL, qop=None)
    none = PLAIN.but(qop=None, offers=True)
    one("qop-added", "auth hashed", none.but(nc="00000001"), qop="auth")
    one("qop-added", "auth hashed without a cnonce", none.but(cnonce=None), qop="auth", cnonce="", nc="00000001")
    one("qop-added", "auth hashed with the nc that is sent", none.but(always=True), qop="auth")
    one("qop-other", "auth for auth-int", CALL, qop="auth")
    one("qop-other", "body left out", CALL, body_hashed=False)
    one("qop-other", "auth-int for auth", CALL.but(qop="auth"), qop="auth-int")
    one("qop-other", "body taken in", CALL.but(qop="auth"), body_hashed=True)
    one("qop-other", "auth-int for auth, no body", PLAIN, qop="auth-int")
    one("qop-other", "the text auth-int, body left out", CALL.but(qop="auth"), qop="auth-int", body_hashed=False)
    one("qop-other", "the text auth, body taken in", CALL, qop="auth", body_hashed=True)
    one("qop-other", "lower case hashed", PLAIN.but(qop="AUTH"), qop="auth")
    one("qop-other", "without the blanks around it", PLAIN.but(qop='" auth "'), qop="auth")


def bodies():
    one("body-empty", "no body hashed", CALL, body=b"")
    one("body-line-ends", "LF hashed", CALL, body=BODY.replace(b"\r\n", b"\n"))
    one("body-line-ends", "last line end left out", CALL, body=BODY[:-2])
    one("body-line-ends", "another line end hashed", CALL, body=BODY + b"\r\n")


def nonces():
    old = "UwVkG0hP2yZx"
    one("nonce-previous", "the nonce before hashed", PLAIN.but(before=(old,)), nonce=old)
    one("nonce-previous", "the nonce before that hashed", PLAIN.but(before=(old, "mF8s3LqT")), nonce=old)
    padded = PLAIN.but(nonce="aX7dQk0v1uY2mWJx9sT4cg==")
    one("nonce-altered", "padding left out", padded, nonce="aX7dQk0v1uY2mWJx9sT4cg")
    one("nonce-altered", "upper case hashed", padded, nonce=padded["nonce"].upper())
    unpadded = PLAIN.but(nonce="aX7dQk0v1uY2mWJx9sT4cg")
    one("nonce-altered", "padding added", unpadded, nonce="aX7dQk0v1uY2mWJx9sT4cg==")
    one("nonce-altered", "one character of padding added", unpadded, nonce="aX7dQk0v1uY2mWJx9sT4cg=")
    one("nonce-altered", "lower case hashed", padded, nonce=padded["nonce"].lower())
    bare = PLAIN.but(nonce="aX7dQk0v1uY2mWJx9sT4cg", offered="aX7dQk0v1uY2mWJx9sT4cg==")
    one("nonce-altered", "sent without padding, hashed with", bare, nonce=bare["offered"])
    lower = PLAIN.but(nonce="ax7dqk0v1uy2", offered="aX7dQk0v1uY2")
    one("nonce-altered", "sent in lower case, hashed as issued", lower, nonce=lower["offered"])
    coded = PLAIN.but(nonce="a%2FbQk0v1uY2")
    one("nonce-altered", "decoded", coded, nonce="a/bQk0v1uY2")
    one("nc-decimal", "decimal hashed", PLAIN.but(nc="0000000a"), nc="00000010")
    one("nc-decimal", "decimal sent", PLAIN.but(nc="00000010"), nc="0000000a")
    one("nc-decimal", "unpadded hashed", PLAIN, nc="2")
    one("nc-decimal", "upper case hashed", PLAIN.but(nc="0000000a"), nc="0000000A")
    one("nc-one", "the first count hashed", PLAIN, nc="00000001")


def quotes():
    for name in ("user", "realm", "nonce", "uri", "cnonce", "qop"):
        one("quotes-kept", f"quotes of {name} hashed", PLAIN, **{name: f'"{PLAIN[name]}"'})
    both = {name: f'"{PLAIN[name]}"' for name in ("realm", "nonce")}
    one("quotes-kept", "quotes of realm and nonce hashed", PLAIN, **both)
    every = {name: f'"{PLAIN[name]}"' for name in ("user", "realm", "nonce", "uri", "cnonce")}
    one("quotes-kept", "all quotes hashed", PLAIN, **every)
    one("quotes-kept", "quotes of the password hashed", PLAIN, given="secret", password='"secret"')
    one("quotes-kept", "quotes of the password given", PLAIN, given='"secret"', password="secret")
    lab = PLAIN.but(realm='Corp "Lab"', user="al\\ice")
    one("escape-kept", "escapes of the realm hashed", lab, realm=escape(lab["realm"]))
    one("escape-kept", "escapes of the user hashed", lab, user=escape(lab["user"]))
    one("escape-kept", "all escapes hashed", lab, realm=escape(lab["realm"]), user=escape(lab["user"]))
    marked = PLAIN.but(nonce='aX7d"Qk0v1uY2', cnonce='0a"4f')
    one("escape-kept", "escapes of the nonce hashed", marked, nonce=escape(marked["nonce"]))
    one("escape-kept", "escapes of the cnonce hashed", marked, cnonce=escape(marked["cnonce"]))
    # pyVoIP takes all up to the last quotation mark for the value, and writes it so.
    for end in ('", ', '",'):
        torn = PLAIN.but(realm=REALM + end, torn="realm", challenge_realm=REALM)
        one("quote-within", f"a realm that ends with {end!r} hashed", torn)
    one("quote-within", "all of a nonce hashed", PLAIN.but(nonce=NONCE + '", ', torn="nonce", offered=NONCE))
    one("escape-kept", "escapes of the password hashed", PLAIN, given='a"b', password='a\\"b')


def none_of_them():
    one("mismatch", "another password", PLAIN, password="wrong horse")
    one("mismatch", "another letter case of the password", PLAIN, password="Correct Horse")
    one("mismatch", "two changes", PLAIN, realm="asterisk", method="INVITE")
    one("mismatch", "a near miss of another password", PLAIN, password="wrong horse\n")
    one("mismatch", "port and method", PLAIN, uri=URI + ":5060", method="INVITE")
    one("mismatch", "a body that was rewritten", CALL, body=BODY.replace(b"198.51.100.7", b"192.168.1.20"))
    one("mismatch", "another cnonce", PLAIN, cnonce="77777777")
    one("mismatch", "a nonce that nobody saw", PLAIN, nonce="nobodysaw1t")
    one("mismatch", "a realm that nobody named", PLAIN, realm="elsewhere.example")
    add("mismatch", "two secrets that differ in two ways", PLAIN, PLAIN.but(password="secret"),
        rows=['1001,*,"secret ",\n', '1001,*,"secret;x",\n'])
    add("password-trimmed", "two secrets, one of which fits", PLAIN, PLAIN.but(password="secret"),
        rows=['1001,*,"secret ",\n', '1001,*,"other",\n'])
    ha1 = digest("md5", USER, REALM, PASSWORD)
    add("mismatch", "another realm, and only an HA1", PLAIN, PLAIN.but(realm=""), rows=[f"1001,{REALM},,{ha1}\n"])
    add("method-other", "another method, and only an HA1", PLAIN, PLAIN.but(method="BYE"), rows=[f"1001,{REALM},,{ha1}\n"])


for make in (right_ones, uris, methods, realms, usernames, passwords, algorithms, qops, bodies, nonces, quotes, none_of_them):
    make()
print(json.dumps(CASES))
