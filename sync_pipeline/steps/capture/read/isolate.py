"""Divide a page that fails until only the record that makes it fail is left.

First by id: request the page's ids alone, then its records by id, in halves. If even the ids fail, by position. The
record that is left is requested at its own address; if that fails too, it is quarantined with the server's answer.

Before that, `alive` checks whether a record is the cause at all: if the whole store fails, the search would take hours
and find nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_pipeline.errors import RefusedBySource, SourceError, SourceUnavailable, TransientSourceError
from sync_pipeline.sources.base import Ask, Page, Paging, Presence, RawRecord
from sync_pipeline.steps.capture.read.coverage import HIGHEST, LOWEST
from sync_pipeline.steps.capture.read.elsewhere import fails_elsewhere, nobody_there
from sync_pipeline.steps.capture.write.pages import Listed, Run

_PROBE_TRIES = 4  # of one request, before the store counts as dead
BEYOND = 10_000_000  # rows: no list is so long
HASTY = 2  # tries while a page is being divided; the single record gets the full number
_WIDEST_HOLE = 300  # look up the ids between two neighbours one by one if there are no more than this


class ListUnreadable(SourceError):
    """A list fails at every place while the store answers other requests."""

    def __init__(self, title: str, error: TransientSourceError) -> None:
        super().__init__(
            f"The store fails at every place of its list of {title.lower()}, and answers other requests: {error}. "
            "Look at the store's error log; most often a plugin breaks this list. Nothing was lost: run again."
        )


def isolate(run: Run, ask: Ask, error: TransientSourceError) -> Sequence[Listed]:
    """The records of a failing page that can be read; the others are in quarantine.

    Raises:
        SourceUnavailable: the store itself does not answer.
        ListUnreadable: this list fails everywhere, and others answer.
    """
    places = (0, ask.offset + ask.limit, max(0, ask.offset - 1), ask.offset + BEYOND)
    small = replace(ask, limit=1, fields=(run.stream.id_field,))
    if not alive(run, [replace(small, offset=offset) for offset in places], error):
        if not ask.walk:
            raise ListUnreadable(run.stream.title, error) from error
        return [_list_aside(run, ask, error)]  # one parent's list: the other parents' are read
    ids = list_ids(run, ask)
    return [_by_id(run, ask, ids)] if ids is not None else _by_position(run, ask)


def list_ids(run: Run, ask: Ask) -> Page | None:
    """The page with ids alone; None if they fail too, or if the page had few fields anyway."""
    if ask.fields:
        return None
    try:
        return run.budget.call(lambda: run.client.list(replace(ask, fields=(run.stream.id_field,))))
    except TransientSourceError:
        return None


def alive(run: Run, asks: Sequence[Ask], error: TransientSourceError) -> bool:
    """Does this list answer anywhere? `asks` are the smallest possible requests, the last one past every record.

    A 500 may be one record's fault, so several places are tried. If all of them fail, no record is the cause.

    Raises:
        SourceUnavailable: neither this list nor another one answers.
    """
    for ask in asks:
        try:
            run.budget.call(lambda ask=ask: run.client.list(ask), tries=_PROBE_TRIES)  # type: ignore[misc]
        except TransientSourceError as still:
            if still.status == 500:
                continue
            if nobody_there(still) or still.status == 429:
                raise SourceUnavailable(
                    f"The store stopped answering: {error}. Nothing was lost: run again."
                ) from error
            break  # a proxy gave up, or what came is no answer: no record is the cause
        except RefusedBySource:
            return True
        return True
    if fails_elsewhere(run.budget, run.client, run.connection.source.streams.values(), but=run.stream) is None:
        return False
    raise SourceUnavailable(f"The store fails at every request: {error}. Nothing was lost: run again.") from error


def _list_aside(run: Run, ask: Ask, error: TransientSourceError) -> Listed:
    key = f"list of {ask.walk}"
    set_aside(run, key, error, "this list at any place", ask.walk)
    return Listed(Page(items=[]), ask.walk, LOWEST, HIGHEST, unread=[key])


def _by_id(run: Run, ask: Ask, listing: Page) -> Listed:
    ids = [item.external_id for item in listing.items]
    items, unread, gone = fetch_apart(run, ids, ask.walk)
    numbers = [int(i) for i in ids]
    ended = not ids or (listing.total is not None and ask.offset + len(ids) >= listing.total)
    return Listed(
        Page(items=items, total=listing.total, clock=listing.clock, request=listing.request),
        ask.walk,
        LOWEST if ask.offset == 0 else (numbers[0] if numbers else None),
        HIGHEST if ended else (numbers[-1] if numbers else None),
        unread=unread,
        missing=gone,
        kind="walk" if not gone else "fetch",
    )


def fetch_apart(run: Run, ids: Sequence[str], walk: str) -> tuple[list[RawRecord], list[str], list[str]]:
    """Records by id, in halves if a request fails; the ids that are in quarantine now; and those that are gone."""
    items: list[RawRecord] = []
    unread: list[str] = []
    stack = [list(ids)]
    while stack:
        part = stack.pop()
        if not part:
            continue
        try:
            page = run.budget.call(
                lambda part=part: run.client.fetch(run.stream, part, walk),  # type: ignore[misc]
                tries=HASTY if len(part) > 1 else None,
            )
        except TransientSourceError as error:
            if len(part) > 1:
                middle = len(part) // 2
                stack += [part[middle:], part[:middle]]
                continue
            item = _look(run, part[0], walk, error)
            if item is None:
                unread.append(part[0])
            else:
                items.append(item)
        else:
            items += page.items
    found = {item.external_id for item in items}
    return items, unread, [i for i in ids if i not in found and i not in unread]


def _look(run: Run, external_id: str, walk: str, error: TransientSourceError) -> RawRecord | None:
    """The last try: the record at its own address. None: it is gone, or in quarantine now."""
    try:
        look = run.budget.call(lambda: run.client.look(run.stream, external_id, walk or None))
    except TransientSourceError as final:
        set_aside(run, external_id, final if final.body else error)
        return None
    except RefusedBySource:
        set_aside(run, external_id, error)
        return None
    return None if look.presence is Presence.GONE else look.item


def set_aside(run: Run, key: str, error: TransientSourceError, what: str = "this record", place: str = "") -> None:
    """Put a record (its id is `key`), or what else cannot be read, in quarantine with the server's answer."""
    reason = f"the store cannot answer with {what}: {error}"
    run.quarantine(key, reason, request=f"{run.stream.path} {place or key}", status=error.status, raw=error.body)


