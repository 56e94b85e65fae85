"""The doors of a proposed migration: the owner's agent over standard input and output, and the command line."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import Implementation
from sqlalchemy import URL

from sync_pipeline.cli.main import main
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.migrate import current_revision
from sync_pipeline.db.owner import ensure_login
from sync_pipeline.mcp.owner import INSTRUCTIONS, MigrationDesk, tool
from sync_pipeline.mcp.server import definition, in_order
from sync_pipeline_tests.agents import Agent, outside
from sync_pipeline_tests.databases import settings_at
from sync_pipeline_tests.integration.migrating import NEWEST, copy_revisions, fill, migrated

UP = "ALTER TABLE core.products ADD COLUMN colour text;\n"
DOWN = "ALTER TABLE core.products DROP COLUMN colour;\n"
WHY = "products have a colour"
# What a model would write to read rows: PostgreSQL's message, a code, a name, a comment.
LEAKS = (
    "DO $$ BEGIN RAISE EXCEPTION '%', (SELECT string_agg(name, ',') FROM core.products); END $$",
    "DO $$ DECLARE o bigint; n text; BEGIN FOR o IN SELECT org_id FROM connect.list_organizations() LOOP "
    "PERFORM set_config('sync.org_id', o::text, true); SELECT string_agg(name, ',') INTO n FROM core.products; "
    "IF n IS NOT NULL THEN RAISE EXCEPTION '%', n USING ERRCODE = 'NAM01'; END IF; END LOOP; END $$",
    "DO $$ DECLARE o bigint; n text; BEGIN FOR o IN SELECT org_id FROM connect.list_organizations() LOOP "
    "PERFORM set_config('sync.org_id', o::text, true); SELECT string_agg(name, ',') INTO n FROM core.products; "
    "IF n IS NOT NULL THEN EXECUTE format('CREATE TABLE core.%I (n int)', n); END IF; END LOOP; END $$",
)
# As many rows as the first letter of a name has, and a sleep of as long.
COUNTS = (
    "CREATE TABLE core.letters (org_id bigint); CALL connect.isolate('core.letters'); "
    "DO $$ DECLARE o bigint; n text; BEGIN FOR o IN SELECT org_id FROM connect.list_organizations() LOOP "
    "PERFORM set_config('sync.org_id', o::text, true); SELECT min(name) INTO n FROM core.products; "
    "INSERT INTO core.letters SELECT o FROM generate_series(1, ascii(n)); PERFORM pg_sleep(ascii(n) / 100.0); "
    "END LOOP; END $$"
)


@pytest.fixture(scope="module")
def filled(server: EmbeddedPostgres) -> Iterator[URL]:
    with migrated(server) as url:
        fill(url)
        yield url


@pytest.fixture
def env(filled: URL, tmp_path: Path) -> dict[str, str]:
    """The environment of a command on this database."""
    settings = settings_at(tmp_path / "home")
    assert settings.secret_key is not None
    return {
        "SYNC_HOME": str(settings.home),
        "SYNC_DATABASE_URL": filled.render_as_string(hide_password=False),
        "SYNC_APP_DATABASE_URL": ensure_login(filled, None).render_as_string(hide_password=False),
        "SYNC_SECRET_KEY": settings.secret_key.get_secret_value(),
    }


def test_an_owners_agent_proposes_and_reads_the_report_but_no_row(env: dict[str, str], filled: URL) -> None:
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "sync_pipeline.cli.main", "mcp", "--owner"],
        env={**{name: value for name, value in os.environ.items() if not name.startswith("COV_")}, **env},
    )

    async def work() -> None:
        info = Implementation(name="test-client", version="1.0")
        async with Client(started, client_info=info) as client:
            agent = Agent(client)
            assert [one.name for one in (await client.list_tools()).tools] == ["propose_migration"]
            assert (await agent.refused("apply_plan", plan="x", hash="y"))["kind"] == "forbidden"

            async def proposed(up: str, down: str = DOWN) -> dict[str, Any]:
                while True:
                    said = await agent.ask("propose_migration", up=up, down=down, why=WHY, wait=25)
                    if said["state"] != "trying":
                        return said

            good = await proposed(UP)
            assert good["state"] == "waiting"
            assert f"migration approve {good['migration']} --hash {good['hash']}" in good["next"]
            assert good["report"]["schema"] == ["+ column core.products.colour"]
            assert good["report"]["locks"][0]["stops"] == "reads and writes"
            assert (await proposed(UP))["migration"] == good["migration"]
            wrong = await proposed("ALTER TABLE core.nothing ADD COLUMN x text")
            assert wrong["report"]["failure"]["message"] == 'relation "core.nothing" does not exist'
            lost = await proposed("DROP TABLE capture.record_history CASCADE", "SELECT 1")
            assert lost["state"] == "blocked"
            assert "capture.record_history" in lost["report"]["losses"]
            assert any("would lose captured data: " in one and "1" not in one for one in lost["report"]["reasons"])
            for leak in LEAKS:
                said = await proposed(leak, "SELECT 1")
                assert said["state"] in ("failed", "blocked")
                assert "NAM01" not in json.dumps(said)
                assert not [text for text in outside(said) if "Product" in text or "As it was" in text], said
            counted = await proposed(COUNTS, "DROP TABLE core.letters")
            assert "+ table core.letters" in counted["report"]["schema"]
            assert not re.search(r"\d\.\d|\b80\b", json.dumps({**counted["report"], "branch_why": ""})), "P is 80"

    anyio.run(work)
    assert current_revision(filled) == NEWEST


def test_the_tool_is_in_no_organizations_list_and_short() -> None:
    """With those of organizations' tokens it is the twentieth: together within what clients take."""
    desk = MigrationDesk(settings_at(Path("/nowhere")), "ann")
    own = definition(tool(desk)).model_dump(mode="json", by_alias=True, exclude_none=True)
    listed = [definition(one).model_dump(mode="json", by_alias=True, exclude_none=True) for one in in_order()]
    assert own["name"] == "propose_migration"
    assert "propose_migration" not in [one["name"] for one in listed]
    assert len(listed) + 1 <= 20
    assert len(json.dumps([*listed, own]).encode()) <= 24_000
    assert own["inputSchema"]["additionalProperties"] is False
    assert len(INSTRUCTIONS) < 800
    desk.close()


