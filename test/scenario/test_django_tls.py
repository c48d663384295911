"""The Django package reaches Parley over TLS: an https:// PARLEY_URL, whose certificate a private authority signed."""
import os
import subprocess

import pytest

from client import Person, Socket
from deadline import eventually, patient
from django_project import Project, environments
from fake_clock import shifted
from files import PNG
from server import Server


class Authority:
    """A private certificate authority."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.file, self.key = directory / f"{name}.pem", directory / f"{name}.key"
        openssl("req", "-x509", *NEW_KEY, "-keyout", self.key, "-out", self.file, "-days", "3", "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def sign(self, names="DNS:localhost,IP:127.0.0.1", begin=None):
        """Returns the files of a key and of a certificate for these names, valid for two days from now, or from `begin`: "-9d"."""
        key, request, certificate, extensions = (self.directory / f"server-{number}.pem" for number in range(4))
        openssl("req", *NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=parley")
        extensions.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-days", "2", "-extfile", extensions,
                "-out", certificate, at=begin)
        return key, certificate


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments, at=None):
    clock = {**os.environ, **(shifted(at) if at else {})}
    subprocess.run(["openssl", *arguments], env=clock, check=True, capture_output=True, timeout=patient(30))


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def site(tmp_path, authority):
    """site(kind, …): a Parley with a certificate of the authority, and a Django server before it."""
    started = []

    def begin(kind="uvicorn", trust=authority.file, environment=environments()[0], url="https://127.0.0.1:{}", **certificate):
        key, file = authority.sign(**certificate)
        parley = Server(tmp_path / "parley", "--ssl-keyfile", key, "--ssl-certfile", file, "--drain-delay", 0)
        started.append(parley.start(ready=False))
        more = {"PARLEY_URL": url.format(parley.port), **({"PARLEY_CA_FILE": trust} if trust else {})}
        front = Project(tmp_path / "site", environment).serve(kind, **more)
        front.more = more
        started.append(front)
        return front

    yield begin
    for one in reversed(started):
        one.close() if isinstance(one, Server) else one.stop()


def refused(front):
    """A request and a WebSocket are refused, the log has the reason once. Returns the line."""
    ann = Person(front, "ann")
    for _ in range(3):
        answer = ann.rest.get("conversations/")
        assert answer.status_code == 503 and answer.json()["code"] == "store_unavailable" and answer.headers["retry-after"], answer.text
        assert "certificate" not in answer.text, "the reason is for the operator"
    with pytest.raises(Exception, match="503"):
        Socket(front, token=ann.token)
    lines = [line for line in front.log.splitlines() if "PARLEY_" in line]
    assert len(lines) == 1, front.log
    return lines[0]


def check(front):
    done = front.project.manage("messaging_check", **front.more)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.proves("Django package: ASGI proxy")
@pytest.mark.parametrize("environment", environments())
@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_two_people_talk_over_tls_with_a_private_authority(site, kind, environment):
    front = site(kind, environment=environment)
    ann, ben = Person(front, "ann"), Person(front, "ben")
    eventually(lambda: ann.rest.get("conversations/").status_code == 200, within=20)  # Parley is ready
    room = ann.rest.create_group(ben)
    with ann.connect(room) as a, ben.connect() as b:
        a.send_message("hello " + "x" * 20_000)  # more than one TLS record
        assert b.wait_for("message")["data"]["content"].endswith("x" * 20_000)
        for number in range(20):
            ann.rest.send_message(room, f"{number}")
        assert [b.wait_for("message")["data"]["content"] for _ in range(20)] == [str(number) for number in range(20)]
    made = ann.rest.post("attachments/", files={"file": ("cat.png", PNG + bytes(300_000), "image/png")})
    assert made.status_code == 201, made.text
    assert ann.rest.get(front.url + made.json()["file_url"]).content == PNG + bytes(300_000)
    code, printed = check(front)
    assert "is not trusted" not in printed and "No server answers" not in printed, printed


def test_a_certificate_of_an_unknown_authority_is_refused_by_default(site):
    front = site(trust=None)
    line = refused(front)
    assert "is not trusted: unable to get local issuer certificate" in line or "is not trusted: self-signed" in line, line
    assert "PARLEY_CA_FILE" in line
    code, printed = check(front)
    assert code == 1 and "is not trusted" in printed and "PARLEY_CA_FILE" in printed, printed


def test_a_certificate_of_another_authority_is_refused(site, tmp_path):
    assert "is not trusted" in refused(site(trust=Authority(tmp_path, "another").file))


def test_a_certificate_for_another_name_is_refused(site):
    line = refused(site(names="DNS:chat.example"))
    assert "is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'" in line, line


def test_an_expired_certificate_is_refused(site):
    assert "is not trusted: certificate has expired" in refused(site(begin="-9d"))


def test_a_server_without_tls_is_named_as_such(tmp_path, server):
    front = Project(tmp_path / "site", environments()[0]).serve("uvicorn", PARLEY_URL=f"https://127.0.0.1:{server.port}")
    front.more = {"PARLEY_URL": f"https://127.0.0.1:{server.port}"}
    try:
        line = refused(front)
        assert "The TLS handshake with 127.0.0.1" in line and "PARLEY_URL begins with http:// if not" in line, line
        code, printed = check(front)
        assert code == 1 and "The TLS handshake" in printed, printed
    finally:
        front.stop()


@pytest.mark.parametrize("content, reason", [(None, "No such file or directory"), ("no certificate", "NO_CERTIFICATE_OR_CRL_FOUND")])
def test_a_file_of_authorities_that_cannot_be_used_is_named(site, tmp_path, content, reason):
    file = tmp_path / "authorities.pem"
    if content:
        file.write_text(content)
    front = site(trust=file)
    line = refused(front)
    assert f"PARLEY_CA_FILE is '{file}', which cannot be used" in line and reason in line, line
    code, printed = check(front)
    assert code == 1 and "which cannot be used" in printed, printed
