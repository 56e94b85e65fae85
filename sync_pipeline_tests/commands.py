"""`sync-pipeline` commands in processes of their own that start at once: each is forked from one that has imported all.

Importing Dagster takes seconds of processor time, and a test of the command line runs a dozen commands. The process is
the command's own as it would be in a shell: its environment, arguments, standard streams, exit code, and death.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from sync_pipeline.config import PROJECT

COMMAND = Path(sys.executable).with_name("sync-pipeline")


class Commands:
    """Runs commands as `subprocess.run([COMMAND, …], capture_output=True, text=True)` does."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._turn = threading.Lock()

    def run(self, *arguments: str, env: Mapping[str, str], timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run one command to its end.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout` seconds, and was killed.
        """
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with theirs, self._turn:
                asked = json.dumps({"arguments": arguments, "env": dict(env)}).encode()
                socket.send_fds(self._parent, [b"%08d" % len(asked)], [out.fileno(), err.fileno(), theirs.fileno()])
                self._parent.sendall(asked)
            ours.settimeout(timeout)
            with ours.makefile() as answers:
                pid = int(answers.readline())
                try:
                    code = int(answers.readline())
                except TimeoutError as late:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired([str(COMMAND), *arguments], timeout) from late
            out.seek(0), err.seek(0)
            return subprocess.CompletedProcess(
                [str(COMMAND), *arguments], code, out.read().decode("utf-8"), err.read().decode("utf-8")
            )


@contextlib.contextmanager
def commands(project: Path = PROJECT) -> Iterator[Commands]:
    """Start the process that commands are forked from; `project` may be a copy in which something is another."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            parent = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=project,
                env={**os.environ, "PYTHONPATH": os.pathsep.join((str(project), str(PROJECT)))},
            )
        yield Commands(ours)
    parent.wait(30)


def _serve(asked: socket.socket) -> None:
    """Fork a command for each request until nobody can ask any more."""
    import gc

    import alembic.command
    import pandas

    import sync_pipeline.cli.main
    import sync_pipeline.definitions  # noqa: F401 - what commands import when they run
    from sync_pipeline_tests.waiting import do_not_delay

    del alembic, pandas
    do_not_delay()
    gc.freeze()
    while True:
        head, descriptors, *_ = socket.recv_fds(asked, 8, 3)
        if not head:
            return
        body = b""
        while len(body) < int(head):
            body += asked.recv(int(head) - len(body))
        if os.fork() == 0:
            _keep(asked, descriptors, **json.loads(body))
        for one in descriptors:
            os.close(one)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _keep(asked: socket.socket, descriptors: list[int], *, arguments: list[str], env: dict[str, str]) -> None:
    """The command's parent: tells its process id and, when it ends, its exit code."""
    out, err, answers = descriptors
    asked.close()
    pid = os.fork()
    if pid == 0:
        os.close(answers)
        _command(out, err, arguments, env)
    os.write(answers, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _command(out: int, err: int, arguments: list[str], env: dict[str, str]) -> None:
    from sync_pipeline.cli.main import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [str(COMMAND), *arguments]
    code = 1
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would: a traceback, and 1
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
