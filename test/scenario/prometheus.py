"""A real Prometheus with the configuration of deploy/prometheus, on its own port and data folder, and its promtool."""
import contextlib
import shutil
import subprocess
import tempfile

import httpx

from deadline import eventually, patient
from metrics import ROOT
from server import free_port

DEPLOY = ROOT / "deploy/prometheus"


def promtool(*words):
    """Returns (exit status, output)."""
    done = subprocess.run(["promtool", *map(str, words)], cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=patient(60))
    return done.returncode, done.stdout


class Prometheus:
    """Scrapes and evaluates once a second, where the configuration has every 15 s, and scrapes `targets` in place of web:8000."""

    def __init__(self, targets):
        self.directory = tempfile.mkdtemp(prefix="parley-prometheus-")
        self.url = f"http://127.0.0.1:{free_port()}"
        config = (DEPLOY / "prometheus.yml").read_text()
        for old, new in ("15s", "1s"), ('["web:8000"]', str(list(targets))), ("parley-rules.yml", str(DEPLOY / "parley-rules.yml")):
            assert old in config
            config = config.replace(old, new)
        with open(f"{self.directory}/prometheus.yml", "w") as file:
            file.write(config)

    def start(self):
        with open(f"{self.directory}/log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data",
                 f"--web.listen-address={self.url.removeprefix('http://')}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self._ready, within=30, describe=self.log)
        return self

    def _ready(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/-/ready", timeout=patient(5)).status_code == 200

    def log(self):
        with open(f"{self.directory}/log") as log:
            return log.read()

    def ask(self, path, **parameters):
        """Returns the data of an answer of the API; fails if it is an error."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=patient(20))
        assert answer.status_code == 200 and answer.json()["status"] == "success", f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def query(self, expression):
        """Returns the samples of an instant query: [(labels, value)]."""
        data = self.ask("query", query=expression)
        assert data["resultType"] == "vector", expression
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(patient(20))
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self.directory, ignore_errors=True)
