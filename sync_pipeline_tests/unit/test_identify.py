"""Ids by their beginning."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from sync_pipeline.db.identify import identify
from sync_pipeline.errors import ConfigurationError, NotFound

ONE, OTHER, THIRD = (
    UUID("e7c06fd8-1111-4000-8000-000000000001"),
    UUID("e7c06fd8-2222-4000-8000-000000000002"),
    UUID("0000abcd-0000-4000-8000-000000000003"),
)


def between(first: UUID, last: UUID) -> Sequence[UUID]:
    return [one for one in (ONE, OTHER, THIRD) if first <= one <= last]


@pytest.mark.parametrize(
    "given", [ONE, str(ONE), ONE.hex, str(ONE).upper(), "e7c06fd8-1", "e7c06fd81", "e7c06fd8-1111-4"]
)
def test_the_only_one_that_begins_so(given: str | UUID) -> None:
    assert identify(given, "plan", between) == ONE


@pytest.mark.parametrize("length", range(4, 36))
def test_every_beginning_that_a_page_could_show(length: int) -> None:
    assert identify(str(THIRD)[:length], "queue", between) == THIRD


def test_several_are_named() -> None:
    with pytest.raises(ConfigurationError, match=f"Several plans begin with “e7c06fd8”: {ONE}, {OTHER}. Give more"):
        identify("e7c06fd8", "plan", between)


@pytest.mark.parametrize(
    "given", ["", "e7c", "e7c0-6fd8", "e7c06fd9", "-e7c06fd8", "%", "zzzzzzzz", f"{ONE}0", "e7c0" * 9]
)
def test_what_names_none_has_one_sentence(given: str) -> None:
    with pytest.raises(NotFound) as said:
        identify(given, "queue", between)
    assert str(said.value) == f"There is no queue “{given}” here. The list of queues has those there are."
