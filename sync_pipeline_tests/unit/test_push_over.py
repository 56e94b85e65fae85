"""Which pushes change a record: a time decides, and one that is missing never lets an older push win."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.entities.values import moment
from sync_pipeline.sources.base import Unreadable
from sync_pipeline.sources.woocommerce.pushed import PUSHED
from sync_pipeline.steps.capture.write.record import finder
from sync_pipeline.steps.push.over import Stored, check_time, laid_over

TIMES = [None, "", "0000-00-00 00:00:00", *(f"2026-03-0{day}T10:00:00Z" for day in range(1, 6))]
ABSENT = object()
_pushes = st.lists(st.lists(st.sampled_from([*TIMES, ABSENT]), min_size=1, max_size=3), min_size=1, max_size=6)


def record(kind: str, name: str, time: Any) -> dict[str, Any]:
    """A pushed record, translated."""
    given = {PUSHED[kind].id_field: 1, "name": name}
    return PUSHED[kind].to_payload(given if time is ABSENT else {**given, "updated_at": time})


@given(
    st.sampled_from(sorted(PUSHED)),
    st.sampled_from([None, "pushed", "pulled", "pulled without a time"]),
    _pushes,
)
def test_no_push_erases_a_time_and_none_with_an_older_time_wins(
    kind: str, before: str | None, batches: Sequence[Sequence[Any]]
) -> None:
    """The name that stands is that of the last push that had no time, or none older than each before it."""
    changed = finder(PUSHED[kind].modified)
    time = "2026-03-03T10:00:00" if before != "pulled without a time" else None
    payload: dict[str, Any] | None = {"id": 1, "name": "first", "date_modified_gmt": time} if before else None
    whole = before in ("pulled", "pulled without a time")
    newest, expected = (moment(time), "first") if before else (None, None)
    for place, batch in enumerate(batches):
        said = []
        for number, sent in enumerate(batch):
            at = moment(sent) if isinstance(sent, str) else None
            older = at is not None and newest is not None and at < newest
            said.append("older" if older else None)
            if not older:
                newest, expected = at or newest, f"{place}.{number}"
        stored = Stored(payload, whole) if payload is not None else None
        records = [record(kind, f"{place}.{number}", sent) for number, sent in enumerate(batch)]
        laid = laid_over(PUSHED[kind], changed, stored, records)
        assert [one and one[0] for one in laid.left_out] == said
        payload = laid.payload or payload
        assert payload is not None
        assert (payload["name"], moment(changed(payload))) == (expected, newest)


@pytest.mark.parametrize("time", ["yesterday", 5, True, "0999-01-01T00:00:00"])
def test_what_is_no_time_is_refused(time: Any) -> None:
    with pytest.raises(Unreadable, match="is not a time"):
        check_time({"id": 1, "date_modified_gmt": time}, finder("date_modified_gmt"))


def test_a_time_that_cannot_be_true_is_neither_taken_nor_believed() -> None:
    changed, soon = finder("date_modified_gmt"), datetime.now(UTC) + timedelta(hours=23)
    check_time({"date_modified_gmt": soon.isoformat(timespec="seconds")}, changed)
    with pytest.raises(Unreadable, match="2999-01-01T00:00:00Z, is more than a day ahead"):
        check_time({"date_modified_gmt": "2999-01-01T00:00:00"}, changed)
    # One that was taken by an earlier version does not make every later push an older one.
    stored = Stored({"id": 1, "name": "A", "date_modified_gmt": "2999-01-01T00:00:00"}, whole=False)
    laid = laid_over(PUSHED["products"], changed, stored, [record("products", "B", "2026-03-01T10:00:00Z")])
    assert laid.payload == {"id": 1, "name": "B", "date_modified_gmt": "2026-03-01T10:00:00"}


def test_a_deleted_record_is_restored_by_a_later_change_alone() -> None:
    changed = finder("date_modified_gmt")
    stored = Stored({"id": 1, "name": "A"}, whole=True, deleted_at=datetime(2026, 3, 2, tzinfo=UTC))
    times = (None, "2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z")
    laid = laid_over(PUSHED["products"], changed, stored, [record("products", "B", time) for time in times])
    assert [one and one[0] for one in laid.left_out] == ["deleted", "deleted", None, None]
    assert "only a change later than 2026-03-02T00:00:00Z restores it" in str(laid.left_out[0])
