"""Personal data masked: who and where a person is becomes a pseudonym; city and country stay.

A pseudonym is a keyed hash: in one organization the same value has the same one wherever it stands, so records can
still be told apart and brought together; nobody gets from it to the value. Masked are the paths that a stream or a core
table declares, fields whose name says so wherever they are, and e-mail addresses and phone numbers inside any text. A
value that was masked in a record is masked in the record's other texts too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sync_pipeline.config import Settings
from sync_pipeline.entities.core import CoreTable, core_tables
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.capture.write.pii import hash_text
from sync_pipeline.steps.preview.paths import told_list

_SIGN = "masked-"
_DIGITS = 12
_MASKED = re.compile(rf"{_SIGN}[0-9a-f]{{{_DIGITS}}}")
# Fields that tell who or where a person is, whatever they are in: those of plugins and custom fields too.
_TELLING = re.compile(
    r"(?:^|[_\W])(?:e[-_]?mails?|email_\w+|e?mail_address|phones?|phone_\w+|mobile|fax|telephone|street_?2?|street_name"
    r"|address|address_?(?:line_?)?[12]|contact_address\w*|store_address(?:_2)?|post_?code|postal_code|zip(?:_?code)?"
    r"|(?:first|last|full|middle|display|nice|user|company)_?name|nick_?name|login|company|vat|vat_number|tax_number"
    r"|iban|birth\w*|ip_address|user_agent|signature|signed_by|avatar\w*|image_\d+)$",
    re.IGNORECASE,
)
_KEPT = frozenset({"city", "country", "country_code", "country_id", "state", "state_id", "id", "type"})
_FLAGS = frozenset({"", "yes", "no", "true", "false", "0", "1"})
_PHONE = re.compile(r"(?<![\w.+-])(?:\+|00(?=[1-9]\d{0,2}[ ()./-]))[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)")
_ROW = re.compile(r"([a-z_]+)\[[^\]]*\](?:\.(.+))?$")  # a row of core, and its column
_SHORTEST = 4  # letters of a value that is looked for in other texts
_NAMED_VALUES = ("value", "display_value", "default")  # of {key: _billing_phone, value: …}


class Masker:
    """Masks for one organization."""

    def __init__(self, settings: Settings, org_id: int) -> None:
        # The oldest key: putting a new one in front changes no pseudonym; taking the oldest away changes all of them.
        self._key = hmac.digest(settings.encryption_keys[-1], f"pseudonyms/{org_id}".encode(), "sha256")

    def pseudonym(self, value: object) -> str:
        """What stands for a value, trimmed and case-folded."""
        text = str(value).strip().casefold()
        if _MASKED.fullmatch(text):
            return text
        found = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()
        return f"{_SIGN}{found[:_DIGITS]}"

    def text(self, text: str) -> str:
        """A text, with the addresses and phone numbers in it masked."""
        masked = hash_text(text, self.pseudonym) if "@" in text or "%" in text or "&" in text or "\\" in text else text
        return (
            _PHONE.sub(lambda found: self.pseudonym(found.group()), masked) if "+" in text or "00" in text else masked
        )

    def payload(self, stream: Stream, payload: Any) -> Any:
        """A payload of a stream, or fields of one."""
        return self._masked(payload, _tree(stream.personal))

    def field(self, stream: Stream, field: str, value: Any) -> Any:
        """The value of one field of a payload."""
        [masked] = self.payload(stream, {field: value}).values()
        return masked

    def core(self, table: CoreTable, row: Mapping[str, Any]) -> Any:
        """A row of core, or columns of one."""
        return self._masked(row, _tree(table.personal))

    def change(self, stream: Stream, field: str, value: Any) -> Any:
        """One side of a change: of a field of a payload, or of a row of core, `customers[id=5].name`."""
        place = _ROW.match(field)
        table = core_tables().get(f"core.{place[1]}") if place else None
        if place is None or table is None:
            return self.field(stream, field, value)
        if not place[2]:
            return self.core(table, value) if isinstance(value, Mapping) else self.anything(value)
        [masked] = self.core(table, {place[2]: value}).values()
        return masked

    def core_field(self, stream: Stream, field: str, value: Any) -> Any:
        """One side of a change of core: of a column, or of all rows of the table that `field` names."""
        tables = {table.short: table for table in core_tables().values()}
        if field in tables:
            rows = value if isinstance(value, list | tuple) else [value]
            masked = [self.core(tables[field], row) if isinstance(row, Mapping) else row for row in rows]
            return masked if isinstance(value, list | tuple) else masked[0]
        own = next((table for table in tables.values() if stream.entity in table.kinds), None)
        if own is None:
            return self.field(stream, field, value)
        [one] = self.core(own, {field: value}).values()
        return one

    def name(self, stream: Stream, name: str | None) -> str | None:
        """What a list calls a record: a person's name, where the stream takes it from a personal path."""
        if name is None:
            return None
        paths = re.split(r"[ |]", stream.label or "")
        personal = any(path == one or path.startswith(f"{one}.") for path in paths for one in stream.personal)
        return self.pseudonym(name) if personal and name.strip() else self.text(name)

    def hides(self, stream: Stream, field: str) -> bool:
        """Is what stands in this field of a payload masked?"""
        below = _tree(stream.personal).get(field, {})
        return below != {} or (field not in _KEPT and bool(_TELLING.search(field)))

    def anything(self, value: Any) -> Any:
        """A value of no stream: warnings, details of a gate, the audit log."""
        return self._masked(value, {})

    def _masked(self, value: Any, tree: Mapping[str, Any]) -> Any:
        told: set[str] = set()
        first = self._walk(value, tree, told)
        words = sorted((one for one in told if len(one) >= _SHORTEST), key=len, reverse=True)
        if not words:
            return first
        again = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
        return self._each_text(first, lambda text: again.sub(lambda found: self.pseudonym(found.group()), text))

    def _walk(self, value: Any, tree: Mapping[str, Any] | None, told: set[str]) -> Any:
        """`tree`: the personal paths below here; None: all of this is personal."""
        if isinstance(value, Mapping):
            named = next((str(value[key]) for key in ("key", "id", "name") if isinstance(value.get(key), str)), "")
            return {
                self.text(key) if isinstance(key, str) else key: self._walk(
                    one, _below(tree, key, telling=key in _NAMED_VALUES and bool(_TELLING.search(named))), told
                )
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._walk(one, tree, told) for one in value]
        if tree is None and not isinstance(value, bool | None) and str(value).strip().lower() not in _FLAGS:
            told.add(str(value).strip())
            return self.pseudonym(value)
        return self.text(value) if isinstance(value, str) else value

    def _each_text(self, value: Any, change: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._each_text(one, change) for key, one in value.items()}
        if isinstance(value, list):
            return [self._each_text(one, change) for one in value]
        return change(value) if isinstance(value, str) and not _MASKED.fullmatch(value) else value


