"""The measurements of a contestant. Standard library only: one of them runs in another environment."""

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """The most memory this process has held. getrusage reports the parent's if that is more."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(work: Callable[[], dict[str, Any]]) -> None:
    """Do the work and print its seconds, its peak memory and what it returns, as one JSON line."""
    before = time.process_time()
    began = time.perf_counter()
    facts = work()
    seconds = time.perf_counter() - began
    cpu = time.process_time() - before
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb(), **facts}), flush=True)
