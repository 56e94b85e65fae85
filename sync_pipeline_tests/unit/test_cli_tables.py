"""Tables of the command line: they fit the terminal, show what people can read, and leave out what is empty."""

from __future__ import annotations

from typing import get_args

import pytest

from sync_pipeline.cli import options
from sync_pipeline.cli.output import named, say, show, width
from sync_pipeline.cli.progress import Listener, ProgressLines, Work
from sync_pipeline.steps import preview, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline.steps.connect.organizations import SKU_POLICIES

COUNTS = ("entity", "captured", "+ new", "~ updated", "- deleted", "= in sync", "undecided", "promoted", "ledger")
ROWS = [("product_attribute_values", 1_234_567, 3, 0, 0, 1_234_564, 3, 1_234_564, None), ("orders", 12, *[0] * 6, None)]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_a_table_fits(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    show(COUNTS, ROWS, title="shop", zeros=("~ updated", "- deleted"))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= columns
    _, title, head, *_ = said.splitlines()
    assert title == "shop"
    assert "updated" not in head
    assert "deleted" not in head
    assert "ledger" not in head, "it is empty"
    assert "1,234,567" in said, "numbers are not broken"


def test_where_there_is_little_room_signs_stand_for_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show(COUNTS, ROWS)
    head = capsys.readouterr().out.splitlines()[0]
    assert head.split() == ["entity", "captured", "+", "~", "-", "=", "undecided", "promoted"]


def test_what_cannot_be_a_table_is_a_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    plan = "0b0e7a9e-0000-4000-8000-000000000001"
    show(("plan", "state", "made by", "reason", "note"), [(plan, "applied", plan, "r" * 30, None)])
    said = capsys.readouterr().out.split("\n")
    assert f"plan     {plan}" in said
    assert f"made by  {plan}" in said
    assert not any(line.startswith("note") for line in said)


def test_a_pipe_is_as_wide_as_the_terminal_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    assert width() == 100
    monkeypatch.delenv("COLUMNS")

    def size(descriptor: int) -> os.terminal_size:
        if descriptor == 2:
            return os.terminal_size((133, 40))
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", size)
    assert width() == 133


def test_names_are_read_as_the_store_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert named("Bed &amp; Bath&#8217;s\n best PEN&REG-2") == "Bed & Bath’s best PEN&REG-2"
    show(("name",), [("evil\x1b[2J\u202etxt",)])
    say("also \x1b[2J here")
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "evil⟨U+001B⟩[2J⟨U+202E⟩txt" in said
    assert "also ⟨U+001B⟩[2J here" in said


def test_the_words_of_options_are_those_of_the_steps() -> None:
    assert get_args(options.TokenRole) == tokens.ROLES
    assert get_args(options.PersonRole) == users.ROLES
    assert get_args(options.Status) == preview.STATUSES
    assert tuple(options.DECISIONS.values()) == preview.DECISIONS
    assert tuple(options.DECISIONS) == get_args(options.Choice)
    assert set(get_args(options.RuleKind)) == set(select.KINDS)
    assert get_args(options.SkuPolicy) == SKU_POLICIES


def test_a_bar_counts_entities_and_ends_with_a_tick(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ProgressLines()
    lines.begin("acme/shop", ["products", "orders"])
    lines.moved("acme/shop", "products", 14, None)
    lines.end("acme/shop", "products")
    lines.moved("acme/shop", "orders", 5, 10)
    lines.end("acme/shop", "orders")
    lines.end("acme/shop", "orders", ok=False)  # it had ended
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.startswith("✓ acme/shop: 19 records, 2 entities")


def test_a_failed_part_makes_it_a_cross() -> None:
    quiet = Listener()
    quiet.begin("shop", ["products", "orders"])
    quiet.moved("shop", "products", 5, 20)
    work = quiet._works["shop"]
    assert (work.share, work.mark) == (0.125, "")
    assert work.words.startswith("5 records, 0 of 2 entities")
    quiet.end("shop", "products", ok=False)
    quiet.end("shop", "orders")
    assert (work.share, work.mark) == (1.0, "✗")


def test_work_says_how_long_the_rest_takes() -> None:
    work = Work("shop", ["products"], "records")
    work.began -= 10
    work.reached["products"] = (250, 1000)
    assert work.words == "250 records, 25/s, 30 s left"
