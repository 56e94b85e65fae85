"""Every list of both providers in the Explorer, with records whose names, codes and whole fields are missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.steps import connect, preview, promote, select
from sync_pipeline_tests.databases import Template
from sync_pipeline_tests.explored import Browser, browser
from sync_pipeline_tests.seeded import promoted_stores
from sync_pipeline_tests.served import Served

_TABS = ("changes", "raw", "versions", "core", "related", "events")
_BARE = "UPDATE capture.sync_record SET name = NULL, code = NULL, email = NULL, sync_data = '{}'"
_ONE_A_SHAPE = """
SELECT DISTINCT ON (connection, entity_type, r.name IS NULL, code IS NULL, email IS NULL, fields)
       c.name AS connection, r.entity_type, r.external_id
FROM capture.sync_record AS r JOIN connect.integration_connector AS c USING (org_id, connection_id)
CROSS JOIN LATERAL (SELECT count(*) AS fields FROM jsonb_object_keys(r.sync_data)) AS k
WHERE r.org_id = connect.current_org()
ORDER BY connection, entity_type, r.name IS NULL, code IS NULL, email IS NULL, fields, length(external_id), external_id
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With no limit to how often one looks."""
    return settings.model_copy(update={"calls_per_minute": 1_000_000})


@pytest.fixture(scope="module")
def template(server: EmbeddedPostgres) -> Iterator[Template]:
    with promoted_stores(server) as made:
        yield made


def _broken(ann: Browser, org: connect.Organization, database: Database) -> list[str]:
    """Pages that are not answered, as they are and as drawers, of records of each list and shape."""
    with database.org(org.org_id) as conn:
        records = conn.exec_driver_sql(_ONE_A_SHAPE).all()
    streams = {one.name: one.source for one in connect.connections(database, org)}
    pages = set()
    for one in records:
        home = f"/ui/acme/{one.connection}/data/{streams[one.connection].stream(one.entity_type).name}"
        pages |= {home, *(f"{home}/{one.external_id}?tab={tab}" for tab in _TABS)}
    assert len({page.split("/")[5].split("?")[0] for page in pages}) > 30, "lists"
    answers = {page: ann.get(page, headers=headers) for page in pages for headers in ({}, {"X-Fragment": "1"})}
    return sorted(f"{page} {answer.status_code}" for page, answer in answers.items() if answer.status_code != 200)


def test_every_record_of_every_list_has_its_page(api: Served, database: Database) -> None:
    org = connect.organization(database, "acme")
    ann = browser(api).as_(org, "operator")
    assert _broken(ann, org, database) == []
    with database.org(org.org_id) as conn:
        conn.exec_driver_sql(_BARE)
    assert _broken(ann, org, database) == [], "with nothing in it"


def test_a_plan_of_every_list_shows_what_it_brings(api: Served, database: Database) -> None:
    org = connect.organization(database, "acme")
    ann = browser(api).as_(org, "operator")
    [everything], _ = select.plans(database, org)
    promote.undo(database, org.org_id, everything.plan_id, actor="ann")
    lists = [(one, stream) for one in connect.connections(database, org) for stream in one.source.streams.values()]
    for one, stream in lists:
        preview.recompute(database, one, stream)
        select.select(database, one, stream, include=True, everything=True, actor="ann")
    made = select.make_plan(database, org, actor="ann")
    assert made is not None
    assert made.creates == made.items > 1_000
    nothing = []
    for kind in select.plan_kinds(database, org, made.plan_id):
        page = f"/ui/acme/plans/{made.plan_id}?entity={kind.connection}/{kind.stream.name}"
        assert ann.get(page).status_code == 200, page
        shown = select.browse_items(
            database, org, made.plan_id, [kind], effects=promote.effects, action=None, search=None, after=0, size=25
        )
        told = [line.fields or line.problem or line.item.core or line.item.sharing for line in shown.lines]
        nothing += [kind.stream.name] * (not all(told))
    assert nothing == [], "every record brings something, or says why it cannot"
