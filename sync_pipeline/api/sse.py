"""Queues followed live: one look at the database for all who follow, however many, and no thread or connection each."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from uuid import UUID

import structlog

from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.errors import SyncError
from sync_pipeline.steps import promote
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.tokens import Caller
from sync_pipeline.steps.promote import QueueStatus

EVERY_SECONDS = 1.0
OVER = frozenset({"partial", "done", "failed", "cancelled"})
_log = structlog.get_logger("sync_pipeline.api")
Queue = tuple[int, UUID]  # organization, queue
Token = tuple[int, int]  # organization, token


class Hub:
    """Looks at the followed queues once a second and tells everybody who follows them.

    What it tells is the database's count, so it is right whichever process works on the queue, and after a crash.
    """

    def __init__(self, runtime: ApiRuntime) -> None:
        self.runtime = runtime
        self._last: dict[Queue, QueueStatus] = {}
        self._followers: defaultdict[Queue, int] = defaultdict(int)
        self._tokens: Counter[Token] = Counter()  # whose streams they are
        self._ended: set[Token] = set()
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

    async def follow(self, caller: Caller, first: QueueStatus) -> AsyncIterator[QueueStatus]:
        """`first`, then each status that differs from the one before, until the queue is over or the token is."""
        key, token = (caller.org.org_id, first.queue_id), (caller.org.org_id, caller.token_id)
        told = first
        self._followers[key] += 1
        self._tokens[token] += 1
        self._wanted.set()
        try:
            yield told
            while told.state not in OVER:
                looked = self._looked
                await looked.wait()
                if token in self._ended:
                    return
                now = self._last.get(key, told)
                if now != told:
                    told = now
                    yield told
        finally:
            self._followers[key] -= 1
            if not self._followers[key]:
                del self._followers[key]
                self._last.pop(key, None)
            self._tokens[token] -= 1
            if not self._tokens[token]:
                del self._tokens[token]
                self._ended.discard(token)

    async def _look_on(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._followers:
                self._wanted.clear()
                continue
            by_org: defaultdict[int, list[UUID]] = defaultdict(list)
            for org_id, queue in list(self._followers):
                by_org[org_id].append(queue)
            for org_id, queues in by_org.items():
                theirs = [token for org, token in self._tokens if org == org_id]
                try:
                    found = await self.runtime.run(promote.statuses, self.runtime.db, org_id, queues)
                    held = await self.runtime.run(tokens.valid_tokens, self.runtime.db, org_id, theirs)
                except SyncError as error:
                    _log.warning("queues_not_seen", reason=str(error))  # the next look may see them again
                    continue
                except Exception as error:  # noqa: BLE001 - one look that fails must not end all streams
                    _log.error("queues_not_seen", exc_info=error)
                    continue
                self._ended |= {(org_id, token) for token in theirs if token not in held} & set(self._tokens)
                self._last.update({key: one for one in found if (key := (org_id, one.queue_id)) in self._followers})
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            await asyncio.sleep(EVERY_SECONDS)
