"""How WooCommerce and its plugins write values. Mappers read payloads with these functions and with nothing else:
lists that PHP turns into objects, HTML entities, prices as text, flags as words.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import unescape
from html.entities import html5
from typing import Any

from sync_pipeline.entities import values
from sync_pipeline.entities.base import MapperWarning, Ref, Unmappable

# Only with its semicolon: PEN&REG-2 is a SKU.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TRUE = frozenset({"yes", "true", "on", "1"})
_FALSE = frozenset({"no", "false", "off", "0", "parent"})  # parent: a variation that uses its product's


def raw(payload: Mapping[str, Any], field: str) -> Any:
    """The value in `field` as it is: ids, and what `metadata` keeps."""
    return payload.get(field)


def money(payload: Mapping[str, Any], field: str, within: str = "") -> Decimal | None:
    """The amount in `field`; None if it is missing, null, false or "", which are WooCommerce's unset.

    Raises:
        Unmappable: it is neither empty nor a finite number.
    """
    value = payload.get(field)
    if value is None or value is False or value == "":
        return None
    found = values.number(value)
    if found is None and not (value.__class__ is str and not value.strip()):
        raise Unmappable(within + field, value, "amount")
    return found


def amount(payload: Mapping[str, Any], field: str, within: str = "") -> Decimal:
    """Like `money`; a missing amount is zero."""
    return money(payload, field, within) or Decimal(0)


def decoded(text: str) -> str:
    """A text with its HTML entities decoded, once, and only those that end in a semicolon."""
    return _ENTITY.sub(_letter, text) if "&" in text else text


def _letter(found: re.Match[str]) -> str:
    entity = found[0]
    if entity[1] != "#" and entity[1:] not in html5:
        return entity
    letter = unescape(entity)
    return entity if letter in ("", "\ufffd") else letter  # a number that is no letter's


def text(payload: Mapping[str, Any], field: str, within: str = "") -> str | None:
    """The text in `field`, decoded and trimmed; None if empty.

    Raises:
        Unmappable: it is a list or an object.
    """
    value = payload.get(field)
    if value.__class__ is str:
        return (decoded(value) if "&" in value else value).strip() or None
    if value and (value.__class__ is dict or value.__class__ is list):
        raise Unmappable(within + field, value, "text")
    return scalar(payload, field)


def scalar(payload: Mapping[str, Any], field: str) -> str | None:
    """Like `text`; None for a list or an object."""
    value = payload.get(field)
    if value is None or value == "" or value is False or value.__class__ is dict or value.__class__ is list:
        return None
    return decoded(value if value.__class__ is str else str(value)).strip() or None


def html(payload: Mapping[str, Any], field: str) -> str | None:
    """The HTML in `field`, unchanged: there an entity is markup. None if empty or no text."""
    value = payload.get(field)
    return value or None if value.__class__ is str else None


def ref(entity_type: str, external_id: Any) -> Ref | None:
    """A reference; None for 0, "" and null, which are WooCommerce's nobody."""
    if external_id.__class__ is str:
        external_id = external_id.strip()
    elif external_id.__class__ is Decimal and external_id == external_id.to_integral_value():
        external_id = int(external_id)
    if external_id.__class__ not in (int, str) or external_id in ("", 0, "0"):
        return None
    return Ref(entity_type, str(external_id))


def flag(payload: Mapping[str, Any], field: str, warnings: list[str]) -> bool:
    """The flag in `field`, which plugins write as a word or a number. Another value counts as no, with a warning."""
    value = payload.get(field)
    if value is True or value is False or value is None or value == "":
        return value is True
    word = str(value).strip().lower()
    if word not in _TRUE and word not in _FALSE:
        said = f"{field} is {str(value)[:40]!r}, which is neither yes nor no. It counts as no."
        warnings.append(MapperWarning(said, "unknown_flag", field))
    return word in _TRUE


def word(payload: Mapping[str, Any], field: str, known: Collection[str]) -> str | None:
    """The word in `field`, without the prefix `wc-`, if it is one of `known`."""
    value = payload.get(field)
    if value.__class__ is not str:
        return None
    if value in known:
        return value
    found: str = value.strip().lower().removeprefix("wc-")
    return found if found in known else None


def address(payload: Mapping[str, Any], field: str) -> dict[str, Any] | None:
    """An address, decoded, without its empty fields; None if nothing is left.

    Raises:
        Unmappable: it is neither an address nor empty.
    """
    value = payload.get(field)
    if value.__class__ is not dict:
        if value:  # PHP writes an empty object as []
            raise Unmappable(field, value, "address")
        return None
    return {key: _kept(part) for key, part in value.items() if part not in (None, "")} or None


def picture(value: Any) -> dict[str, Any] | None:
    """Address and description of a picture; None where there is none."""
    if value.__class__ is not dict:
        return None
    return {"src": scalar(value, "src"), "alt": scalar(value, "alt") or ""}


def kept(payload: Mapping[str, Any], fields: Sequence[str], *, falsy: bool = False) -> dict[str, Any]:
    """The fields that are not empty, texts decoded, for `metadata`; `falsy`: also those that are false or zero."""
    return {
        name: _kept(value)
        for name in fields
        if (value := payload.get(name)) or value == {} or (falsy and value is not None and value != "")
    }


def _kept(value: Any) -> Any:
    return decoded(value) if value.__class__ is str and "&" in value else value


def first(*found: str | None) -> str | None:
    """The first that is not empty."""
    return next((value for value in found if value), None)


def words(payload: Mapping[str, Any], *fields: str, within: str = "") -> str | None:
    """The texts in `fields` joined by a space; None if all are empty."""
    return " ".join(part for field in fields if (part := text(payload, field, within))) or None


def items(payload: Mapping[str, Any], field: str) -> Sequence[Any]:
    """The elements of the list `field`. PHP writes a list with a gap as an object: {"0": …, "2": …}.

    Raises:
        Unmappable: it is neither a list nor empty.
    """
    value = payload.get(field)
    if value.__class__ is list:
        return value
    if not value:
        return ()
    if value.__class__ is dict and all(key.isdecimal() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    if value.__class__ is dict and all(one.__class__ is dict for one in value.values()):
        return list(value.values())
    raise Unmappable(field, value, "list")


def records(payload: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    """The objects in the list `field`.

    Raises:
        Unmappable: it is not a list, or an element is neither an object nor empty.
    """
    found = items(payload, field)
    if not found:
        return []
    for one in found:
        if one.__class__ is not dict and one:
            raise Unmappable(f"{field}[]", one, "object")
    return [one for one in found if one.__class__ is dict]


def texts(payload: Mapping[str, Any], field: str) -> list[str]:
    """The texts in the list `field`, decoded.

    Raises:
        Unmappable: it is not a list.
    """
    found = payload.get(field)
    if found.__class__ is str:  # a list of one, as some plugins write it
        return [one] if (one := scalar(payload, field)) else []
    return [one for value in items(payload, field) if (one := scalar({"": value}, ""))]


def currency(payload: Mapping[str, Any], field: str = "currency") -> str | None:
    """A currency code, in upper case; None where there is none."""
    return values.currency_code(payload.get(field))


def when(payload: Mapping[str, Any], field: str, warnings: list[str]) -> datetime | None:
    """The date `field`: its UTC form `<field>_gmt`, else its local form if that names its time zone."""
    return values.when(payload, f"{field}_gmt", warnings, local=field)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Their sum; zero if there are none."""
    return sum(amounts, Decimal(0))