def test_the_command_line_from_the_proposal_to_the_revision(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    server: EmbeddedPostgres,
) -> None:  # fmt: skip
    scripts = copy_revisions(tmp_path, monkeypatch)
    (tmp_path / "up.sql").write_text(UP)
    (tmp_path / "down.sql").write_text(DOWN)
    with migrated(server) as url:
        fill(url)
        env["SYNC_DATABASE_URL"] = url.render_as_string(hide_password=False)
        env["SYNC_APP_DATABASE_URL"] = ensure_login(url, None).render_as_string(hide_password=False)
        for name, value in env.items():
            monkeypatch.setenv(name, value)

        def ran(*arguments: str) -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "argv", ["sync-pipeline", "migration", *arguments])
            code = main()
            said = capsys.readouterr()
            return code, said.out, said.err

        code, said, _ = ran("propose", str(tmp_path / "up.sql"), str(tmp_path / "down.sql"), "--why", WHY)
        assert code == 0
        assert "Migration 1, products_have_a_colour: waiting." in said
        assert "+ column core.products.colour" in said
        assert "locks core.products (1 rows) for " in said
        code, said, _ = ran("show", "1", "--sql", "--json")
        shown = json.loads(said)
        assert (code, shown["up"], shown["state"], shown["report"]["branch"]) == (0, UP, "waiting", "full")
        code, _, error = ran("apply", "1")
        assert (code, "is not approved" in error) == (1, True)
        code, said, _ = ran("approve", "1", "--hash", shown["hash"])
        assert (code, "Next: sync-pipeline migration apply 1" in said) == (0, True)
        code, said, _ = ran("export", "1", "--out", str(copy_of(scripts, tmp_path)))
        assert code == 0
        code, said, _ = ran("apply", "1", "--json")
        done = json.loads(said)
        assert (code, done["state"], done["applied_as"]) == (0, "applied", current_revision(url))
        assert Path(done["folder"]).parent == scripts
        (tmp_path / "up.sql").write_text("DROP TABLE capture.record_history CASCADE;")
        code, said, _ = ran("propose", str(tmp_path / "up.sql"), str(tmp_path / "down.sql"), "--why", WHY)
        assert code == 1
        code, said, _ = ran("refuse", "2", "--why", "it loses history")
        assert (code, said.strip()) == (0, "Migration 2 is refused.")
        code, said, _ = ran("list", "--json")
        assert [(one["migration"], one["state"]) for one in json.loads(said)["migrations"]] == [
            (2, "refused"),
            (1, "applied"),
        ]


def copy_of(scripts: Path, folder: Path) -> Path:
    """Another checkout's revisions, of which the newest is the same."""
    import shutil

    return Path(shutil.copytree(scripts, folder / "elsewhere"))
