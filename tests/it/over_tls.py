#!/usr/bin/env python3
"""Sends messages over TLS connections that Python's ssl module (OpenSSL) makes at both ends, in memory.

over_tls.py tls12|tls13 CIPHERS [no-etm] < messages: a JSON array of [connection, whether the client sends, message in hex]. Prints
JSON: `keys`, the key log, and `flights`, for each message what goes over the wire by then, as [whether the client sends, bytes in hex]."""
import json
import os
import ssl
import subprocess
import sys
import tempfile

version, ciphers, *flags = sys.argv[1:]


def context(is_client, folder):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if is_client else ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = tls.maximum_version = {"tls12": ssl.TLSVersion.TLSv1_2, "tls13": ssl.TLSVersion.TLSv1_3}[version]
    if version == "tls12":
        tls.set_ciphers(ciphers + ":@SECLEVEL=0")
    if "no-etm" in flags:
        tls.options |= 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC
    if is_client:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.keylog_filename = os.path.join(folder, "keys")
    else:
        tls.load_cert_chain(os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem"))
    return tls


class Connection:
    def __init__(self, contexts):
        self.incoming = {side: ssl.MemoryBIO() for side in (True, False)}
        self.outgoing = {side: ssl.MemoryBIO() for side in (True, False)}
        self.ends = {side: contexts[side].wrap_bio(self.incoming[side], self.outgoing[side], server_side=not side)
                     for side in (True, False)}

    def deliver(self, side, flight):
        data = self.outgoing[side].read()
        if data:
            flight.append([side, data.hex()])
            self.incoming[not side].write(data)

    def handshake(self):
        flight, open_ends = [], {True, False}
        while open_ends:
            for side in sorted(open_ends, reverse=True):
                try:
                    self.ends[side].do_handshake()
                    open_ends.discard(side)
                except ssl.SSLWantReadError:
                    pass
                self.deliver(side, flight)
        return flight

    def send(self, side, message):
        flight, received = [], b""
        self.ends[side].write(message)
        self.deliver(side, flight)
        while len(received) < len(message):
            received += self.ends[not side].read(65536)
        assert received == message
        return flight


def main():
    with tempfile.TemporaryDirectory() as folder:
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sip.example.test", "-keyout",
                os.path.join(folder, "key.pem"), "-out", os.path.join(folder, "cert.pem")]
        subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
        contexts = {side: context(side, folder) for side in (True, False)}
        connections, flights = {}, []
        for name, is_client, message in json.load(sys.stdin):
            flight = []
            if name not in connections:
                connections[name] = Connection(contexts)
                flight += connections[name].handshake()
            flights.append(flight + connections[name].send(is_client, bytes.fromhex(message)))
        used = {connection.ends[True].cipher()[0] for connection in connections.values()}
        assert used == {ciphers}, used
        with open(os.path.join(folder, "keys")) as keys:
            print(json.dumps({"keys": keys.read(), "flights": flights}))


main()
