"""What becomes of a migration that would lose data: refused, or asked of those whose data it is.

This module writes nothing: the caller of `migrate` asks people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from sync_pipeline.db.kept import Loss
from sync_pipeline.errors import ConfigurationError

_WORDS = {
    "deleted": ("1 row is deleted", "{} rows are deleted"),
    "emptied": ("1 value is emptied", "{} values are emptied"),
    "rewritten": ("1 value is rewritten", "{} values are rewritten"),
    "filled": ("1 empty value is filled", "{} empty values are filled"),
}


class LossApproval(Protocol):
    """Asks people about losses, as `sync_pipeline.gates.migration` does. Both methods use the owner's connection."""

    def approve(self, conn: Connection, target: str, lost: Mapping[int, Sequence[str]], /) -> None: ...

    def record_migrated(
        self, conn: Connection, target: str, organizations: Sequence[int], verified: Sequence[str], /
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Declared:
    """What revisions say of themselves in their files: the place (a table, or a column of one) and why."""

    loses: Mapping[str, str]
    computes: Mapping[str, str]  # columns whose values follow from what stays: to write them again is no loss


def to_ask(target: str, found: Sequence[Loss], declared: Declared) -> Mapping[int, Sequence[str]]:
    """What each organization must be asked about, as sentences. Captured data is lost only if a revision declares it.

    Raises:
        ConfigurationError: captured data would be lost, and no revision says so.
    """
    open_: dict[int, list[str]] = {}
    undeclared: list[Loss] = []
    for loss in found:
        captured = loss.table.startswith("capture.")
        why = declared.loses.get(loss.place) or declared.loses.get(loss.table)
        if loss.how in ("emptied", "rewritten", "filled") and loss.place in declared.computes:
            continue
        if loss.how == "filled" and not captured:
            continue
        if captured and why is None:
            undeclared.append(loss)
        else:
            open_.setdefault(loss.org_id, []).append(in_words(loss) + (f": {why}" if why else ""))
    if undeclared:
        raise ConfigurationError(
            f"The migration to {target} would lose captured data, and nothing was changed: "
            f"{'; '.join(in_all(undeclared))}. Keep the version that is installed. If the loss is meant, the revision "
            "must declare it in its file (CONTRIBUTING.md, “A migration”)."
        )
    return open_


def in_words(loss: Loss) -> str:
    """The loss as a sentence: place, and in parentheses how and how much."""
    if loss.how == "dropped":
        what, unit = ("column", "value") if loss.column else ("table", "row")
        return f"{loss.place} (the {what} is dropped; {loss.number} {unit}{'' if loss.number == 1 else 's'})"
    one, many = _WORDS[loss.how]
    return f"{loss.place} ({one if loss.number == 1 else many.format(loss.number)})"


def place_of(sentence: str) -> str:
    """The table or column that a sentence of `in_words` is about. A changed number does not raise a question again."""
    return sentence.split(" (")[0]


def in_all(losses: Sequence[Loss]) -> Sequence[str]:
    """The losses of all organizations together, a sentence each."""
    total: dict[tuple[str, str | None, str], int] = {}
    for loss in losses:
        what = (loss.table, loss.column, loss.how)
        total[what] = total.get(what, 0) + loss.number
    return [in_words(Loss(0, *what, number)) for what, number in total.items()]
