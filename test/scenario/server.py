"""A parley process with its own port, data directory and log."""
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import threading
import time
import weakref

import httpx

import fake_clock
from deadline import eventually, patient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("PARLEY_BINARY", f"{ROOT}/build/release/parley"))
KEY = "the key that scenarios sign tokens with; long enough for every HS algorithm"
SANITIZER_REPORTS = ("Sanitizer:", "runtime error:")

# httpx does not load CA certificates, which takes 25 ms for each client and each httpx.get(). Tests of TLS set their own.
os.environ["SSL_CERT_DIR"] = "/nonexistent"
os.environ.pop("SSL_CERT_FILE", None)


def _ports():
    """Yields ports below the kernel's ephemeral range (32768 and up). Each pytest worker has its own block and reuses a port
    late, so that a port is still free when a server restarts on it after a kill."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    first, count = 10_000 + worker * 1_400, 1_400
    return (first + (os.getpid() + number) % count for number in itertools.count())


_next_ports = _ports()


def free_port():
    while True:
        port = next(_next_ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def environment(**variables):
    """Returns the environment for parley without the caller's PARLEY_* settings. A value of None removes a variable."""
    kept = ("PATH", "HOME", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
    clean = {name: os.environ[name] for name in kept if name in os.environ}
    clean.update({"DJANGO_ENV": "development", "JWT_SECRET_KEY": KEY})
    clean.update(variables)
    return {name: value for name, value in clean.items() if value is not None}


def run(*arguments, directory, **variables):
    """Runs a parley command until it exits."""
    return subprocess.run(
        [BINARY, *arguments], cwd=directory, env=environment(**variables), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(30))


class Server:
    def __init__(self, directory, *options, port=None, listen=None, **variables):
        """`listen` replaces the options for the address; `variables` are environment variables. command[0] is the binary."""
        self.directory = str(directory)
        self.port = port or free_port()
        where = listen if listen is not None else ["--host", "127.0.0.1", "--port", str(self.port)]
        self.command = [BINARY, "serve", *where, "--data-dir", f"{self.directory}/data",
                        *map(str, options)]
        self.variables = variables
        self.process = None
        self.log = ""
        self.clients = weakref.WeakSet()  # REST clients

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def start(self, ready=True):
        os.makedirs(self.directory, exist_ok=True)
        self.process = subprocess.Popen(
            self.command, cwd=self.directory, env=environment(**self.variables),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read_log, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        if ready:
            eventually(self._answers, within=20, describe=lambda: f"parley is not ready:\n{self.log}")
        return self

    def _read_log(self, pipe):
        for line in pipe:
            self.log += line.decode(errors="replace")

    def _answers(self):
        if self.process.poll() is not None:
            self.reader.join(5)
            raise AssertionError(f"parley ended with {self.process.returncode}:\n{self.log}")
        return self.ready()

    def ready(self, within=2):
        try:
            return httpx.get(f"{self.url}/readyz", timeout=patient(within)).status_code == 200
        except httpx.TransportError:
            return False

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, within=40):
        status = self.process.wait(patient(within))
        self.reader.join(5)
        fake_clock.remove_leftovers(self.process.pid)
        return status

    def stop(self):
        """Sends SIGTERM, and returns the exit status."""
        if self.process.poll() is None:
            self.terminate()
        return self.wait()

    def kill(self):
        """Sends SIGKILL: nothing is flushed."""
        self.process.kill()
        return self.wait()

    def memory(self, what="RssAnon"):
        """Resident memory in bytes: RssAnon without, VmRSS with the pages of mapped files, such as the store's."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(what)) << 10

    def metric(self, name, **labels):
        """Returns the sum of all samples with that name and these labels; 0 if there is none."""
        total = 0.0
        for line in httpx.get(f"{self.url}/metrics", timeout=patient(5)).text.splitlines():
            sample, _, value = line.rpartition(" ")
            found, _, rest = sample.partition("{")
            if found == name and all(f'{key}="{text}"' in rest for key, text in labels.items()):
                total += float(value)
        return total

    def close(self):
        """Ends the process whatever its state, and fails if a sanitizer reported an error."""
        for client in list(self.clients):
            client.close()  # otherwise the server waits 2 s for each client to close idle connections
        if self.process and self.process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.wait()
                raise AssertionError("parley did not end after SIGTERM")
        for report in SANITIZER_REPORTS:
            assert report not in self.log, self.log


def wait_until(moment):
    """Sleeps until the wall clock reads `moment`, for events that depend on the clock, such as expiry."""
    time.sleep(max(0.0, moment - time.time()))


def livez(path):
    """Returns the status of GET /livez over a Unix socket; None if it cannot be reached."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=patient(5)) as client:
            return client.get("http://localhost/livez").status_code
    except httpx.TransportError:
        return None
