"""What a cause declares. Values are filled in last and are never read as templates: a store's text stays data."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

# Who continues after an answer: the next pull, a promotion of the stopped lines, or the person who migrates.
Resume = Literal["pull", "promote", "migrate"]


_LONGEST = 500


def quoted(value: str | int) -> str:
    """A value that is safe to show inside a question: one line, of limited length, without curly quotes and
    without control or text-direction characters. So a store's text cannot look like part of the question.
    """
    text = " ".join(str(value).replace("“", '"').replace("”", '"').split())
    shown = "".join(f"⟨U+{ord(one):04X}⟩" if unicodedata.category(one)[0] == "C" else one for one in text[:_LONGEST])
    return shown + ("…" if len(text) > _LONGEST else "")


@dataclass(frozen=True, slots=True)
class Option:
    """One answer a person may give at a gate."""

    choice: str
    effect: str
    risk: str


@dataclass(frozen=True, slots=True)
class Question:
    """A cause with its values: what a person reads."""

    question: str
    options: Sequence[Option]
    recommended: str
    constraint: str
    rules: Sequence[str]
    values: Mapping[str, str]  # what was filled in: a store's text among it


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a gate opens. `question`, `constraint`, `rules` and the options are templates with named fields."""

    name: str
    found_by: str
    blocks: str
    question: str
    options: Sequence[Option]  # the safest first: it is the recommended one
    constraint: str
    ends: str
    rules: Sequence[str] = ()
    resume: Resume = "promote"
    # Answers that change the connection's settings: answer -> {setting: the key of its value in the gate's detail}.
    sets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def ask(self, values: Mapping[str, str | int], *, offer: Sequence[str] = ()) -> Question:
        """Fill in the templates. `offer` names the options to give, all of them where it is empty.

        Raises:
            KeyError: a template names a field that `values` does not have.
        """
        filled = {name: quoted(value) for name, value in values.items()}
        offered = [
            Option(one.choice, one.effect.format_map(filled), one.risk.format_map(filled))
            for one in self.options
            if not offer or one.choice in offer
        ]
        return Question(
            self.question.format_map(filled),
            offered,
            offered[0].choice,
            self.constraint.format_map(filled),
            [rule.format_map(filled) for rule in self.rules],
            filled,
        )
