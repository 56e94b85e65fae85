"""Arrays of texts and of bytes reach PostgreSQL as they are."""

import pytest
from sqlalchemy.exc import DataError

from sync_pipeline.db.arrays import Blobs, Texts
from sync_pipeline.db.engine import Database
from sync_pipeline.db.queries import execute

TEXTS = [
    "",
    "plain",
    None,
    'with "quotes", {braces}, commas, \\backslashes and NULL',
    "NULL",
    "é 漢 🧵\n\t",
    "x" * 100_000,
]
BYTES = [b"", b"\x00\xff", None, b"plain", bytes(range(256)) * 400]


@pytest.mark.parametrize("given", [[], [None], [""], TEXTS])
def test_texts(database: Database, given: list[str | None]) -> None:
    with database.unscoped() as conn:
        assert execute(conn, "SELECT %(given)s", given=Texts(given)).scalar_one() == given
        assert execute(conn, "SELECT %(given)b::text[]", given=Texts(given)).scalar_one() == given
        listed = execute(
            conn, "SELECT t FROM unnest(%(given)s::text[]) WITH ORDINALITY AS k (t, n) ORDER BY n", given=Texts(given)
        )
        assert listed.scalars().all() == given


@pytest.mark.parametrize("given", [[], [None], [b""], BYTES])
def test_bytes(database: Database, given: list[bytes | None]) -> None:
    with database.unscoped() as conn:
        assert execute(conn, "SELECT %(given)b::bytea[]", given=Blobs(given)).scalar_one() == given


def test_a_null_character_is_refused_by_the_database(database: Database) -> None:
    """As a capture expects: it then stores the records one by one."""
    with pytest.raises(DataError), database.unscoped() as conn:
        execute(conn, "SELECT %(given)s", given=Texts(["a\x00b"]))
