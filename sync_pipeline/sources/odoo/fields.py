"""Choose the fields of a payload: those that the database stores and that change only with the record.

`fields_get` omits fields that the user may not see, and an unknown field fails the whole call. So the fields are chosen
from those the server offers this user. Every field left out is reported with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sync_pipeline.sources.base import Scope
from sync_pipeline.sources.odoo.stream import OdooStream

# What is requested of each field. Help texts and labels would be most of the answer.
ATTRIBUTES = ("type", "store", "searchable", "company_dependent")

_CHATTER = re.compile(
    r"^(message|website_message|activity|my_activity|rating|rtc_session)_|^(has_message|channel_ids|channel_member_ids)$"
)
_SECRET = re.compile(
    r"(^|_)(password|passwd|secret|token|apikey|api_key|access_key|private_key|developer_key|webhook_key|pin)(_|$)"
)
_TEXT = ("char", "text")

BINARY = "binary: pictures and files"
INVERSE = "one2many: the other record holds it"
COMPUTED = "computed at each reading, without a signal when it changes"
CHATTER = "messages and activities: they change although the record does not"
CREDENTIAL = "a secret"
REFUSED = "no right to read it"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The fields of a payload in order, those that differ by company, those a domain can use, and what is left out."""

    names: tuple[str, ...]
    per_company: tuple[str, ...]
    searchable: frozenset[str]
    scope: Scope


def choose(stream: OdooStream, offered: Mapping[str, Mapping[str, Any]], refused: Collection[str] = ()) -> Chosen:
    """Divide the fields that `fields_get` offers into captured ones and ones left out.

    Odoo offers fields that it then refuses to read: lists of a model that the user may not read.
    """
    left_out: dict[str, list[str]] = {}
    names: list[str] = []
    for name, attributes in offered.items():
        reason = REFUSED if name in refused else _reason(stream, name, attributes)
        if reason is None:
            names.append(name)
        else:
            left_out.setdefault(reason, []).append(name)
    names.sort(key=lambda name: (name != "id", name))
    wanted = dict.fromkeys((*stream.expects, *stream.computed, *stream.sweep_fields))
    return Chosen(
        names=tuple(names),
        per_company=tuple(name for name in names if offered[name].get("company_dependent")),
        searchable=frozenset(name for name, attributes in offered.items() if attributes.get("searchable", True)),
        scope=Scope(
            {reason: tuple(sorted(fields)) for reason, fields in sorted(left_out.items())},
            (*(name for name in wanted if name not in offered), *sorted(refused)),
        ),
    )


def _reason(stream: OdooStream, name: str, attributes: Mapping[str, Any]) -> str | None:
    """Why the field is left out; None if it is captured."""
    if name in stream.leaves_out:
        return stream.leaves_out[name]
    if attributes["type"] == "binary":
        return BINARY
    if _CHATTER.search(name):
        return CHATTER
    if attributes["type"] in _TEXT and _SECRET.search(name):
        return CREDENTIAL
    if attributes["type"] == "one2many":
        return INVERSE
    if not attributes.get("store") and name not in stream.computed:
        return COMPUTED
    return None
