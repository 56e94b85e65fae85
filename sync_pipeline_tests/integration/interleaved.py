"""Applies that take turns, a batch each, in an order that is drawn: what happens at once can be repeated and shrunk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sync_pipeline.steps.promote.queue import worker
from sync_pipeline_tests.waiting import PATIENCE_SECONDS


class _Turns:
    """One of several threads runs, the others wait."""

    def __init__(self, order: int, tasks: int) -> None:
        self.order, self.alive = order, list(range(tasks))
        self.at: int | None = None
        self.changed = threading.Condition()
        self.mine = threading.local()
        with self.changed:
            self._next()

    def _next(self) -> None:
        if self.alive:
            self.order, place = divmod(self.order, len(self.alive))
            self.at = self.alive[place]
        self.changed.notify_all()

    def pause(self) -> None:
        """Let another one run, if the order says so."""
        with self.changed:
            self._next()
            self._wait()

    def _wait(self) -> None:
        came = self.changed.wait_for(lambda: self.at == self.mine.number, PATIENCE_SECONDS)
        assert came, "the one whose turn it is waits for another"

    @contextmanager
    def running(self, number: int) -> Iterator[None]:
        self.mine.number = number
        with self.changed:
            self._wait()
        try:
            yield
        finally:
            with self.changed:
                self.alive.remove(number)
                self._next()


class _Inline:
    """A pool that does what it is given at once: the next batch is read before the one at hand is written."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> _Inline:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - as a pool does
            done.set_exception(error)
        return done


def interleaved(order: int, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """What the tasks return. `order`: whose turn it is, one digit in the base of how many are left each time."""
    turns = _Turns(order, len(tasks))
    write = worker._Worker._write
    results: list[Any] = [None] * len(tasks)
    errors: list[BaseException] = []

    def paused(self: Any, batch: Any) -> float:
        turns.pause()
        return write(self, batch)

    def run(number: int) -> None:
        with turns.running(number):
            try:
                results[number] = tasks[number]()
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)

    with patch.object(worker._Worker, "_write", paused), patch.object(worker, "ThreadPoolExecutor", _Inline):
        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(tasks))]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    if errors:
        raise errors[0]
    return results
