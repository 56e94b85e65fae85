"""Garbage collection and thread switching while some threads read records and another writes them to the database.

A page or a batch is hundreds of thousands of objects without cycles, which are all freed at once. At its usual
thresholds the collector scans them again and again: a tenth of a pull's own time, and more than mapping a batch took.
And the writing thread needs the interpreter often and briefly: with the usual switch interval of 5 ms it waited longer
for the reading threads than for the database.
"""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PACE = (200_000, 20, 20)
_TURN_SECONDS = 0.0005

_lock = threading.Lock()
_workers = 0
_before = (gc.get_threshold(), sys.getswitchinterval())


@contextmanager
def gc_tuning() -> Iterator[None]:
    """Collect rarely and switch threads often; the last one to leave restores the usual settings."""
    global _workers, _before
    with _lock:
        _workers += 1
        if _workers == 1:
            _before = (gc.get_threshold(), sys.getswitchinterval())
            sys.setswitchinterval(_TURN_SECONDS)
            if gc.isenabled():
                gc.set_threshold(*_PACE)
    try:
        yield
    finally:
        with _lock:
            _workers -= 1
            if not _workers:
                gc.set_threshold(*_before[0])
                sys.setswitchinterval(_before[1])
