"""Dockerfile, docker-compose.yml and docs/deployment.md: Compose's own check, and its services started with the same wiring."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import pytest

from client import Person, Rest
from conftest import watch
from deadline import eventually, patient
from postgres import Postgres
from server import KEY, ROOT, Server, free_port, run

TOOLS = os.path.dirname(sys.executable)
DOCUMENT = pathlib.Path(ROOT, "docs/deployment.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.M | re.S)
# The guide's docker-compose.yml.
GUIDE = {"REDIS_URL": "redis://redis:6379/0", "DJANGO_ENV": "development"}


def compose(*arguments, **variables):
    """Runs Compose in the folder of the repository; nothing of the caller's environment reaches the file."""
    ran = subprocess.run([sys.executable, f"{TOOLS}/docker-compose", "--env-file", "/dev/null", *arguments], cwd=ROOT, text=True, capture_output=True,
                         env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **variables}, timeout=patient(60))
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def services():
    return json.loads(compose("--profile", "*", "config", "--format", "json"))["services"]


def dockerfile():
    """The environment, entry point, command and health check of the image."""
    text = pathlib.Path(ROOT, "Dockerfile").read_text().rpartition("FROM ")[2]

    def listed(word):
        return json.loads(re.search(rf"^{word} .*?(\[.*\])$", text, re.M)[1])

    variables = dict(pair.split("=", 1) for pair in re.search(r"^ENV (.*)$", text, re.M)[1].split())
    return {"environment": variables, "command": listed("ENTRYPOINT") + listed("CMD"), "healthcheck": listed("HEALTHCHECK"),
            "port": re.search(r"^EXPOSE (\d+)$", text, re.M)[1], "user": re.search(r"^USER (.*)$", text, re.M)[1]}


def test_the_dockerfile_is_clean_and_unprivileged():
    for file in "Dockerfile", "examples/django/Dockerfile":
        if os.path.exists(f"{ROOT}/{file}"):
            ran = subprocess.run([f"{TOOLS}/hadolint", f"{ROOT}/{file}"], text=True, capture_output=True, timeout=patient(60))
            assert ran.returncode == 0, ran.stdout
    image = dockerfile()
    assert image["command"] == ["parley", "serve"] and image["port"] == "8000"
    assert image["user"].split(":")[0] not in ("0", "root")
    assert image["environment"]["DJANGO_ENV"] == "production"


