"""./dev mutants [--only TEXT] [--tries N]: builds each mutant (mutants.py), runs it under its fault, and fails unless the checker
finds every mutant."""
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


def copy_sources():
    """Copies the sources. Changed files get a new time, and unchanged ones keep theirs, so that only changed files are rebuilt."""
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


def anomalies_found(binary, mutant, seed):
    """Returns the names of the anomalies that the checker finds."""
    os.environ["PARLEY_BINARY"] = str(binary)
    command = [sys.executable, ROOT / "test" / "chaos", "--minutes", "0", "--seed", str(seed), "--fault", mutant.fault.__name__]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    row = next((line for line in done.stdout.splitlines() if line.startswith(mutant.fault.__name__)), "")
    if not row:
        raise SystemExit(f"the run itself failed:\n{done.stdout[-4000:]}")
    return [] if done.returncode == 0 else row.rsplit("s  ", 1)[-1].split()


def main():
    options = argparse.ArgumentParser(prog="./dev mutants", description=__doc__)
    options.add_argument("--only", default="", help="only mutants whose name contains this text")
    options.add_argument("--tries", type=int, default=3, help="runs with different seeds until the mutant is found")
    chosen = options.parse_args()
    TREE.mkdir(parents=True, exist_ok=True)
    copy_sources()
    subprocess.run(["cmake", "--preset", "release", "-S", TREE, "-B", BUILD, "-DPARLEY_TESTS=OFF"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    build()
    from mutants import MUTANTS
    survivors = []
    for mutant in [mutant for mutant in MUTANTS if chosen.only in mutant.name]:
        before = {TREE / name: (TREE / name).read_text() for name, *_ in mutant.changes}
        for name, old, new in mutant.changes:
            text = (TREE / name).read_text()
            assert text.count(old) == 1, f"{mutant.name}: its source line is not in {name}"
            (TREE / name).write_text(text.replace(old, new))
        began = time.monotonic()
        try:
            build()
            for tries in range(1, chosen.tries + 1):
                found = anomalies_found(BUILD / "parley", mutant, tries)
                if set(found) & set(mutant.anomalies):
                    break
            else:
                survivors.append(mutant.name)
            named = " ".join(found) or "nothing"
            print(f"{mutant.name:50} {mutant.fault.__name__:45} {named} ({tries} run{'s' * (tries > 1)}, {time.monotonic() - began:.0f} s)"
                  f"{'  NOT FOUND' if mutant.name in survivors else ''}", flush=True)
        finally:
            for file, text in before.items():
                file.write_text(text)
    print("verdict: " + ("every mutant was found" if not survivors else f"NOT FOUND: {survivors}"))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
