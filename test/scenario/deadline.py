"""Waiting for conditions, never for a while."""
import os
import time

PATIENCE = float(os.environ.get("PARLEY_PATIENCE", "1"))  # slow builds (sanitizers) get more


def patient(seconds):
    return seconds * PATIENCE


def eventually(condition, within=10, describe=None):
    """What `condition` answers, as soon as that is true; fails after the deadline."""
    deadline, pause = time.monotonic() + patient(within), 0.01
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(describe() if describe else f"not true within {within} s")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.1)  # asking costs something, often a process


def throughout(condition, seconds):
    """Fails as soon as `condition` is false; it is asked again and again for that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"true no longer, {end - time.monotonic():.1f} s before the end"
        time.sleep(0.05)
