"""Who proposes, approves or applies: a person, a machine's token, or an agent. It decides what their word is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sync_pipeline.steps.connect.tokens import Caller

# How they come: the Explorer, the API, the command line on the machine, an agent's server, or a run that nobody sees.
Way = Literal["explorer", "api", "command", "mcp", "run"]


@dataclass(frozen=True, slots=True)
class Party:
    """Who acts, and how they came. `client`: what an agent's program calls itself."""

    name: str
    way: Way = "run"
    role: str | None = None
    token_id: int | None = None
    user_id: int | None = None
    client: str | None = None

    @property
    def is_agent(self) -> bool:
        """A model holds the token: its role says so, or it comes through the agents' server, with whatever token."""
        return self.role == "agent" or self.way == "mcp"

    @property
    def is_person(self) -> bool:
        """Somebody who logged in with a password, or who works on the machine itself."""
        return not self.is_agent and (self.way == "command" or (self.way != "run" and self.user_id is not None))

    @property
    def own_token(self) -> int | None:
        """The token that what is theirs was made with; None where the name alone tells, as a person's does.

        A token's name is chosen freely, and two tokens may have the same one.
        """
        return self.token_id if self.is_agent or self.user_id is None else None

    @property
    def columns(self) -> dict[str, Any]:
        """What a row keeps of them besides the name."""
        return {"token_id": self.token_id, "client": self.client, "agent": self.is_agent}

    @property
    def trace(self) -> dict[str, Any]:
        """What the audit log tells of an agent besides the name."""
        return {"agent": True, "token": self.token_id, "client": self.client} if self.is_agent else {}

    @classmethod
    def of(cls, caller: Caller, way: Way, client: str | None = None) -> Party:
        """Who makes this call."""
        return cls(caller.actor, way, caller.role, caller.token_id, caller.user_id, client)


# A name alone is nobody in particular: it proposes for no agent, and approves nothing of an agent's.
Actor = Party | str


def party(actor: Actor) -> Party:
    """Who acts, if only a name is known."""
    return actor if isinstance(actor, Party) else Party(actor)
