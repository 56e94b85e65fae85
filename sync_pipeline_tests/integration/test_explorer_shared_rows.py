"""Pages of plans whose records join rows of core that are there, and how they show moments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.explorer import text
from sync_pipeline.steps import promote
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.explored import browser
from sync_pipeline_tests.integration.promote_world import order
from sync_pipeline_tests.integration.test_plan_effects import Shops
from sync_pipeline_tests.served import served


@pytest.fixture(scope="module")
def own(server: Any) -> Iterator[Database]:
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as database:
        yield database


def test_a_record_that_joins_a_row_says_so_and_its_undo_says_that_the_row_stays(
    own: Database, settings: Settings
) -> None:
    it = Shops(own, policy="source_wins")
    it.world.apply(*it.capture([("product", "shop", 1, "a", False, True)], "first"))
    new = [("product", "second", 1, "a", False, True), ("product", "second", 2, "b", False, True)]
    keys = it.capture(new, "first")
    with it.world.together():
        plan = it.world.plan([*keys, it.world.capture("order", order(7), connection=it.numbers["second"])])
    it.world.sql("UPDATE selection.sync_plan SET creates = 3 WHERE plan_id = %(plan)s", plan=plan)
    with served(own, settings) as api:
        ann, at = browser(api).as_(it.org, "operator"), f"/ui/{it.org.slug}/plans/{plan}"
        page = ann.get(at).text
        shown = said(page)
        assert "joins the row of shop products 1" in shown
        assert shown.count("joins the row of") == 1
        assert "Nothing needs to be done if it is the same product." in shown
        assert "also that of shop products 1" in shown
        assert re.search(r'<td class="will"><span class="mono">\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC</span>', page)
        assert not re.search(r'"\d{4}-\d\d-\d\dT', unescape(page.partition("<main")[2].partition("Made")[0]))
        promote.apply(own, it.org.org_id, plan, actor="run")
        would = promote.preview_undo(own, it.org.org_id, UUID(plan))
        assert (would.leaves, would.parts) == (3, 1)
        assert {line.external_id for line in would.lines if line.row_stays} == {"1"}
        shown = said(ann.get(f"{at}/undo").text)
        assert "2 leave core, 1 leaves a row that stays" in shown
        assert shown.count("leaves its core row, which stays as another record's") == 1
        assert shown.count("leaves core") == 2


def said(page: str) -> str:
    """Its words, with the spaces that it shows and no others."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page.partition("<main")[2])))


def test_moments_are_shown_as_everywhere() -> None:
    assert text.compact(datetime(2026, 12, 1, 14, 53, 52, tzinfo=UTC)) == "2026-12-01 14:53:52 UTC"
    assert text.compact(date(2026, 12, 1)) == "2026-12-01"
    assert text.compact({"at": "x"}) == '{"at": "x"}'
