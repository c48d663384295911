"""manage.py messaging_config and messaging_check, as an operator uses them."""
import re
import socket
import subprocess

import pytest

from deadline import eventually
from django_project import HELPER, Project, environments, variables
from fake_clock import shifted
from postgres import Postgres
from server import BINARY, KEY, Server, free_port, run

PRODUCTION = HELPER + """
DEBUG = False
ALLOWED_HOSTS = ["chat.example", ".shop.example"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
"""
POSTGRES = """
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "parley", "PASSWORD": "p@ss/word",
                         "HOST": "127.0.0.1", "PORT": "%d"}}
"""


@pytest.fixture
def project(tmp_path):
    """project(settings, …): a project of the first environment."""
    return lambda settings=HELPER, environment=environments()[0]: Project(tmp_path / "site", environment, settings=settings)


@pytest.fixture
def parley(tmp_path):
    """parley("parley.toml text", options…): a running Parley of that configuration."""
    started = []

    def begin(configuration, *options, port=None, **more):
        (tmp_path / "parley.toml").write_text(configuration)
        unset = {"DJANGO_ENV": None, "JWT_SECRET_KEY": None, **more}
        server = Server(tmp_path, "--config", tmp_path / "parley.toml", "--drain-delay", 0, *options, port=port, **unset)
        started.append(server)
        return server.start()

    yield begin
    for server in started:
        server.close()


def lines(done):
    return [line for line in done.stdout.splitlines() if line.startswith(("error: ", "warning: "))]


@pytest.mark.parametrize("environment", environments())
@pytest.mark.parametrize("django_env, settings", [("development", HELPER), ("production", PRODUCTION)])
def test_the_printed_file_is_a_valid_configuration(tmp_path, redis, environment, django_env, settings):
    project = Project(tmp_path / "site", environment, settings=settings)
    more = {"DJANGO_ENV": django_env, "REDIS_URL": redis.url}
    printed = project.manage("messaging_config", PARLEY_BIN=BINARY, **more)
    assert printed.returncode == 0, printed.stderr
    (tmp_path / "parley.toml").write_text(printed.stdout)
    (tmp_path / "parley.toml").chmod(0o600)
    checked = run("config", "check", "--config", str(tmp_path / "parley.toml"), directory=tmp_path, DJANGO_ENV=None, JWT_SECRET_KEY=None)
    assert checked.returncode == 0, checked.stdout
    assert f'env = "{django_env}"' in printed.stdout and f'secret_key = "{KEY}"' in printed.stdout
    assert f'url = "{redis.url}"' in printed.stdout and "guide = " in printed.stdout
    everything = project.manage("messaging_config", PARLEY_BIN="/nowhere", **more).stdout
    assert '\n[compat]\nguide = "on"\n' in everything and "not available" not in everything
    assert ("\ncapacity = 1500\n" in everything) == (django_env == "production")


def test_the_file_follows_the_settings(project):
    settings = HELPER + POSTGRES % 5433 + """
SIMPLE_JWT = {"ALGORITHM": "RS256", "VERIFYING_KEY": "PEM", "ISSUER": "shop", "AUDIENCE": "chat"}
MESSAGING_API_PREFIXES = ["/api/messaging", "/api/v1/messaging"]
CHANNEL_LAYERS["default"]["CONFIG"].update(hosts=[("redis-1", 6379), {"address": "redis://redis-2:6379/0"}], prefix="shop",
                                           symmetric_encryption_keys=["k1"], channel_capacity={"parley.*": 9})
"""
    text = project(settings).manage("messaging_config", PARLEY_URL="unix:/run/parley.sock").stdout
    for line in ('uds = "/run/parley.sock"', 'api_prefixes = ["/api/messaging", "/api/v1/messaging"]', 'algorithm = "RS256"',
                 'public_key = "jwt_public_key.pem"', 'issuer = "shop"', 'audience = "chat"', 'prefix = "shop"',
                 'url = "postgresql://parley:p%40ss%2Fword@127.0.0.1:5433/postgres"', 'symmetric_encryption_keys = ["k1"]',
                 'hosts = ["redis://redis-1:6379", "redis://redis-2:6379/0"]', 'channel_capacity = ["parley.*=9"]'):
        assert f"\n{line}\n" in text, text
    assert "secret_key" not in text


@pytest.mark.proves("Django package: messaging_config, messaging_check, checks")
@pytest.mark.parametrize("environment", environments())
def test_nothing_is_wrong_with_the_printed_file(tmp_path, parley, redis, environment):
    project = Project(tmp_path / "site", environment, settings=PRODUCTION)
    more = {"DJANGO_ENV": "production", "REDIS_URL": redis.url}
    server = parley(project.manage("messaging_config", PARLEY_BIN=BINARY, **more).stdout)
    checked = project.manage("messaging_check", PARLEY_URL=server.url, **more)
    assert (checked.returncode, checked.stdout) == (0, f"{server.url}: no errors, 0 warning(s)\n"), checked.stderr
    served = project.manage("messaging_check", "--url", server.url, **more)
    assert served.returncode == 0, served.stdout


