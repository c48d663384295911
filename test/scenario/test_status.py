"""The tests that docs/status.md lists are those with its markers."""
import importlib.util
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("status_tool", ROOT / "tools" / "status.py")
status = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(status)

TABLE = "| row | test | state |\n|---|---|---|\n"


def test_docs_status_lists_the_tests_with_its_markers():
    checked = subprocess.run([sys.executable, ROOT / "tools" / "status.py", "check"], text=True, capture_output=True)
    assert checked.returncode == 0, f"run tools/status.py write; these rows change:\n{checked.stdout}{checked.stderr}"


def test_every_done_row_of_docs_status_has_a_test():
    rows = [status.cells_of(line) for line in status.STATUS.read_text().splitlines() if status.is_row(line)]
    assert [row[0] for row in rows if len(row) == 3 and row[2].startswith("done") and not row[1]] == []


def test_markers_of_pytest_and_gtest_are_found():
    python = '@pytest.mark.parametrize("n", [1])\n@pytest.mark.proves("P1")\n@pytest.mark.proves("P2")\ndef test_a(n):\n    pass\n'
    assert list(status.scenario_markers(python)) == [("P1", "test_a"), ("P2", "test_a")]
    cpp = "// Proves: P0\n\n// Why.\n// Proves: P1\n// Proves: P2\nTEST_F(Suite,\n       Case) {}\nTEST(Suite, Other) {}\n"
    assert sorted(status.gtest_markers(cpp)) == [("P1", "Suite.Case"), ("P2", "Suite.Case")]


def test_a_row_of_docs_status_gets_its_tests_and_keeps_its_prose(monkeypatch):
    monkeypatch.setattr(status, "markers", lambda: {"P1 a": ["`test_b.py::test_x`", "`test_a.py::test_y`"]})
    text = TABLE + "| `P1` a | `test_old.py::test_gone`, `./dev bench` | done: most |\n| P2 | `test_old.py::test_gone` | done |\n"
    assert status.filled(text) == (TABLE + "| `P1` a | `test_a.py::test_y`, `test_b.py::test_x`, `./dev bench` | done: most |\n"
                                   "| P2 | | done |\n")


def test_a_marker_without_a_row_in_docs_status_is_an_error(monkeypatch):
    monkeypatch.setattr(status, "markers", lambda: {"P3": ["`test_a.py::test_x`"]})
    with pytest.raises(ValueError, match="P3"):
        status.filled(TABLE + "| P1 | | done |\n")
