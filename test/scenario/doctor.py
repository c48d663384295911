"""Runs `parley doctor` and compares its findings, its verdicts and its exit code with the table of codes in docs/doctor.md."""
import json
import re
import subprocess

from deadline import patient
from server import BINARY, ROOT, environment

# Verdicts about latencies, which depend on the machine of the test and what else it does.
SLOW = {"fsync_slow", "postgres_slow", "redis_slow", "round_trip_slow"}


def verdicts():
    """Returns the verdict of each code."""
    with open(f"{ROOT}/docs/doctor.md") as document:
        table = document.read().partition("\n## Codes\n")[2]
    return dict(re.findall(r"^\| `(\w+)` \| (ok|warning|failed|skipped) \|", table, re.MULTILINE))


class Doctor:
    def __init__(self, directory):
        self.directory = directory
        self.verdicts = verdicts()

    def __call__(self, *arguments, before=(), expect=None, **variables):
        """Runs the command and returns its findings above ok, by code. `before`: a command that runs it."""
        done = subprocess.run([*before, BINARY, "doctor", "--json", "--data-dir", f"{self.directory}/data", *map(str, arguments)],
                              cwd=self.directory, env=environment(**variables), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=patient(120))
        assert done.returncode in (0, 1), done.stdout + done.stderr
        self.findings = json.loads(done.stdout)["findings"]
        for one in self.findings:
            assert one["verdict"] == self.verdicts[one["code"]], one
        assert done.returncode == ("failed" in {one["verdict"] for one in self.findings}), done.stdout
        for one in self.findings:
            if one["code"] in SLOW - set(expect or ()):
                one["verdict"] = "ok"
        found = {one["code"]: one for one in self.findings if one["verdict"] not in ("ok", "skipped")}
        assert all(one["cause"] and one["fix"] for one in found.values()), found
        if expect is not None:
            assert set(found) == set(expect), self.findings
        return found

    def verdict(self, probe):
        return {one["verdict"] for one in self.findings if one["probe"] == probe}
