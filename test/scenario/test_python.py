"""The Python of tests, benchmarks, tools and the Django package."""
import os
import subprocess
import sys

from deadline import patient
from server import ROOT

FOLDERS = ["bench", "clients/django", "deploy", "examples", "test", "tools"]


def test_every_name_is_defined_and_used():
    """F811 is off: pytest passes a fixture as a parameter that has the name of the import."""
    checked = subprocess.run([os.path.join(os.path.dirname(sys.executable), "ruff"), "check", "--isolated", "--no-cache",
                              "--output-format", "concise", "--select", "F,E9", "--ignore", "F811", *FOLDERS],
                             cwd=ROOT, capture_output=True, text=True, timeout=patient(60))
    assert checked.returncode == 0, checked.stdout + checked.stderr
