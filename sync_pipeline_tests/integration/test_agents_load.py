"""Ten agents at full speed: each token keeps its limits, and pages and calls of people are answered beside them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.agents.load import AT_LEAST, work_beside
from bench.agents.scene import fill, in_core
from bench.endpoint import p95
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.mcp.server import CALLS_AT_ONCE, CALLS_PER_MINUTE, PROPOSALS_AT_ONCE, PROPOSALS_PER_MINUTE
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import limits, tokens
from sync_pipeline_tests.captured import captured
from sync_pipeline_tests.databases import cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.served import serving
from sync_pipeline_tests.stores import shop

AGENTS = 10
SPENT = 55  # of the calls that may come at once: the limit is met soon, also where calls are slow
SLOWER = 30  # times, on two cores that eleven share: far more says that somebody is kept waiting behind the agents


@pytest.mark.torture
def test_ten_agents_keep_their_limits_and_leave_room_for_people(server: EmbeddedPostgres, tmp_path: Path) -> None:
    here = settings_at(tmp_path)
    with (
        captured(server, shop, fill, in_core) as template,
        cloned(server, template) as owner_url,
        opened_as_the_application(owner_url) as db,
    ):
        org = connect.organization(db, "acme")
        template.copy(db, here, org)
        made = [tokens.add_token(db, org, "agent", name=f"agent {n}", actor="t") for n in range(AGENTS)]
        spending = time.monotonic()
        for token in made:
            subject = f"agent:{token.token_id}"
            for _ in range(SPENT):
                limits.consume(db, org.org_id, subject, per_minute=CALLS_PER_MINUTE, burst=CALLS_AT_ONCE)
        agents = [token.plain for token in made]
        person = tokens.add_token(db, org, "operator", actor="t").plain
        with serving(owner_url, db, here) as (_, url):
            found = work_beside(url, agents, person, times=8)
        seconds = time.monotonic() - spending
    assert set(found.statuses) == {200}, "nobody else is refused"
    for one in found.agents:
        assert set(one.calls) == {"ok", "rate_limited"}
        assert one.calls.total() >= AT_LEAST
        assert one.calls["ok"] <= CALLS_AT_ONCE - SPENT + CALLS_PER_MINUTE / 60 * seconds + 1
        assert one.proposals["ok"] <= PROPOSALS_AT_ONCE + PROPOSALS_PER_MINUTE / 60 * one.seconds + 1
        assert one.proposals["ok"] > 0
        assert all(wait >= 1 for wait in one.retry_after)
    assert p95(found.beside) <= SLOWER * p95(found.alone), (p95(found.alone), p95(found.beside))
