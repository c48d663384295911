"""The images of ./dev image: run by buildah, up to a first message. Their containers use this machine's network."""
import contextlib
import glob
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import httpx
import jwt
import pytest

from client import Person, Rest
from deadline import eventually, patient
from redis_server import Redis
from server import KEY, ROOT, free_port

STORE = f"{ROOT}/build/images"
PARLEY, EXAMPLE = "parley:latest", "parley-django-example"


def buildah(*arguments):
    return ["buildah", "--root", f"{STORE}/root", "--runroot", f"{STORE}/run", "--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay"), *arguments]


def output(*arguments):
    return subprocess.run(buildah(*arguments), check=True, stdout=subprocess.PIPE, text=True, timeout=patient(120)).stdout


def config(image):
    return json.loads(output("inspect", "--type", "image", image))["Docker"]["config"]


def children_of(pid):
    """The kernel lists children by the thread that started them."""
    return [int(child) for path in glob.glob(f"/proc/{pid}/task/*/children") for child in pathlib.Path(path).read_text().split()]


class Container:
    def __init__(self, image, **variables):
        self.image, self.variables, self.clients = config(image), variables, set()
        self.name = output("from", "--pull-never", image).strip()
        self.port, self.process, self.log = free_port(), None, ""

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def command(self, *arguments):
        variables = [f"--env={name}={value}" for name, value in self.variables.items()]
        return buildah("run", "--isolation", "chroot", *variables, self.name, "--", *arguments)

    def run(self, *arguments):
        return subprocess.run(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=patient(120))

    def start(self, ready_path, *arguments):
        """Starts the image's command, or another one."""
        arguments = arguments or [*(self.image["Entrypoint"] or []), *self.image["Cmd"]]
        self.output = open(f"{STORE}/{self.name}.log", "w+")
        self.process = subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        eventually(lambda: self._answers(ready_path), within=60, describe=self.printed)
        return self

    def printed(self):
        self.output.seek(0)
        return self.output.read()

    def _answers(self, path):
        assert self.process.poll() is None, self.printed()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(self.url + path, timeout=patient(5)).status_code == 200

    def server(self):
        """The process id of the server: the last descendant."""
        pid = self.process.pid
        while found := children_of(pid):
            pid = found[-1]
        return pid

    def stop(self):
        if self.process and self.process.poll() is None:
            os.kill(self.server(), signal.SIGTERM)
            return self.process.wait(patient(45))

    def close(self):
        for client in self.clients:
            client.close()
        self.stop()
        output("rm", self.name)


@pytest.fixture
def container():
    made = []

    def make(image, **variables):
        made.append(Container(image, **variables))
        return made[-1]

    yield make
    for one in reversed(made):
        one.close()


@pytest.fixture(scope="module")
def redis():
    server = Redis().start()
    yield server
    server.close()


def test_the_image_is_small_and_declares_what_the_documents_say():
    found = config(PARLEY)
    assert found["User"] == "10001:10001" and found["ExposedPorts"] == {"8000/tcp": {}} and found["Volumes"] == {"/data": {}}
    assert found["Healthcheck"]["Test"] == ["CMD", "parley", "healthcheck"]
    with open(f"{ROOT}/docs/deployment.md") as document:
        [documented] = re.findall(r"debian:12-slim`: (\d+) MB", document.read())
    sizes = {line.split()[0].rpartition("/")[2]: float(line.split()[1]) for line in
             output("images", "--format", "{{.Name}}:{{.Tag}} {{.Size}}").splitlines() if " MB" in line}
    print(sizes)
    assert sizes[PARLEY] <= int(documented) + 3


def test_without_a_key_the_image_refuses_to_start(container):
    ran = container(PARLEY).run("parley", "serve")
    assert ran.returncode == 2 and "production requires a JWT key" in ran.stdout


def test_a_container_is_healthy_and_delivers_a_first_message(container):
    port = free_port()
    parley = container(PARLEY, JWT_SECRET_KEY=KEY, PORT=port, PARLEY_ALLOW_PLAIN_HTTP="on")
    parley.port = port
    assert parley.run("parley", "healthcheck").returncode == 1, "not started"
    began = time.monotonic()
    parley.start("/readyz")
    alice, bob = Person(parley, "alice"), Person(parley, "bob")
    talk = alice.rest.create_group(bob)
    with alice.connect(talk) as a, bob.connect(talk) as b:
        a.send_message("from a container")
        assert b.wait_for("message")["data"]["content"] == "from a container"
    print(f"{time.monotonic() - began:.2f} s from the start of the container to the first message")
    ran = parley.run(*parley.image["Healthcheck"]["Test"][1:])
    assert (ran.returncode, ran.stdout.strip()) == (0, "ok")
    with open(f"/proc/{parley.server()}/status") as status:
        assert re.search(r"^Uid:\s+10001\s", status.read(), re.M)
    assert parley.stop() == 0
    assert "running as root" not in parley.printed()


def test_the_guides_image_serves_a_project_with_parley_beside_it(container, redis):
    ports, key = (free_port(), free_port()), "a key of the project, at least 32 bytes long"
    shared = {"REDIS_URL": redis.url, "DJANGO_ENV": "development", "SECRET_KEY": key}
    parley = container(PARLEY, PORT=ports[0], **shared)
    parley.port = ports[0]
    parley.start("/readyz")
    site = container(EXAMPLE, PARLEY_URL=parley.url, **shared)
    site.port = ports[1]
    for step in "migrate", "example_users":
        ran = site.run("python", "manage.py", step, "-v", "0")
        assert ran.returncode == 0, ran.stdout
    site.start("/accounts/login/", *[word.replace("8000", str(site.port)) for word in site.image["Cmd"]])
    ann, bob = (visitor(site, name) for name in ("ann", "bob"))
    talk = ann.rest.create_group(bob)
    with ann.connect(talk) as a, bob.connect(talk) as b:
        a.send_message("through Daphne")
        assert b.wait_for("message")["data"]["content"] == "through Daphne"


def visitor(site, name):
    """Logs in at the project, which signs a token."""
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=patient(20)) as browser:
        browser.get("/accounts/login/")
        page = browser.post("/accounts/login/", data={"username": name, "password": name, "csrfmiddlewaretoken": browser.cookies["csrftoken"]},
                            headers={"Referer": site.url})
        assert page.status_code == 200 and page.url.path == "/"
        token = browser.get("/token/").json()["access"]
    person = Person(site, jwt.decode(token, options={"verify_signature": False})["user_id"])
    person.token = token
    person.rest = Rest(site, person.token)
    return person
