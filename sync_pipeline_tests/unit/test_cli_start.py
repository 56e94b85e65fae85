"""What the command line does before it works: help without heavy modules, ports and folders tested first."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sync_pipeline.cli.main import main
from sync_pipeline.config import PROJECT
from sync_pipeline.db import migrate
from sync_pipeline.errors import ConfigurationError
from sync_pipeline_tests.processes import free_port

# What takes long to import; help and mistakes in options need none of it.
HEAVY = ("dagster", "pandas", "fastapi", "sqlalchemy", "psycopg", "httpx", "pyarrow", "uvicorn", "alembic")
IMPORTED = f"""
import sys
from sync_pipeline.cli.main import main
sys.argv[0] = "sync-pipeline"
code = main()
print("HEAVY", *(name for name in {HEAVY!r} if name in sys.modules))
sys.exit(code)
"""


def run(*arguments: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    said, _, heavy = done.stdout.rpartition("HEAVY")
    return said, heavy.strip()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["table", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    said, heavy = run(*arguments)
    assert heavy == ""
    assert said.strip()
    if arguments == ["--help"]:
        headings = ("Run it", "Connect", "Capture, preview, select", "Promote", "Observe", "People and keys")
        assert [one for one in headings if f"─ {one} ─" not in said] == []
        assert "Commands ─" not in said, "every command has a heading"
        assert "--install-completion" in said


def test_completion_lists_commands_and_words() -> None:
    command = Path(sys.executable).with_name("sync-pipeline")
    asked = {
        "_SYNC_PIPELINE_COMPLETE": "complete_bash",
        "COMP_WORDS": "sync-pipeline table acme --choice ",
        "COMP_CWORD": "4",
    }
    done = subprocess.run([str(command)], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["included", "ignored", "undecided"]


def ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["sync-pipeline", *arguments])
    code = main()
    return code, capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "demo"])
def test_ports_are_tested_first(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNC_HOME", str(tmp_path / "home"))
    other = str(free_port())
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        for options, said in (
            (("--port", taken, "--dagster-port", other), f"Port {taken} is in use. Choose another one with --port"),
            (
                ("--port", other, "--dagster-port", taken),
                f"Port {taken} is in use. Choose another one with --dagster-p",
            ),
            (("--port", other, "--dagster-port", other), f"cannot both have port {other}"),
        ):
            code, shown = ended(capsys, monkeypatch, command, *options)
            assert (code, said in shown) == (2, True), shown
    assert not (tmp_path / "home").exists(), "nothing was begun"


def test_a_second_one_on_the_same_folder_is_refused_in_the_first_second(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (home / "up.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("process 1, http://127.0.0.1:8000/ui\n")
        held.flush()
        command = Path(sys.executable).with_name("sync-pipeline")
        for arguments in (["demo", "--once"], ["up"], ["demo", "--json"]):
            arguments += ["--port", str(free_port()), "--dagster-port", str(free_port())]
            before = os.times()
            done = subprocess.run(
                [str(command), *arguments], env={**os.environ, "SYNC_HOME": str(home)}, capture_output=True, text=True
            )
            spent = sum(os.times()[2:4]) - sum(before[2:4])
            assert done.returncode == 2
            assert "(process 1, http://127.0.0.1:8000/ui)" in done.stderr
            assert spent < 1.0, "of processor time: the machine may be busy"
    assert sorted(one.name for one in home.iterdir()) == ["up.lock"], "nothing was begun"


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNC_HOME", str(tmp_path / "file" / "home"))
    code, shown = ended(capsys, monkeypatch, "demo", "--once")
    assert (code, "cannot be used: Not a directory. Set SYNC_HOME." in shown) == (2, True), shown


# -- the Makefile ---------------------------------------------------------------------------------------------------


def make(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-C", str(folder), *arguments], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def test_ports_reach_the_demo_through_make() -> None:
    setup = ("-o", "setup", "-n", "demo")
    assert "sync-pipeline demo --port 81 --dagster-port 82" in " ".join(
        make(PROJECT, *setup, "PORT=81", "DAGSTER_PORT=82").stdout.replace("\\\n", " ").split()
    )
    said = " ".join(make(PROJECT, *setup, "ONCE=1", "VERBOSE=1", PORT="81").stdout.replace("\\\n", " ").split())
    assert "sync-pipeline demo --once --verbose --port 81" in said


@pytest.mark.parametrize(("version", "code"), [("(3, 10, 9)", 2), ("(3, 14, 0)", 2)])
def test_setup_refuses_a_python_in_words(tmp_path: Path, version: str, code: int) -> None:
    folder = tmp_path / "a copy"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (folder / name).write_text((PROJECT / name).read_text("utf-8"), "utf-8")
    python = tmp_path / "python3"
    script = f"import sys; sys.version_info = {version}; exec(sys.argv[-1])"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{script}' \"$@\"\n")
    python.chmod(0o755)
    done = make(folder, "setup", f"PYTHON={python}")
    assert done.returncode == code
    assert "sync_pipeline needs Python 3.11, 3.12 or 3.13, and " in done.stderr
    assert not (folder / ".venv").exists()
    done = make(folder, "setup", "PYTHON=no-such-python")
    assert "There is no no-such-python. Set PYTHON=" in done.stdout


SELECT = ("select", "acme", "--connection", "shop", "--entity", "products")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*SELECT, "--ids", "1", "--include", "--ignore"), "--include and --ignore contradict each other"),
        ((*SELECT, "--connection", "other", "--all", "--include"), "--connection is given more than once"),
        ((*SELECT, "--ids", "1", "--all", "--include"), "--ids and --all contradict each other"),
        ((*SELECT, "--ids", "1", "--include", "--undecide"), "Choose one of --include, --ignore, --undecide"),
        (("export", "acme", "--core", "products", "--core", "customers"), "--core is given more than once"),
        (("export", "acme", "--core", "products"), "add --out FILE"),
        (("queue", "show", "acme", "1", "--state", "done", "--state", "failed"), "--state is given more than once"),
        (
            ("connect", "acme", "woocommerce", "--name", "s", "--url", "https://a", "--url", "https://b"),
            "--url is given more than",
        ),
        (("plans",), "Missing argument 'ORG'"),
        (("plns", "acme"), "No such command 'plns'"),
    ],
)
def test_wrong_usage_is_one_json_object_with_json(
    arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sync-pipeline", *arguments, "--json"])
    assert main() == 2
    out = capsys.readouterr().out
    assert said in json.loads(out)["error"]


def test_a_package_without_its_migrations_says_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(migrate, "SQL", tmp_path / "sql")
    for asked in (migrate.head, lambda: migrate.is_known("0001")):
        with pytest.raises(ConfigurationError, match="runs from a clone of its repository"):
            asked()
