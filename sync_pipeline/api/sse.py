"""Queues followed live: one look at the database for all who follow, however many, and no thread or connection each."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType

import structlog

from sync_pipeline.api.door import Door
from sync_pipeline.errors import SyncError
from sync_pipeline.steps import promote
from sync_pipeline.steps.promote import QueueStatus

EVERY_SECONDS = 1.0
OVER = frozenset({"partial", "done", "failed", "cancelled"})
_log = structlog.get_logger("sync_pipeline.api")
Queue = tuple[int, str]  # organization, queue


class Hub:
    """Looks at the followed queues once a second and tells everybody who follows them.

    What it tells is the database's count, so it is right whichever process works on the queue, and after a crash.
    """

    def __init__(self, door: Door) -> None:
        self.door = door
        self._last: dict[Queue, QueueStatus] = {}
        self._followers: defaultdict[Queue, int] = defaultdict(int)
        self._looked = asyncio.Event()  # replaced at each look
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Hub:
        self._task = asyncio.create_task(self._look_on())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def following(self) -> int:
        """How many streams are open."""
        return sum(self._followers.values())

    async def follow(self, org_id: int, first: QueueStatus) -> AsyncIterator[QueueStatus]:
        """`first`, then each status that differs from the one before, until the queue is over."""
        key = (org_id, first.queue)
        told = first
        self._followers[key] += 1
        self._wanted.set()
        try:
            yield told
            while told.state not in OVER:
                looked = self._looked
                await looked.wait()
                now = self._last.get(key, told)
                if now != told:
                    told = now
                    yield told
        finally:
            self._followers[key] -= 1
            if not self._followers[key]:
                del self._followers[key]
                self._last.pop(key, None)

    async def _look_on(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._followers:
                self._wanted.clear()
                continue
            by_org: defaultdict[int, list[str]] = defaultdict(list)
            for org_id, queue in list(self._followers):
                by_org[org_id].append(queue)
            for org_id, queues in by_org.items():
                try:
                    found = await self.door.run(promote.statuses, self.door.db, org_id, queues)
                except SyncError as error:
                    _log.warning("queues_not_seen", reason=str(error))  # the next look may see them again
                    continue
                except Exception as error:  # noqa: BLE001 - one look that fails must not end all streams
                    _log.error("queues_not_seen", exc_info=error)
                    continue
                self._last.update({(org_id, one.queue): one for one in found if (org_id, one.queue) in self._followers})
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            await asyncio.sleep(EVERY_SECONDS)
