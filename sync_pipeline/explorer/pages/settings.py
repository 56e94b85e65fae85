"""A connection's settings and standing rules, and an organization's policy: shown with their defaults, and changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from sync_pipeline import exact_json
from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Number, Shape, Why
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, Conflict
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.pages.data import ConnectionName
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.explorer.settings_form import SettingField, filled, grouped, read
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect, observe, select

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Selector = Annotated[Caller, Depends(may(Right.SELECT))]
Connector = Annotated[Caller, Depends(may(Right.CONNECT, everywhere=True))]
PAGE = "/ui/{org}/{connection}/settings"
_EVENTS = ("connect.settings_changed", "rule.added", "rule.dropped")
_SEEN = "seen"  # the settings as the form showed them, so that only what was changed is written
_MOST_RULES = 200

# What a rule does, and what a SKU policy means, in a sentence.
RULE_KINDS: Mapping[str, str] = {
    "follow_updates": "Include what changes or is deleted of what is in core",
    "include_new": "Include every new record",
    "ignore_where": "Ignore records where a field has a value",
}
SKU_POLICIES: Mapping[str, tuple[str, str]] = {
    "source_wins": (
        "The store wins",
        "Of two records of a store the one with the lower id keeps the SKU. A core row that nothing maps to takes the "
        "record's values.",
    ),
    "core_wins": (
        "Core wins",
        "As above, but a core row that nothing maps to keeps its values; the record is linked to it, and its stock is "
        "written.",
    ),
    "halt": ("A person decides", "The record stops and a decision waits. Everything else goes on."),
}


class Rule(Shape):
    """A standing rule as a form has it. `value`: JSON or plain text."""

    entity: str = Field(max_length=60)
    kind: str = Field(max_length=40)
    field: str | None = Field(None, max_length=200)
    value: str | None = Field(None, max_length=2000)
    why: Why = None


class PolicyChange(Shape):
    """What an organization's policy becomes, and why."""

    sku: str = Field(max_length=40)
    priority: list[str] = Field(max_length=20)
    four_eyes: bool = False
    why: str = Field(min_length=1, max_length=2000)


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """A rule that is not added yet: what it would decide now, or what is wrong with it."""

    given: Rule
    records: int | None = None
    problem: str | None = None


def trial_of(
    entity: Annotated[str | None, Query(max_length=60)] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    field: Annotated[str | None, Query(max_length=200)] = None,
    value: Annotated[str | None, Query(max_length=2000)] = None,
    why: Annotated[str | None, Query(max_length=2000)] = None,
) -> Rule | None:
    """The rule that the address asks to count."""
    said = {"field": field or None, "value": value or None, "why": why or None}
    return Rule(entity=entity, kind=kind, **said) if entity and kind else None


Trial = Annotated[Rule | None, Depends(trial_of)]


@router.get("/ui/{org}/settings")
async def policy_page(request: Request, runtime: RuntimeDep, caller: Reader) -> Response:
    """Who wins where stores disagree."""

    def look() -> dict[str, Any]:
        return {
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
            "policy": connect.policy(runtime.db, caller.org),
            "changes": observe.settings_changes(runtime.db, caller.org, None, ["organization.policy"]),
        }

    return render.page(
        request,
        "settings/organization.html",
        here=("", "settings"),
        sku_policies=SKU_POLICIES,
        providers={one.name: one.title for one in all_sources().values()},
        administers=_administers(caller),
        **await runtime.run(look),
    )


@router.post("/ui/{org}/settings")
async def change_policy(request: Request, runtime: RuntimeDep, caller: Connector) -> Response:
    """Change the organization's policy, from the next promotion on."""
    given = await forms.form(request, PolicyChange)
    await runtime.run(
        connect.set_policy,
        runtime.db,
        caller.org,
        sku=given.sku,
        priority=given.priority,
        four_eyes=given.four_eyes,
        actor=caller.actor,
        why=given.why,
    )
    return forms.then(f"/ui/{caller.org.slug}/settings")