def _by_position(run: Run, ask: Ask) -> Sequence[Listed]:
    """Halve the page by position. The parts are read in order, so neighbours touch."""
    items: list[RawRecord] = []
    broken: list[tuple[int, int, TransientSourceError]] = []  # offset, index in items, last error
    total: int | None = None
    clock = None
    short = False
    stack = [(ask.offset, ask.limit)]
    while stack:
        offset, limit = stack.pop()
        part = replace(ask, offset=offset, limit=limit)
        try:
            page = run.budget.call(
                lambda part=part: run.client.list(part),  # type: ignore[misc]
                tries=HASTY if limit > 1 else None,
            )
        except TransientSourceError as error:
            if limit > 1:
                half = limit // 2
                stack += [(offset + half, limit - half), (offset, half)]
            else:
                broken.append((offset, len(items), error))
            continue
        items += [item for item in page.items if item.external_id not in {i.external_id for i in items}]
        total = page.total if page.total is not None else total
        clock = clock or page.clock
        short = len(page.items) < limit
    unread: list[str] = []
    for offset, index, cause in broken:
        before = int(items[index - 1].external_id) if index else None
        after = int(items[index].external_id) if index < len(items) else None
        unread.append(_name_broken(run, ask, offset, before, after, cause, items))
    items.sort(key=lambda item: int(item.external_id))
    numbers = [int(item.external_id) for item in items] + [int(i) for i in unread if i.isdigit()]
    rows = len(items) + len(broken)
    ended = (total is not None and ask.offset + rows >= total) or (short and total is None and rows < ask.limit)
    return [
        Listed(
            Page(items=items, total=total, clock=clock),
            ask.walk,
            LOWEST if ask.offset == 0 else (min(numbers) if numbers else None),
            HIGHEST if ended else (max(numbers) if numbers else None),
            unread=unread,
        )
    ]


def _name_broken(
    run: Run,
    ask: Ask,
    offset: int,
    before: int | None,
    after: int | None,
    error: TransientSourceError,
    items: list[RawRecord],
) -> str:
    """Find the id of the broken record: look up the ids between its neighbours one by one."""
    if run.stream.paging is Paging.OFFSET and before is not None and after is not None:
        for number in range(before + 1, after) if after - before <= _WIDEST_HOLE else ():
            try:
                look = run.budget.call(
                    lambda number=number: run.client.look(run.stream, str(number), ask.walk or None),  # type: ignore[misc]
                    tries=3,
                )
            except TransientSourceError as found:
                set_aside(run, str(number), found)
                return str(number)
            except RefusedBySource:
                continue
            if look.presence is Presence.PRESENT and look.item is not None and not ask.fields:
                # It fails in the list, and can be read at its own address.
                items.append(look.item)
                return str(number)
    key = f"row {offset} of {ask.walk or run.stream.name}, after id {before if before is not None else 'none'}"
    set_aside(run, key, error, "this record, nor tell its id", f"offset={offset}")
    return key