def test_the_build_sees_sources_and_nothing_else():
    """docker build sends what .dockerignore lets through."""
    allowed = [line[1:] for line in pathlib.Path(ROOT, ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [word for line in pathlib.Path(ROOT, "Dockerfile").read_text().splitlines() if line.startswith("COPY ") and "--from=" not in line for word in line.split()[1:-1]]
    assert sorted(allowed) == sorted(copied)
    assert all(os.path.exists(f"{ROOT}/{path}") for path in copied)


def test_the_services_are_the_guides(services):
    without_profiles = json.loads(compose("config", "--format", "json"))
    assert set(without_profiles["services"]) == {"web", "redis"}
    assert without_profiles["volumes"]["redis_data"] is not None
    web, redis = services["web"], services["redis"]
    assert {name: web["environment"][name] for name in GUIDE} == GUIDE
    assert [(port["published"], port["target"]) for port in web["ports"]] == [("8000", 8000)]
    assert redis["image"] == "redis:6-alpine"
    assert [(volume["source"], volume["target"]) for volume in redis["volumes"]] == [("redis_data", "/data")]
    assert set(services) == {"web", "redis", "postgres", "nginx", "prometheus", "grafana"}


def test_mounted_files_are_in_the_repository(services):
    sources = {volume["source"] for service in services.values() for volume in service.get("volumes", []) if volume["type"] == "bind"}
    folders = {f"{ROOT}/certs"}  # the user's
    if not os.path.isdir(f"{ROOT}/deploy/prometheus"):
        folders |= {source for source in sources if "prometheus" in source or source.endswith("dashboard.json")}
    assert not [source for source in sources - folders if not os.path.exists(source)]


def test_the_stop_period_is_longer_than_a_drain(services):
    assert services["web"]["stop_grace_period"] == "45s"
    assert "timeout_graceful_shutdown = \"30s\"" in run("config", "print", directory=ROOT).stdout


class Wiring:
    """The services as processes: their host names become 127.0.0.1, and their ports free ones."""

    def __init__(self, services, folder, redis, postgres=None):
        self.folder, self.image = folder, dockerfile()
        variables = {**self.image["environment"], **services["web"]["environment"]}
        self.port, self.data = free_port(), f"{folder}/data"
        places = {"redis:6379": f"127.0.0.1:{redis.port}", "/data": self.data}
        if postgres:
            places["@postgres/"] = f"@127.0.0.1:{postgres.port}/"
        for name, value in variables.items():
            for there, here in places.items():
                value = value.replace(there, here)
            variables[name] = value
        assert variables["PARLEY_DATA_DIR"] == self.data
        self.variables = {"JWT_SECRET_KEY": None, **variables, "PORT": str(self.port)}
        self.server = Server(folder, listen=self.image["command"][2:], port=self.port, **self.variables)

    def execute(self, *arguments):
        ran = run(*arguments, directory=self.folder, **self.variables)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def is_healthy(self):
        command = self.image["healthcheck"]
        return run(*command[1:], directory=self.folder, **self.variables).returncode == 0


def documented(beginning):
    """The arguments of the only documented command that begins so."""
    [line] = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith(beginning)]
    return shlex.split(line)


@pytest.mark.parametrize("file", ["ours", "the guide's"])
def test_the_wiring_of_compose_delivers_a_first_message(file, services, redis, tmp_path, request):
    wiring = Wiring(services if file == "ours" else {"web": {"environment": GUIDE}}, tmp_path, redis)
    began = time.monotonic()
    try:
        wiring.server.start()
        watch(request.node, wiring.server)
        eventually(wiring.is_healthy)
        eventually(lambda: "bus is up" in wiring.server.log)
        token = documented("docker compose exec web parley token")
        assert token[3:5] == ["web", "parley"]
        ada, bob = Person(wiring.server, "ada"), Person(wiring.server, "bob")
        for person in ada, bob:
            person.token = wiring.execute(*[person.id if word == "ada" else word for word in token[5:]]).strip()
            person.rest = Rest(wiring.server, person.token)
        talk = ada.rest.create_group(bob)
        with ada.connect(talk) as a, bob.connect(talk) as b:
            a.send_message("hello")
            assert b.wait_for("message")["data"]["content"] == "hello"
        print(f"{time.monotonic() - began:.2f} s from the start of the service web to the first message")
    finally:
        wiring.server.close()


def test_the_profile_postgres_stores_messages_in_postgresql(redis, tmp_path, request):
    settings = dict(re.findall(r"(\w+)=(\S+)", next(text for kind, text in BLOCKS if "--profile postgres" in text).partition(" docker ")[0]))
    postgres = Postgres().start()
    try:
        services = json.loads(compose("--profile", "postgres", "config", "--format", "json", **settings, JWT_SECRET_KEY=KEY))["services"]
        database = services["postgres"]["environment"]
        where = f"{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}@postgres/{database.get('POSTGRES_DB', database['POSTGRES_USER'])}"
        assert services["web"]["environment"]["DATABASE_URL"] == f"postgres://{where}"
        services["web"]["environment"]["DATABASE_URL"] = postgres.url
        wiring = Wiring(services, tmp_path, redis, postgres)
        try:
            wiring.server.start()
            watch(request.node, wiring.server)
            ada, bob = Person(wiring.server, "ada"), Person(wiring.server, "bob")
            ada.rest.send_message(ada.rest.create_group(bob), "in PostgreSQL")
            assert not list(pathlib.Path(wiring.data).glob("*.db"))
        finally:
            wiring.server.close()
    finally:
        postgres.close()


def test_the_image_without_settings_refuses_to_start(tmp_path, redis):
    ran = run(*dockerfile()["command"][1:], directory=tmp_path, JWT_SECRET_KEY=None, **{**dockerfile()["environment"], "PARLEY_DATA_DIR": str(tmp_path)})
    assert ran.returncode == 2 and "production requires a JWT key" in ran.stdout


def test_every_documented_command_is_run_or_checked():
    """Those of Debian are run by ./dev package-test, those of Docker by ./dev image."""
    commands = [line.split()[0] if "=" not in line.split()[0] else "VARIABLE=" for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    assert commands == ["apt-get", "sed", "parley", "systemctl", "parley", "docker", "docker", "docker", "docker", "VARIABLE=", "VARIABLE="]
    assert [kind for kind, _ in BLOCKS if kind != "sh"] == ["ini"]


def test_documented_compose_commands_are_valid():
    found = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if "docker compose" in line and " up " in line]
    assert len(found) == 2
    for line in found:
        variables, _, arguments = line.partition("docker compose")
        options = shlex.split(arguments.partition(" up ")[0])
        compose(*options, "config", "--quiet", **dict(pair.split("=", 1) for pair in variables.split()))


def test_the_documented_command_for_several_nodes_is_valid(tmp_path):
    line = next(text for kind, text in BLOCKS if kind == "sh" and "/shared/attachments" in text)
    words = shlex.split(line)
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    options = words[words.index("serve") + 1:]
    assert run("config", "check", *options, directory=tmp_path, **variables).stdout.endswith("ok\n")
