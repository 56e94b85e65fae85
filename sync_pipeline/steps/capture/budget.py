"""How many requests a store gets at once: learnt from its answers, kept in the database, shared by all processes.

The limit rises while answers are good and quick. A 429 or 503 halves it, Retry-After pauses all requests, and a circuit
breaker opens when the store stops answering.

A process makes no request without a permit of its lease. The permits of a store's leases, whatever connection and
organization they are of, never add up to more than the limit (docs/decisions/0048-a-stores-budget.md).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute, execute_prepared, load
from sync_pipeline.errors import MalformedAnswer, RefusedBySource, SourceUnavailable, SyncError, TransientSourceError

T = TypeVar("T")
_SQL = load("sync_pipeline.steps.capture")

SLOW_SECONDS = 5.0  # a call slower than this is counted
_SHARE_EVERY = 1.0  # seconds between two exchanges with the other processes
_SHARE_AGAIN = 0.2  # while a permit is waited for, or the limit has changed
# Seconds that a lease outlives its last renewal, beside the slowest answer so far. So it is over only when what a
# process that died, or lost the database, had in flight has been answered.
_LEASE = 3.0
_BEGIN_WITHIN = 2.0  # seconds after a renewal in which a request may begin
_GROW_AFTER = 8  # good answers in a row raise the limit by one
_TRIES_BUSY = 8  # 429, 503, time-outs, broken connections: about 40 s in all
_TRIES_BROKEN = 4  # 500 and answers that are not JSON: more likely one record's fault
_PATIENCE = 40.0  # seconds that a store which was not heard of is waited for: as long as a restart takes
_DEAD_SECONDS = 36 * 3600.0  # after a store was found dead, one request decides: the next night's, too
_TRIES_SILENT = 3  # when the store was given the time of a restart once, and did not answer
FIRST_DELAY_SECONDS = 0.4  # before the second try; it doubles from try to try
_LONGEST_DELAY = 8.0
_LONGEST_PAUSE = 300.0


def store_of(address: str) -> str:
    """What a budget is of: host, port and path. Two connections to it, of whatever organizations, share one."""
    parts = urlsplit(address)
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    return f"{(parts.hostname or '').lower()}:{port}{parts.path.rstrip('/')}"


class Budget:
    """The requests one process may have in flight at one connection. Thread-safe."""

    def __init__(self, db: Database, org_id: int, connection_id: int, *, store: str, most: int) -> None:
        self._db, self._org, self._connection = db, org_id, connection_id
        self._store = store_of(store)
        self._worker = uuid4()
        self._most = most
        self._turn = threading.Condition()
        self._in_flight = 0
        self._limit = min(2.0, most)
        self._permits = 0
        self._pause_until = 0.0
        self._good = 0
        self._slowest = 0.0
        self._shared_at = -_LEASE
        self._sharing = False
        self._left = threading.Event()
        self._renewing: threading.Thread | None = None
        self._changed = False
        self.answered = False  # the store has answered at least once
        self.served = False  # it has answered what was asked, or refused it
        self._given_up = False  # it was waited for as long as a restart takes, and did not answer
        self.throttled = 0
        self.slow = 0

    # -- requests --------------------------------------------------------------------------------------------------

    def call(self, ask: Callable[[], T], *, tries: int | None = None) -> T:
        """Make a request when the budget allows it; retry with growing delays while the store is busy.

        Raises:
            TransientSourceError: every try failed; it holds the last answer.
            SourceUnavailable: the store has never answered, not even after the time that a restart takes.
            RefusedBySource: on the first refusal.
        """
        attempt, began = 0, time.monotonic()
        while True:
            self._begin()
            started = time.monotonic()
            try:
                result = ask()
            except TransientSourceError as error:
                attempt += 1
                self._failed(error)
                broken = error.status == 500 or isinstance(error, MalformedAnswer)
                allowed = tries or (_TRIES_BROKEN if broken else _TRIES_BUSY)
                silent = not self.answered and error.status is None and (tries or allowed) >= _TRIES_SILENT
                tired = not self.answered and error.status is None and time.monotonic() - began >= _PATIENCE
                if tired or attempt >= (min(allowed, _TRIES_SILENT) if silent and self._given_up else allowed):
                    if not silent:
                        raise
                    self._given_up = True
                    raise SourceUnavailable(f"The store does not answer: {error}. Nothing was lost.") from error
                time.sleep(min(_LONGEST_DELAY, FIRST_DELAY_SECONDS * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0))
            except RefusedBySource:
                self.answered = self.served = True
                raise
            else:
                self._succeeded(time.monotonic() - started)
                return result
            finally:
                self._end()

    @property
    def slots(self) -> int:
        """Requests this process may have in flight now; 1 while it waits for its turn."""
        return max(1, self._allowed())

    def _allowed(self) -> int:
        return min(self._permits, max(1, int(self._limit)))

    def _begin(self) -> None:
        while True:
            self._share()
            with self._turn:
                now = time.monotonic()
                wait = self._pause_until - now
                current = not self._sharing and now - self._shared_at < _BEGIN_WITHIN
                if wait <= 0 and current and self._in_flight < self._allowed():
                    self._in_flight += 1
                    return
                self._turn.wait(timeout=min(wait, _SHARE_EVERY) if wait > 0 else _SHARE_AGAIN)

    def _end(self) -> None:
        with self._turn:
            self._in_flight -= 1
            self._turn.notify()

    def _succeeded(self, seconds: float) -> None:
        with self._turn:
            self.answered = self.served = True
            self._good += 1
            self._slowest = max(self._slowest, seconds)
            if seconds > SLOW_SECONDS:
                self.slow += 1
                self._good = 0
            if self._good >= _GROW_AFTER and self._limit < self._most:
                self._limit, self._good, self._changed = min(self._most, self._limit + 1), 0, True
                self._turn.notify_all()

    def _failed(self, error: TransientSourceError) -> None:
        with self._turn:
            self._good = 0
            if error.status is not None or isinstance(error, MalformedAnswer):
                self.answered = True  # a page of HTML is no answer to the question, and somebody is there
            if error.status in (429, 503) or error.status is None:
                self.throttled += error.status in (429, 503)
                self._limit, self._changed = max(1.0, self._limit / 2), True
            if error.retry_after:
                self._pause_until = time.monotonic() + min(error.retry_after, _LONGEST_PAUSE)
                self._changed = True

    # -- sharing ---------------------------------------------------------------------------------------------------

    def _share(self) -> None:
        """Renew the lease, if that is due. Meanwhile no request begins, so that the lease counts all there are."""
        with self._turn:
            now = time.monotonic()
            again = self._changed or self._permits == 0
            if self._sharing or self._left.is_set():
                return
            if now - self._shared_at < (_SHARE_AGAIN if again else _SHARE_EVERY):
                return
            limit = self._limit if self._changed else None
            pause = max(0.0, self._pause_until - now) if self._changed else None
            self._changed, self._sharing = False, True
            in_flight, slowest = self._in_flight, self._slowest
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
                self._renewing.start()
        try:
            with self._db.org(self._org, async_commit=True) as conn:
                row = execute_prepared(
                    conn,
                    _SQL["share_budget"],
                    connection_id=self._connection,
                    store=self._store,
                    worker=self._worker,
                    first=self._limit,
                    concurrency=limit,
                    pause=pause,
                    most=self._most,
                    in_flight=in_flight,
                    lease=_LEASE + slowest,
                ).one()
        except BaseException:
            with self._turn:
                self._sharing, self._changed = False, self._changed or limit is not None
                self._turn.notify_all()
            raise
        with self._turn:
            self._sharing, self._shared_at, self._permits = False, now, row.granted
            if limit is None and not self._changed:
                self._limit = float(min(row.concurrency, self._most))
            if row.pause > 0:
                self._pause_until = max(self._pause_until, time.monotonic() + row.pause)
            self._turn.notify_all()

    def _renew(self) -> None:
        """While all threads wait for slow answers, none of them renews the lease."""
        while not self._left.wait(_SHARE_EVERY):
            if self._in_flight:
                with suppress(SyncError):  # whoever wants to make the next request is told
                    self._share()

    def dead_since(self) -> datetime | None:
        """When a process found the store dead, if none has found it alive since: one request before a pull."""
        known = {"connection_id": self._connection, "seconds": _DEAD_SECONDS}
        with self._db.org(self._org) as conn:
            since: datetime | None = execute(conn, _SQL["dead_since"], **known).scalar_one_or_none()
        return since

    def circuit_open(self) -> bool:
        """True if the store is remembered as dead."""
        return self.dead_since() is not None

    def open_circuit(self) -> None:
        """Record that the store is dead: the next session makes one request before a pull."""
        self._open_for(_DEAD_SECONDS)

    def close_circuit(self) -> None:
        """Record that the store answers again."""
        self._open_for(0.0)

    def _open_for(self, seconds: float) -> None:
        with self._db.org(self._org) as conn:
            execute(conn, _SQL["open_circuit"], connection_id=self._connection, seconds=seconds)

    def leave(self) -> None:
        """Give this process's share back."""
        self._left.set()
        with self._turn:
            self._turn.wait_for(lambda: not self._sharing)
        with self._db.org(self._org) as conn:
            execute(conn, _SQL["leave_budget"], connection_id=self._connection, worker=self._worker)
