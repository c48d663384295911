"""Runs Parley as long as the process that started it lives: `python supervisor.py LOCK_FD parley serve …`.

Standard input is a pipe from that process. It ends however the process ends, also by SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import List, Optional

STOP_TIMEOUT = 35.0  # seconds; Parley's own limit is 30


def main(lock: int, command: List[str]) -> int:
    parley = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(lock,))

    def terminate(_signal: int, _frame: Optional[FrameType]) -> None:
        parley.terminate()

    def follow_parent() -> None:
        while os.read(0, 1024):  # not sys.stdin, which this thread would hold when the interpreter ends
            pass
        parley.terminate()
        try:
            parley.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            parley.kill()

    signal.signal(signal.SIGTERM, terminate)
    threading.Thread(target=follow_parent, daemon=True).start()
    return parley.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
