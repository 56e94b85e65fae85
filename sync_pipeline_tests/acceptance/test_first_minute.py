"""`make demo` from a clone: Python versions, users, paths and homes. Each machine is another in all of them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sync_pipeline.config import PROJECT

pytestmark = pytest.mark.torture
PLAIN_USER = "nobody"
# What a clone has: what git lists, as it is in the working tree.
_LISTED = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")


@dataclass(frozen=True)
class Machine:
    """Where and how somebody sets the project up."""

    python: str
    folder: str
    plain_user: bool
    writable_home: bool
    locale: str = "C.UTF-8"


MACHINES = (
    Machine("3.11", "plain", plain_user=False, writable_home=True),
    Machine("3.12", "with blanks, é and 日本", plain_user=True, writable_home=False),
    Machine("3.13", "日 本", plain_user=False, writable_home=False, locale="C"),
    Machine("3.13", "été", plain_user=True, writable_home=True, locale="POSIX"),
)


def _python(version: str) -> str:
    """A Python of this version that runs."""
    near = [shutil.which(f"python{version}"), *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))]
    for found in filter(None, (*near, sys.executable)):
        said = subprocess.run(
            [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
        if said.stdout.strip() == version:
            return str(Path(found).resolve())
    pytest.skip(f"there is no Python {version} here")


@pytest.fixture(params=MACHINES, ids=lambda one: f"{one.python}-{one.folder}")
def machine(request: pytest.FixtureRequest) -> Machine:
    one: Machine = request.param
    if one.plain_user and os.getuid() != 0:
        pytest.skip("only root can become another user")
    return one


def test_the_demo_runs_from_a_clone(machine: Machine, open_folder: Path) -> None:
    python = _python(machine.python)
    clone, home = open_folder / machine.folder, open_folder / "home"
    _clone(clone)
    home.mkdir()
    user = pwd.getpwnam(PLAIN_USER) if machine.plain_user else None
    if user is not None:
        if not _runs(python, user):
            python = _copied(python, open_folder / "python")
        for one in (open_folder, *open_folder.rglob("*")):
            os.chown(one, user.pw_uid, user.pw_gid, follow_symlinks=False)
    if not machine.writable_home:
        home.rmdir()
        home.write_text("not a folder")  # root may write to a folder that is read-only
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYNC_", "XDG_", "LC_", "MAKE"))}
    env = {**kept, "HOME": str(home), "LC_ALL": machine.locale}
    if Path(python).is_relative_to(open_folder):
        env["LD_LIBRARY_PATH"] = str(open_folder / "python" / "lib")  # a shared library of Python's own
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()} if user is not None else {}
    done = subprocess.run(
        ["make", "demo", "ONCE=1", f"PYTHON={python}"],
        cwd=clone, env=env, capture_output=True, text=True, timeout=1500, check=False, **who,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    stages = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("✓ ")]
    assert stages == ["connect", "capture", "preview", "select", "promote", "change"]
    ended = [line for line in done.stderr.splitlines() if line.startswith("✓ ")]
    for connection in ("acme/shop", "acme/erp", "globex/shop", "initech/erp"):
        assert sum(line.startswith(f"✓ {connection}: ") for line in ended) == 1, done.stderr[-3000:]
    assert len(done.stdout + done.stderr) < 20_000, "a few lines, not a film"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches."""
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="clone-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _clone(to: Path) -> None:
    listed = subprocess.run(_LISTED, cwd=PROJECT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        if (PROJECT / name).is_file() and not name.startswith(("docs/images/", "sync_pipeline_tests/")):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, to / name)


def _copied(python: str, to: Path) -> str:
    """A copy of a Python that others may not reach: it finds its library beside itself."""
    prefix = Path(python).parent.parent
    left_out = shutil.ignore_patterns("test", "idlelib", "__pycache__", "site-packages", "share", "include", "*.a")
    shutil.copytree(prefix, to, symlinks=True, ignore=left_out)
    return str(to / "bin" / Path(python).name)


def _runs(python: str, user: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run([python, "-c", ""], user=user.pw_uid, group=user.pw_gid, extra_groups=(), check=False)
    except OSError:
        return False
    return done.returncode == 0
