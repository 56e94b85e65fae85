"""Several parts of a list are read at once, and given on as they come."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def in_parallel(
    pool: ThreadPoolExecutor,
    next_part: Callable[[int], Part | None],
    read: Callable[[Part], Result],
    take: Callable[[list[tuple[Part, Result]]], None],
) -> None:
    """Read part after part in the pool, until there is none. `next_part(n)`: the next one, where `n` are being read.

    `take` gets what has been read, in any order, and may add parts. If anything fails, no further part is read.
    """
    pending: dict[Future[Result], Part] = {}
    try:
        while True:
            while (part := next_part(len(pending))) is not None:
                pending[pool.submit(read, part)] = part
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            take([(pending.pop(future), future.result()) for future in done])
    except BaseException:
        for future in pending:
            future.cancel()
        wait(pending)
        raise
