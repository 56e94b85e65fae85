"""Somebody who can log in to the demo: with a token an agent's plan is not approved, with a password it is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_pipeline.db.engine import Database
    from sync_pipeline.steps.connect import Organization

EMAIL = "demo@example.com"


@dataclass(frozen=True)
class DemoLogin:
    """How to log in to an organization of the demo. The password holds until the demo is started again."""

    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)


def new_password() -> str:
    """One that nobody had before."""
    return secrets.token_urlsafe(12)


def person(db: Database, org: Organization, password: str, *, actor: str) -> DemoLogin:
    """An operator with this password, who gets a token for a day, too; made, or with the password changed."""
    from sync_pipeline.steps.connect import tokens, users

    known = next((one for one in users.users(db, org) if one.email == EMAIL), None)
    if known is None:
        users.add_user(db, org, EMAIL, password, "operator", actor=actor)
    else:
        users.change_user(db, org, known.user_id, password=password, disabled=False, actor=actor)
    return DemoLogin(EMAIL, password, tokens.add_token(db, org, "operator", days=1, actor=actor).plain)
