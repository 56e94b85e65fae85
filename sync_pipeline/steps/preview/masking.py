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
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from sync_pipeline.config import Settings
from sync_pipeline.entities.core import CoreTable, core_tables, tables_of
from sync_pipeline.sources.base import Stream, all_sources
from sync_pipeline.steps.capture.write.pii import hash_text
from sync_pipeline.steps.preview.paths import told_list
from sync_pipeline.steps.preview.phones import phones_masked

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
# Fields of codes, which may be written as phone numbers are.
_CODES = re.compile(
    r"(?:^|_)(?:sku|code|barcode|ean|gtin|upc|isbn|mpn|unique_id|ids?|next|version|hash)$", re.IGNORECASE
)
_FLAGS = frozenset({"", "yes", "no", "true", "false", "0", "1"})
_ROW = re.compile(r"([a-z_]+)\[[^\[\]]*\](?:\.([^\[\]]+))?")  # a row of core, and its column: core_difference.py
_LIKE_A_ROW = re.compile(r"[a-z_]+\[")
_SHORTEST = 4  # letters of a value that is looked for in other texts
_NAME = "name."  # the path of a name that may be a person's or a document's: masked, and not looked for elsewhere
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

    def text(self, text: str, *, code: bool = False) -> str:
        """A text, with the addresses and phone numbers in it masked. `code`: it is a SKU, a barcode or an id."""
        masked = hash_text(text, self.pseudonym) if "@" in text or "%" in text or "&" in text or "\\" in text else text
        return phones_masked(masked, self.pseudonym, code=code)

    def payload(self, stream: Stream, payload: Any) -> Any:
        """A payload of a stream, or fields of one."""
        return self._masked(payload, _tree(stream.personal))

    def field(self, stream: Stream, field: str, value: Any) -> Any:
        """The value of one field of a payload."""
        [masked] = self.payload(stream, {field: value}).values()
        return masked

    def core(self, stream: Stream, row: Mapping[str, Any], table: CoreTable | None = None) -> Any:
        """What a record has in core: its row in `table`, or columns of one, or what it brings to its own table."""
        return self._masked(row, _tree(_core_paths(stream, table)))

    def changes(self, stream: Stream, changes: Sequence[Mapping[str, Any]], *, core: bool) -> list[dict[str, Any]]:
        """Fields before and after. `core`: the fields are columns of core, and tables whose rows the record has."""
        sides = [(place, side) for place, one in enumerate(changes) for side in ("before", "after") if side in one]
        masked = self._together(
            [
                (changes[place][side], self._below_field(stream, str(changes[place]["field"]), changes[place], core))
                for place, side in sides
            ]
        )
        told = [{**one, "field": self.text(str(one["field"]))} for one in changes]
        for (place, side), value in zip(sides, masked, strict=True):
            told[place][side] = value
        return told

    def _below_field(
        self, stream: Stream, field: str, change: Mapping[str, Any], core: bool
    ) -> Mapping[str, Any] | None:
        """The personal paths below a field of a payload, a column of core (also what a record copies through another),
        or a row of core in a repair plan, `customers[id=5].metadata.ref`. None: all of it is personal."""
        tree: Mapping[str, Any] | None
        if _LIKE_A_ROW.match(field):
            found = _ROW.fullmatch(field)
            if found is None:
                return None  # nobody knows what it is
            table = core_tables().get(f"core.{found[1]}")
            tree, steps = _tree(_core_paths(stream, table)) if table else {}, (found[2] or "").split(".")
        elif core or "through" in change:
            tree, steps = _tree(_core_paths(stream)), field.split(".")
        else:
            tree, steps = _tree(stream.personal), [field]
        for step in steps if steps != [""] else ():
            tree = _below(tree, step, telling=False)
        return tree

    def name(self, stream: Stream, name: str | None) -> str | None:
        """What a list calls a record: a person's name, where the stream takes it from a personal path."""
        if name is None:
            return None
        paths = re.split(r"[ |]", stream.label or "")
        personal = any(_is_below(path, stream.personal) for path in paths)
        return self.pseudonym(name) if personal and name.strip() else self.text(name)

    def hides(self, stream: Stream, field: str) -> bool:
        """Is what stands in this field of a payload masked?"""
        below = _tree(stream.personal).get(field, {})
        return below != {} or (field not in _KEPT and bool(_TELLING.search(field)))

    def anything(self, value: Any) -> Any:
        """A value of no stream: warnings, details of a gate, the audit log."""
        return self._masked(value, {})

    def _masked(self, value: Any, tree: Mapping[str, Any]) -> Any:
        [masked] = self._together([(value, tree)])
        return masked

    def _together(self, parts: Sequence[tuple[Any, Mapping[str, Any] | None]]) -> list[Any]:
        """Parts of one record, each with the personal paths below it."""
        told: set[str] = set()
        first = [self._walk(value, tree, told) for value, tree in parts]
        words = sorted((one for one in told if len(one) >= _SHORTEST), key=len, reverse=True)
        if not words:
            return first
        again = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
        masked: list[Any] = self._each_text(
            first, lambda text: again.sub(lambda found: self.pseudonym(found.group()), text)
        )
        return masked

    def _walk(self, value: Any, tree: Mapping[str, Any] | None, told: set[str], *, code: bool = False) -> Any:
        """`tree`: the personal paths below here; None: all of this is personal."""
        if isinstance(value, Mapping):
            named = next((str(value[key]) for key in ("key", "id", "name") if isinstance(value.get(key), str)), "")
            return {
                self.text(key) if isinstance(key, str) else key: self._walk(
                    one,
                    _below(tree, key, telling=key in _NAMED_VALUES and bool(_TELLING.search(named))),
                    told,
                    code=isinstance(key, str) and bool(_CODES.search(key)),
                )
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            code = code and all(isinstance(one, str) for one in value)  # Odoo's [id, name] is no list of codes
            return [self._walk(one, tree, told, code=code) for one in value]
        alone = tree is not None and "" in tree
        if (tree is None or alone) and not isinstance(value, bool | None) and str(value).strip().lower() not in _FLAGS:
            told |= set() if alone else {str(value).strip()}
            return self.pseudonym(value)
        return self.text(value, code=code) if isinstance(value, str) else value

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


def _core_paths(stream: Stream, table: CoreTable | None = None) -> tuple[str, ...]:
    """The personal paths of a row of `table`, or without one of what a record brings to core: columns of its own table,
    and rows of others under their table's name."""
    tables = core_tables().values()
    if table is not None:
        return _row_paths(table, stream.personal, stream.label or "name")
    own = [one for one in tables if stream.entity in one.kinds] or [one for one in tables if one.last]
    found = {path for one in own for path in _core_paths(stream, one)}
    return tuple(sorted({*found, *(f"{one.short}.{path}" for one in tables for path in _core_paths(stream, one))}))


@cache
def _row_paths(table: CoreTable, personal: tuple[str, ...], label: str) -> tuple[str, ...]:
    """The personal paths of a row that a record has, whose stream calls these of its payload so.

    `metadata` keeps fields of payloads under their own names, and reference data all of a payload: what is personal in
    the payload is personal there. Rows of several stores meet in one table, so the paths of every stream that writes it
    count; what one calls a person is no name in the reference data of another. The name of a reference is masked where
    that of a list is: where it may be a person's.
    """
    if table.last:
        named = {_NAME} if any(_is_below(path, personal) for path in re.split(r"[ |]", label)) else set()
        return tuple(sorted({*named, *(f"{column}.{path}" for column in ("data", "metadata") for path in personal)}))
    fields = {*table.personal, *personal, *(path for stream in _writers(table) for path in stream.personal)}
    return tuple(sorted({*table.personal, *(f"metadata.{path}" for path in fields)}))


def _writers(table: CoreTable) -> Sequence[Stream]:
    """The streams whose records write a core table."""
    streams = (stream for provider in all_sources().values() for stream in provider.streams.values())
    return [stream for stream in streams if table in tables_of(stream.entity)]


def _is_below(path: str, personal: Sequence[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in personal)


def masked_changes(masker: Masker, stream: Stream, changes: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """Fields before and after, as plans and previews tell them. Their paths are those of what is masked."""
    return told_list(masker.changes(stream, changes, core=False))


def masked_core(masker: Masker, stream: Stream, changes: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """The same of what a plan changes in core."""
    return told_list(masker.changes(stream, changes, core=True))
