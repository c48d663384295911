"""The `parley` program, and what its version can do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import FrozenSet, Optional

NOT_FOUND = "no `parley` was found. Set PARLEY_BIN to its path, put it on PATH, or set PARLEY_URL to a running server."

_OPTION = re.compile(r"\| `(\w+)` \| `PARLEY_\w+`.*\|")


def find() -> Optional[str]:
    """`PARLEY_BIN`, else `parley` on the path."""
    named = os.environ.get("PARLEY_BIN")
    if named:
        return shutil.which(named)
    return shutil.which("parley")


def options(program: str) -> FrozenSet[str]:
    """The options that this version has and uses, as `section.key`; empty if it does not run."""
    try:
        done = subprocess.run([program, "config", "docs"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    found, section = set(), ""
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("## "):
            heading = line[3:].strip()
            section = heading[1:-1] + "." if heading.startswith("[") else ""
        option = _OPTION.fullmatch(line)
        if option and "*Not available in this version.*" not in line:
            found.add(section + option.group(1))
    return frozenset(found)
