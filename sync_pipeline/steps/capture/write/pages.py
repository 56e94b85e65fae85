"""One run of one entity: what it works on, and the transactions that commit its pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection as Transaction

from sync_pipeline.db.arrays import Texts
from sync_pipeline.db.queries import execute, execute_prepared
from sync_pipeline.errors import MalformedAnswer
from sync_pipeline.sources.base import Ask, Client, Page, RawRecord
from sync_pipeline.steps.capture.budget import Budget
from sync_pipeline.steps.capture.id_set import IdSet
from sync_pipeline.steps.capture.write.record import raw_hash, sweep_hash
from sync_pipeline.steps.capture.write.records import SQL, Progress, Records


@dataclass(frozen=True, slots=True)
class Listed:
    """A page and the id range it covers; `walk` names the list. A page without a range proves nothing."""

    page: Page
    walk: str = ""
    low: int | None = None
    high: int | None = None
    unread: Sequence[str] = ()  # listed, and in quarantine
    missing: Sequence[str] = ()  # requested by id, and not in the answer
    kind: str = "walk"


TRUSTED = timedelta(hours=3)  # that a store's clock may be ahead of this machine's and still be the store's own time
Sink = Callable[[Sequence[Listed]], None]
_Kept = tuple[str, Listed, list[str], list[str]]  # a page's kind, the page, its ids, and those that were not answered


@dataclass(kw_only=True)
class Run(Records):
    """Everything a pull of one stream shares."""

    client: Client
    budget: Budget
    started_at: datetime
    since: datetime | None
    report: Callable[[Progress], None]
    clock: datetime | None = None  # the store's at the first answer; this machine's if that cannot be
    ahead: timedelta = timedelta()
    sweeps: bool = False  # every record is listed as well, after what the store reports as changed
    _totals: dict[str, int] = field(default_factory=dict)  # by list
    _read: IdSet = field(
        default_factory=IdSet
    )  # by this attempt: pages overlap, and a sweep lists what was read before
    _untold: tuple[str, int] | None = None  # the kind of a list whose rows the ledger does not know yet, and how many
    _told: set[str] = field(default_factory=set)

    def fetch(self, ask: Ask) -> Page:
        """Request one page of a list within the budget."""

        def once() -> Page:
            page = self.client.list(ask)
            if ask.offset == 0 and not page.items and page.total:
                raise MalformedAnswer(f"The list is empty and says it has {page.total} rows", status=200)
            return page

        return self.budget.call(once)

    def commit(self, pages: Sequence[Listed]) -> None:
        """Write the records of these pages and the evidence that they were read, in one transaction."""
        if not pages:
            return
        items: dict[str, RawRecord] = {}
        for listed in pages:
            items.update((item.external_id, item) for item in listed.page.items)
            # A delta's list holds only what changed, and a fetch by id is not a list.
            self._note(listed, listed.kind, whole=listed.kind == "walk" and self.since is None)
        with self.transaction() as conn:
            counts = self.write_or_find(conn, list(items.values()))
            kept: list[_Kept] = []
            for listed in pages:
                strange = [self._reject(conn, raw, reason, listed) for raw, reason in listed.page.rejected]
                ids = [item.external_id for item in listed.page.items]
                kept.append((listed.kind, listed, [*ids, *listed.unread, *strange], list(listed.missing)))
            self._keep(conn, kept, read=items if counts is None else (), swept=0, **(counts or self._all_known(items)))
        counts = counts or self._all_known(items)
        self.progress.new += counts["new"]
        self.progress.changed += counts["changed"]
        self.progress.unchanged += counts["unchanged"] - self._read_again(items)
        self.progress.pages += len(pages)
        self.report(self.progress)

    def commit_sweep(self, pages: Sequence[Listed]) -> list[str]:
        """Note the ids of these sweep pages; returns those to read, as they differ or are in quarantine."""
        hashes: dict[str, bytes | None] = {}
        for listed in pages:
            self._note(listed, "sweep", whole=True)
            for item in listed.page.items:
                try:
                    hashes[item.external_id] = sweep_hash(self.clean(item.raw), self.stream.sweep_fields)
                except ValueError:
                    hashes[item.external_id] = None
        with self.transaction() as conn:
            known = {
                row.external_id: row
                for row in execute_prepared(conn, SQL["known_to_sweep"], **self.keys, ids=Texts(hashes))
            }
            differing = {
                external_id
                for external_id, new_hash in hashes.items()
                if external_id not in known
                or known[external_id].deletion_state == "deleted"
                or known[external_id].aside
                or new_hash is None
                or bytes(known[external_id].sweep_hash or b"") != new_hash
            }
            back = [i for i in hashes if i in known and known[i].deletion_state == "suspected"]
            if back:
                self.take_turns(conn)
                execute(conn, SQL["unsuspect"], **self.keys, ids=back)
            kept: list[_Kept] = []
            for listed in pages:
                ids = [item.external_id for item in listed.page.items]
                kept.append(("sweep", listed, [*ids, *listed.unread], [i for i in ids if i in differing]))
            self._keep(conn, kept, read=(), swept=len(hashes), new=0, changed=0, unchanged=0)
        self.progress.swept += len(hashes) - self._read_again(hashes)
        self.progress.pages += len(pages)
        self.report(self.progress)
        return sorted(differing, key=lambda i: (len(i), i))

    def quarantine(
        self, external_id: str, reason: str, *, request: str = "", status: int | None = None, raw: bytes = b""
    ) -> None:
        """Set aside a record that cannot be captured, with the answer that shows why."""
        with self.transaction() as conn:
            self._quarantine(conn, external_id, reason, request, status, raw)
        self.progress.quarantined.append(external_id)

    def _note(self, listed: Listed, kind: str, *, whole: bool) -> None:
        page = listed.page
        if page.clock is not None and self.clock is None:
            now = datetime.now(UTC)
            # A store's clock is a claim: a watermark in the future would hide every change until then.
            self.ahead = page.clock - now
            self.clock = page.clock if self.ahead <= TRUSTED else now
        if page.total is None:
            return
        self.progress.total = page.total
        self.expect(kind, listed.walk, page.total)
        if whole:
            self._totals[listed.walk] = page.total
            self.progress.remote = sum(self._totals.values())

    def expect(self, kind: str, walk: str, rows: int) -> None:
        """The store said how many rows this list has. The next commit stores it, once a list.

        Of one list a parent the whole is not known before the last, nor of changes that a sweep follows.
        """
        followed = kind == "walk" and self.mode == "delta" and self.sweeps and self.stream.signal
        if not walk and not followed and kind not in self._told:
            self._untold = kind, rows

    def _keep(self, conn: Transaction, pages: Sequence[_Kept], *, read: Iterable[str], **counts: int) -> None:
        """Store the evidence of these pages, and with the last one how far the run is.

        With the first pages of a list, what they told. The next watermark: a killed run that is resumed still began
        then. How many rows there are to read: other processes show how far it is.
        """
        *before, last = [
            {
                "kind": kind,
                "walk": one.walk,
                "low": one.low,
                "high": one.high,
                "ids": Texts(ids),
                "missing": Texts(gone),
            }
            for kind, one, ids, gone in pages
        ]
        for page in before:
            execute(conn, SQL["write_page"], run_id=self.run_id, **page)
        kind, total = self._untold or (None, None)
        told = {"window_to": self.clock, "total": total, "is_sweep": kind == "sweep"}
        execute_prepared(conn, SQL["keep_page"], **self.keys, **last, **told, **counts, read=Texts(read))
        if kind is not None:
            self._told.add(kind)
            self._untold = None

    def _read_again(self, ids: Collection[str]) -> int:
        """How many of these were counted before; from now on all of them are."""
        again = sum(one in self._read for one in ids)
        self._read.update(ids)
        return again

    @staticmethod
    def _all_known(items: Collection[str]) -> dict[str, int]:
        return {"new": 0, "changed": 0, "unchanged": len(items)}

    def _reject(self, conn: Transaction, raw: bytes, reason: str, listed: Listed) -> str:
        key = f"element {raw_hash(raw).hex()[:16]}"
        self._quarantine(conn, key, reason, listed.page.request, 200, raw)
        self.progress.quarantined.append(key)
        return key
