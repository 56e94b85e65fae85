"""What tests ask of processes."""

import contextlib
import random
import socket
import subprocess
import time
from pathlib import Path

from sync_pipeline_tests.waiting import PATIENCE_SECONDS


def children(pid: int) -> list[int]:
    """The process ids of its children."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in (line.split() for line in listed.splitlines()) if int(parent) == pid]


def gone(pids: list[int]) -> bool:
    """Have all of these ended, or do they within two minutes?"""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def free_port() -> int:
    """A port that nothing uses, for a process that is about to start.

    It is below those that the system gives to connections (from 32768 on Linux, from 49152 elsewhere), or one of the
    thousands that other tests open could take it in between.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)  # a test's seed is the same in every process
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
