"""Dagster's processes and one night of them: the schedule is evaluated and its runs submitted as the daemon does when
it is two o'clock; the daemon takes them from its queue and the code server starts their processes.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import yaml
from dagster._core.definitions.timestamp import TimestampWithTimezone
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from bench.ground import Ground
from sync_pipeline.config import PROJECT
from sync_pipeline.defs.servers import LOCATION, server_commands

DONE = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_SAMPLE_SECONDS = 0.5
_LONGEST = 3600.0  # seconds a night may take here


@dataclass
class Spent:
    """Processor seconds and peak memory of processes and of those they start, sampled while they live."""

    roots: Mapping[str, int]  # name -> process
    seconds: dict[tuple[str, int], float] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def sample(self) -> None:
        """Note what each has used so far."""
        for name, root in self.roots.items():
            with suppress(psutil.Error):
                process = psutil.Process(root)
                for one in (process, *process.children(recursive=True)):
                    with suppress(psutil.Error):
                        used = one.cpu_times()
                        kind = name if one.pid == root else f"{name}'s"
                        self.seconds[kind, one.pid] = used.user + used.system
                        self.peak[kind] = max(self.peak.get(kind, 0), one.memory_info().rss)

    def total(self, kind: str) -> float:
        """Processor seconds of all processes of a kind so far."""
        return sum(seconds for (one, _), seconds in self.seconds.items() if one == kind)

    @contextmanager
    def sampling(self) -> Iterator[None]:
        """Sample in a thread until the block ends."""

        def work() -> None:
            while not self._over.wait(_SAMPLE_SECONDS):
                self.sample()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self.sample()


class Stores:
    """The process of the stores."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the stores did not start")
        ready = json.loads(line)
        self.url, self.ca_file = str(ready["url"]), str(ready["ca_file"])

    def ask(self, do: str, **more: Any) -> Any:
        """Give it a command, and wait for its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def stores(at: Ground, plan: Path) -> Iterator[Stores]:
    """The stores of a plan, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.night.stores", str(plan)],
        cwd=PROJECT, env=at.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Stores(process)
    finally:
        process.terminate()
        process.wait(30)


@dataclass
class Dagster:
    """Its processes at work, and an instance of the same storage."""

    instance: dg.DagsterInstance
    target: GrpcServerTarget
    processes: Mapping[str, int]

    def begin(self, when: datetime) -> Sequence[str]:
        """Submit the runs of nightly_delta, as the daemon does at that time; returns their ids."""
        import dagster._daemon.daemon  # it and the scheduler import each other
        from dagster._scheduler.scheduler import _submit_run_request

        del dagster
        submitted = []
        with WorkspaceProcessContext(self.instance, self.target) as process:
            [location] = process.create_request_context().code_locations
            [repository] = location.get_repositories().values()
            for one in repository.get_schedules():  # those of the day would run beside the night
                self.instance.stop_schedule(one.get_remote_origin_id(), one.selector_id, one)
            schedule = repository.get_schedule("nightly_delta")
            asked = location.get_schedule_execution_data(
                self.instance, repository.handle, schedule.name, TimestampWithTimezone(when.timestamp(), "UTC"), None
            )
            for request in asked.run_requests or ():
                made = _submit_run_request(request, process, schedule, when, logging.getLogger(__name__), None)
                assert made.submitted_run is not None, made.error_info
                submitted.append(made.submitted_run.run_id)
        return submitted

    def ended(self, runs: Sequence[str]) -> Sequence[dg.RunRecord]:
        """Wait until all of them are over.

        Raises:
            TimeoutError: after an hour.
        """
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            found = self.instance.get_run_records(dg.RunsFilter(run_ids=list(runs)))
            if all(one.dagster_run.status in DONE for one in found):
                return found
            time.sleep(0.5)
        raise TimeoutError("the night did not end within an hour")


@contextmanager
def daemon(at: Ground, partitions: Mapping[str, Sequence[str]], log: Path) -> Iterator[Dagster]:
    """The code server and the daemon of `sync-pipeline up`, until the block ends. `partitions` are known to them."""
    commands = server_commands(at.settings, 0)
    # On a machine that others keep busy a process of a run takes longer to start than Dagster waits for it.
    environment = {**at.environment, **commands.environment, "DAGSTER_GRPC_TIMEOUT_SECONDS": "600"}
    with ExitStack() as stack:
        written = stack.enter_context(log.open("ab"))
        processes = {}
        for name in ("dagster-code", "dagster-daemon"):
            started = subprocess.Popen(
                commands.commands[name], cwd=PROJECT, env=environment, stdout=written, stderr=subprocess.STDOUT
            )
            stack.callback(_end, started)
            processes[name] = started.pid
        instance = stack.enter_context(dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]))
        for name, slugs in partitions.items():
            instance.add_dynamic_partitions(name, sorted(set(slugs) - set(instance.get_dynamic_partitions(name))))
        served = yaml.safe_load((Path(environment["DAGSTER_HOME"]) / "workspace.yaml").read_text())
        port = served["load_from"][0]["grpc_server"]["port"]
        _answers(port)
        target = GrpcServerTarget(host="127.0.0.1", port=port, socket=None, location_name=LOCATION)
        yield Dagster(instance, target, processes)


def _answers(port: int) -> None:
    import socket

    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.2)
    raise TimeoutError("the code server did not start")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tonight() -> datetime:
    """A time that no night had before: the keys of the schedule's runs hold its minute."""
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=int(time.time()) % 10_000_000)
