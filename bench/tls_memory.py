"""Memory of an idle TLS connection, beside one that is only an OpenSSL object."""
import contextlib
import pathlib
import socket
import ssl
import statistics
import subprocess

from servers import BUILD, Parley, Process, free_port, scratch, token


class BareTls(Process):
    def __init__(self, certificate, key):
        port = free_port()
        super().__init__([BUILD / "bench" / "bare_tls_server", port, certificate, key], port)


def certificate(directory):
    files = pathlib.Path(directory) / "tls.crt", pathlib.Path(directory) / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-out", files[0], "-keyout", files[1]], check=True, stderr=subprocess.DEVNULL)
    return files


def held(server, paths, context, sockets):
    """Bytes of RSS for each connection. The first half is not counted: the allocator grows in steps."""
    half = len(paths) // 2
    before = 0
    for number, path in enumerate(paths):
        connection = sockets.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        if context is not None:
            connection = sockets.enter_context(context.wrap_socket(connection))
        connection.sendall((f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        if b" 101 " not in connection.recv(4096).split(b"\r\n")[0]:
            raise SystemExit("the server refused a connection")
        if number == half:
            before = server.rss()
    return (server.rss() - before) / (len(paths) - half)


def tls_memory(rounds=3, count=4000):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    users = [f"user{number}" for number in range(1000)]
    results = {"OpenSSL object": [], "Parley, TLS": [], "Parley, plain": []}
    for _ in range(rounds):
        with scratch() as directory, contextlib.ExitStack() as sockets:
            files = certificate(directory)
            with BareTls(*files) as server:
                results["OpenSSL object"].append(held(server, ["/"] * count, context, sockets))
        for name, wrap in ("Parley, TLS", context), ("Parley, plain", None):
            with scratch() as data, contextlib.ExitStack() as sockets:
                with Parley(data) as server:
                    talk = server.group(users)
                crt, key = certificate(data)
                with Parley(data, *(["--ssl-certfile", crt, "--ssl-keyfile", key] if wrap else [])) as server:
                    paths = [f"/ws/messaging/conversations/{talk}/?token={token(users[i % 1000])}" for i in range(count)]
                    results[name].append(held(server, paths, wrap, sockets))
    for name, values in results.items():
        print(f"{name:15} {statistics.median(values):8,.0f} bytes RSS/connection ({min(values):,.0f}-{max(values):,.0f})")
    print(f"TLS / OpenSSL object: {statistics.median(results['Parley, TLS']) / statistics.median(results['OpenSSL object']):.2f}")
