"""A registrar that asks for credentials and hangs up on whoever sends some: what a ban looks like over TCP."""
import re
import socket
import struct

listener = socket.create_server(("192.0.2.10", 5060), reuse_port=True)
while True:
    connection, _ = listener.accept()
    while data := connection.recv(8192):
        head = data.decode()
        if "\nAuthorization:" in head:
            # RST and not FIN: nothing is left to be sent.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            break
        copied = re.findall(r"^(?:Via|From|Call-ID|CSeq): .*\r\n", head, re.M)
        to = re.search(r"^To: .*(?=\r\n)", head, re.M)[0]
        challenge = 'WWW-Authenticate: Digest realm="pbx.example.com", nonce="Z7cq2kfVb1", algorithm=MD5, qop="auth"\r\n'
        connection.sendall(f"SIP/2.0 401 Unauthorized\r\n{''.join(copied)}{to};tag=as1\r\n{challenge}Content-Length: 0\r\n\r\n".encode())
    connection.close()
