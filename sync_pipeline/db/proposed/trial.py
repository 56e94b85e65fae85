"""Try a proposed migration on branches of the database, and report what it does.

First on an empty branch, which the revisions make from nothing: it shows the schema afterwards, which locks each
statement takes, which tables it writes to, and whether the way back leads back. Nothing that a script says there can
tell of an organization's rows. Then on a branch with rows, where their loss, the seconds and the plans are seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter

from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection

from sync_pipeline.db import branch as branches
from sync_pipeline.db.engine import driver
from sync_pipeline.db.kept import Loss, Watch, organizations
from sync_pipeline.db.losses import in_all
from sync_pipeline.db.migrate import current_revision, head, prepare
from sync_pipeline.db.owner import owner_engine
from sync_pipeline.db.proposed import changed, measure, script
from sync_pipeline.db.proposed.copy import copy_rows
from sync_pipeline.db.proposed.lint import squawk
from sync_pipeline.db.proposed.login import LimitedLogin, forget_secrets, lend, limited_login
from sync_pipeline.db.proposed.refusals import Objects, refusals
from sync_pipeline.db.proposed.report import (
    Branch,
    Failure,
    HotPlan,
    RowCount,
    TrialReport,
    ValueChange,
    failed_report,
    where,
)  # fmt: skip
from sync_pipeline.db.proposed.script import Ran, ScriptFailed
from sync_pipeline.errors import ConfigurationError

_FULL_BYTES = 2 * 1024**3  # a larger database is sampled, unless the whole is asked for
_SAMPLE = 1_000  # rows of a table and organization
_ANOTHER = (
    "The schema that it makes is another one where there are rows, or somebody changed the schema of this database by "
    "hand."
)
_NOT_CONNECTED = "a clone: nobody else was connected"


@dataclass(frozen=True, slots=True)
class EmptyTrial:
    """What the empty branch shows. `touched`: what `up` locks; `written`: tables whose rows the scripts may change.

    `refused`: what it leaves behind may not be. `back`: how `down` failed.
    """

    before: Objects
    after: Objects
    ran: Sequence[Ran]
    names: Mapping[int, str]
    written: frozenset[str]
    touched: frozenset[str]
    refused: Sequence[str]
    reasons: Sequence[str]
    back: Failure | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the branch with rows shows."""

    ran: Sequence[Ran]
    counts: Sequence[RowCount]
    losses: Sequence[str]
    plans: Sequence[HotPlan]
    reasons: Sequence[str]
    changed: Sequence[ValueChange] = ()
    unreached: Sequence[str] = ()
    compare_seconds: float = 0.0


def try_migration(url: URL, up: str, down: str, *, wanted: Branch | None = None) -> TrialReport:
    """Try `up`, then `down`, on branches of the database at `url` (the owner's). The database is not changed.

    `wanted` chooses how much of its rows the second branch has; else it is full if that is quick, or a sample.

    Raises:
        ConfigurationError: the database is not at the newest revision, or its owner may not make a login.
        Busy: another process tries or applies a migration.
    """
    revision = newest(url)
    began = perf_counter()
    with limited_login(url) as login:
        try:
            first = try_empty(url, login, up, down, revision)
        except ScriptFailed as failed:
            return failed_report(revision, "empty", "it failed before rows were needed", began, failed.failure, [])
        schema = first.before.changes(first.after)
        with _with_rows(url, login, revision, wanted) as (kind, why, branch):
            try:
                rows = _try_rows(branch, login, up, down, kind, first)
            except ScriptFailed as failed:
                return failed_report(revision, kind, why, began, failed.failure, schema)
    reasons = [*first.refused, *first.reasons, *rows.reasons]
    if kind == "empty" and first.written:
        reasons.append(
            f"It may delete or rewrite rows of {', '.join(sorted(first.written))}, and the branch has none to see it "
            f"by ({why})."
        )
    found, unread = squawk(up, down)
    reasons += unread
    if first.back is not None:
        reasons.insert(0, where(first.back))
    return TrialReport(
        revision=revision,
        branch=kind,
        branch_why=why,
        verdict="failed" if first.back is not None else "blocked" if reasons else "passed",
        reasons=reasons,
        failure=first.back,
        statements=measure.statement_runs(first.names, first.ran, rows.ran),
        locks=measure.held_locks(first.names, first.ran, rows.ran, rows.counts),
        schema=schema,
        rows=rows.counts,
        losses=rows.losses,
        plans=rows.plans,
        findings=found,
        seconds=round(perf_counter() - began, 3),
        changed=rows.changed,
        unreached=rows.unreached,
        compare_seconds=rows.compare_seconds,
    )


def newest(url: URL) -> str:
    """The revision of the database at `url`, which is the newest there is.

    Raises:
        ConfigurationError: it is another one.
    """
    revision = current_revision(url)
    if revision is None or revision != head():
        raise ConfigurationError(
            f"The database is at revision {revision or 'none'}, the newest is {head()}. Run `sync-pipeline db migrate` "
            "first."
        )
    return revision


def try_empty(url: URL, login: LimitedLogin, up: str, down: str, revision: str) -> EmptyTrial:
    """Both scripts on a branch without rows, in one transaction that is rolled back.

    Raises:
        ScriptFailed: a statement of `up` failed.
    """
    with branches.created(url) as empty:
        prepare(empty, revision)
        lend(empty, login)
        with session(login.at(empty)) as conn:
            return examine(conn, up, down)


