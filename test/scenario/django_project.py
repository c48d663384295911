"""A Django project made with the guide's lines, in a folder of its own, with real servers and a real Parley."""
import os
import signal
import subprocess
import threading

import httpx
import pytest

from deadline import eventually, patient
from server import KEY, ROOT, free_port

PACKAGE = f"{ROOT}/clients/django/src"
ASGI = "from messaging.asgi import application\n"
HELPER = """
from messaging.config import MessagingConfig

# In your Django settings.py
MessagingConfig.configure_django_settings(globals())
"""
KEY_LINES = f"""
SECRET_KEY = {KEY!r}
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "your_project.urls"
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("hello/", lambda request: HttpResponse("hello from Django"))]
"""
SERVERS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}", "{application}"],
    "uvicorn": ["uvicorn", "{application}", "--host", "127.0.0.1", "--port", "{port}"],
    "hypercorn": ["hypercorn", "{application}", "--bind", "127.0.0.1:{port}",
                  "--websocket-ping-interval", "2"],  # without pings, old versions never notice a client that left,
    "runserver": ["manage.py", "runserver", "127.0.0.1:{port}"],
}
ENVIRONMENTS = ["newest", "minimum"]  # of ./dev test; ./dev django-matrix names others


def environments():
    return os.environ.get("PARLEY_DJANGO_ENVIRONMENTS", " ".join(ENVIRONMENTS)).split()


def python_of(name):
    """The interpreter of build/django-NAME, which ./dev makes."""
    python = f"{ROOT}/build/django-{name}/bin/python"
    if not os.path.exists(python):
        pytest.skip(f"build/django-{name} does not exist: ./dev scenario makes it")
    return python


def variables(**more):
    """The environment of a project's processes: nothing of the caller's Django or Parley settings."""
    clean = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    clean.update(PATH="/usr/bin:/bin", PYTHONPATH=PACKAGE, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
    clean.update(more)
    return {name: str(value) for name, value in clean.items() if value is not None}


class Project:
    def __init__(self, directory, environment="newest", settings=HELPER, urls=URLS):
        self.directory, self.environment = str(directory), environment
        self.python = python_of(environment)
        os.makedirs(self.directory)
        subprocess.run([self.python, "-m", "django", "startproject", "your_project", "."], cwd=self.directory,
                       env=variables(), check=True)
        with open(f"{self.directory}/your_project/settings.py", "a") as file:
            file.write(KEY_LINES + settings)
        self.write("your_project/asgi.py", ASGI)
        self.write("your_project/urls.py", urls)

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w") as file:
            file.write(text)

    def manage(self, *arguments, **more):
        """Runs manage.py to its end."""
        return subprocess.run([self.python, "manage.py", *arguments], cwd=self.directory, env=variables(**more), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=patient(60))

    def serve(self, kind, *options, **more):
        return Serving(self, kind, options, more).start()


class Serving:
    """One running ASGI server of a project."""

    def __init__(self, project, kind, options, more, ready_path="/hello/", application="your_project.asgi:application"):
        self.project, self.kind, self.port, self.ready_path = project, kind, free_port(), ready_path
        program, *arguments = [part.format(port=self.port, application=application) for part in SERVERS[kind]]
        folder = os.path.dirname(project.python)
        program = [project.python, program] if program == "manage.py" else [project.python, f"{folder}/{program}"]
        self.command = [*program, *arguments, *options]
        self.variables = variables(**more)
        self.log, self.process, self.clients = "", None, set()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def start(self):
        self.process = subprocess.Popen(self.command, cwd=self.project.directory, env=self.variables, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read_log, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        eventually(self._answers, within=30, describe=lambda: f"{self.kind} is not ready:\n{self.log}")
        return self

    def _read_log(self, pipe):
        for line in pipe:
            self.log += line.decode(errors="replace")

    def _answers(self):
        assert self.process.poll() is None, f"{self.kind} ended with {self.process.returncode}:\n{self.log}"
        try:
            return httpx.get(self.url + self.ready_path, timeout=patient(5)).status_code == 200
        except httpx.TransportError:
            return False

    def processes(self):
        """The command lines of this server and of what it started."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as line, open(f"/proc/{pid}/environ") as environ:
                    if f"DJANGO_PROJECT_MARK={self.variables.get('DJANGO_PROJECT_MARK')}" in environ.read().split("\0"):
                        found[int(pid)] = line.read().replace("\0", " ")
            except OSError:
                pass
        return found

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        try:
            return self.process.wait(patient(20))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"{self.kind} did not end after {how}:\n{self.log}")
