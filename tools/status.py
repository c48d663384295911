#!/usr/bin/env python3
"""Fills the tests of docs/status.md from markers on the tests.

A marker names a row by its first cell, without backticks:

    @pytest.mark.proves("P5 resume")          above a scenario
    // Proves: P5 resume                      directly above TEST, TEST_F or TEST_P

Everything else in docs/status.md is written by hand. Commands:

    tools/status.py check    fails unless docs/status.md is what `write` would make of it
    tools/status.py write    updates docs/status.md
"""
import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
STATUS = ROOT / "docs" / "status.md"
NAME = re.compile(r"`([\w/]+\.(?:py|cc))::([\w.]+)`")
GTEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", flags=re.M)
FOLDERS = {"test/scenario": "test_*.py", "test/contract": "*.cc", "src": "**/*_test.cc"}


def key_of(cell):
    return cell.replace("`", "").strip()


def cells_of(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def is_row(line):
    return line.startswith("|") and not set(line) <= set("|-: ") and len(cells_of(line)) >= 2


def markers():
    """{row: names of tests}, from all test files."""
    found = {}
    for folder, pattern in FOLDERS.items():
        for path in sorted((ROOT / folder).glob(pattern)):
            shown = str(path.relative_to(ROOT / folder))
            for row, test in (scenario_markers if path.suffix == ".py" else gtest_markers)(path.read_text()):
                found.setdefault(row, []).append(f"`{shown}::{test}`")
    return found


def scenario_markers(text):
    for node in ast.parse(text).body:
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
                yield decorator.args[0].value, node.name


def gtest_markers(text):
    for match in GTEST.finditer(text):
        for line in reversed(text[:match.start()].splitlines()):
            if not line.startswith("// Proves: "):
                break
            yield line.removeprefix("// Proves: "), f"{match[1]}.{match[2]}"


def filled(text):
    """docs/status.md with the tests of its rows. Raises ValueError for a marker without a row."""
    proved, rows, lines = markers(), set(), []
    for line in text.splitlines():
        if is_row(line):
            cells = cells_of(line)
            rows.add(key_of(cells[0]))
            names = sorted(proved.get(key_of(cells[0]), []))
            before, after = around(cells[1])
            if names or NAME.search(cells[1]):
                cells[1] = f"{before}{', '.join(names)}{after}"
                line = f"| {' | '.join(cells)} |".replace("|  |", "| |")
        lines.append(line)
    if unknown := sorted(set(proved) - rows):
        raise ValueError(f"no row of docs/status.md begins with: {', '.join(unknown)}")
    return "\n".join(lines) + "\n"


def around(cell):
    """What stands before and behind the names in a cell; what stands between them goes behind."""
    names = list(NAME.finditer(cell))
    if not names:
        return ("", f", {cell}" if cell.startswith("`") else f"; {cell}" if cell else "")
    inner = NAME.sub("\0", cell[names[0].start():names[-1].end()]).split("\0")
    prose = [part.strip(" ,;") for part in inner if part.strip(" ,;")]
    after = cell[names[-1].end():]
    return cell[:names[0].start()], "".join(f"; {part}" for part in prose) + after


def main(command):
    text = STATUS.read_text()
    new = filled(text)
    if command == "check":
        changed = [line for line in new.splitlines() if line not in text.splitlines()]
        print(*changed, sep="\n")
        return 1 if new != text else 0
    STATUS.write_text(new)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("check", "write"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
