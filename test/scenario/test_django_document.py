"""The blocks of docs/django.md run, and the guide's own lines do what they say."""
import pathlib
import re
import subprocess

import pytest

from client import Person
from deadline import patient
from django_project import Project, environments, variables
from server import BINARY, ROOT, Server, free_port

TEXT = pathlib.Path(ROOT, "docs/django.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S)
GUIDE = """
INSTALLED_APPS += [
    'channels',
    'messaging',
]

ASGI_APPLICATION = 'messaging.asgi.application'

import os

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [os.environ.get('REDIS_URL', 'redis://localhost:6379/0')],
            "capacity": 1500,
            "expiry": 60,
            "group_expiry": 86400,  # 1 day in seconds
        },
    },
}

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": os.environ.get('REDIS_URL', 'redis://localhost:6379/1'),
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "SOCKET_CONNECT_TIMEOUT": 5,
            "SOCKET_TIMEOUT": 5,
            "CONNECTION_POOL_KWARGS": {"max_connections": 100},
            "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor",
            "IGNORE_EXCEPTIONS": True,
        }
    }
}
"""


def block(beginning, kind="python"):
    """The only block that begins so."""
    [found] = [text for of, text in BLOCKS if of == kind and text.startswith(beginning)]
    return found


def asgi_blocks():
    return [text for kind, text in BLOCKS if kind == "python" and text.startswith("# your_project/asgi.py")]


def test_every_block_is_run_here():
    assert [kind for kind, _ in BLOCKS] == ["text", "python", "python", "python", "sh", "sh", "python"]


def test_settings_and_asgi(tmp_path):
    for number, asgi in enumerate(asgi_blocks()):
        project = Project(tmp_path / f"site-{number}", environments()[0], settings=block("# settings.py"))
        project.write("your_project/asgi.py", asgi)
        assert project.manage("check").returncode == 0
        imported = subprocess.run([project.python, "-c", "import your_project.asgi as a; print(type(a.application).__name__)"],
                                  cwd=project.directory, env=variables(), text=True, capture_output=True, timeout=patient(60))
        assert imported.stdout == "MessagingApplication\n", imported.stderr
        serving = project.serve("uvicorn", PARLEY_BIN=BINARY, DJANGO_ENV="development")
        try:
            assert Person(serving, "ann").rest.get("conversations/").status_code == 200
        finally:
            serving.stop()


def test_production(tmp_path):
    project, port = Project(tmp_path / "site", environments()[0]), free_port()
    more = {"PARLEY_BIN": BINARY, "PARLEY_URL": f"http://127.0.0.1:{port}", "PATH": f"{project.directory}/bin:/usr/bin:/bin"}
    pathlib.Path(project.directory, "bin").mkdir()
    project.write("bin/python", f'#!/bin/sh\nexec {project.python} "$@"\n')
    pathlib.Path(project.directory, "bin/python").chmod(0o755)

    def shell(text):
        return subprocess.run(["bash", "-ec", text.replace("8001", str(port))], cwd=project.directory, env=variables(**more),
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(60))

    done = shell(block("python manage.py messaging_config", "sh"))
    assert done.returncode == 0, done.stdout
    assert pathlib.Path(project.directory, "parley.toml").stat().st_mode & 0o777 == 0o600
    server = Server(project.directory, "--config", f"{project.directory}/parley.toml", port=port, listen=[], DJANGO_ENV=None,
                    JWT_SECRET_KEY=None).start()
    try:
        checked = shell(block("export PARLEY_URL", "sh"))
        assert "no errors" in checked.stdout or "Redis" in checked.stdout, checked.stdout
        assert not [line for line in checked.stdout.splitlines() if line.startswith("error: ") and "Redis" not in line], checked.stdout
    finally:
        server.close()


def test_groups(tmp_path):
    lines = block("from messaging.groups").splitlines()
    program = "\n".join([lines[0], *(f"print({line.partition('#')[0].strip()})" for line in lines[2:])])
    project = Project(tmp_path / "site", environments()[0])
    printed = project.manage("shell", "-c", program).stdout.splitlines()[-3:]
    assert printed[0] == "user_7" == lines[2].partition("#")[2].strip()
    assert re.fullmatch(r"user_x[0-9a-f]{64}", printed[1]) and printed[2] == "conversation_123e4567-e89b-12d3-a456-426614174000"


def test_each_setting_exists():
    source = "".join(path.read_text() for path in pathlib.Path(ROOT, "clients/django/src").rglob("*.py"))
    names = set(re.findall(r"`((?:PARLEY|MESSAGING)_\w+)`", TEXT))
    assert len(names) >= 6 and not [name for name in names if f'"{name}"' not in source]


@pytest.mark.proves("Django package: settings of the guide")
def test_the_guides_lines_without_the_helper(tmp_path):
    project = Project(tmp_path / "site", environments()[0], settings=GUIDE)
    serving = project.serve("daphne", PARLEY_BIN=BINARY, DJANGO_ENV="development")
    try:
        ann, bob = Person(serving, "ann"), Person(serving, "bob")
        room = ann.rest.create_group(bob)
        with bob.connect(room) as b:
            ann.rest.send_message(room, "hello")
            assert b.wait_for("message")["data"]["content"] == "hello"
    finally:
        serving.stop()
