"""Walk a list by windows of ids: several windows are in flight, and no id lies between them.

A page covers its window up to the last id it read, whatever was deleted or inserted meanwhile. The rest of the window
is requested again. The pages read so far show how wide the next window should be.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import pairwise

from sync_pipeline.errors import MalformedAnswer, SourceUnavailable, TransientSourceError
from sync_pipeline.sources.base import Ask, Page
from sync_pipeline.steps.capture.read.coverage import HIGHEST, Coverage
from sync_pipeline.steps.capture.read.growth import Growth
from sync_pipeline.steps.capture.read.isolate import (
    BEYOND,
    HASTY,
    ListUnreadable,
    alive,
    fetch_apart,
    list_ids,
    set_aside,
)
from sync_pipeline.steps.capture.write.pages import Listed, Run, Sink

_ROOM = 0.95  # of the ids a full page held: ids are not spread evenly, and an overflowing page costs a request
_STEP = 16  # times wider at most: an empty range says little about the next one
_WIDEST = 2**40
_LARGEST = 2**53  # ids beyond are not whole numbers of JSON; with the widest windows, what is below has an end
_BEYOND = 2**31 - 2  # ids of 32 bits end there, and no list goes so far


@dataclass(frozen=True, slots=True, order=True)
class _Window:
    """Ids `low` to `high`, both included."""

    low: int
    high: int

    def ask(self, ask: Ask, limit: int) -> Ask:
        return replace(
            ask,
            after=self.low - 1 if self.low > 0 else None,
            before=self.high + 1 if self.high < HIGHEST else None,
            limit=limit,
        )

    def listed(self, page: Page, walk: str) -> Listed:
        return Listed(page, walk, self.low, self.high if page.upto is None else page.upto)

    def uncovered(self, pages: Sequence[Listed]) -> list[_Window]:
        """The parts of the window that these pages did not read."""
        seen = Coverage((p.low, p.high) for p in pages if p.low is not None and p.high is not None)
        inside = ((max(low, self.low), min(high, self.high)) for low, high in seen.gaps())
        return [_Window(low, high) for low, high in inside if low <= high]


class WindowWalk:
    """A walk of one list by windows of ids, from what `coverage` lacks."""

    def __init__(
        self, run: Run, pool: ThreadPoolExecutor, ask: Ask, sink: Sink, coverage: Coverage, max_pages: int | None
    ) -> None:
        self.run, self.pool, self.ask, self.sink, self.max_pages = run, pool, ask, sink, max_pages
        self.limit = run.client.page_size
        self.todo = [_Window(low, high) for low, high in coverage.gaps()]
        self.width: int | None = None  # ids per window; unknown until the first page
        self.highest: int | None = None  # the list's last id, once requested
        self.asked = 0
        self.growth = Growth(run.stream.title)
        self.rows = 0

    def walk(self) -> bool:
        """Give every page of the list to `sink`; True when all ids are covered, False if `max_pages` stopped it.

        Raises:
            SourceError: the store gave up.
        """
        pending: dict[Future[Sequence[Listed]], _Window] = {}
        while True:
            while self.todo and len(pending) < self._ahead() and not self._capped():
                window = self._next()
                self.asked += 1
                pending[self.pool.submit(self._read, window)] = window
            if not pending:
                return not self.todo
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            try:
                self._take(sorted(((pending.pop(f), f.result()) for f in done), key=lambda read: read[0]))
            except BaseException:
                for future in pending:
                    future.cancel()
                wait(pending)
                raise

    def _ahead(self) -> int:
        # The first page shows how wide a window is. Later ones correct it, so few windows are cut ahead.
        return self.run.budget.slots + 2 if self.width is not None else 1

    def _capped(self) -> bool:
        return self.max_pages is not None and self.asked >= self.max_pages

    def _next(self) -> _Window:
        """The next window: about a page wide, except the last one, which has no end."""
        window = self.todo.pop(0)
        # The endless window is not cut until the last id is known: its pieces would never end.
        if self.width is None or (self.highest is None and window.high == HIGHEST):
            return window
        cut = window.low + self.width - 1
        beyond = self.highest is not None and window.high == HIGHEST and cut >= self.highest
        if cut >= window.high or beyond:
            return window
        self.todo.insert(0, _Window(cut + 1, window.high))
        return _Window(window.low, cut)

    def _read(self, window: _Window) -> Sequence[Listed]:
        ask = window.ask(self.ask, self.limit)
        try:
            return [window.listed(_in_order(self.run.fetch(ask), window), ask.walk)]
        except TransientSourceError as error:
            return _isolate(self.run, ask, window, error)

    def _take(self, read: Sequence[tuple[_Window, Sequence[Listed]]]) -> None:
        self.sink([listed for _, pages in read for listed in pages])
        for window, pages in read:
            rest = window.uncovered(pages)
            for part in rest:
                insort(self.todo, part)
            if len(pages) == 1 and pages[0].high is not None:
                self._learn(window, pages[0], cut_short=bool(rest))

    def _learn(self, window: _Window, listed: Listed, *, cut_short: bool) -> None:
        page = listed.page
        rows = len(page.items) if page.looked is None else page.looked
        self.rows += rows
        self.growth.check(self.rows)
        if not cut_short:
            if self.width is None and window == _Window(0, HIGHEST) and page.looked in (None, len(page.items)):
                self._total(rows)
            ids = window.high - window.low + 1
            if rows < self.limit // 2 and window.high < HIGHEST and ids >= (self.width or 0):
                self.width = min(_WIDEST, ids * min(_STEP, int(_ROOM * self.limit / max(rows, 1))))
            self.width = self.width or self.limit
            return
        assert listed.high is not None
        # These ids filled a page. A window with as many ids as a page has rows never overflows.
        self.width = max(self.limit, int(_ROOM * (listed.high - window.low + 1)))
        if self.highest is None and window.high == HIGHEST:
            last = self.run.budget.call(lambda: self.run.client.last(self.ask))
            self.highest = int(last.items[-1].external_id) if last.items else 0
            if self.highest > _LARGEST:
                raise MalformedAnswer(f"The store says that the last id is {self.highest:,}, which cannot be")
            self.growth.told(min(self.highest, BEYOND) if last.total is None else last.total)
            if last.total is not None:
                self._total(last.total)

    def _total(self, rows: int) -> None:
        self.run.progress.total = rows
        self.run.expect("sweep" if self.ask.fields else "walk", self.ask.walk, rows)
        if self.ask.since is None:
            self.run.progress.remote = rows


def _in_order(page: Page, window: _Window) -> Page:
    """The page, if it holds rising ids of the window.

    Raises:
        MalformedAnswer: it does not, so the ids it covers are unknown.
    """
    ids = [int(item.external_id) for item in page.items]
    if any(a >= b for a, b in pairwise(ids)) or (ids and not window.low <= ids[0] <= ids[-1] <= window.high):
        raise MalformedAnswer("The answer is not ordered by id, or is not the requested part of the list")
    return page


def _isolate(run: Run, ask: Ask, window: _Window, error: TransientSourceError) -> Sequence[Listed]:
    """The records of a failing page that can be read; the others are in quarantine.

    Raises:
        SourceUnavailable: the store itself does not answer.
    """
    _alive(run, ask, error)
    ids = list_ids(run, ask)
    return [_by_id(run, ask, window, ids)] if ids is not None else _by_halves(run, ask, window)


def _alive(run: Run, ask: Ask, error: TransientSourceError) -> None:
    """Raises:
    SourceUnavailable: the store itself does not answer.
    ListUnreadable: this list fails everywhere, and others answer.
    """
    small = replace(ask, after=None, before=None, limit=1, fields=(run.stream.id_field,))
    if not alive(run, [small, replace(small, after=_BEYOND)], error):
        raise ListUnreadable(run.stream.title, error) from error


def _by_id(run: Run, ask: Ask, window: _Window, listing: Page) -> Listed:
    """The window's ids were listed: read its records by id, one by one if necessary."""
    ids = [item.external_id for item in listing.items]
    items, unread, gone = fetch_apart(run, ids, ask.walk)
    covered = window.listed(listing, ask.walk)
    return replace(
        covered, page=replace(listing, items=items), unread=unread, missing=gone, kind="fetch" if gone else "walk"
    )


