"""A revision of the database: plain SQL in a folder beside its file, `up.sql` and `down.sql`.

`python -m sync_pipeline.db.revision NAME` begins the next one (`make migration NAME=…`).
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

TEMPLATE = '''"""{title}."""

from sync_pipeline.db.revision import run

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    run(__file__, "up")


def downgrade() -> None:
    run(__file__, "down")
'''


def run(file: str, direction: str) -> None:
    """Execute `up.sql` or `down.sql` of the revision in `file`, in Alembic's transaction."""
    from alembic import op  # late: `begin` needs none of it

    # The driver itself: a file holds many statements, and its % signs are no placeholders.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute((Path(file).with_suffix("") / f"{direction}.sql").read_bytes())


def digest(up: bytes, down: bytes) -> str:
    """The SHA-256 of both scripts: what an approval of them is bound to."""
    return hashlib.sha256(b"%d\n%b%b" % (len(up), up, down)).hexdigest()


def write(versions: Path, name: str, up: str, down: str, *, source: str, after: str) -> Path:
    """Write a revision that was proposed, byte for byte, after the newest one in `versions`, or `after` where there is
    none; returns its folder. `source` says in its file where it comes from; its hash stands there, too.
    """
    folder = begin(versions, name, after=after)
    for script, text in (("up", up), ("down", down)):
        (folder / f"{script}.sql").write_bytes(text.encode())
    file = folder.with_suffix(".py")
    said = file.read_text("utf-8").replace('."""', f'.\n\n{source}\n"""', 1)
    sha256 = digest(up.encode(), down.encode())
    file.write_text(said.replace("\n\n\n", f'\nsha256 = "{sha256}"\n\n\n', 1), "utf-8")
    return folder


def place(folder: Path, versions: Path) -> Path:
    """Put a revision that was written elsewhere among those of `versions`; returns its folder there.

    The scripts come first: a revision is what has a file, and one without scripts does not run.
    """
    there = versions / folder.name
    if there.exists():  # the same, of a process that was killed in between
        shutil.rmtree(there)
    folder.rename(there)
    folder.with_suffix(".py").rename(there.with_suffix(".py"))
    return there


def begin(versions: Path, name: str, *, after: str = "0000") -> Path:
    """Write an empty revision after the newest one in `versions`, or `after` where there is none; returns its folder.

    Raises:
        ValueError: `name` is not words in lower case, joined by underscores.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} cannot name a revision: use lower-case words joined by underscores.")
    before = max((file.name[:4] for file in versions.glob("[0-9]*.py")), default=after)
    folder = versions / f"{int(before) + 1:04}_{name}"
    folder.mkdir()
    text = TEMPLATE.format(title=name.replace("_", " ").capitalize(), revision=folder.name[:4], before=before)
    folder.with_suffix(".py").write_text(text)
    (folder / "up.sql").write_text("-- What changes, and why.\n")
    (folder / "down.sql").write_text("-- The way back. It may not lose captured data.\n")
    return folder


if __name__ == "__main__":
    from sync_pipeline.config import PROJECT

    try:
        print(begin(PROJECT / "sql" / "migrations" / "versions", " ".join(sys.argv[1:])))
    except ValueError as wrong:
        sys.exit(f"{wrong} Example: make migration NAME=products_have_a_colour")
