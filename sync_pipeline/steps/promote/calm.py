"""The garbage collector's pace while batches are mapped.

A batch is hundreds of thousands of objects that live together and die together, without cycles. At its usual pace the
collector walks them again and again, which took more time than mapping them.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PACE = (200_000, 20, 20)

_lock = threading.Lock()
_workers = 0
_before = gc.get_threshold()


@contextmanager
def calm() -> Iterator[None]:
    """Collect seldom; the usual pace returns when the last one here leaves."""
    global _workers, _before
    with _lock:
        _workers += 1
        if _workers == 1:
            _before = gc.get_threshold()
            if gc.isenabled():
                gc.set_threshold(*_PACE)
    try:
        yield
    finally:
        with _lock:
            _workers -= 1
            if not _workers:
                gc.set_threshold(*_before)
