"""Live progress for the pages: one query a second and organization serves every open page.

A page holds no stream of its own where the browser can share one (static/live.js): a browser opens six connections to
a host, and a page more would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType

import structlog

from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.errors import SyncError
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.tokens import Caller
from sync_pipeline.steps.observe import WorkProgress, progress

EVERY_SECONDS = 1.0
_log = structlog.get_logger("sync_pipeline.explorer")


class Live:
    """Reads what is at work in the followed organizations once a second, and wakes whoever follows them."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self.runtime = runtime
        self._followers: defaultdict[int, list[int]] = defaultdict(list)  # organization → the token of each stream
        self._now: dict[int, Sequence[WorkProgress]] = {}
        self._valid: dict[int, set[int]] = {}
        self._polled = asyncio.Event()  # replaced after each query
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Live:
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
        return sum(map(len, self._followers.values()))

    async def follow(self, caller: Caller) -> AsyncIterator[Sequence[WorkProgress]]:
        """What is at work of what this caller may see: soon, and whenever it changes, until the token ends."""
        org = caller.org.org_id
        self._followers[org].append(caller.token_id)
        self._wanted.set()
        sent: Sequence[WorkProgress] | None = None
        try:
            while True:
                polled = self._polled
                await polled.wait()
                if caller.token_id not in self._valid.get(org, {caller.token_id}):
                    return
                now = [
                    one
                    for one in self._now.get(org, ())
                    if caller.connection_id is None or one.connection_id == caller.connection_id
                ]
                if now != sent:
                    sent = now
                    yield now
        finally:
            self._followers[org].remove(caller.token_id)
            if not self._followers[org]:
                for kept in (self._followers, self._now, self._valid):
                    kept.pop(org, None)

    async def _poll(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._followers:
                self._wanted.clear()
                continue
            for org, theirs in list(self._followers.items()):
                try:
                    self._now[org] = await self.runtime.run(progress, self.runtime.db, org)
                    self._valid[org] = await self.runtime.run(tokens.valid_tokens, self.runtime.db, org, theirs)
                except SyncError as error:
                    _log.warning("progress_not_seen", reason=str(error))  # the next query may succeed
                except Exception as error:  # noqa: BLE001 - one failed query must not end all streams
                    _log.error("progress_not_seen", exc_info=error)
            polled, self._polled = self._polled, asyncio.Event()
            polled.set()
            await asyncio.sleep(EVERY_SECONDS)


def by_key(found: Sequence[WorkProgress]) -> Mapping[str, WorkProgress]:
    """What is at work, by key, for a page to show at once."""
    return {one.key: one for one in found}
