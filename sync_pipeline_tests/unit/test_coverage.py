"""The id ranges a walk has read: complete only when nothing can lie between them."""

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.steps.capture.read.coverage import HIGHEST, LOWEST, Coverage


def test_touching_ranges_leave_no_gap() -> None:
    coverage = Coverage([(LOWEST, 10), (10, 20), (21, HIGHEST)])
    assert coverage.complete
    assert coverage.first_gap() is None


def test_the_first_gap_is_what_lies_between_two_ranges() -> None:
    coverage = Coverage([(LOWEST, 10), (15, 20)])
    assert coverage.first_gap() == (10, 15)
    coverage.add(10, 15)
    assert coverage.first_gap() == (20, HIGHEST + 1)
    coverage.add(20, HIGHEST)
    assert coverage.complete


def test_nothing_covered_is_one_gap() -> None:
    assert Coverage().first_gap() == (LOWEST - 1, HIGHEST + 1)
    assert Coverage([(5, 9)]).first_gap() == (LOWEST - 1, 5)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12))
def test_a_gap_is_reported_exactly_when_an_id_is_uncovered(spans: list[tuple[int, int]]) -> None:
    ranges = [(low, low + size) for low, size in spans]
    coverage = Coverage(ranges)
    covered = {i for low, high in ranges for i in range(low, high + 1)}
    uncovered = sorted(set(range(80)) - covered)
    gap = coverage.first_gap()
    assert gap is not None
    assert gap[0] + 1 == uncovered[0]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=12))
def test_the_gaps_are_all_that_is_uncovered(spans: list[tuple[int, int]]) -> None:
    ranges = [(low, low + size) for low, size in spans]
    coverage = Coverage(ranges)
    gaps = coverage.gaps()
    covered = {i for low, high in ranges for i in range(low, high + 1)}
    assert {i for low, high in gaps for i in range(low, min(high, 79) + 1)} == set(range(80)) - covered
    assert gaps[-1][1] == HIGHEST
    for low, high in gaps:
        coverage.add(low, high)
    assert coverage.complete
    assert coverage.gaps() == ()
