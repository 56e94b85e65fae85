"""What the command line prints, and what it works out without a database."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from sync_pipeline.cli import record
from sync_pipeline.cli.demo.flow import Result
from sync_pipeline.cli.demo.told import what_next
from sync_pipeline.cli.main import main
from sync_pipeline.cli.output import size
from sync_pipeline.cli.pipeline import by_reason
from sync_pipeline.config import PROJECT
from sync_pipeline.db.migrate import SQL, head
from sync_pipeline.sources.network import PrivateAddress, check_public
from sync_pipeline.steps.preview import RecordDetail
from sync_pipeline.steps.trace import RecordEvent


def test_agents_propose_and_people_include(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 28, tzinfo=UTC)
    for did, decision in (("proposed", "include"), ("ignoring proposed", "ignore"), ("included", "include")):
        made = {"decision": decision, "by": "token:bot", "at": at, "why": None}
        found = SimpleNamespace(
            display={},
            status="new",
            deleted=None,
            decision=made,
            withdrawn=None,
            mapping=None,
            changes={},
            warnings=[],
            versions=[],
        )
        events = [RecordEvent(at, did, "token:bot", None, None)]
        record._print("products 1", cast(RecordDetail, found), events)
        assert f"choice    {did} by token:bot" in capsys.readouterr().out


def test_one_reason_is_said_once() -> None:
    lines = by_reason(
        [("shop", "tags", "shop: down"), ("shop", "orders", "down"), ("shop", "taxes", "no"), ("web", "tags", "down")]
    )
    assert lines == ["shop tags, orders: down", "shop taxes: no", "web tags: down"]


def test_the_newest_revision_is_the_migration_tools_own() -> None:
    from alembic.script import ScriptDirectory

    assert head() == ScriptDirectory(str(SQL / "migrations")).get_current_head()


def test_sizes() -> None:
    assert [size(n) for n in (0, 999, 1000, 1_500_000, 2e12)] == ["0 B", "999 B", "1.0 kB", "1.5 MB", "2000.0 GB"]


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--json"]])
def test_the_demo_says_that_the_sandbox_stores_are_left_out(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sandbox", None)
    monkeypatch.setattr(sys, "argv", ["sync-pipeline", *arguments])
    monkeypatch.setenv("SYNC_HOME", str(tmp_path / "home"))
    assert main() == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("Error: The demo needs the sandbox stores, and this installation does not include them")
    assert len(shown.err.splitlines()) == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("home", "said"),
    [(PROJECT / ".sync", ""), (Path("/srv/my shop"), "  export SYNC_HOME='/srv/my shop'\n")],
    ids=["usual", "other"],
)
def test_the_demo_names_the_folder_that_its_commands_need(
    home: Path, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = {"connection": "shop", "provider": "woocommerce", "url": "http://127.0.0.1:1"}
    what_next("dagster", "api", [Result("acme", connections=[shop])], [], {}, home)
    assert f"on this machine):\n{said}  export SYNC_ALLOW_PRIVATE_HOSTS=1\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("host", "said"),
    [("127.0.0.1", "127.0.0.1 is a private address."), ("localhost", "localhost is the private address ")],
)
def test_a_private_address_is_named_once(host: str, said: str) -> None:
    with pytest.raises(PrivateAddress) as refused:
        check_public(host)
    assert str(refused.value).startswith(said)