def _by_halves(run: Run, ask: Ask, window: _Window) -> Sequence[Listed]:
    """Not even the ids can be listed: halve the window down to the one id that fails.

    This ends after that id; the walk requests what was not read.
    """
    found: list[Listed] = []
    stack = [window]
    reach = run.client.page_size
    aside = False
    while stack:
        part = stack.pop()
        single = part.low == part.high
        asked = part.ask(ask, ask.limit)
        try:
            page = run.budget.call(
                lambda asked=asked: run.client.list(asked),  # type: ignore[misc]
                tries=None if single else HASTY,
            )
        except TransientSourceError as error:
            _alive(run, ask, error)
            if single:
                set_aside(run, str(part.low), error)
                found.append(Listed(Page(items=()), ask.walk, part.low, part.low, unread=[str(part.low)]))
                aside = True
                continue
            if part.low > _WIDEST:
                raise SourceUnavailable(f"No part of the list can be read: {error}. Nothing was lost.") from error
            middle = (part.low + part.high) // 2
            if part.high == HIGHEST:
                middle, reach = part.low + reach - 1, 2 * reach
            stack += [_Window(middle + 1, part.high), _Window(part.low, middle)]
            continue
        found.append(part.listed(_in_order(page, part), ask.walk))
        if aside or page.upto is not None:
            break
    return found
