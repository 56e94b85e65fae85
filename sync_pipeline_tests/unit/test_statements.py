"""A script is cut where psql would cut it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.db.proposed.statements import statements


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        ("-- nothing; here\n/* ; /* ; */ ; */", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT ';'; SELECT 2;", ["SELECT ';'", "SELECT 2"]),
        ("SELECT 'it''s;'; SELECT E'a\\';b'; SELECT 'a\\'; SELECT 3", [
            "SELECT 'it''s;'", "SELECT E'a\\';b'", "SELECT 'a\\'", "SELECT 3",
        ]),
        ('SELECT 1 AS "a;""b"; SELECT 2', ['SELECT 1 AS "a;""b"', "SELECT 2"]),
        ("DO $$ BEGIN x; END $$; DO $a$ $$; $b$ ; $a$; SELECT 1", [
            "DO $$ BEGIN x; END $$", "DO $a$ $$; $b$ ; $a$", "SELECT 1",
        ]),
        ("SELECT a$b$; SELECT c$b$", ["SELECT a$b$", "SELECT c$b$"]),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", [
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SELECT 3",
        ]),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3", [
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END", "SELECT 3",
        ]),
        ("BEGIN; SELECT 1; END; SELECT 2", ["BEGIN", "SELECT 1", "END", "SELECT 2"]),
        ("SELECT 'open; SELECT 1; ", ["SELECT 'open; SELECT 1;"]),
    ],
)  # fmt: skip
def test_statements(script: str, found: list[str]) -> None:
    assert [one.text for one in statements(script)] == found


def test_lines_are_those_of_their_first_word() -> None:
    script = "-- why\n\nSELECT 1;\n  /* more\n */ SELECT\n2;"
    assert [(one.number, one.line) for one in statements(script)] == [(1, 3), (2, 5)]


@given(st.text("abE';\"$-/*()\n ", max_size=40))
def test_whatever_the_script_nothing_of_it_is_lost(script: str) -> None:
    """Every statement stands in the script, in order; between them are blanks, comments and semicolons."""
    at = 0
    for one in statements(script):
        at = script.index(one.text, at) + len(one.text)
