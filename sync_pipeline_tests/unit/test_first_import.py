"""What is called a first import."""

from __future__ import annotations

import pytest

from sync_pipeline.steps.capture.run.context import PullReport


@pytest.mark.parametrize(
    ("mode", "captured", "new", "unchanged", "first"),
    [
        ("full", 240, 240, 0, True),
        ("full", 240, 240, 2, True),  # two were on two pages, since the list moved meanwhile
        ("full", 243, 3, 240, False),
        ("full", 0, 0, 0, False),
        ("delta", 3, 3, 0, False),
    ],
)
def test_all_that_is_captured_is_new(mode: str, captured: int, new: int, unchanged: int, first: bool) -> None:
    report = PullReport("shop", "orders", mode, "closed", captured=captured, new=new, unchanged=unchanged)
    assert report.first is first
