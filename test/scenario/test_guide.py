"""The blocks of docs/guide.md run, with free ports and a private Redis and PostgreSQL in place of the usual ones."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import httpx
import pytest

import kustomize
from balancers import Balancer
from client import Person
from deadline import eventually, patient
from django_project import Project, environments, variables
from server import BINARY, KEY, ROOT, Server, free_port

TEXT = pathlib.Path(ROOT, "docs/guide.md").read_text()
HEADINGS = ["Prerequisites", "Installation", "Redis Configuration", "Development Environment", "Production Environment",
            "ASGI Server Deployment", "Daphne", "Uvicorn", "Docker Deployment", "Scaling", "Kubernetes Deployment",
            "Security Considerations", "Monitoring", "Troubleshooting", "Using the Helper Configuration"]
OURS = ["Hypercorn", "Parley without an ASGI server"]
REDIS = "redis://localhost:6379"


def sections():
    """{heading: its blocks}."""
    parts = re.split(r"^#{2,3} (.+)$", TEXT, flags=re.M)[1:]
    return {heading: re.findall(r"^```\w+\n(.*?)^```$", text, re.M | re.S) for heading, text in zip(parts[::2], parts[1::2])}


def block(heading, number=0):
    return sections()[heading][number]


def test_the_page_has_every_heading_of_the_guide_in_order():
    assert [heading for heading in sections() if heading not in OURS] == HEADINGS


def test_every_block_is_run_here():
    assert {heading: len(blocks) for heading, blocks in sections().items() if blocks} == {
        "Prerequisites": 1, "Installation": 4, "Development Environment": 1, "Production Environment": 1, "ASGI Server Deployment": 1,
        "Daphne": 1, "Uvicorn": 1, "Hypercorn": 1, "Parley without an ASGI server": 1, "Docker Deployment": 4, "Scaling": 1, "Kubernetes Deployment": 1,
        "Security Considerations": 1, "Monitoring": 2, "Troubleshooting": 4, "Using the Helper Configuration": 1}


@pytest.fixture
def tools(tmp_path):
    """tools("newest"): a PATH with `parley`, and the programs of that environment."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "parley").symlink_to(BINARY)

    def path(environment=None):
        return f"{folder}:{ROOT}/build/django-{environment}/bin:/usr/bin:/bin" if environment else f"{folder}:/usr/bin:/bin"

    return path


def shell(text, directory, **more):
    """Runs a block to its end."""
    return subprocess.run(["bash", "-ec", text], cwd=directory, env=variables(**more), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=patient(120))


@contextlib.contextmanager
def running(text, directory, **more):
    """A block that starts servers, in a process group of its own."""
    log = pathlib.Path(directory, "block.log")
    with log.open("w") as output:
        process = subprocess.Popen(["bash", "-ec", text], cwd=directory, env=variables(**more), start_new_session=True, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output)
    try:
        yield log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(patient(20))
        eventually(lambda: not alive(process.pid), within=30)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class At:
    """A server that a block started, for clients."""

    def __init__(self, port):
        self.port, self.address, self.url, self.clients = port, f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", set()

    def wait(self, path, log):
        def answers():
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(self.url + path, timeout=patient(10)).status_code == 200
        eventually(answers, within=60, describe=log.read_text)
        return self


def chat(one, other, name):
    """A user of each server sees the other's message."""
    ann, bob = Person(one, f"ann-{name}"), Person(other, f"bob-{name}")
    room = ann.rest.create_group(bob)
    with ann.connect(room) as a, bob.connect(room) as b:
        bob.rest.send_message(room, "hello")
        for socket in a, b:
            assert socket.wait_for("message")["data"]["content"] == "hello"
    for person in ann, bob:
        person.rest.close()


def test_prerequisites(tools, tmp_path):
    assert re.match(r"parley \d+\.\d+", shell(block("Prerequisites"), tmp_path, PATH=tools()).stdout)


@pytest.mark.proves("the guide, heading by heading")
@pytest.mark.parametrize("environment", environments())
def test_the_quoted_line_of_pip_has_the_guides_versions(tools, tmp_path, environment):
    line, package = block("Installation").splitlines()
    done = shell(line, tmp_path, PATH=tools(environment), PIP_NO_INDEX=1)
    assert done.returncode == 0 and done.stdout.count("already satisfied") >= 5, done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["tools"]
    assert package == "pip install ./clients/django"


