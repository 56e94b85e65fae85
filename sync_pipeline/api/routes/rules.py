"""Standing rules of a connection: decisions that also cover future records."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from sync_pipeline.api.auth import Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Listing, Name, Number, Page, PageSize
from sync_pipeline.api.contracts.rules import DroppedRule, NewRule, RuleInfo
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import part, the_connection
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.steps import connect, select

router = APIRouter(prefix="/api/v1/connections/{connection}/rules", tags=["preview"], route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Selector = Annotated[Caller, Depends(may(Right.SELECT))]


@router.post("", status_code=201, responses=problems(404, 413, 415))
async def add_rule(runtime: RuntimeDep, caller: Selector, connection: Name, given: NewRule) -> Answer[RuleInfo]:
    """Add a standing rule. It decides from the next preview on."""

    def add() -> RuleInfo:
        one = the_connection(runtime.db, caller, connection)
        rule_id = select.add_rule(
            runtime.db,
            one,
            one.source.stream(given.entity),
            kind=given.kind,
            field=given.field,
            value=given.value,
            actor=caller.actor,
            why=given.why,
        )
        return next(rule for rule in _rules(runtime, caller, one) if rule.rule_id == rule_id)

    return Answer(data=await runtime.run(add))


@router.get("", responses=problems(404))
async def list_rules(
    runtime: RuntimeDep, caller: Reader, connection: Name, page: Page = 1, page_size: PageSize = 50
) -> Listing[RuleInfo]:
    """List the standing rules."""

    def look() -> list[RuleInfo]:
        return _rules(runtime, caller, the_connection(runtime.db, caller, connection))

    return part(await runtime.run(look), page, page_size)


@router.delete("/{rule_id}", responses=problems(404))
async def drop_rule(runtime: RuntimeDep, caller: Selector, connection: Name, rule_id: Number) -> Answer[DroppedRule]:
    """End a standing rule. What it has decided stays."""

    def drop() -> None:
        one = the_connection(runtime.db, caller, connection)
        select.drop_rule(runtime.db, caller.org, rule_id, connection=one, actor=caller.actor)

    await runtime.run(drop)
    return Answer(data=DroppedRule(rule_id=rule_id))


def _rules(runtime: ApiRuntime, caller: Caller, one: connect.Connection) -> list[RuleInfo]:
    reads = Masking.of(runtime.settings, caller)

    def value(rule: select.StandingRule) -> Any:
        if rule.field is None or reads.masker is None:
            return rule.value
        return reads.masker.field(one.source.stream(rule.entity_type), rule.field, rule.value)

    return [
        RuleInfo(
            rule_id=rule.rule_id,
            entity=one.source.stream(rule.entity_type).name,
            kind=rule.kind,
            field=rule.field,
            value=value(rule),
            created_by=rule.created_by,
            created_at=rule.created_at,
            why=rule.why,
        )
        for rule in select.list_rules(runtime.db, caller.org, one)
    ]
