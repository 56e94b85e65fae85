"""`up` in the foreground says so when a part of it dies; `test_dagster_served` uses it whole, and stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline_tests.processes import children, free_port, gone

COMMAND = Path(sys.executable).with_name("sync-pipeline")
pytestmark = pytest.mark.dagster


@pytest.fixture(scope="module")
def env(module_folder: Path) -> dict[str, str]:
    return {**os.environ, "SYNC_HOME": str(module_folder / "data")}


@pytest.fixture
def running(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    port, api = str(free_port()), str(free_port())
    up = subprocess.Popen(
        [str(COMMAND), "up", "--dagster-port", port, "--port", api],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert up.stdout is not None
    line = up.stdout.readline()
    assert f"http://127.0.0.1:{api}/ui" in line, up.communicate(timeout=120)
    assert f"http://127.0.0.1:{port}" in up.stdout.readline()
    assert f"http://127.0.0.1:{api}/openapi.json" in up.stdout.readline()
    yield up
    if up.poll() is None:
        up.terminate()
        up.wait(60)


def test_a_child_that_dies_ends_it_and_is_named(running: subprocess.Popen[str]) -> None:
    started = children(running.pid)
    daemon = next(pid for pid in started if b"dagster-daemon" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(daemon, signal.SIGKILL)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "dagster-daemon exited" in said
    assert gone(started)


def test_what_a_killed_one_left_running_is_named_whatever_the_ports(
    running: subprocess.Popen[str], env: dict[str, str]
) -> None:
    """A second daemon on the same home would take the runs of the first: the children hold the home, too."""
    left = children(running.pid)
    running.kill()
    running.communicate(timeout=120)
    ports = ["--dagster-port", str(free_port()), "--port", str(free_port())]
    try:
        again = subprocess.run([str(COMMAND), "up", *ports], env=env, capture_output=True, text=True, timeout=120)
        assert again.returncode == 2
        assert f"(process {running.pid}, http://127.0.0.1:" in again.stderr
        told = again.stderr.partition("End them: kill ")[2].split()
        assert sorted(map(int, told)) == sorted(left), again.stderr
    finally:
        for pid in left:
            os.kill(pid, signal.SIGTERM)
    assert gone(left)
    third = subprocess.Popen([str(COMMAND), "up", *ports], env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert third.stdout is not None
        assert "/ui" in third.stdout.readline(), "nothing holds the home any more"
        said = "".join(third.stdout.readline() for _ in range(4))
        assert f"Logs      {env['SYNC_HOME']}/logs" in said
    finally:
        third.terminate()
        third.wait(60)
