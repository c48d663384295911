#!/usr/bin/env python3
"""Counts the instructions that the server executes per operation, with callgrind, and compares them with bench/instructions.txt.

    bench/instructions.py [--accept] [--baseline FILE] [--program FILE] [PATH...]

Exits with 1 if a path costs more than LIMIT above the baseline. See bench/README.md."""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 0.05  # of the baseline
LEAST_SHARE = 0.003  # functions below this share of a path are not stored
MEMORY = "/dev/shm"  # the time of fsync varies, and some work of the server depends on time
CLIENT_THREAD = 1  # runs the client and the preparations
HEADER = "# Instructions per operation, and the functions with the largest own cost. Written by './dev instructions --accept'."
Path = collections.namedtuple("Path", "total functions")  # instructions per operation; the functions' own costs by name


class BadBaseline(Exception):
    """The message has the line and what is wrong with it."""


def parse_baseline(text):
    """Returns the environment and the paths, each by name."""
    environment, paths, current = {}, {}, None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"environment (\w+) (\S.*)|path (\w+) ([1-9]\d*)|  ([1-9]\d*) (\S.*)", line)
        if not match:
            raise BadBaseline(f"line {number}: not 'environment NAME VALUE', 'path NAME COUNT' or '  COUNT FUNCTION': {line!r}")
        key, value, path, total, cost, function = match.groups()
        if function and current is None:
            raise BadBaseline(f"line {number}: a function before the first path")
        if (key in environment) or (path in paths) or (function and function in current.functions):
            raise BadBaseline(f"line {number}: {key or path or function} appears twice")
        if key:
            environment[key] = value
        elif path:
            current = paths[path] = Path(int(total), {})
        else:
            current.functions[function] = int(cost)
            if sum(current.functions.values()) > current.total:
                raise BadBaseline(f"line {number}: the functions cost more than their path")
    if "compiler" not in environment or not paths:
        raise BadBaseline("no 'environment compiler', or no path")
    return environment, paths


def format_baseline(environment, paths):
    lines = [HEADER] + [f"environment {name} {value}" for name, value in environment.items()]
    for name, path in paths.items():
        lines += ["", f"path {name} {path.total}"]
        stored = [(cost, function) for function, cost in path.functions.items() if cost >= path.total * LEAST_SHARE]
        lines += [f"  {cost} {function}" for cost, function in sorted(stored, key=lambda row: (-row[0], row[1]))]
    return "\n".join(lines) + "\n"


def short_name(function):
    """A function's name without parameters and template arguments, which would fill the report."""
    if re.fullmatch(r"0x[0-9a-f]+", function):
        return "(functions without a symbol)"  # static functions and call stubs of shared libraries
    name = re.sub(r"'\d+$", "", function).replace("(anonymous namespace)", "{anonymous}").replace("operator()", "{call}")
    name = re.sub(r"operator(<=>|<<|>>|->|<|>)", "{operator}", name)
    while (shorter := re.sub(r"<[^<>]*>|\([^()]*\)", "", name)) != name:
        name = shorter
    words = [word for word in name.split() if "::" in word or "{" in word] or name.split()
    return words[-1] if words else function


def own_costs(callgrind_out):
    """The own cost of each function in a file of callgrind, by short name."""
    costs, names, current, skip = collections.Counter(), {}, None, False
    for line in callgrind_out.splitlines():
        if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            kind, number, name = match.groups()
            if name is not None:
                names[number] = short_name(name)
            if kind == "fn":
                current = names[number]
        elif line.startswith("calls="):
            skip = True  # the next line is the cost of the called function
        elif re.match(r"[+\-*\d]+ \d+$", line):
            if not skip and current is not None:
                costs[current] += int(line.split()[1])
            skip = False
    return costs