def _below(tree: Mapping[str, Any] | None, key: str, *, telling: bool) -> Mapping[str, Any] | None:
    """The personal paths below a field; None where all of it is personal."""
    if tree is None:
        return {} if key in _KEPT else None
    if telling or (key not in _KEPT and _TELLING.search(key)):
        return None
    below: Mapping[str, Any] | None = tree.get(key, {})
    return below


@lru_cache(maxsize=512)
def _tree(paths: tuple[str, ...]) -> Mapping[str, Any]:
    """Paths as a tree: a leaf is None."""
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=len, reverse=True):
        *above, last = path.split(".")
        here = tree
        for step in above:
            here = here.setdefault(step, {})
        here[last] = None
    return tree


def masked_changes(masker: Masker, stream: Stream, changes: Iterable[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """Fields before and after, as plans and previews tell them. Their paths are those of what is masked."""
    return told_list(
        [
            {
                name: masker.change(stream, str(change["field"]), value) if name in ("before", "after") else value
                for name, value in change.items()
            }
            for change in changes
        ]
    )


def masked_core(masker: Masker, stream: Stream, changes: Iterable[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """The same of what a plan changes in core."""
    return told_list(
        [
            {
                name: masker.core_field(stream, str(change["field"]), value) if name in ("before", "after") else value
                for name, value in change.items()
            }
            for change in changes
        ]
    )
