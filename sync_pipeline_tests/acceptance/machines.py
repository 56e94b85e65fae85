"""Several machines: Dagster's daemon, and Celery's workers with homes of their own, on one PostgreSQL and broker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from sync_pipeline.config import PROJECT
from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.processes import free_port
from sync_pipeline_tests.proxy import Proxy, proxied
from sync_pipeline_tests.tcp_postgres import TcpPostgres, tcp_postgres
from sync_pipeline_tests.waiting import wait_until

BIN = Path(sys.executable).parent
DEPLOYED = PROJECT / "deploy" / "celery"


def sooner(instance: Any) -> None:
    """Three workers of one process; and a test does not wait as long as a deployment does until a loss is noticed."""
    instance["concurrency"]["runs"]["max_concurrent_runs"] = 6
    instance["concurrency"]["runs"]["tag_concurrency_limits"][0]["limit"] = 3
    instance["run_monitoring"] |= {
        "start_timeout_seconds": 90, "poll_interval_seconds": 3, "free_slots_after_run_end_seconds": 5
    }  # fmt: skip


@dataclass
class Machine:
    """A machine with one process of the deployment; it reaches the database through a proxy of its own."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    proxy: Proxy
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=dict(self.env), stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                cwd=PROJECT,
            )  # fmt: skip

    def lose_power(self) -> None:
        """Every process of it is gone, and says no goodbye."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            if number == signal.SIGKILL:
                self.process.wait(30)

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")[-6000:] if self.log.exists() else ""


@dataclass
class Cluster:
    """All of them, and the settings that they share."""

    postgres: TcpPostgres
    folder: Path
    broker: str
    code_port: int
    stack: ExitStack
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    machines: dict[str, Machine] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)  # further settings

    def environment(self, name: str, port: int | None = None) -> dict[str, str]:
        """The environment of a machine's process, its home made ready."""
        home = self.folder / name
        (home / "dagster").mkdir(parents=True, exist_ok=True)
        settings = yaml.safe_load((DEPLOYED / "dagster.yaml").read_text())
        sooner(settings)
        (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings))
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SYNC_", "DAGSTER_"))},
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",  # dagster-celery starts celery by its name
            "SYNC_HOME": str(home),
            "SYNC_DATABASE_URL": self.postgres.url("sync", port),
            "SYNC_SECRET_KEY": self.key,
            "SYNC_ALLOW_PRIVATE_HOSTS": "1",
            "SYNC_SCHEDULES": "stopped",  # the test says when it is night
            "SYNC_CELERY_BROKER_URL": f"{self.broker}/0",
            "SYNC_CELERY_RESULT_URL": f"{self.broker}/1",
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_DATABASE_URL": self.postgres.url("sync_dagster", port).replace(
                "postgresql:", "postgresql+psycopg2:"
            ),
            "DAGSTER_COMPUTE_LOGS": str(home / "logs"),
            "DAGSTER_EVENT_BATCH_SIZE": "200",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            **self.more,
        }

    def machine(self, name: str, *command: str) -> Machine:
        """Start one."""
        proxy = self.stack.enter_context(proxied(("127.0.0.1", self.postgres.port)))
        made = Machine(name, command, self.environment(name, proxy.port), self.folder / f"{name}.log", proxy)
        self.machines[name] = made
        self.stack.callback(made.stop)
        made.start()
        return made

    def worker(self, name: str) -> Machine:
        """A machine that does one run at a time."""
        return self.machine(
            name, str(BIN / "dagster-celery"), "worker", "start", "-A", "dagster_celery.app", "-n", name,
            "-y", str(DEPLOYED / "worker.yaml"), "-i", "sync_pipeline.defs.celery_worker", "--", "--concurrency=1",
        )  # fmt: skip

    def run(self, *command: str) -> str:
        """A command to its end, as somebody types it on some machine."""
        done = subprocess.run(
            command, env=self.environment("someone"), capture_output=True, text=True, timeout=300, cwd=PROJECT
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def logs(self) -> str:
        return "\n".join(f"== {one.name}\n{one.said()}" for one in self.machines.values())


@contextmanager
def cluster(**more: str) -> Iterator[Cluster]:
    """A server, a broker, the databases migrated; the machines come by `machine` and `worker`."""
    with tcp_postgres() as postgres, data_folder() as folder, ExitStack() as stack:
        made = Cluster(postgres, folder, stack.enter_context(broker(folder)), free_port(), stack, more=more)
        made.run(str(BIN / "sync-pipeline"), "db", "migrate")
        made.run(sys.executable, "-m", "sync_pipeline.defs.instance")
        yield made


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A Redis of its own; its address."""
    port = free_port()
    program = shutil.which("redis-server") or "redis-server"
    started = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        import redis

        try:
            return bool(redis.Redis(port=port).ping())
        except redis.ConnectionError:
            return False

    try:
        wait_until(answers, "the broker answers")
        yield f"redis://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait(30)