def examine(conn: Connection, up: str, down: str) -> EmptyTrial:
    """The same in the session `conn` of the login, on a branch whose objects are lent to it."""
    script.settle(conn)
    names, before, watch = measure.relations(conn), Objects.of(conn), Watch(conn, ())
    conn.rollback()  # or the locks of these questions would be taken for those of the script
    begun = script.begin(conn)
    ran = script.run(conn, up, "up", "empty", begun)
    written, back = watch.written(), None
    after = Objects.of(conn)
    refused, reasons = refusals(conn, before, after), []
    if not refused:
        plans = branches.hot_plans(conn, by_index=True)
        slow = [name for name, plan in plans.items() if not branches.uses_index(plan)]
        reasons += [f"Afterwards “{name}” does not use its index." for name in slow]
    script.settle(conn)
    try:
        script.run(conn, down, "down", "empty", begun)
    except ScriptFailed as failed:
        back = failed.failure
    else:
        written |= watch.written()
        if left := before.changed(Objects.of(conn)):
            reasons.append(f"The way back leaves another schema than before: {_named([*left])}.")
    touched = frozenset(names[oid] for one in ran for oid in one.locks if oid in names)
    return EmptyTrial(before, after, ran, names, written, touched, refused, reasons, back)


@contextmanager
def session(url: URL) -> Iterator[Connection]:
    """A connection whose work is rolled back."""
    with owner_engine(url) as engine, engine.connect() as conn:
        try:
            yield conn
        finally:
            if driver(conn).info.transaction_status == TransactionStatus.ACTIVE:
                conn.invalidate()  # in the middle of a COPY that nobody reads
            else:
                conn.rollback()


@contextmanager
def _with_rows(
    url: URL, login: LimitedLogin, revision: str, wanted: Branch | None
) -> Iterator[tuple[Branch, str, URL]]:
    """A branch with as many rows as can be had: its kind, why it is of that kind, and its address."""
    with ExitStack() as stack:
        kind: Branch = "full"
        why, branch = _NOT_CONNECTED, None
        if wanted in (None, "full"):
            branch = stack.enter_context(branches.cloned(url))
        if branch is None:
            branch = stack.enter_context(branches.created(url))
            prepare(branch, revision)
            kind, why = _filled(url, branch, wanted)
        with owner_engine(branch) as engine, engine.begin() as conn:
            forget_secrets(conn)
        lend(branch, login)
        yield kind, why, branch


def _filled(url: URL, branch: URL, wanted: Branch | None) -> tuple[Branch, str]:
    if wanted == "empty":
        return "empty", "an empty one was asked for"
    with owner_engine(url) as engine, engine.connect() as conn:
        size = int(conn.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
    whole = wanted == "full" or (wanted is None and size <= _FULL_BYTES)
    failed = copy_rows(url, branch, at_most=None if whole else _SAMPLE)
    if failed is not None:
        return "empty", f"others are connected, so there is no clone, and {failed}; stop them and try it again"
    if whole:
        return "full", "a copy of every row: others are connected"
    return "sampled", f"{_SAMPLE} rows of each table and organization, of a database of {size // 1024**2:,} MB"


def _try_rows(branch: URL, login: LimitedLogin, up: str, down: str, kind: Branch, first: EmptyTrial) -> _Rows:
    """Both scripts on a branch with rows, in one transaction that is rolled back; its rows are compared."""
    with session(branch) as owner:
        counted = measure.count_rows(owner, organizations(owner))
    with session(login.at(branch)) as conn:
        script.settle(conn)
        before, plans = Objects.of(conn), branches.hot_plans(conn, by_index=False)
        conn.rollback()
        watched = first.written
        while True:
            compared = changed.Stopwatch()
            with compared:
                watch = Watch(conn, watched)
            begun = script.begin(conn)
            ran = script.run(conn, up, "up", kind, begun)
            if (written := watch.written()) <= watched or not watch.orgs:
                break
            watched |= written  # it writes to more where there are rows: that is compared, too
            conn.rollback()
        after = Objects.of(conn)
        made = before.changed(after)
        if made != first.before.changed(first.after):
            return _Rows(ran, [], [], [], [_ANOTHER])
        if first.refused:  # what is there now may run code of its own where rows are read
            return _Rows(ran, measure.compare_counts(counted, counted), [], [], [])
        with compared:
            seen, back = watch.losses(), None
        lost = [one for one in seen if one.how != "filled" or one.table.startswith("capture.")]
        new = {name.removeprefix("table ") for name, (old, _) in made.items() if old is None}
        counts = measure.compare_counts(counted, measure.count_rows(conn, watch.orgs, only=watched | new))
        unreached = changed.unreached(conn, first.names, first.ran, counts)
        later = branches.hot_plans(conn, by_index=False)
        index = {name: branches.uses_index(plan) for name, plan in branches.hot_plans(conn, by_index=True).items()}
        if first.back is None:
            script.settle(conn)
            script.run(conn, down, "down", kind, begun)
            with compared:
                back = watch.losses()
    return _Rows(
        ran,
        counts,
        in_all(lost),
        measure.compare_plans(plans, later, index),
        _captured(lost, back or ()),
        changed.values(seen, back),
        unreached,
        compared.seconds,
    )


def _captured(lost: Sequence[Loss], back: Sequence[Loss]) -> list[str]:
    """Why what becomes of captured data blocks it. `back`: what is lost after the way back."""
    for found, which in ((lost, "It"), (back, "Its way back")):
        if captured := [one for one in found if one.table.startswith("capture.")]:
            return [f"{which} would lose captured data: {'; '.join(in_all(captured))}."]
    return []


def _named(objects: Sequence[str]) -> str:
    return ", ".join(objects[:10]) + (f" and {len(objects) - 10} more" if len(objects) > 10 else "")
