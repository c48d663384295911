"""The guard that compares instruction counts of the server with bench/instructions.txt."""
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from server import BINARY, ROOT

TOOL = pathlib.Path(ROOT, "bench", "instructions.py")
PROGRAM = pathlib.Path(BINARY).parent / "bench" / "parley_instructions"
_spec = importlib.util.spec_from_file_location("instructions", TOOL)
instructions = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(instructions)

SAME = {"compiler": "g++ 12"}


def compared(before, after, environment=SAME, **functions):
    baseline = SAME, {"send": instructions.Path(before, {"Parse": before // 2})}
    return instructions.compare(baseline, (environment, {"send": instructions.Path(after, functions)}))


def test_a_path_more_than_5_percent_above_the_baseline_fails_and_names_the_functions_that_grew():
    lines, failed = compared(1000, 1051, Parse=520, Copy=31)
    assert failed and lines[0] == "send: 1,051 instructions, +5.1% from 1,000"
    assert lines[2:4] == ["    +31 Copy (0 before)", "    +20 Parse (500 before)"]
    assert "./dev instructions --accept" in lines[-1]


def test_a_path_within_5_percent_of_the_baseline_passes():
    assert [compared(1000, after)[1] for after in (951, 1000, 1050)] == [False] * 3


def test_a_path_more_than_5_percent_below_the_baseline_asks_to_store_the_better_figure():
    lines, failed = compared(1000, 949)
    assert not failed and "store the better figure" in lines[1] and "./dev instructions --accept" in lines[-1]


def test_another_compiler_is_reported_and_does_not_fail():
    lines, failed = compared(1000, 2000, {"compiler": "g++ 13"})
    assert not failed and any("compiler g++ 12 before, g++ 13 now" in line for line in lines)


def test_paths_that_only_one_side_has_fail():
    old, new = {"send": instructions.Path(10, {})}, {"resume": instructions.Path(10, {})}
    lines, failed = instructions.compare((SAME, old), (SAME, new))
    assert failed and lines[0].startswith("resume: ") and "no longer has it" in lines[1]


def test_a_baseline_reads_back_what_was_written():
    paths = {"send": instructions.Path(1000, {"parley::Hub::Send": 600, "free": 400}), "resume": instructions.Path(50, {})}
    assert instructions.parse_baseline(instructions.format_baseline(SAME, paths)) == (SAME, paths)


@pytest.mark.parametrize("line", ["nonsense", "path send", "path send -1", "path send 0", "path send 1.5", "  x Parse", "  5", "environment compiler",
                                  "path send 7\npath send 8", "path send 7\n  3 f\n  3 f", "path send 7\n  8 f", "environment compiler again"])
def test_a_baseline_with_nonsense_is_rejected(line):
    with pytest.raises(instructions.BadBaseline, match="line"):
        instructions.parse_baseline(f"environment compiler g++ 12\n{line}\n")


@pytest.mark.parametrize("text", ["", "environment compiler g++ 12\n", "path send 7\n", "  5 Parse\n"])
def test_an_incomplete_baseline_is_rejected(text):
    with pytest.raises(instructions.BadBaseline):
        instructions.parse_baseline(text)


@pytest.mark.parametrize("full, short", [
    ("parley::Hub::Send(parley::NewMessage, std::function<void (int)>)'2", "parley::Hub::Send"),
    ("void std::vector<int, std::allocator<int> >::push_back<int>(int&&)", "std::vector::push_back"),
    ("parley::(anonymous namespace)::Parse(char const*)", "parley::{anonymous}::Parse"),
    ("operator new[](unsigned long)", "new[]"), ("sqlite3VdbeExec", "sqlite3VdbeExec"), ("0x0000000004b9de28", "(functions without a symbol)")])
def test_function_names_are_shortened(full, short):
    assert instructions.short_name(full) == short


def test_the_stored_baseline_is_valid():
    environment, paths = instructions.parse_baseline((TOOL.parent / "instructions.txt").read_text())
    assert {"send", "fanout", "resume", "token_hs256"} <= paths.keys()
    assert set(environment) == {"compiler", "sqlite", "openssl", "cpu"}


@pytest.mark.skipif(not PROGRAM.exists() or shutil.which("valgrind") is None, reason="needs the program of ./dev instructions and valgrind")
def test_a_path_that_runs_twice_is_caught_and_an_unchanged_one_passes(tmp_path):
    def guard(*arguments, **variables):
        return subprocess.run([sys.executable, TOOL, "--baseline", tmp_path / "baseline", "--program", PROGRAM, *arguments, "resume"], text=True,
                              capture_output=True, env=os.environ | variables)

    assert guard("--accept").returncode == 0
    unchanged = guard()
    assert unchanged.returncode == 0, unchanged.stdout + unchanged.stderr
    slower = guard(PARLEY_INSTRUCTIONS_TWICE="resume")
    assert slower.returncode == 1 and "resume: " in slower.stdout and "Functions that grew:" in slower.stdout, slower.stdout + slower.stderr
    assert "./dev instructions --accept" in slower.stdout
