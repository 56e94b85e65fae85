"""Walk a list to its end and prove that no record was missed while the store was changing.

This module reads lists by offset; `windows` reads lists that can be cut by id. Pages are requested concurrently, each
overlaps its neighbour by one row, and they are committed as they come. Ranges that no page covered are requested again:
there the rows moved up, because rows before them were deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from sync_pipeline.errors import SourceError, TransientSourceError
from sync_pipeline.sources.base import Ask, Page, Paging
from sync_pipeline.steps.capture.read.coverage import HIGHEST, LOWEST, Coverage
from sync_pipeline.steps.capture.read.growth import Growth
from sync_pipeline.steps.capture.read.isolate import BEYOND, HASTY, isolate
from sync_pipeline.steps.capture.read.parallel import in_parallel
from sync_pipeline.steps.capture.read.windows import WindowWalk
from sync_pipeline.steps.capture.write.pages import Listed, Run, Sink

_MOST_REPAIRS = 500


class OffsetIgnored(Exception):
    """The list answers every offset with its first page, or without an order: only page numbers can be used."""


class ListKeepsChanging(SourceError):
    """The list changed so much while it was read that it could not be read completely. Run again."""


def cover(
    run: Run,
    pool: ThreadPoolExecutor,
    ask: Ask,
    sink: Sink,
    *,
    coverage: Coverage | None = None,
    known_rows: int = 0,
    max_pages: int | None = None,
) -> bool:
    """Give every page of the list that `ask` names to `sink`; True when all ids are covered.

    `coverage` and `known_rows` are what a killed run has committed. After `max_pages` it stops, and returns False if
    there are more.

    Raises:
        ListKeepsChanging: after 500 repairs.
        SourceError: the store gave up.
    """
    coverage = coverage or Coverage()
    if coverage.complete:
        return True
    if run.stream.paging is Paging.WHOLE:
        page = run.budget.call(lambda: run.client.list(ask))
        sink([Listed(page, ask.walk, LOWEST, HIGHEST)])
        return True
    if run.stream.paging is Paging.KEYSET:
        return WindowWalk(run, pool, ask, sink, coverage, max_pages).walk()
    try:
        return _Offsets(run, pool, ask, sink, coverage, known_rows, max_pages).walk()
    except OffsetIgnored:
        run.client.offset_ignored(run.stream)
        return _by_pages(run, ask, sink, max_pages)


class _Offsets:
    def __init__(
        self,
        run: Run,
        pool: ThreadPoolExecutor,
        ask: Ask,
        sink: Sink,
        coverage: Coverage,
        known_rows: int,
        max_pages: int | None,
    ) -> None:
        self.run, self.pool, self.ask, self.sink, self.coverage = run, pool, ask, sink, coverage
        self.limit = run.client.page_size
        self.next = max(0, known_rows - 1)
        self.reach = 0  # rows before this one have been requested
        self.ended = False
        self.max_pages = max_pages
        self.asked = 0
        self.total: int | None = None
        self.first_id: int | None = None
        self.places: dict[int, int] = {}  # first id of a page -> its offset
        self.known = False  # the first answer has come
        self.growth = Growth(run.stream.title, self.next)
        self.probed = False

    def walk(self) -> bool:
        in_parallel(self.pool, self._next, self._read, self._take)
        if self._capped() and not self.coverage.complete:
            return False
        self._repair()
        return True

    def _next(self, in_flight: int) -> Ask | None:
        if in_flight >= self._ahead() or not self._more():
            return None
        self._check_end()
        ask = replace(self.ask, offset=self.next, limit=self.limit)
        self.reach = self.next + self.limit
        self.next += self.limit - 1
        self.asked += 1
        return ask

    def _check_end(self) -> None:
        """Raises:
        ListNeverEnds: the list goes on beyond any plausible length.
        """
        self.growth.check(self.next)
        if self.growth.doubtful(self.next) and not self.probed:
            self.probed = True
            far = replace(self.ask, offset=BEYOND, limit=1, fields=(self.run.stream.id_field,))
            with suppress(TransientSourceError):
                rows = self.run.budget.call(lambda: self.run.client.list(far), tries=HASTY).items
                if rows and int(rows[0].external_id) != self.first_id:
                    raise self.growth.endless()

    def _ahead(self) -> int:
        # The first answer says the total, if the list has one.
        return 2 * self.run.budget.slots if self.known else 1

    def _capped(self) -> bool:
        return self.max_pages is not None and self.asked >= self.max_pages

    def _more(self) -> bool:
        if self.ended or self._capped():
            return False
        return not self.known or self.total is None or self.reach < self.total

    def _read(self, ask: Ask) -> Sequence[Listed]:
        try:
            return [self._listed(ask, self.run.fetch(ask))]
        except TransientSourceError as error:
            return isolate(self.run, ask, error)

    def _take(self, done: list[tuple[Ask, Sequence[Listed]]]) -> None:
        self.known = True
        batch: list[Listed] = []
        for ask, pages in sorted(done, key=lambda read: read[0].offset):
            self._learn(ask, pages)
            batch += pages
        self._give(batch)

    def _learn(self, ask: Ask, pages: Sequence[Listed]) -> None:
        totals = [p.page.total for p in pages if p.page.total]
        if totals:
            self.total = max(totals)
            self.growth.told(totals[0])
        rows = sum(len(p.page.items) + len(p.unread) for p in pages)
        if any(p.high == HIGHEST for p in pages):
            self.ended = True
        elif len(pages) == 1 and 1 < rows < ask.limit and pages[0].low is not None:
            # Short, and not the last page: the host caps pages (then smaller steps), or rows were deleted meanwhile.
            if self.total is None or ask.offset + rows < self.total:
                self.limit = max(2, min(self.limit, rows))
                self.next = min(self.next, ask.offset + rows - 1)
                self.reach = ask.offset + rows
        elif rows == 0:
            self.ended = True

    def _listed(self, ask: Ask, page: Page) -> Listed:
        """A page with the range it covers.

        Raises:
            OffsetIgnored: it is not ordered by id, or it is the first page again.
        """
        ids = [int(item.external_id) for item in page.items]
        if any(a >= b for a, b in pairwise(ids)):
            raise OffsetIgnored
        if ask.offset == 0 and ids:
            self.first_id = ids[0]
        elif len(ids) > 1 and self.first_id is not None and ask.offset >= 2 and ids[0] == self.first_id:
            raise OffsetIgnored
        if not ids:
            empty = ask.offset == 0
            return Listed(page, ask.walk, LOWEST if empty else None, HIGHEST if empty else None)
        self.places[ids[0]] = ask.offset
        # Without a total, a page with only the overlapping row is the last one.
        alone = len(ids) == 1 and ask.limit > 1
        ended = alone if page.total is None else ask.offset + len(ids) >= page.total
        return Listed(page, ask.walk, LOWEST if ask.offset == 0 else ids[0], HIGHEST if ended else ids[-1])

    def _repair(self) -> None:
        """Request the ranges that no page has covered, until none is left."""
        place: int | None = None
        last: tuple[int, int] | None = None
        for _ in range(_MOST_REPAIRS):
            gap = self.coverage.first_gap()
            if gap is None:
                return
            before, after = gap
            if gap != last or place is None:
                place = self.places.get(after, place if place is not None else self.reach)
                place = max(0, place - self.limit + 1)
            last = gap
            pages = self._read(replace(self.ask, offset=place, limit=self.limit))
            self._give(pages)
            ids = [int(i.external_id) for p in pages for i in p.page.items]
            if not ids or ids[0] > before + 1:
                if place == 0 and ids:
                    self.coverage.add(LOWEST, ids[0])
                place = max(0, place - self.limit + 1)
            elif self.coverage.first_gap() == gap or ids[-1] < after:
                place = place + max(1, len(ids) - 1)
        raise ListKeepsChanging()

    def _give(self, pages: Sequence[Listed]) -> None:
        for listed in pages:
            if listed.low is not None and listed.high is not None:
                self.coverage.add(listed.low, listed.high)
        self.sink(pages)


def _by_pages(run: Run, ask: Ask, sink: Sink, max_pages: int | None) -> bool:
    """Page numbers prove nothing, so list the ids again until a listing holds no unknown id."""
    seen: set[str] = set()
    for round_no in range(6):
        fields = ask.fields if round_no == 0 else (run.stream.id_field,)
        unknown: list[str] = []
        for pages, page in enumerate(_numbered(run, replace(ask, fields=fields))):
            if max_pages is not None and pages >= max_pages:
                return False
            fresh = [item.external_id for item in page.items if item.external_id not in seen]
            seen.update(fresh)
            if round_no == 0:
                sink([Listed(page, ask.walk)])
            else:
                unknown += fresh
        if round_no and not unknown:
            return True
        size = run.client.page_size
        for start in range(0, len(unknown), size):
            ids = unknown[start : start + size]
            page = run.budget.call(lambda ids=ids: run.client.fetch(run.stream, ids, ask.walk))  # type: ignore[misc]
            found = {item.external_id for item in page.items}
            sink([Listed(page, ask.walk, missing=[i for i in ids if i not in found], kind="fetch")])
    raise ListKeepsChanging()


def _numbered(run: Run, ask: Ask) -> Iterator[Page]:
    offset = 0
    first: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    growth = Growth(run.stream.title)
    while True:
        growth.check(offset)
        page = run.fetch(replace(ask, offset=offset, limit=run.client.page_size))
        ids = tuple(item.external_id for item in page.items)
        if not ids or (offset and ids in (first, before)):
            return
        growth.told(page.total)
        first, before = first or ids, ids
        yield page
        offset += run.client.page_size
        if page.total is not None and offset >= page.total:
            return
