"""What is called a first import."""

from __future__ import annotations

import pytest

from sync_pipeline.steps.capture.run.context import PullReport
from sync_pipeline.steps.preview.entity import initial_import, initial_import_of_all


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


def test_a_connections_initial_import_is_said_once_with_its_sum() -> None:
    messages = {"orders": initial_import(12, "WooCommerce"), "products": initial_import(20, "WooCommerce")}
    words = (
        "No local records found. This looks like an initial import: all 32 records will be created from WooCommerce."
    )
    assert initial_import_of_all(messages) == words
    assert initial_import_of_all(messages, of="shop") == f"shop: {words}"
    one = {"orders": messages["orders"]}
    assert initial_import_of_all(one, of="shop") == f"shop orders: {messages['orders']}"
    assert initial_import_of_all(one) == f"orders: {messages['orders']}"
    assert initial_import_of_all({}) is None
