"""The runtime of the routes: settings, the pool of database connections, and threads for blocking steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ParamSpec, TypeVar
from weakref import WeakValueDictionary

import anyio
from fastapi import Depends, Request

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database

P = ParamSpec("P")
T = TypeVar("T")
# Fewer than the pool has connections, so that a step never waits for one.
_THREADS = 10
_SLOW_THREADS = 4
_STORE_THREADS = 8  # these mostly wait for a store, and hold a database connection only briefly
_STORES_AN_ORG = 2
_LOGIN_THREADS = 2
_BATCH_THREADS = 2


@dataclass
class ApiRuntime:
    """The runtime of one process. Steps are blocking functions, so they run in threads, limited for each kind of work.

    A request to a store can take a minute, a password check occupies a whole core, and pushed batches wait for one
    another; none of these may delay the other calls.
    """

    settings: Settings
    db: Database
    _quick: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_THREADS))
    _slow: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_SLOW_THREADS))
    _stores: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_STORE_THREADS))
    _turns: WeakValueDictionary[int, anyio.Semaphore] = field(default_factory=WeakValueDictionary)
    _logins: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_LOGIN_THREADS))
    _batches: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_BATCH_THREADS))

    async def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a step that reads or writes the database."""
        return await anyio.to_thread.run_sync(partial(step, *args, **kwargs), limiter=self._quick)

    async def slowly(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a step that may write many rows."""
        return await anyio.to_thread.run_sync(partial(step, *args, **kwargs), limiter=self._slow)

    async def batch(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a step that writes thousands of records in one transaction."""
        return await anyio.to_thread.run_sync(partial(step, *args, **kwargs), limiter=self._batches)

    async def ask_store(self, org_id: int, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a step that waits for a store; few at once for each organization, so its slow stores delay no other."""
        turn = self._turns.get(org_id)
        if turn is None:
            turn = self._turns[org_id] = anyio.Semaphore(_STORES_AN_ORG)
        async with turn:
            return await anyio.to_thread.run_sync(partial(step, *args, **kwargs), limiter=self._stores)

    async def log_in(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a step that checks a password."""
        return await anyio.to_thread.run_sync(partial(step, *args, **kwargs), limiter=self._logins)


def _runtime(request: Request) -> ApiRuntime:
    runtime: ApiRuntime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[ApiRuntime, Depends(_runtime)]
