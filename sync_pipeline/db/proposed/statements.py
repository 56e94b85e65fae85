"""The statements of a script: what stands between semicolons outside of quotes, comments, parentheses and bodies.

A script that cannot be read to its end, because a quote does not close, keeps its rest as one statement: PostgreSQL
says what is wrong with it. Nothing rests on where a script is cut but the report's lines: every statement runs with the
same rights, and a piece that holds several is executed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<blank> \s+ | --[^\n]* )
  | (?P<comment> /\* )
  | (?P<quoted> [eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
      | \$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$.*?\$(?P=tag)\$ )
  | (?P<open> ['"] | \$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$ )
  | (?P<word> [A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]* )
  | (?P<sign> . )
    """,
    re.DOTALL | re.VERBOSE,
)
_KINDS = ("blank", "comment", "quoted", "open", "word", "sign")
_COMMENT = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a script: its number and first line, both from 1, and its text without the semicolon."""

    number: int
    line: int
    text: str


def statements(script: str) -> list[Statement]:
    """The statements of `script`, in order. Comments alone are none."""
    found: list[Statement] = []
    begin: int | None = None
    parentheses, bodies, before = 0, 0, ""
    for kind, start, end in _tokens(script):
        text = script[start:end]
        if kind == "sign" and text == ";" and parentheses <= 0 and not bodies:
            if begin is not None:
                found.append(_statement(script, len(found) + 1, begin, start))
            begin, parentheses, before = None, 0, ""
            continue
        if begin is None:
            begin = start
        if kind == "sign":
            parentheses += {"(": 1, ")": -1}.get(text, 0)
        if kind == "word":
            word = text.lower()
            # The body of a function, BEGIN ATOMIC … END, has semicolons of its own; CASE has an END, too.
            if (word == "atomic" and before == "begin") or (word == "case" and bodies):
                bodies += 1
            elif word == "end" and bodies:
                bodies -= 1
            before = word
        else:
            before = ""
    if begin is not None:
        found.append(_statement(script, len(found) + 1, begin, len(script)))
    return found


def _statement(script: str, number: int, start: int, end: int) -> Statement:
    return Statement(number, script.count("\n", 0, start) + 1, script[start:end].rstrip())


def _tokens(script: str) -> Iterator[tuple[str, int, int]]:
    """What a script is made of besides blanks and comments: kind, start and end."""
    at = 0
    while match := _TOKEN.match(script, at):
        kind = next(name for name in _KINDS if match[name] is not None)
        at = match.end() if kind != "open" else len(script)
        if kind == "comment":
            at = _after_comment(script, at)
        elif kind != "blank":
            yield kind, match.start(), at


def _after_comment(script: str, at: int) -> int:
    """Where the comment that is open at `at` ends; comments nest."""
    depth = 1
    while depth and (mark := _COMMENT.search(script, at)):
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return len(script) if depth else at
