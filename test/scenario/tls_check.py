"""Runs testssl.sh against the TLS listener of a server in production settings: './dev tls-check'.

Prints the findings on protocols, and each that testssl.sh rates worse than INFO. Exits with 1 for a finding of medium severity or
worse that EXPECTED does not explain. `-v` shows the report of testssl.sh; other arguments go to it."""
import collections
import json
import os
import subprocess
import sys
import tempfile

import httpx

from deadline import eventually, patient
from server import Server

# The findings that come from the certificate authority of this test, or are a choice, with the reason.
EXPECTED = {
    "cert_crlDistributionPoints": "the test's certificate authority publishes no revocations",
    "cert_ocspURL": "the test's certificate authority publishes no revocations",
    "cert_revocation": "the test's certificate authority publishes no revocations",
    "OCSP_stapling": "not offered: certificates are short-lived, and browsers do not require it",
    "DNS_CAArecord": "localhost has no DNS records",
    "security_headers": "of pages; /livez is JSON",
    "BREACH": "the server compresses no HTTP responses",
}
PROTOCOLS = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "ALPN", "PFS", "FS", "cipherlist_NULL", "cipherlist_STRONG", "cipherlist_STRONG_FS",
             "cipherlist_STRONG_NOFS", "TLS_session_ticket", "sessionresumption_ticket", "sessionresumption_ID")
ORDER = ["LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN"]


def openssl(*words, directory):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=directory, timeout=patient(60))


def make_certificates(directory):
    """Makes an authority (ca.pem) and a certificate for localhost (chain.pem, key.pem)."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "300", "-subj", "/O=Parley tests/CN=Test authority",
            directory=directory)
    openssl("req", *curve, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost", directory=directory)
    with open(f"{directory}/extensions", "w") as file:
        file.write("subjectAltName=DNS:localhost\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "300",
            "-extfile", "extensions", "-out", "certificate.pem", directory=directory)
    with open(f"{directory}/chain.pem", "w") as chain:
        for part in "certificate.pem", "ca.pem":
            with open(f"{directory}/{part}") as file:
                chain.write(file.read())


def start(directory):
    server = Server(f"{directory}/server", "--ssl-certfile", f"{directory}/chain.pem", "--ssl-keyfile", f"{directory}/key.pem",
                    DJANGO_ENV="production", ALLOWED_HOSTS="localhost")
    server.start(ready=False)

    def answers():
        try:
            return httpx.get(f"https://localhost:{server.port}/livez", verify=False, timeout=patient(2)).status_code == 200
        except httpx.TransportError:
            return False
    eventually(answers, within=20, describe=lambda: server.log)
    return server


def findings_of(server, directory, arguments):
    report = f"{directory}/report.json"
    subprocess.run(["testssl", "--warnings", "batch", "--color", "0", "--quiet", "--add-ca", f"{directory}/ca.pem", "--jsonfile", report,
                    *arguments, f"https://localhost:{server.port}/livez"],
                   stdin=subprocess.DEVNULL, stdout=sys.stderr if "-v" in sys.argv else subprocess.DEVNULL, timeout=1800)
    with open(report) as file:
        return json.load(file)


def main():
    arguments = [word for word in sys.argv[1:] if word != "-v"]
    with tempfile.TemporaryDirectory(prefix="parley-tls-") as directory:
        os.chmod(directory, 0o755)
        make_certificates(directory)
        server = start(directory)
        try:
            findings = findings_of(server, directory, arguments)
        finally:
            server.stop()
    unexplained = 0
    for one in findings:
        severity, name = one["severity"], one["id"].split(" ")[0]
        if severity not in ORDER:
            if name in PROTOCOLS:
                print(f"{severity:8} {one['id']}: {one['finding']}")
            continue
        reason = EXPECTED.get(name)
        unexplained += reason is None and severity in ("MEDIUM", "HIGH", "CRITICAL")
        print(f"{severity:8} {one['id']}: {one['finding']}" + (f"  [{reason}]" if reason else ""))
    counts = collections.Counter(one["severity"] for one in findings)
    print(f"{len(findings)} findings ({', '.join(f'{count} {name}' for name, count in counts.most_common())}), {unexplained} unexplained")
    return 1 if unexplained or counts["OK"] < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
