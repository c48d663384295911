"""Waits for conditions instead of fixed times."""
import os
import time

PATIENCE = float(os.environ.get("PARLEY_PATIENCE", "1"))  # a factor for slow builds and busy machines
SANITIZED = "ASAN_OPTIONS" in os.environ  # ./dev asan, ./dev tsan


def patient(seconds):
    return seconds * PATIENCE


def eventually(condition, within=10, describe=None):
    """Returns the value of `condition` as soon as it is true; fails after the deadline."""
    deadline, pause = time.monotonic() + patient(within), 0.01
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(describe() if describe else f"not true within {within} s")
        time.sleep(pause)
        pause = min(pause * 1.3, 0.1)  # a condition often starts a process


def throughout(condition, seconds):
    """Fails as soon as `condition` is false during that time; polls it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"not true any longer, {end - time.monotonic():.1f} s before the end"
        time.sleep(0.05)
