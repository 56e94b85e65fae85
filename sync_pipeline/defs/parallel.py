"""Many organizations in one run: several at a time, and one's failure does not affect the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from sync_pipeline.defs.resources import Runtime

T = TypeVar("T")
WORKERS = 4


def each_org(
    runtime: Runtime, orgs: Sequence[str], work: Callable[[str], T], *, workers: int = WORKERS
) -> Iterator[tuple[str, T]]:
    """Call `work` for every organization, `workers` at a time; yields results as they complete. `work` must not raise.

    At most `workers` results are held, so memory does not grow with the number of organizations. If the caller stops
    early (the run was canceled), no further work starts, and work in progress stops at its next page.
    """
    runtime.stopping.clear()
    waiting = iter(orgs)
    pool = ThreadPoolExecutor(max(1, min(workers, len(orgs))), thread_name_prefix="org")
    running: dict[Future[T], str] = {}
    try:
        while True:
            while len(running) < workers and (org := next(waiting, None)) is not None:
                running[pool.submit(work, org)] = org
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    finally:
        runtime.stopping.set()
        pool.shutdown(wait=True, cancel_futures=True)
        runtime.stopping.clear()