@router.get(PAGE)
async def settings_page(
    request: Request, runtime: RuntimeDep, caller: Reader, connection: ConnectionName, trial: Trial
) -> Response:
    """The settings by what they concern, and the rules; with a rule in the address, what it would decide now."""

    def look() -> dict[str, Any]:
        one = the_connection(runtime.db, caller, connection)
        fields = filled(one.provider, one.effective())
        return {
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
            "here": (one.name, "@settings"),
            "connection": one,
            "groups": grouped(one.source, fields),
            "seen": exact_json.to_json(_texts(fields)),
            "rules": select.list_rules(runtime.db, caller.org, one),
            "changes": observe.settings_changes(runtime.db, caller.org, one, _EVENTS),
            "trial": _tried(runtime, one, trial) if trial else None,
            "address": _address(caller, one.name),
        }

    shown = await (runtime.slowly(look) if trial else runtime.run(look))
    return render.page(
        request,
        "settings/page.html",
        kinds=RULE_KINDS,
        most_rules=_MOST_RULES,
        administers=_administers(caller),
        selects=Right.SELECT in RIGHTS[caller.role],
        **shown,
    )


@router.post(PAGE)
async def change_settings(
    request: Request, runtime: RuntimeDep, caller: Connector, connection: ConnectionName
) -> Response:
    """Change the settings that the form has otherwise than it showed them."""
    given = {name: values[-1] for name, values in (await forms.fields(request)).items()}

    def change() -> connect.Connection:
        one = the_connection(runtime.db, caller, connection)
        changed = _changed(one, given)
        if changed:
            connect.update_settings(runtime.db, one, changed, actor=caller.actor)
        return one

    return forms.then(_address(caller, (await runtime.run(change)).name))


@router.post(f"{PAGE}/rules")
async def add_rule(request: Request, runtime: RuntimeDep, caller: Selector, connection: ConnectionName) -> Response:
    """Add a standing rule, which decides from the next preview on."""
    given = await forms.form(request, Rule)

    def add() -> connect.Connection:
        one = the_connection(runtime.db, caller, connection)
        select.add_rule(
            runtime.db,
            one,
            one.source.stream(given.entity),
            kind=given.kind,
            field=given.field,
            value=select.rule_value(given.value),
            actor=caller.actor,
            why=given.why,
        )
        return one

    return forms.then(_address(caller, (await runtime.run(add)).name))


@router.post(PAGE + "/rules/{rule_id}/drop")
async def drop_rule(
    runtime: RuntimeDep, caller: Selector, connection: ConnectionName, rule_id: Annotated[Number, Path()]
) -> Response:
    """End a rule. What it decided stays."""

    def drop() -> connect.Connection:
        one = the_connection(runtime.db, caller, connection)
        select.drop_rule(runtime.db, caller.org, rule_id, connection=one, actor=caller.actor)
        return one

    return forms.then(_address(caller, (await runtime.run(drop)).name))


def _changed(one: connect.Connection, given: Mapping[str, str]) -> dict[str, Any]:
    """The settings that somebody changed in the form.

    Raises:
        ConfigurationError: the form has a field that is no setting, or lacks what it showed.
        Conflict: somebody else changed one of them since the form was shown.
    """
    fields = filled(one.provider, one.effective())
    unknown = sorted(given.keys() - {field.name for field in fields} - {_SEEN})
    if unknown:
        raise ConfigurationError(f"No such setting: {', '.join(unknown)[:200]}.")
    try:
        seen = exact_json.loads(given.get(_SEEN, ""))
    except ValueError:
        seen = None
    if not isinstance(seen, dict):
        raise ConfigurationError("The form is incomplete. Open the page again.")
    # A browser ends the lines of a text with CR LF.
    texts = {name: "\n".join(text.splitlines()).strip() for name, text in given.items() if name != _SEEN}
    changed = [field for field in fields if field.name in texts and texts[field.name] != seen.get(field.name)]
    moved = [field.title for field in changed if field.value != seen.get(field.name)]
    if moved:
        raise Conflict(f"Somebody else changed “{'”, “'.join(moved)}” meanwhile. Open the page again.")
    return read(one.provider, changed, texts)


def _texts(fields: Sequence[SettingField]) -> dict[str, str]:
    return {field.name: field.value for field in fields}


def _tried(runtime: ApiRuntime, one: connect.Connection, rule: Rule) -> RuleTrial:
    try:
        value = select.rule_value(rule.value)
        stream = one.source.stream(rule.entity)
        return RuleTrial(
            rule, select.count_rule(runtime.db, one, stream, kind=rule.kind, field=rule.field, value=value)
        )
    except ConfigurationError as error:
        return RuleTrial(rule, problem=str(error))


def _administers(caller: Caller) -> bool:
    return Right.CONNECT in RIGHTS[caller.role] and caller.connection_id is None


def _address(caller: Caller, name: str) -> str:
    return f"/ui/{caller.org.slug}/{quote(name, safe='')}/settings"
