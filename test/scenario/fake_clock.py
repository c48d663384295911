"""A wrong wall clock for one process: libfaketime, preloaded.

The command `faketime` is not used: it names a semaphore after its own process id and refuses to start if a process with that id
was killed before and left its semaphore behind. The preloaded library continues without it.
"""
import glob
import os


def preloaded():
    """Returns the environment of a process whose wall clock libfaketime fakes; its monotonic clock stays right."""
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    assert library, "faketime is not installed: './dev test' installs it"
    return {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def shifted(offset):
    """Returns the environment of a process whose wall clock differs by `offset`: "-60s", "+1d"."""
    return {**preloaded(), "FAKETIME": offset}


def remove_leftovers(pid):
    """Removes the semaphore and the shared memory that a killed process leaves behind."""
    for path in glob.glob(f"/dev/shm/*faketime_*_{pid}"):
        os.remove(path)
