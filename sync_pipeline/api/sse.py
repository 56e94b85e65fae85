"""Live progress of queues: one query a second serves all followers, without a thread or connection for each."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Self
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
Queue = tuple[int, UUID]  # organization id, queue id
Token = tuple[int, int]  # organization id, token id


class Hub:
    """Reads the followed queues once a second and sends their progress to every follower.

    The counts come from the database, so they are right whichever process works on the queue, and after a crash.
    """

    def __init__(self, runtime: ApiRuntime) -> None:
        self.runtime = runtime
        self._last: dict[Queue, QueueStatus] = {}
        self._followers: defaultdict[Queue, int] = defaultdict(int)
        self._tokens: Counter[Token] = Counter()  # open streams of each token
        self._ended: set[Token] = set()
        self._polled = asyncio.Event()  # replaced after each query
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._poll())
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
        """The number of open streams."""
        return sum(self._followers.values())

    async def follow(self, caller: Caller, first: QueueStatus) -> AsyncIterator[QueueStatus]:
        """`first`, then each changed status, until the queue ends or the token is no longer valid."""
        key, token = (caller.org.org_id, first.queue_id), (caller.org.org_id, caller.token_id)
        sent = first
        self._followers[key] += 1
        self._tokens[token] += 1
        self._wanted.set()
        try:
            yield sent
            while sent.state not in OVER:
                polled = self._polled
                await polled.wait()
                if token in self._ended:
                    return
                now = self._last.get(key, sent)
                if now != sent:
                    sent = now
                    yield sent
        finally:
            self._followers[key] -= 1
            if not self._followers[key]:
                del self._followers[key]
                self._last.pop(key, None)
            self._tokens[token] -= 1
            if not self._tokens[token]:
                del self._tokens[token]
                self._ended.discard(token)

    async def _poll(self) -> None:
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
                    _log.warning("queues_not_seen", reason=str(error))  # the next query may succeed
                    continue
                except Exception as error:  # noqa: BLE001 - one failed query must not end all streams
                    _log.error("queues_not_seen", exc_info=error)
                    continue
                self._ended |= {(org_id, token) for token in theirs if token not in held} & set(self._tokens)
                self._last.update({key: one for one in found if (key := (org_id, one.queue_id)) in self._followers})
            polled, self._polled = self._polled, asyncio.Event()
            polled.set()
            await asyncio.sleep(EVERY_SECONDS)
