"""Who stands behind which row: a function of the claims, whatever the order and whatever was there before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.steps.promote.place.claims import Claimant, Part, assign, by_email, by_sku

CLAIMS = st.sampled_from([None, "a", "b", "c"])
Rule = Callable[[list[Claimant]], list[Part]]


@st.composite
def stores(draw: st.DrawFn) -> list[Claimant]:
    """Records of three connections in any state: mapped to any rows, also as no promotion would leave them."""
    keys = draw(st.sets(st.tuples(st.integers(1, 3), st.integers(1, 5)), max_size=9))
    return [
        Claimant(connection, "product", str(number), draw(CLAIMS), draw(st.integers(0, 4)))
        for connection, number in sorted(keys)
    ]


def partition(parts: list[Part]) -> set[tuple[str | None, frozenset[tuple[int, str, str]]]]:
    return {(part.claim, frozenset(one.key for one in part.members)) for part in parts}


@pytest.mark.parametrize("rule", [by_sku, by_email])
@given(store=stores(), data=st.data())
def test_parts_do_not_depend_on_order_or_on_rows(rule: Rule, store: list[Claimant], data: st.DataObject) -> None:
    expected = partition(rule(store))
    shuffled = [replace(one, row=data.draw(st.integers(0, 4))) for one in data.draw(st.permutations(store))]
    assert partition(rule(shuffled)) == expected
    assert sorted(one.key for part in rule(store) for one in part.members) == sorted(one.key for one in store)


@given(store=stores())
def test_a_sku_belongs_to_the_lowest_id_of_each_connection(store: list[Claimant]) -> None:
    parts = by_sku(store)
    for claim in ("a", "b", "c"):
        wanted: dict[int, int] = {}
        for one in store:
            if one.claim == claim:
                wanted[one.connection] = min(int(one.external_id), wanted.get(one.connection, 99))
        owning = [part for part in parts if part.claim == claim]
        assert len(owning) == bool(wanted)
        for part in owning:
            assert {one.connection: int(one.external_id) for one in part.members} == wanted


@given(store=stores())
def test_an_email_is_one_customer(store: list[Claimant]) -> None:
    for part in by_email(store):
        if part.claim is None:
            assert [one.claim for one in part.members] == [None]
        else:
            assert len(part.members) == sum(one.claim == part.claim for one in store)


@pytest.mark.parametrize("rule", [by_sku, by_email])
@given(store=stores(), owned=st.dictionaries(st.sampled_from("abc"), st.integers(1, 9), max_size=3))
def test_a_row_goes_to_one_part_and_stays_where_it_can(
    rule: Rule, store: list[Claimant], owned: dict[str, int]
) -> None:
    parts = rule(store)
    assign(parts, owned)
    given_rows = [part.row for part in parts if part.row]
    assert len(given_rows) == len(set(given_rows))
    behind = {one.row for one in store if one.row}
    for part in parts:
        assert part.row in {0, *part.rows, owned.get(part.claim or "", 0)}
        if part.row and part.row not in part.rows:
            assert part.row not in behind  # the free row with its claim
        if not part.row:
            assert all(row in given_rows for row in part.rows)


def test_two_who_trade_what_they_claim_keep_their_rows() -> None:
    one, two = Claimant(1, "product", "1", "b", 10), Claimant(1, "product", "2", "a", 20)
    parts = by_sku([one, two])
    assign(parts, {"a": 10, "b": 20})
    assert {part.claim: part.row for part in parts} == {"a": 20, "b": 10}