def measure(program, name):
    """Runs one path under callgrind. Returns the environment and the Path."""
    with tempfile.TemporaryDirectory(prefix="parley-instructions-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as scratch:
        out = pathlib.Path(scratch, "out")
        command = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes", "--dump-line=no", "--fair-sched=yes",
                   f"--callgrind-out-file={out}", str(program), name, str(pathlib.Path(scratch, "data"))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise SystemExit(f"instructions: {name} failed with {done.returncode}\n{done.stdout}{done.stderr}")
        words = [line.split(" ", 2) for line in done.stdout.splitlines()]
        environment = {row[1]: row[2] for row in words if row[0] == "environment"}
        operations = next(int(row[1]) for row in words if row[0] == "operations")
        costs = collections.Counter()
        for file in out.parent.glob("out-*"):
            if int(file.name.removeprefix("out-")) != CLIENT_THREAD:
                costs += own_costs(file.read_text())
    functions = {function: round(cost / operations) for function, cost in costs.items() if cost >= operations}
    return environment, Path(round(sum(costs.values()) / operations), functions)


def measure_all(program, names):
    names = names or subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    with concurrent.futures.ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
        results = list(pool.map(lambda name: measure(program, name), names))
    return results[0][0], dict(zip(names, (path for _, path in results)))


def growth(before, after, most=8):
    """The functions whose own cost grew the most, as lines. What the baseline does not have was below LEAST_SHARE."""
    grown = {function: cost - before.functions.get(function, 0) for function, cost in after.functions.items()}
    ranked = sorted(grown.items(), key=lambda row: -row[1])[:most]
    return [f"    {by:+,} {function} ({before.functions.get(function, 0):,} before)" for function, by in ranked if by > before.total * LEAST_SHARE]


def compare(baseline, measured, selected=()):
    """Returns the report, as lines, and whether the guard fails. Each argument is (environment, paths)."""
    (environment, paths), (environment_now, paths_now) = baseline, measured
    lines, failed, accept = [], False, False
    differences = [f"{key} {environment.get(key)} before, {environment_now.get(key)} now" for key in sorted({*environment, *environment_now})
                   if environment.get(key) != environment_now.get(key)]
    for name, now in paths_now.items():
        if name not in paths:
            lines.append(f"{name}: {now.total:,} instructions, not in the baseline")
            failed = accept = True
            continue
        before = paths[name]
        ratio = now.total / before.total - 1
        lines.append(f"{name}: {now.total:,} instructions, {ratio:+.1%} from {before.total:,}")
        if now.total > before.total * (1 + LIMIT):
            lines += [f"  more than {LIMIT:.0%} above the baseline. Functions that grew:", *growth(before, now)]
            failed = accept = True
        elif ratio < -LIMIT:
            lines.append(f"  more than {LIMIT:.0%} below the baseline: store the better figure")
            accept = True
    if not selected:
        for name in paths.keys() - paths_now.keys():
            lines.append(f"{name}: in the baseline, but the program no longer has it")
            failed = accept = True
    if differences:
        lines.append(f"The baseline comes from another environment, so this is a report and not a failure: {'; '.join(differences)}")
        failed = False
    if accept:
        lines.append("If the change is intended, store the new figures: ./dev instructions --accept")
    return lines, failed


def main():
    options = argparse.ArgumentParser(description="Count the instructions of four paths of the server and compare them with the baseline.")
    options.add_argument("--accept", action="store_true", help="store what is measured as the new baseline")
    options.add_argument("--baseline", type=pathlib.Path, default=ROOT / "bench/instructions.txt")
    options.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bench/parley_instructions")
    options.add_argument("paths", nargs="*", help="measure only these paths")
    given = options.parse_args()
    if given.accept and given.paths and given.baseline == ROOT / "bench/instructions.txt":
        options.error("--accept stores all paths: name none")
    try:
        baseline = None if given.accept else parse_baseline(given.baseline.read_text())
    except (BadBaseline, OSError) as error:
        raise SystemExit(f"instructions: {given.baseline}: {error}\nWrite a new baseline: ./dev instructions --accept") from None
    measured = measure_all(given.program, given.paths)
    if given.accept:
        given.baseline.write_text(format_baseline(*measured))
        for name, path in measured[1].items():
            print(f"{name}: {path.total:,} instructions, stored")
        return 0
    lines, failed = compare(baseline, measured, given.paths)
    print("\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
