"""Sessions, tokens and users."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, SecretStr

from sync_pipeline.api.contracts.base import Line, Shape
from sync_pipeline.steps.connect.tokens import MOST_DAYS, Role
from sync_pipeline.steps.connect.users import PersonRole


class Login(Shape):
    """The credentials of a user."""

    org: str = Field(max_length=63, examples=["acme"])
    email: str = Field(max_length=254, examples=["ann@example.com"])
    password: SecretStr = Field(max_length=512, examples=["correct horse battery staple"])


class Me(Shape):
    """The caller: organization, role and rights."""

    org: str = Field(examples=["acme"])
    role: Role
    actor: str = Field(description="Your name in the audit log.", examples=["ann@example.com"])
    connection: str | None = Field(None, description="The connection this token is bound to.")
    rights: list[str] = Field(examples=[["read"]])


class OrganizationInfo(Shape):
    """An organization, and who wins where its stores say different things."""

    slug: str = Field(description="Its partition key in Dagster.", examples=["acme"])
    name: str
    currency: str | None
    providers: list[str] = Field(description="Of its connections.", examples=[["woocommerce"]])
    sku_policy: str = Field(description="source_wins, core_wins or halt.", examples=["source_wins"])
    provider_priority: list[str] = Field(description="Whose values a row of several stores has, first the strongest.")


class NewToken(Shape):
    """A token to create. The role plugin needs a connection."""

    role: Role
    name: Line | None = Field(None, min_length=1, max_length=100, description="Purpose.", examples=["dashboard"])
    connection: str | None = Field(None, min_length=1, max_length=63, examples=["shop"])
    days: float | None = Field(
        None, gt=0, le=MOST_DAYS, description="Days until it expires, more than 0 and at most 3660; never if not set."
    )
    unmasked: bool = Field(False, description="For an agent: it reads personal data; otherwise pseudonyms.")


class MadeToken(Shape):
    """A new token. It is shown once."""

    token_id: int
    token: str = Field(validation_alias="plain", examples=["sp_1_…"])
    role: Role
    connection: str | None
    expires_at: datetime | None


class NewUser(Shape):
    """A user to add."""

    email: str = Field(max_length=254, examples=["ann@example.com"])
    password: SecretStr = Field(min_length=12, max_length=512, examples=["correct horse battery staple"])
    role: PersonRole


class UserChange(Shape):
    """Changes to a user. A new password, or disabling the user, ends all sessions."""

    role: PersonRole | None = None
    password: SecretStr | None = Field(None, min_length=12, max_length=512)
    disabled: bool | None = None


class Revoked(Shape):
    """A revoked token."""

    token_id: int
    revoked: Literal[True] = True
