"""When a record had a content: exactly, also of contents and records that come back, again and again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from sandbox.woocommerce import Store, seed
from sync_pipeline import frames
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.sources.base import RawRecord
from sync_pipeline.steps import connect, preview, push, trace
from sync_pipeline.steps.capture.write.records import Records
from sync_pipeline_tests.shares import rarely
from sync_pipeline_tests.stores import Shop, shop

_TICK = timedelta(microseconds=1)


class State(NamedTuple):
    """What an export says of a record, or of a version of it."""

    version_no: int
    version: str
    first_captured_at: datetime
    captured_at: datetime
    deleted_at: datetime | None
    name: str


class Version(NamedTuple):
    """A line of the list of versions."""

    version_no: int
    version: str
    captured_at: datetime
    superseded_at: datetime | None
    name: str


def lines(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")


def moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else value


@dataclass
class Watched:
    """Two products of a shop, and what was captured of them when."""

    shop: Shop
    ids: tuple[int, int]
    names: dict[int, str] = field(default_factory=dict)  # that a push or a pull must have left; of those that are there
    seen: list[tuple[datetime, dict[int, State]]] = field(default_factory=list)

    def pull(self) -> None:
        report = self.shop.pull("products")["products"]
        assert report.closed, report.error
        for one in self.ids:
            row = self.shop.store.row("products", one).fields
            self.names.pop(one, None)
            if row.get("status") != "trash":
                self.names[one] = row["name"]

    def do(self, how: str, place: int, content: str) -> None:
        one = self.ids[place]
        if how == "pull":
            self.shop.store.update("products", one, touch=False, name=content)
        elif how == "trash":
            self.shop.store.trash("products", one)
        elif how == "restore":
            self.shop.store.restore("products", one)
        else:
            given: dict[str, Any] = {"wc_product_id": one, "name": content}
            if how == "push later":  # than its deletion, too
                given["updated_at"] = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
            body = json.dumps({"products": [given]}).encode()
            assert push.push(self.shop.db, self.shop.connection, "products", body, actor="plugin").synced == 1
            if one in self.names or how == "push later":
                self.names[one] = content
        if not how.startswith("push"):
            self.pull()
        self.look()

    def look(self) -> None:
        now = self.shop.value("SELECT clock_timestamp()")
        found = self.states(None)
        assert {one: state.name for one, state in found.items() if state.deleted_at is None} == self.names
        self.seen.append((now, found))

    def states(self, as_of: datetime | None) -> dict[int, State]:
        found = frames.records("acme", "shop", "products", deleted=True, as_of=as_of, database=self.shop.db)
        there = frames.records("acme", "shop", "products", as_of=as_of, database=self.shop.db)
        assert set(there["external_id"]) == set(found[found["deleted_at"].isna()]["external_id"])
        return {
            int(row["external_id"]): State(
                row["version_no"],
                row["version"],
                row["first_captured_at"],
                row["captured_at"],
                moment(row["deleted_at"]),
                row["payload"]["name"],
            )
            for row in lines(found)
            if int(row["external_id"]) in self.ids
        }

    def versions(self, one: int) -> list[Version]:
        """What must be listed: the versions that were seen, each until the next."""
        states = {state.version_no: state for _, seen in self.seen for state in (seen[one],)}
        ends = [state.captured_at for state in states.values()][1:]
        return [
            Version(state.version_no, state.version, state.captured_at, end, state.name)
            for state, end in itertools.zip_longest(states.values(), ends)
        ]


def listed(of: Watched) -> dict[int, list[Version]]:
    found = frames.versions("acme", "shop", "products", database=of.shop.db)
    by_id: dict[int, list[Version]] = {one: [] for one in of.ids}
    for row in lines(found):
        if int(row["external_id"]) in by_id:
            end = moment(row["superseded_at"])
            by_id[int(row["external_id"])].append(
                Version(row["version_no"], row["version"], row["captured_at"], end, row["payload"]["name"])
            )
    return by_id


def check(of: Watched) -> None:
    """Exports as of every moment, and every list of versions, say what was seen."""
    for then, was in of.seen:
        assert of.states(then) == was
    for (_, before), (_, after) in itertools.pairwise(of.seen):
        for one in of.ids:
            if after[one].version_no > before[one].version_no:  # the very moment, and the last one before it
                assert of.states(after[one].captured_at)[one].version_no == after[one].version_no
                assert of.states(after[one].captured_at - _TICK)[one].version == before[one].version
    found = listed(of)
    stream = of.shop.connection.source.stream("products")
    for one in of.ids:
        wanted = of.versions(one)
        assert found[one] == wanted
        detail = preview.record(of.shop.db, of.shop.connection, stream, str(one))
        assert [(v["version_no"], v["version"], v["captured_at"]) for v in detail.versions] == [
            (v.version_no, v.version, v.captured_at) for v in reversed(wanted)
        ]
        for version in wanted:
            text = preview.version_text(of.shop.db, of.shop.connection, stream, str(one), version.version_no)
            assert json.loads(text)["name"] == version.name
        for earlier, later in itertools.pairwise(wanted):
            changes = preview.version_changes(
                of.shop.db, of.shop.connection, stream, str(one), earlier.version_no, later.version_no
            )
            names = None if earlier.name == later.name else {"before": earlier.name, "after": later.name}
            assert changes.get("name") == names
        events = trace.record_events(of.shop.db, of.shop.connection, stream, str(one))
        assert [(e.detail, e.at) for e in events if e.event == "captured"] == [
            (f"version {v.version_no}", v.captured_at) for v in reversed(wanted)
        ]


@pytest.fixture
def opened(database: Database, settings: Settings, org: connect.Organization) -> Iterator[Shop]:
    store = Store()
    seed(store, products=4, variable=0, customers=1, orders=1)
    with shop(database, settings, org, store) as made:
        yield made


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pull", "push", "pull", "push", "push later", "trash", "restore"]),
        st.integers(0, 1),
        st.sampled_from("ABC"),
    ),
    min_size=4,
    max_size=10,
)


@pytest.mark.parametrize("examples", [3, rarely(100)])
def test_what_was_captured_is_known_for_every_moment(opened: Shop, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(
            Phase.explicit,
            Phase.reuse,
            Phase.generate,
        ),  # each try takes seconds: a failure is shown as it was found
    )
    @given(steps=STEPS)
    @example(steps=[("pull", 0, name) for name in "BABABC"])
    @example(steps=[("push", 0, name) for name in "BABABAC"])
    @example(
        steps=[("trash", 0, "A"), ("restore", 0, "A"), ("trash", 0, "A"), ("push later", 0, "B"), ("pull", 0, "A")]
    )
    def follow(steps: list[tuple[str, int, str]]) -> None:
        ids = (opened.store.add_product(name="A"), opened.store.add_product(name="A"))
        of = Watched(opened, ids)
        of.pull()
        of.look()
        for step in steps:
            of.do(*step)
        check(of)

    follow()


def test_versions_of_one_transaction_follow_one_another(opened: Shop) -> None:
    stream = opened.connection.source.stream("products")
    records = Records(
        db=opened.db, connection=opened.connection, stream=stream, run_id=1, mode="push", noise=frozenset()
    )
    with records.transaction() as conn:
        for name in ("A", "B", "A", "B", "A", "C"):
            records.write(conn, [RawRecord("7", json.dumps({"id": 7, "name": name}).encode())])
    found = frames.versions("acme", "shop", "products", database=opened.db)
    assert [payload["name"] for payload in found["payload"]] == list("ABABAC")
    assert list(found["version_no"]) == [1, 2, 3, 4, 5, 6]
    assert list(found["superseded_at"])[:-1] == list(found["captured_at"])[1:]
    assert found["captured_at"].is_monotonic_increasing
    assert found["captured_at"].is_unique
    first = frames.records("acme", "shop", "products", database=opened.db)["first_captured_at"]
    assert list(first) == list(found["captured_at"])[:1]  # no moment at which it was captured and had no content


def test_a_clock_that_is_put_back_leaves_versions_in_their_order(opened: Shop) -> None:
    stream = opened.connection.source.stream("products")
    records = Records(
        db=opened.db, connection=opened.connection, stream=stream, run_id=1, mode="push", noise=frozenset()
    )

    def write(name: str) -> None:
        with records.transaction() as conn:
            records.write(conn, [RawRecord("7", json.dumps({"id": 7, "name": name}).encode())])

    write("A")
    opened.rows("UPDATE capture.sync_record SET captured_at = clock_timestamp() + interval '1 second' RETURNING 1")
    for name in ("B", "A", "B"):
        write(name)
    found = frames.versions("acme", "shop", "products", database=opened.db)
    assert [payload["name"] for payload in found["payload"]] == list("ABAB")
    assert list(found["superseded_at"])[:-1] == list(found["captured_at"])[1:]
    assert found["captured_at"].is_monotonic_increasing
    assert found["captured_at"].is_unique
