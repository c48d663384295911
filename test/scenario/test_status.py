"""docs/status.md names tests that exist."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`([\w/]+\.(?:py|cc))::([\w.]+)`")


def file_of(name):
    """As the head of docs/status.md says where files are."""
    folder = "test/scenario" if name.endswith(".py") else "test/contract" if "_contract.cc" in name else "src"
    return ROOT / folder / name


def has_test(name, test):
    path = file_of(name)
    if not path.exists():
        return False
    if name.endswith(".py"):
        return re.search(rf"^def {test}\(", path.read_text(), flags=re.M) is not None
    suite, _, case = test.partition(".")
    return re.search(rf"\bTEST(_F|_P)?\(\s*{suite},\s*{case}\)", path.read_text()) is not None


def test_every_test_that_the_status_names_exists():
    named = NAMED.findall((ROOT / "docs/status.md").read_text())
    assert len(named) > 300
    assert [f"{name}::{test}" for name, test in named if not has_test(name, test)] == []


def test_a_test_that_does_not_exist_is_found():
    assert has_test("test_status.py", "test_a_test_that_does_not_exist_is_found")
    assert not has_test("test_status.py", "test_a_test_that_does_not")
    assert not has_test("test_missing.py", "test_a")
    assert has_test("base/error_codes_test.cc", "ErrorCodes.StatusesAreErrors")
    assert not has_test("base/error_codes_test.cc", "ErrorCodes.Statuses")
