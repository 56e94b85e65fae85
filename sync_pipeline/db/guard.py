"""A migration as one transaction, which commits only if it loses nothing, or if people agreed to what it loses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import URL, Connection

from sync_pipeline.db.kept import Loss, Watch
from sync_pipeline.db.losses import place_of
from sync_pipeline.db.owner import owner_engine
from sync_pipeline.errors import Busy, ConfigurationError

# lock_not_available, deadlock_detected
_BUSY = ("55P03", "40P01")
_Sentences = Mapping[int, Sequence[str]]  # organization -> what it would lose


def _nothing(_: Connection) -> None:
    """Neither at the begin nor at the end of a transaction."""


class GuardedUpgrade:
    """The same upgrade on one database after the other: branches first, the real one last.

    It remembers which tables the upgrade writes to, so that only these are compared, and to what people agreed.
    """

    def __init__(
        self,
        upgrade: Callable[[Connection], None],
        judge: Callable[[Sequence[Loss]], _Sentences],
        ask: Callable[[_Sentences], None],
        lock_timeout: str,
        *,
        begin: Callable[[Connection], None] = _nothing,
        end: Callable[[Connection], None] = _nothing,
    ) -> None:
        """`begin` and `end` are the first and the last that happens in the transaction that commits."""
        self._begin, self._end = begin, end
        self._upgrade, self._judge, self._ask, self._lock_timeout = upgrade, judge, ask, lock_timeout
        self.compared: frozenset[str] = frozenset()
        self._agreed: set[tuple[int, str]] = set()

    def run(self, url: URL, check: Callable[[Connection], None]) -> None:
        """Upgrade the database at `url`. `check` looks at the result before it is committed.

        Raises:
            Busy: somebody else holds a lock that it needs.
            ConfigurationError: it would lose captured data, or `check` failed, or a person refused.
            GateClosed: a person must answer first.
        """
        while (lost := self._attempt(url, check)) is not None:
            # After the rollback, because people are asked on another connection, which must not wait for its locks.
            self._ask(lost)
            self._agreed |= _places(lost)

    def _attempt(self, url: URL, check: Callable[[Connection], None]) -> _Sentences | None:
        """Upgrade and commit (None), or roll back and return what people must be asked about.

        That is {} where tables were written to that were not compared: the next attempt compares them.
        """
        with owner_engine(url) as engine, engine.connect() as conn, self._translated(), conn.begin() as transaction:
            conn.exec_driver_sql(f"SET LOCAL lock_timeout = '{self._lock_timeout}'")
            self._begin(conn)
            watch = Watch(conn, self.compared)
            begun = conn.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar_one()
            self._upgrade(conn)
            # What a revision defers to the commit happens before the comparison.
            conn.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            if conn.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()::text").scalar_one() != begun:
                raise ConfigurationError(
                    "A revision of this migration ends its own transaction, so what it loses cannot be seen before it "
                    "is lost. The database is unchanged. Remove COMMIT and ROLLBACK from the revision's file."
                )
            check(conn)
            lost: _Sentences = {}
            known, self.compared = self.compared, self.compared | watch.written()
            if self.compared == known or not watch.orgs:
                lost = self._judge(watch.losses())
                if _places(lost) <= self._agreed:
                    self._end(conn)
                    return None
            transaction.rollback()
            return lost

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            state = getattr(getattr(error, "orig", error), "sqlstate", None)
            if state in _BUSY:
                raise Busy(
                    f"The migration did not get the lock that it needs within {self._lock_timeout}, and nothing was "
                    "changed. Stop what works on the database (`sync-pipeline up`, the service, Dagster), then run it "
                    "again."
                ) from error
            raise


def _places(lost: _Sentences) -> set[tuple[int, str]]:
    return {(org_id, place_of(one)) for org_id, losses in lost.items() for one in losses}
