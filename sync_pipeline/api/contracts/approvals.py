"""Approvals, policies, and answers that agents propose."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from pydantic import ConfigDict, Field

from sync_pipeline.api.contracts.base import Shape, Why
from sync_pipeline.api.contracts.sync import PlanHash
from sync_pipeline.steps.approve.policies import Action, Limits, Risk

_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"


class NewApproval(Shape):
    """The plan that is approved, and its hash: nothing else can be done with the approval."""

    plan_id: UUID
    hash: PlanHash


class Window(Shape):
    """Every day from … to …, over midnight if `opens` is later."""

    opens: str = Field(pattern=_TIME, examples=["08:00"])
    closes: str = Field(pattern=_TIME, examples=["18:00"])
    zone: str = Field(max_length=60, examples=["Europe/Vienna"])


class NewPolicy(Shape):
    """What plans of one token need no approval of their own. What it does not name it forbids."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "token_id": 4,
                "connections": ["shop"],
                "entities": ["tags", "categories"],
                "actions": ["update"],
                "max_plan": 50,
                "max_day": 200,
                "max_share": "0.1",
                "days": 30,
            }
        }
    )

    token_id: int = Field(ge=1, le=2**63 - 1, description="The agent's token.")
    connections: list[str] = Field(min_length=1, max_length=50)
    entities: list[str] = Field(min_length=1, max_length=100)
    actions: list[Action] = Field(["update"], min_length=1, max_length=3)
    max_plan: int = Field(ge=1, le=2**53, description="Records of a plan, at most.")
    max_day: int = Field(ge=1, le=2**53, description="Records of all its plans in 24 hours, at most.")
    max_share: Decimal = Field(gt=0, le=1, decimal_places=6, description="Share of an entity's records, at most.")
    allows: list[Risk] = Field(
        default_factory=list,
        max_length=4,
        description="Lets through also: `money` (values that are money change), `warnings`, `conflicts` (a SKU or "
        "e-mail that another record has), `first` (the first promotion of an entity).",
    )
    window: Window | None = None
    days: float = Field(30, gt=0, le=90, description="Days until it expires.")
    why: Why = None

    def limits(self) -> Limits:
        """The limits, as the step takes them."""
        given = self.window
        return Limits(
            connections=self.connections,
            entities=self.entities,
            actions=self.actions,
            max_plan=self.max_plan,
            max_day=self.max_day,
            max_share=self.max_share,
            allows=self.allows,
            window=(given.opens, given.closes, given.zone) if given else None,
        )


class NewProposedAnswer(Shape):
    """How a gate would be answered, and why. A person accepts it, or answers otherwise."""

    choose: str = Field(max_length=100, description="One of the options.", examples=["keep"])
    why: str = Field(min_length=1, max_length=2000, examples=["The store is being moved."])
