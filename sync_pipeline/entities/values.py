"""Values that every store writes: numbers, dates, currency codes. Every mapper reads them here."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from sync_pipeline.entities.base import MapperWarning

_LONGEST = 1000  # digits of a number that is written as text, and of its exponent's zeros
# Python alone would also read 20260301 and 2026-W09.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+|[0-9a-f]{64}")
LONGEST_KEY = 500  # characters of a text with an index: an entry of PostgreSQL's has at most 2,704 bytes
BEGINNING = 400  # of a longer one
_FIRST_YEAR = 1900  # stores write “no date” as the year 0 or 1


def number(value: Any) -> Decimal | None:
    """The number that a value is or spells in ASCII digits; None where it is neither."""
    if value.__class__ is str:
        text = value if value.isascii() else value.strip()
        # Decimal itself would also read 1_000, the digits of every script, and exponents that fill the memory.
        if not text.isascii() or "_" in text or len(text) > _LONGEST:
            return None
        try:
            found = Decimal(text)
        except InvalidOperation:
            return None
        return found if found.is_finite() and -_LONGEST < found.adjusted() < _LONGEST else None
    if value.__class__ is int:
        return Decimal(value)
    if isinstance(value, Decimal | float):
        found = Decimal(str(value))  # a float goes through str: Decimal(0.1) would keep its binary tail
        return found if found.is_finite() else None
    return None


def moment(value: Any) -> datetime | None:
    """The moment that a text spells, UTC; a date without a zone is UTC. None for anything else."""
    if value.__class__ is not str:
        return None
    text = value.strip()
    # As nearly every store writes it, it needs no pattern: fromisoformat refuses what else has these characters there.
    plain = len(text) == 19 and text[4] == text[7] == "-" and text[13] == text[16] == ":" and text[10] in "T "
    plain = plain and text[5] in "01"  # not the W of a week
    if not plain and not _MOMENT.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= _FIRST_YEAR else None


def when(payload: Mapping[str, Any], field: str, warnings: list[str], *, local: str | None = None) -> datetime | None:
    """The moment in `field`; what is not a date becomes None, with a warning.

    `local`: the field with the same date on the store's own clock. It counts if it names its zone; otherwise a warning
    says that the date is there and cannot be used.
    """
    value = payload.get(field)
    if value:
        found = moment(value)
        if found is None:
            shown = repr(str(value)[:40])
            warnings.append(
                MapperWarning(f"{field} is {shown}, which is not a date. It stays empty.", "unparsable_date", field)
            )
        return found
    there = payload.get(local) if local is not None else None
    if there and (found := moment(there)) is not None:
        if datetime.fromisoformat(str(there).strip()).tzinfo is not None:
            return found
        said = f"{field} is empty, and {local} ({there}) has no time zone. The date stays empty."
        warnings.append(MapperWarning(said, "no_utc_date", field))
    return None


def email_address(value: str | None) -> str | None:
    """`value` if it is an e-mail address, or the hash of one; a word in the place of one (“n/a”) identifies nobody."""
    return value if value is not None and _ADDRESS.fullmatch(value.strip()) else None


def fold(text: str) -> str:
    """How SKUs and e-mails are compared: no blanks around, case-folded. `core.fold` in the database does the same."""
    return text.strip().casefold()


def fitted(text: str) -> str:
    """A text that is compared, as long as an index takes: up to 500 characters, else its beginning and a hash.

    Texts that fold alike stay alike: length and hash are those of the folded text.
    """
    if len(text) * 3 <= LONGEST_KEY:  # folding makes at most three characters of one
        return text
    folded = fold(text)
    if len(folded) <= LONGEST_KEY:
        return text
    beginning = text[:BEGINNING]
    if fold(beginning) != folded[:BEGINNING]:
        beginning = folded[:BEGINNING]
    return f"{beginning}…{sha256(folded.encode()).hexdigest()[:32]}"


def currency_code(value: Any) -> str | None:
    """A currency code, in upper case; None where there is none."""
    return value.strip().upper() or None if value.__class__ is str else None
