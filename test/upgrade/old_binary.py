"""The binary of version 0.1.0, which `./dev upgrade` builds."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "test", "chaos"), os.path.join(ROOT, "test", "scenario")]

OLD = os.environ.get("PARLEY_OLD_BINARY", f"{ROOT}/build/upgrade/build/parley")