@pytest.mark.proves("Django package: messaging_config, messaging_check, checks")
@pytest.mark.parametrize("change, options, finding", [
    (("secret_key = .*", 'secret_key = "another key that is long enough for HS256"'), (), "error: Parley refuses a token signed with this"),
    (("allowed_hosts = .*", 'allowed_hosts = ["chat.example"]'), (), "error: Parley does not serve the host www.shop.example"),
    (("allowed_hosts = .*", 'allowed_hosts = ["chat.example", ".shop.example"]\napi_prefixes = ["/other"]'), (),
     "error: Parley does not serve the API under /api/messaging/"),
    (None, ("--auth-issuer", "other"), "error: Parley refuses a token signed with this"),
    ((r'(?m)^url = "redis.*$', ""), (), "warning: No Parley is connected to the channel layer's Redis"),
])
def test_what_differs_is_found(project, parley, redis, change, options, finding):
    site = project(PRODUCTION)
    more = {"DJANGO_ENV": "production", "REDIS_URL": redis.url}
    configuration = site.manage("messaging_config", PARLEY_BIN=BINARY, **more).stdout
    if change:
        changed = re.sub(*change, configuration)
        assert changed != configuration
        configuration = changed
    server = parley(configuration, *options)
    checked = site.manage("messaging_check", PARLEY_URL=server.url, **more)
    assert any(line.startswith(finding) for line in lines(checked)), checked.stdout + checked.stderr
    assert checked.returncode == (1 if finding.startswith("error") else 0)


def test_a_parley_on_another_machine_has_to_trust_this_one(project, parley, redis):
    """Parley sees this machine's own address instead of loopback, as from another machine."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has only a loopback address")
    site, more = project(PRODUCTION), {"DJANGO_ENV": "production", "REDIS_URL": redis.url}
    configuration = site.manage("messaging_config", PARLEY_BIN=BINARY, PARLEY_URL="http://0.0.0.0:8001", **more).stdout
    port = free_port()
    parley(configuration, port=port, listen=["--host", "0.0.0.0", "--port", str(port)])
    checked = site.manage("messaging_check", PARLEY_URL=f"http://{address}:{port}", **more)
    assert "error: Parley does not trust this machine as a proxy: add its address to forwarded_allow_ips." in lines(checked), checked.stdout


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


def test_a_server_that_is_not_there_or_not_parley(project, redis):
    site, more = project(), {"REDIS_URL": redis.url}
    gone = site.manage("messaging_check", PARLEY_URL=f"http://127.0.0.1:{free_port()}", **more)
    assert gone.returncode == 1 and "error: No server answers at" in gone.stdout
    other = site.manage("messaging_check", PARLEY_URL=f"http://127.0.0.1:{redis.port}", **more)
    assert other.returncode == 1 and "does not speak HTTP" in other.stdout
    unset = site.manage("messaging_check", **more)
    assert unset.returncode == 1 and "error: PARLEY_URL is not set" in unset.stdout


def test_redis_and_clock(project, parley, redis):
    site = project(HELPER)
    server = parley(site.manage("messaging_config", PARLEY_BIN=BINARY, REDIS_URL=redis.url).stdout)
    down = site.manage("messaging_check", PARLEY_URL=server.url, REDIS_URL=f"redis://:secret@127.0.0.1:{free_port()}/0")
    assert down.returncode == 1 and "error: The Redis of the channel layer" in down.stdout and "secret" not in down.stdout
    late = subprocess.run([site.python, "manage.py", "messaging_check"], cwd=site.directory, text=True,
                          capture_output=True, env=variables(PARLEY_URL=server.url, REDIS_URL=redis.url, **shifted("-60s")))
    assert late.returncode == 1, late.stdout + late.stderr
    ahead = re.search("error: The clock of Parley is ([0-9]+) s ahead of this machine's", late.stdout)
    assert ahead and 50 <= int(ahead[1]) <= 61, late.stdout  # an answer takes its time, and its Date has whole seconds
    assert "error: The clock of Redis at" in late.stdout


def test_the_database(tmp_path, parley, redis):
    database = Postgres().start()
    try:
        site = Project(tmp_path / "site", environments()[0], settings=HELPER + POSTGRES % database.port)
        server = parley("", REDIS_URL=redis.url, DATABASE_URL=None, JWT_SECRET_KEY=KEY, DJANGO_ENV="development")

        def findings():
            return "\n".join(lines(site.manage("messaging_check", PARLEY_URL=server.url, REDIS_URL=redis.url)))

        assert "warning: Parley does not use the project's database" in findings()
        database.ask("CREATE TABLE messaging_conversation (id uuid)")
        assert "error: The project's database has the tables of the original messaging system" in findings()
        database.ask("DROP TABLE messaging_conversation")
        assert run("migrate", directory=tmp_path, DATABASE_URL=database.url).returncode == 0
        assert findings() == ""
    finally:
        database.close()
    eventually(lambda: "error: The project's database does not answer" in findings())
