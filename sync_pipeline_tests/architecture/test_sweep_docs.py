"""The documents list the fields that sweeps ask for, and the lists that are read whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync_pipeline.sources.base import Sweep, source

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("provider", "document"), [("woocommerce", "flow.md"), ("odoo", "odoo.md")])
def test_the_sweep_fields_are_those_of_the_document(provider: str, document: str) -> None:
    text = (DOCS / document).read_text("utf-8")
    table = text.partition("| stream | sweep fields |\n|---|---|\n")[2].partition("\n\n")[0]
    told = {row.split("|")[1].strip(): re.findall(r"`(\w+)`", row) for row in table.splitlines()}
    streams = source(provider).streams.values()
    assert told == {one.name: list(one.sweep_fields) for one in streams if one.sweep is Sweep.COMPARE}


def test_the_lists_of_odoo_that_are_read_whole_are_those_of_the_document() -> None:
    text = (DOCS / "odoo.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if line.endswith("these short lists are read whole |"))
    told = row.removeprefix("| ").partition(": any field")[0].split(", ")
    streams = source("odoo").streams.values()
    assert sorted(told) == sorted(one.title.lower() for one in streams if one.sweep is Sweep.READ)
