"""Command output: one JSON object, or sentences and tables for people. Progress and notes go to stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

_WIDE = 100  # columns, if nothing says how wide the output is
_WORD = 16  # letters of a longer word may be broken, unless it is an id that people copy
_ID = re.compile(r"[0-9A-Za-z_.@+-]{1,36}")
_SIGN = re.compile(r"([+~=-]) .+")  # + new: where there is little room, its sign says it


def emit(value: Any) -> None:
    """Print one JSON object on stdout."""
    from sync_pipeline import exact_json  # imported late, so that commands without JSON start faster

    sys.stdout.write(exact_json.dumps(value) + "\n")
    sys.stdout.flush()


def row(report: Any, *, without: Container[str] = ()) -> dict[str, Any]:
    """A report's fields for `emit`. `error` and `errors` are there only if something failed."""
    named = {one.name: getattr(report, one.name) for one in fields(report) if one.name not in without}
    return {name: value for name, value in named.items() if value or name not in ("error", "errors")}


def answer(as_json: bool, value: Any, *sentences: str) -> None:
    """Print what a command did: `value` with --json, else the sentences."""
    if as_json:
        emit(value)
        return
    for sentence in sentences:
        say(sentence)


def say(text: str = "") -> None:
    """Print a sentence for people on stdout."""
    sys.stdout.write(seen(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a sentence on stderr: progress, warnings, errors. With --json, stdout is for programs."""
    sys.stdout.flush()
    sys.stderr.write(seen(text) + "\n")
    sys.stderr.flush()


def seen(text: str) -> str:
    """A text with marks in place of what cannot be seen: a store's name must not steer the terminal."""
    if text.isprintable():
        return text
    from sync_pipeline.explorer.text import visible

    return str(visible(text))


def named(text: str | None) -> str:
    """A name as the store's pages show it: entities decoded, on one line."""
    from sync_pipeline.sources.woocommerce.mappers.values import decoded

    return " ".join(decoded(text or "").split())


def width() -> int:
    """How many columns there are: COLUMNS, else those of the terminal, also behind a pipe, else 100."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    for descriptor in (1, 2, 0):
        try:
            return os.get_terminal_size(descriptor).columns or _WIDE
        except OSError:
            continue
    return _WIDE


def show(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None, zeros: Container[str] = ()
) -> None:
    """Print a table on stdout that fits the terminal. Numbers are right-aligned, None is empty.

    Columns without a value are left out, those named in `zeros` also if they hold nothing but zeros. A table that is
    too wide all the same is printed as a list, a value a line.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    kept = [
        index
        for index, name in enumerate(columns)
        if index == 0 or not listed or any(row[index] or _counts(row[index], name, zeros) for row in listed)
    ]
    heads = [columns[index] for index in kept]
    texts = [[cell(row[index]) for index in kept] for row in listed]
    # Ever fewer letters of a head's words stay together.
    signs = [_SIGN.sub(r"\1", name) for name in heads]
    for heads_now, longest in ((heads, 40), (signs, 40), (signs, 9), (signs, 6)):
        columns_now = [(name, [row[at] for row in texts]) for at, name in enumerate(heads_now)]
        narrow = [_narrow(name, cells, longest) for name, cells in columns_now]
        spare = width() - sum(narrow) - 2 * (len(narrow) - 1)
        if spare >= 0:
            heads = heads_now
            widths = _shared(spare, narrow, [max(map(cell_len, (name, *cells))) for name, cells in columns_now])
            break
    else:
        _as_list(heads, texts, title)
        return
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for at, index in enumerate(kept):
        numeric = all(isinstance(row[index], (int, float, Decimal)) or row[index] is None for row in listed)
        right = numeric and bool(listed)
        table.add_column(Text(heads[at]), justify="right" if right else "left", overflow="fold", width=widths[at])
    for row in texts:
        table.add_row(*map(Text, row))
    console = Console(width=width(), color_system=None if not sys.stdout.isatty() else "auto")
    with console.capture() as drawn:
        console.print(table)
    lines = [line.rstrip() for line in drawn.get().splitlines()]
    sys.stdout.write(("\n" if title else "") + "\n".join(line for line in lines if line) + "\n")
    sys.stdout.flush()


def _counts(value: Any, name: str, zeros: Container[str]) -> bool:
    """Is a value that Python takes for nothing worth its column?"""
    return value is False or (isinstance(value, (int, float, Decimal)) and name not in zeros)


def _shared(spare: int, narrow: Sequence[int], whole: Sequence[int]) -> list[int]:
    """The widths of columns: those that lack least of being `whole` get what they lack first."""
    widths = list(narrow)
    lacking = sorted(range(len(narrow)), key=lambda at: whole[at] - narrow[at])
    for number, at in enumerate(lacking):
        given = min(max(0, whole[at] - narrow[at]), spare // (len(lacking) - number))
        widths[at] += given
        spare -= given
    return widths


def _narrow(head: str, texts: Sequence[str], longest: int) -> int:
    """How narrow a column may be, if of its head's words so many letters stay together."""
    return max(min(_narrowest(head), longest), *map(_narrowest, texts), 1)


def _narrowest(text: str) -> int:
    """How narrow a column may be for this text: its longest word, or a part of one that is no id."""
    from rich.cells import cell_len

    words = text.split()
    return max((cell_len(word) if _ID.fullmatch(word) else min(cell_len(word), _WORD) for word in words), default=0)


def _as_list(heads: Sequence[str], texts: Sequence[Sequence[str]], title: str | None) -> None:
    if title:
        say(f"\n{title}")
    left = max(map(len, heads))
    for row in texts:
        say()
        for name, value in zip(heads, row, strict=True):
            if value:
                say(f"{name:<{left}}  {value}")


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return seen(" ".join(str(value).split()))


def details(value: Mapping[str, Any]) -> str:
    """What a mapping says, in a line: nothing that is empty or zero."""
    said = ((name, one if isinstance(one, str) else spelled(one)) for name, one in value.items() if one)
    return ", ".join(f"{name.replace('_', ' ')} {one}" for name, one in said)


def spelled(value: Any) -> str:
    """A value as JSON, with every digit and every letter."""
    from sync_pipeline.exact_json import dumps, to_json

    try:
        return to_json(value)
    except UnicodeEncodeError:  # a lone surrogate
        return dumps(value)


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""
