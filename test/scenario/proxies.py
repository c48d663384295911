"""Proxies between a client and a node, each with one fault, and the certificates for them."""
import datetime
import ipaddress
import socket
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from balancers import ProxyProgram

CONF = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{port}{tls};
    location / {{
      proxy_pass http://{upstream};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      {settings}
    }}
  }}
}}
"""
WEBSOCKETS = """proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;"""


class Nginx(ProxyProgram):
    """nginx in front of one address. `certificate`: paths of the chain and its key."""

    def __init__(self, upstream, settings=WEBSOCKETS, certificate=None):
        self.scheme = "https" if certificate else "http"
        tls = f" ssl; ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}" if certificate else ""
        super().__init__("nginx", CONF, upstream=upstream, settings=settings, tls=tls)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"


class BufferingProxy:
    """Passes HTTP on at once, and after an upgrade, the server's data only in pieces of at least `piece` bytes."""

    def __init__(self, port, piece=4096):
        self.target = port
        self.piece = piece
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, sink, holds_back):
        held, upgraded = b"", False
        try:
            while data := source.recv(65536):
                held += data
                if holds_back and not upgraded and held.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" in held:
                    head, _, held = held.partition(b"\r\n\r\n")
                    sink.sendall(head + b"\r\n\r\n")
                    upgraded = True
                if not upgraded or len(held) >= self.piece:
                    sink.sendall(held)
                    held = b""
        except OSError:
            pass
        for each in source, sink:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class Authority:
    """A certificate authority of its own; `ca` is the path of its certificate."""

    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._sign(self.name, self.key, days=30, extension=x509.BasicConstraints(ca=True, path_length=None))
        self.ca = self._write("ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, days=30, address="127.0.0.1", start=-60):
        """Returns the paths of a certificate and its key. It is valid for `days` from `start` days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("chat.example")] + (
            [x509.IPAddress(ipaddress.ip_address(address))] if address else []))
        leaf = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, days, names, start)
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return self._write(f"{name}.pem", leaf.public_bytes(serialization.Encoding.PEM)), self._write(f"{name}.key", private)

    def _sign(self, subject, key, days, extension, start=-60):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=start))
                .not_valid_after(now + datetime.timedelta(days=days)).add_extension(extension, critical=False)
                .sign(self.key, hashes.SHA256()))

    def _write(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(0o600)
        return str(path)
