"""Runs the package's own tests: `python run_tests.py`, with the package and Django on the path."""

import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path[:0] = [str(HERE / "src"), str(HERE)]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    unittest.main(module=None, argv=["tests", "discover", "-s", str(HERE / "tests"), "-t", str(HERE), *sys.argv[1:]])
