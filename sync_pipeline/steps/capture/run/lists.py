"""The ways a stream is read: all of it, what changed, what is new, and the sweep for what no signal tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sync_pipeline.db.queries import execute
from sync_pipeline.errors import TransientSourceError
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Ask, Page
from sync_pipeline.steps.capture.read.isolate import fetch_apart
from sync_pipeline.steps.capture.read.walk import cover
from sync_pipeline.steps.capture.run.context import Opened
from sync_pipeline.steps.capture.write.pages import Listed, Run
from sync_pipeline.steps.capture.write.records import SQL


def read_all(run: Run, pool: ThreadPoolExecutor, opened: Opened, max_pages: int | None) -> bool:
    """Every record of the stream, in one list or in one list a parent; True when all were listed."""
    complete, before = True, run.progress.pages
    for walk in walks(run):
        left = None if max_pages is None else max_pages - (run.progress.pages - before)
        if left is not None and left <= 0:
            return False
        done, rows = opened.coverage("walk", walk)
        complete &= cover(
            run,
            pool,
            Ask(stream=run.stream, walk=walk),
            run.commit,
            coverage=done,
            known_rows=rows,
            max_pages=left,
        )
    return complete


def read_changes(run: Run, pool: ThreadPoolExecutor, opened: Opened) -> None:
    """What the store says changed since the watermark, less an overlap; the hash absorbs what comes twice."""
    if not run.budget.call(lambda: run.client.lists(run.stream)):
        return _read_changed_parents(run, pool, opened)
    done, rows = opened.coverage("walk", "")
    cover(run, pool, Ask(stream=run.stream, since=run.since), run.commit, coverage=done, known_rows=rows)
    return None


def _read_changed_parents(run: Run, pool: ThreadPoolExecutor, opened: Opened) -> None:
    """One list a parent: only parents captured anew since the last time, the sweep sees the others."""
    if opened.sweeps:
        return
    for walk in walks(run, changed_since=opened.watermark):
        done, rows = opened.coverage("walk", walk)
        cover(run, pool, Ask(stream=run.stream, walk=walk), run.commit, coverage=done, known_rows=rows)


def read_new(run: Run) -> None:
    """A stream without a signal and without its sweep: only what was added, behind the highest id known."""
    if run.stream.parent is not None or run.stream.paging.value != "offset":
        return
    with run.transaction() as conn:
        known = execute(conn, SQL["present_count"], **run.keys, started_at=run.started_at).scalar_one()
    offset = max(0, int(known) - 1)
    while True:
        page = run.budget.call(lambda: run.client.list(Ask(stream=run.stream, offset=offset)))  # noqa: B023
        if not page.items:
            return
        run.commit([Listed(page)])
        offset += max(1, len(page.items) - 1)
        if len(page.items) == 1:
            return


def sweep(run: Run, pool: ThreadPoolExecutor, opened: Opened) -> bool:
    """Ids and sweep fields of every record; what differs is fetched. True when all ids were listed."""
    fetches: list[Future[Listed]] = []
    waiting: dict[str, list[str]] = {}

    def fetch_some(walk: str, at_least: int) -> None:
        ids = waiting.get(walk, [])
        while len(ids) >= max(1, at_least):
            chunk, ids = ids[: run.client.page_size], ids[run.client.page_size :]
            fetches.append(pool.submit(_fetch, run, chunk, walk))
        waiting[walk] = ids
        _collect(run, fetches, keep=2 * run.budget.slots)

    def sink(pages: Sequence[Listed]) -> None:
        for walk in {page.walk for page in pages}:
            differing = run.commit_sweep([page for page in pages if page.walk == walk])
            waiting.setdefault(walk, []).extend(differing)
            fetch_some(walk, run.client.page_size)

    for external_id in opened.unfetched:
        waiting.setdefault("", []).append(external_id)
    complete = True
    for walk in walks(run):
        done, rows = opened.coverage("sweep", walk)
        complete &= cover(
            run,
            pool,
            Ask(stream=run.stream, walk=walk, fields=run.stream.sweep_fields),
            sink,
            coverage=done,
            known_rows=rows,
        )
        fetch_some(walk, 1)
    fetch_some("", 1)
    _collect(run, fetches, keep=0)
    return complete


def _fetch(run: Run, ids: list[str], walk: str) -> Listed:
    try:
        page = run.budget.call(lambda: run.client.fetch(run.stream, ids, walk))
        unread: list[str] = []
    except TransientSourceError:
        items, unread = fetch_apart(run, ids, walk)
        page = Page(items=items)
    found = {item.external_id for item in page.items}
    missing = [i for i in ids if i not in found and i not in unread]
    return Listed(page, walk, unread=unread, missing=missing, kind="fetch")


def _collect(run: Run, fetches: list[Future[Listed]], *, keep: int) -> None:
    while len(fetches) > keep or (fetches and fetches[0].done()):
        run.commit([fetches.pop(0).result()])


def walks(run: Run, *, changed_since: object = None) -> Iterator[str]:
    """The lists of the stream: one, named by nothing, or one for each captured parent that has any."""
    stream = run.stream
    if stream.parent is None or run.budget.call(lambda: run.client.lists(stream)):
        yield ""
        return
    parent = run.connection.source.stream(stream.parent)
    keys = {**run.keys, "entity_type": parent.entity_type}
    after = ""
    while True:
        with run.transaction() as conn:
            rows = execute(conn, SQL["parents"], **keys, after=after).all()
        for row in rows:
            if changed_since is not None and row.captured_at < changed_since:
                continue
            if stream.parent_where is None or stream.parent_where(jsontext.value(row.payload.encode())):
                yield row.external_id
        if len(rows) < 1000:
            return
        after = rows[-1].external_id
