"""Forms made from a provider's settings model: one field a setting, with its words, its bounds and its default.

Secrets are password fields. They are never filled in, so a page holds none, not even a masked one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.sources.base import Source, source
from sync_pipeline.sources.settings import LOCAL, ConnectionSettings

Kind = Literal["text", "secret", "number", "flag", "choice", "list", "lines"]
# What belongs together, in words. What is named nowhere stands under the provider's name, or under “More”.
GROUPS: Mapping[str, Sequence[str]] = {
    "What promotes by itself": ("promote_on_select", "batch_size", "batch_delay_ms"),
    "What is read, and how often": (
        "sweep_every",
        "overlap_seconds",
        "deletion_gate_share",
        "preview_max_pages",
        "noise",
    ),
    "How hard the store is asked": ("max_concurrency", "timeout_seconds"),
    "Personal data": ("pii_policy",),
    "Sales": ("currency", "same_sales"),
    "Responsible": ("owner",),
}
_SCHEMA_KINDS: Mapping[str, Kind] = {
    "boolean": "flag",
    "integer": "number",
    "number": "number",
    "array": "list",
    "object": "lines",
}
_LIST = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class SettingField:
    """A field of a form. `value` and `default` are as they are written in it."""

    name: str
    title: str
    help: str
    kind: Kind
    required: bool
    default: str = ""
    value: str = ""
    choices: Sequence[str] = ()
    least: float | None = None
    most: float | None = None
    step: str = "any"
    longest: int = 2000

    @property
    def differs(self) -> bool:
        """Is it set to something else than its default?"""
        return self.value != self.default


@cache
def fields_of(provider: str) -> tuple[SettingField, ...]:
    """A form's fields of the provider, its own settings first. Files of this machine are set on the command line."""
    model = source(provider).settings
    shared = ConnectionSettings.model_fields
    described = model.model_json_schema()["properties"]
    ordered = sorted(model.model_fields, key=lambda name: name in shared)
    return tuple(_field(model, name, described[name]) for name in ordered if name not in LOCAL)


def _field(model: type[ConnectionSettings], name: str, schema: Mapping[str, Any]) -> SettingField:
    one = model.model_fields[name]
    shape = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
    kind: Kind = _SCHEMA_KINDS.get(shape.get("type", ""), "text")
    if name in model.secret_fields():
        kind = "secret"
    elif "enum" in shape:
        kind = "choice"
    choices = [*([] if shape is schema else [""]), *shape.get("enum", ())] if kind == "choice" else []
    default = "" if one.is_required() else written(one.get_default(call_default_factory=True))
    return SettingField(
        name,
        one.title or name.replace("_", " "),
        one.description or "",
        kind,
        one.is_required(),
        default,
        default,
        choices,
        shape.get("minimum", shape.get("exclusiveMinimum")),
        shape.get("maximum"),
        "1" if shape.get("type") == "integer" else "any",
        shape.get("maxLength", 2000),
    )


def filled(provider: str, values: Mapping[str, Any]) -> list[SettingField]:
    """The fields that are not secret, with a connection's values; its address is changed elsewhere."""
    hidden = {*source(provider).secret_fields, source(provider).address_field}
    return [replace(one, value=written(values.get(one.name))) for one in fields_of(provider) if one.name not in hidden]


def grouped(provider: Source, fields: Sequence[SettingField]) -> dict[str, list[SettingField]]:
    """The fields by what they concern."""
    named = {name: group for group, names in GROUPS.items() for name in names}
    shared = ConnectionSettings.model_fields
    found: dict[str, list[SettingField]] = {provider.title: [], **{group: [] for group in GROUPS}, "More": []}
    for one in fields:
        found[named.get(one.name, "More" if one.name in shared else provider.title)].append(one)
    return {group: members for group, members in found.items() if members}


def written(value: Any) -> str:
    """A setting as a form has it: yes, 0.2, “1, 2”, and a line for each entry of a mapping."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {written(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def read(provider: str, fields: Sequence[SettingField], given: Mapping[str, str]) -> dict[str, Any]:
    """What the form says, for the settings model to check; a field that is left empty has its default.

    Raises:
        ConfigurationError: a line of a mapping cannot be read.
    """
    model = source(provider).settings.model_fields
    found: dict[str, Any] = {}
    for one in fields:
        text = given.get(one.name, "")
        if one.kind != "secret":
            text = text.strip()
        if text:
            found[one.name] = _value(one, text)
        elif not one.required:
            found[one.name] = model[one.name].get_default(call_default_factory=True)
    return found


def _value(field: SettingField, text: str) -> Any:
    if field.kind == "flag":
        return text == "yes"
    if field.kind == "list":
        return [one for one in _LIST.split(text) if one]
    if field.kind == "lines":
        lines = [line.partition(":") for line in text.splitlines() if line.strip()]
        if wrong := next((name for name, colon, _ in lines if not colon), None):
            raise ConfigurationError(f"{field.title}: write “entity: field, field” on each line, not “{wrong[:60]}”.")
        return {name.strip(): [one for one in _LIST.split(rest) if one] for name, _, rest in lines}
    return text
