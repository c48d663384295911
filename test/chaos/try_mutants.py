"""./dev mutants [--only TEXT] [--tries N]: builds Parleys that break a promise (mutants.py), lets each meet the fault under
which that shows, and fails unless the checker finds every one of them out."""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "mutants" / "tree"
BUILD = ROOT / "build" / "mutants" / "build"
NEEDED = ("CMakeLists.txt", "CMakePresets.json", "cmake", "src", "web")

sys.path.insert(0, str(ROOT / "test" / "scenario"))


def lay_out():
    """A copy of the sources. What has changed gets the time of now, and the rest keeps its own: that is what is built again."""
    for name in NEEDED:
        source, target = ROOT / name, TREE / name
        for old in [path for path in target.rglob("*") if path.is_file() and not (ROOT / path.relative_to(TREE)).exists()]:
            old.unlink()
        for path in [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]:
            copy = TREE / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists() or copy.read_bytes() != path.read_bytes():
                shutil.copyfile(path, copy)


def build():
    done = subprocess.run(["cmake", "--build", BUILD, "--parallel", os.environ.get("PARLEY_JOBS", str(os.cpu_count())), "--target", "parley"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"this mutant does not build:\n{done.stdout[-4000:]}")


def found_in(binary, mutant, seed):
    """The names of what the checker finds."""
    os.environ["PARLEY_BINARY"] = str(binary)
    command = [sys.executable, ROOT / "test" / "chaos", "--minutes", "0", "--seed", str(seed), "--fault", mutant.fault.__name__]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    row = next((line for line in done.stdout.splitlines() if line.startswith(mutant.fault.__name__)), "")
    if not row:
        raise SystemExit(f"the run itself failed:\n{done.stdout[-4000:]}")
    return [] if done.returncode == 0 else row.rsplit("s  ", 1)[-1].split()


def main():
    options = argparse.ArgumentParser(prog="./dev mutants", description=__doc__)
    options.add_argument("--only", default="", help="those whose name holds this")
    options.add_argument("--tries", type=int, default=3, help="runs with other seeds until it is found")
    chosen = options.parse_args()
    TREE.mkdir(parents=True, exist_ok=True)
    lay_out()
    subprocess.run(["cmake", "--preset", "release", "-S", TREE, "-B", BUILD, "-DPARLEY_TESTS=OFF"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    build()
    from mutants import MUTANTS
    survivors = []
    for mutant in [one for one in MUTANTS if chosen.only in one.name]:
        before = {TREE / name: (TREE / name).read_text() for name, *_ in mutant.changes}
        for name, old, new in mutant.changes:
            text = (TREE / name).read_text()
            assert text.count(old) == 1, f"{mutant.name}: its place is not in {name}"
            (TREE / name).write_text(text.replace(old, new))
        began = time.monotonic()
        try:
            build()
            for tries in range(1, chosen.tries + 1):
                found = found_in(BUILD / "parley", mutant, tries)
                if set(found) & set(mutant.anomalies):
                    break
            else:
                survivors.append(mutant.name)
            named = " ".join(found) or "nothing"
            print(f"{mutant.name:50} {mutant.fault.__name__:45} {named} ({tries} run{'s' * (tries > 1)}, {time.monotonic() - began:.0f} s)"
                  f"{'  NOT FOUND OUT' if mutant.name in survivors else ''}", flush=True)
        finally:
            for file, text in before.items():
                file.write_text(text)
    print("verdict: " + ("every mutant was found out" if not survivors else f"NOT FOUND OUT: {survivors}"))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