def test_the_unquoted_line_of_pip_writes_files_named_by_versions(tools, tmp_path):
    line = block("Installation").splitlines()[0].replace('"', "")
    assert shell(line, tmp_path, PATH=tools("newest"), PIP_NO_INDEX=1).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} - {"tools"} == {"=4.0.0", "=4.1.0", "=5.2.0", "=3.14.0", "=2.6.0"}


def test_the_package_is_installed_from_its_folder(tools, tmp_path):
    subprocess.run(["cp", "-r", f"{ROOT}/clients/django", tmp_path / "copy"], check=True)
    line = block("Installation").splitlines()[1].replace("./clients/django", "./copy")
    done = shell(line, tmp_path, PATH=tools("newest"), PIP_NO_INDEX=1, PIP_NO_BUILD_ISOLATION=0, PIP_NO_DEPS=1, PIP_TARGET=tmp_path / "site")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "site/messaging/asgi.py").exists()


def project_of(directory, environment, *blocks, redis):
    project = Project(directory, environment, settings="\n".join(blocks).replace("localhost:6379", f"localhost:{redis.port}"))
    project.write("your_project/asgi.py", block("Installation", 3))
    return project


@pytest.mark.proves("the guide, heading by heading")
@pytest.mark.parametrize("environment", environments())
@pytest.mark.parametrize("heading", ["Development Environment", "Production Environment"])
def test_the_settings_of_redis_work_in_a_django_process(tmp_path, redis, heading, environment):
    project = project_of(tmp_path / "site", environment, block("Installation", 1), block("Installation", 2), block(heading), redis=redis)
    program = """
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.cache import cache
layer = get_channel_layer()
async def through():
    name = await layer.new_channel()
    await layer.group_add("room", name)
    await layer.group_send("room", {"type": "tea.ready"})
    got = (await layer.receive(name))["type"]
    cache.set("cup", "x" * 2000)
    found = cache.get("cup") == "x" * 2000
    cache.clear()
    await layer.group_send("room", {"type": "tea.cold"})
    left = bool(await layer.connection(0).zcard(layer._group_key("room")))
    return got, found, left
print(async_to_sync(through)())
"""
    together = heading == "Production Environment"
    given = {"REDIS_URL": redis.url, "DJANGO_ENV": "production"} if together else {}
    given["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    done = project.manage("shell", "-c", program, **given)
    assert done.stdout.splitlines()[-1:] == [str(("tea.ready", True, not together))], done.stdout + done.stderr


@pytest.mark.proves("the guide, heading by heading")
@pytest.mark.parametrize("environment", environments())
@pytest.mark.parametrize("heading", ["Daphne", "Uvicorn", "Hypercorn"])
def test_each_server_serves_messaging_as_printed(tools, tmp_path, redis, heading, environment):
    project = project_of(tmp_path / "site", environment, block("Installation", 1), block("Installation", 2), block("Development Environment"), redis=redis)
    port = free_port()
    assert " 0.0.0.0" in block(heading) and "8000" in block(heading)
    with running(block(heading).replace("8000", str(port)), project.directory, PATH=tools(environment), DJANGO_ENV="development") as log:
        server = At(port).wait("/hello/", log)
        chat(server, server, heading)


@pytest.mark.proves("the guide, heading by heading")
def test_the_helper_configures_a_project(tools, tmp_path, redis):
    project = project_of(tmp_path / "site", "newest", block("Using the Helper Configuration"), redis=redis)
    port = free_port()
    with running(block("Uvicorn").replace("8000", str(port)), project.directory, PATH=tools("newest"), REDIS_URL=redis.url) as log:
        server = At(port).wait("/hello/", log)
        chat(server, server, "helper")


def test_parley_runs_with_the_projects_settings_in_production(tools, tmp_path, redis):
    [line] = re.findall(r"`(SECURE_PROXY_SSL_HEADER = .*)`", TEXT)
    project = project_of(tmp_path / "site", "newest", block("Using the Helper Configuration"), line, redis=redis)
    behind, port = free_port(), free_port()
    text = block("ASGI Server Deployment").replace("8001", str(behind)) + "exec " + block("Uvicorn").replace("8000", str(port))
    with running(text, project.directory, PATH=tools("newest"), REDIS_URL=redis.url, PARLEY_DRAIN_DELAY=0) as log:
        At(behind).wait("/readyz", log)
        ann = Person(At(port).wait("/hello/", log), "ann")
        assert ann.rest.get("conversations/").json()["code"] == "https_required"
        ann.rest.headers["X-Forwarded-Proto"] = "https"
        room = ann.rest.create_group()
        with ann.connect(room, headers={"X-Forwarded-Proto": "https"}) as socket:
            socket.send_message("over a proxy with TLS")
        ann.rest.close()
    assert pathlib.Path(project.directory, "parley.toml").stat().st_mode & 0o777 == 0o600


def test_parley_takes_the_command_line_of_daphne(tools, tmp_path):
    port = free_port()
    with running(block("Parley without an ASGI server").replace("8000", str(port)), tmp_path, PATH=tools(), JWT_SECRET_KEY=KEY, DJANGO_ENV="development") as log:
        server = At(port).wait("/readyz", log)
        chat(server, server, "alone")


@pytest.mark.proves("the guide, heading by heading")
def test_two_nodes_share_a_database_and_redis(tools, tmp_path, database, redis):
    ports = free_port(), free_port()
    text = block("Scaling").replace("$(openssl rand -hex 32)", KEY).replace("postgres://parley@localhost:5432/parley", database.url)
    text = text.replace(f"{REDIS}/0", redis.url).replace("8001", str(ports[0])).replace("8002", str(ports[1])) + "wait"
    with running(text, tmp_path, PATH=tools(), PARLEY_DRAIN_DELAY=0, PARLEY_SHARDS=1) as log:
        one, other = (At(port).wait("/readyz", log) for port in ports)
        chat(one, other, "nodes")


def test_the_image_starts_with_the_given_variables(tools, tmp_path):
    """docker run passes JWT_SECRET_KEY and ALLOWED_HOSTS to the image, which has further variables."""
    build, start = block("Docker Deployment").splitlines()
    assert build == "docker build -t parley ." and "docker compose up" in block("Docker Deployment", 1)
    given = dict(re.findall(r"-e (\w+)=?(\S*)", start)) | {"JWT_SECRET_KEY": KEY}
    [image] = re.findall(r"^ENV (.*)$", pathlib.Path(ROOT, "Dockerfile").read_text().rpartition("FROM ")[2], re.M)
    checked = shell("parley config check", tmp_path, PATH=tools(), **dict(pair.split("=", 1) for pair in image.split()), **given)
    assert (checked.returncode, checked.stdout) == (0, "ok\n")


def compose_of(text, directory, **more):
    """The services of a docker-compose.yml, as Compose itself reads them, and its messages."""
    pathlib.Path(directory, "docker-compose.yml").write_text(text)
    read = subprocess.run([sys.executable, f"{os.path.dirname(sys.executable)}/docker-compose", "--env-file", "/dev/null", "config", "--format", "json"],
                          cwd=directory, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | more, text=True, capture_output=True, timeout=patient(60))
    return (json.loads(read.stdout)["services"] if read.stdout.strip() else None), read.stderr


@pytest.mark.proves("the guide, heading by heading")
def test_the_django_container_and_parley_talk_as_in_compose(tools, tmp_path, redis):
    command = json.loads(re.search(r"^CMD (.*)$", block("Docker Deployment", 2), re.M)[1])
    assert command == block("Daphne").split()
    services, messages = compose_of(block("Docker Deployment", 3), tmp_path, JWT_SECRET_KEY=KEY)
    assert not messages and set(services) == {"web", "parley", "redis"}
    refused, messages = compose_of(block("Docker Deployment", 3), tmp_path)
    assert refused is None and "set it to the project's key" in messages
    project = project_of(tmp_path / "site", "newest", block("Using the Helper Configuration"), redis=redis)
    behind, port = free_port(), free_port()
    wired = {name: {key: value.replace("redis://redis:6379/0", redis.url).replace("parley:8000", f"127.0.0.1:{behind}") for key, value in
                    services[name]["environment"].items()} for name in ("web", "parley")}
    with running(f"exec parley serve --port {behind} --data-dir data", tmp_path, PATH=tools(), PARLEY_HOST="0.0.0.0", **wired["parley"]) as log:
        At(behind).wait("/readyz", log)
        with running("exec " + " ".join(command).replace("8000", str(port)), project.directory, PATH=tools("newest"), **wired["web"]) as log:
            server = At(port).wait("/hello/", log)
            chat(server, server, "containers")


def test_compose_warns_about_the_version_key(tmp_path):
    _, messages = compose_of("version: '3'\n" + block("Docker Deployment", 3), tmp_path, JWT_SECRET_KEY=KEY)
    assert "version" in messages and "obsolete" in messages


def test_the_manifests_are_where_the_page_says():
    make, apply = block("Kubernetes Deployment").splitlines()
    assert os.access(f"{ROOT}/{make}", os.X_OK)
    overlay = pathlib.Path(ROOT, apply.removeprefix("kubectl apply -k "))
    objects = kustomize.build(overlay, {f"{ROOT}/deploy/kubernetes/base/secrets.env": "JWT_SECRET_KEY=x\n"})
    assert kustomize.find(objects, "Deployment", "messaging-app")


def test_production_without_a_key_is_refused(tools, tmp_path):
    done = shell(block("Security Considerations"), tmp_path, PATH=tools())
    assert done.returncode == 2 and "secret_key" in done.stdout
    assert shell(block("Security Considerations"), tmp_path, PATH=tools(), JWT_SECRET_KEY=KEY).returncode == 0


def test_the_metrics_that_the_guide_asks_for(tools, tmp_path, redis):
    admin = free_port()
    server = Server(tmp_path / "server", "--admin-port", admin, DJANGO_ENV="production", REDIS_URL=redis.url, PARLEY_DRAIN_DELAY="0").start(ready=False)
    try:
        eventually(lambda: "ready" in shell(f"curl -sf http://127.0.0.1:{admin}/readyz", tmp_path).stdout, within=30)
        for text, least in ((block("Monitoring"), 7), (block("Troubleshooting", 3), 4)):
            eventually(lambda: len(shell(f"set +e\n{text.replace('8001', str(admin))}", tmp_path).stdout.splitlines()) >= least, within=40,
                       describe=lambda: shell(f"set +e\n{text.replace('8001', str(admin))}", tmp_path).stdout)
    finally:
        server.close()


def test_the_configuration_of_prometheus_is_valid(tmp_path):
    done = shell(block("Monitoring", 1), ROOT)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout


def test_the_doctor_finds_nothing_wrong_and_names_what_is(tools, tmp_path, redis, own_server):
    """A single node with Redis, then the same after Redis has gone."""
    given = {"REDIS_URL": redis.url, "REDIS_CACHE_URL": redis.url.replace("/0", "/1")}
    server = own_server("--ping-interval", "1", **given)
    text = block("Troubleshooting").replace("8000", str(server.port)).replace("parley doctor", f"parley doctor --data-dir {server.directory}/data --ping-interval 1")
    given |= {"PATH": tools(), "JWT_SECRET_KEY": KEY, "DJANGO_ENV": "development"}
    done = shell(text, tmp_path, **given)
    assert done.returncode == 0 and "failed " not in done.stdout, done.stdout
    assert {"redis", "websocket", "round_trip"} <= {line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok ")}, done.stdout
    done = shell(text, tmp_path, **given | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    assert done.returncode == 1 and re.search(r"^failed +redis ", done.stdout, re.M), done.stdout


def test_an_upgrade_through_a_proxy_is_found(server, tmp_path):
    balancer = Balancer("nginx", [server.address])
    try:
        done = shell(block("Troubleshooting", 1).replace("8000", str(balancer.port)), tmp_path)
        assert done.stdout.strip() == "HTTP/1.1 101 Switching Protocols"
        without = re.sub(r"-H '(Connection|Upgrade): \w+'", "", block("Troubleshooting", 1))
        assert " 426 " in shell(without.replace("8000", str(balancer.port)), tmp_path).stdout
    finally:
        balancer.close()


def test_redis_answers_a_ping(redis, tmp_path):
    assert shell(block("Troubleshooting", 2).replace("6379", str(redis.port)), tmp_path).stdout == "PONG\n"


def test_links_of_the_page_have_targets():
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", TEXT):
        assert pathlib.Path(ROOT, "docs", target).exists(), target


def test_metrics_on_the_page_exist(server):
    names = set(re.findall(r"`(parley_\w+)`", TEXT))
    text = httpx.get(f"{server.url}/metrics").text
    with_redis = {"parley_redis_memory_bytes", "parley_redis_clients", "parley_redis_commands_total"}
    assert names and not [name for name in names - with_redis if name not in text]
