"""What a comparison of the store, of capture and of core found, in numbers, ids and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The kinds of differences, in words.
DIFFERENCES: Mapping[str, str] = {
    "missing": "in the store and not captured",
    "extra": "captured and not in the store",
    "orphans": "promoted and not in core",
}
# Why captured records are not in core, in words.
OUTSIDE: Mapping[str, str] = {
    "undecided": "undecided",
    "ignored": "ignored",
    "included": "included and waiting",
    "quarantined": "in quarantine",
}


@dataclass(frozen=True, slots=True)
class EntityReconciliation:
    """One entity: how many records the store lists, how many are captured, how many of these are in core.

    `missing` are in the store and not captured; `extra` are captured as present and not in the store; `orphans` are
    promoted and have no core row. `store` is None if the store could not be listed; `error` says why.
    `outside`: captured and present and not in core, by why (`OUTSIDE`); `deleted_in_core`: the store deleted them, and
    they are in core. Both are counted by id, name some in `examples`, and are no difference: a person decides.
    """

    entity: str
    connection: str
    store: int | None
    captured: int
    core: int
    missing: int
    extra: int
    examples: dict[str, list[str]] = field(default_factory=dict)
    quarantined: int = 0
    orphans: int = 0
    error: str | None = None
    outside: dict[str, int] = field(default_factory=dict)
    deleted_in_core: int = 0

    @property
    def not_in_core(self) -> int:
        """How many records are captured, present and not in core."""
        return sum(self.outside.values())

    @property
    def outside_words(self) -> str:
        """Why records are not in core, and how many deleted ones still are; empty where capture and core agree."""
        parts = [f"{count:,} {OUTSIDE[why]}" for why, count in self.outside.items()]
        said = f"{counted(self.not_in_core)} not in core: {', '.join(parts)}" if parts else ""
        if self.deleted_in_core:
            gone = f"{counted(self.deleted_in_core)} deleted in the store and still in core"
            said = f"{said}; {gone}" if said else gone
        return said

    @property
    def ok(self) -> bool:
        """True if nothing is missing, extra or orphaned. Records that were not promoted are not a difference."""
        return not (self.missing or self.extra or self.orphans or self.error)

    @property
    def words(self) -> str:
        """What differs, with some ids; empty where nothing does."""
        parts = [self.error] if self.error else []
        for name, words in DIFFERENCES.items():
            if count := getattr(self, name):
                named = self.examples.get(name, [])
                parts.append(f"{count:,} {words} ({', '.join(named)}{' …' if count > len(named) else ''})")
        return "; ".join(parts)


def counted(records: int) -> str:
    """1 record is, 2 records are."""
    return "1 record is" if records == 1 else f"{records:,} records are"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The report of an organization."""

    entities: tuple[EntityReconciliation, ...]

    @property
    def ok(self) -> bool:
        """True if every entity is."""
        return all(entity.ok for entity in self.entities)
