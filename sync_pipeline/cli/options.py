"""Arguments and options that several commands share."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

# The words of options, which help and completion list. Steps have them too, and load slowly.
Status = Literal["new", "updated", "deleted", "in_sync"]
Choice = Literal["included", "ignored", "undecided"]
DECISIONS: Mapping[str, str] = {"included": "include", "ignored": "ignore", "undecided": "undecided"}
CHOICES: Mapping[str | None, str] = {decision: word for word, decision in DECISIONS.items()}

TokenRole = Literal["viewer", "operator", "admin", "plugin", "agent"]
PersonRole = Literal["viewer", "operator", "admin"]
RuleKind = Literal["follow_updates", "include_new", "ignore_where"]
SkuPolicy = Literal["source_wins", "core_wins", "halt"]
Sort = Literal[
    "external_id", "name", "modified", "captured", "external_id:desc", "name:desc", "modified:desc", "captured:desc"
]

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization's short name.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
AnyConnection = Annotated[
    str | None, typer.Option("--connection", metavar="C", help="Only this connection.", show_default=False)
]
OneConnection = Annotated[
    str, typer.Option("--connection", metavar="C", help="The connection's name.", show_default=False)
]
Entities = Annotated[
    list[str] | None,
    typer.Option("--entity", metavar="E", help="Only this entity; can be repeated.", show_default=False),
]
ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's name.", show_default=False)
]
OneEntity = Annotated[
    str, typer.Option("--entity", metavar="E", help="The entity, such as products or orders.", show_default=False)
]
Search = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="T",
        help="Find by an id, the beginning of a SKU, email or order number, or words of a name.",
    ),
]
Page = Annotated[int, typer.Option("--page", metavar="N", help="The page, from 1.")]
PageSize = Annotated[int, typer.Option("--page-size", metavar="N", help="Rows per page.")]
Why = Annotated[str | None, typer.Option("--why", metavar="W", help="The reason, for the audit log.")]

# The next step if there is no connection yet. `connect --help` lists the providers and their options.
CONNECT = "sync-pipeline connect {org} PROVIDER --name C …, see sync-pipeline connect --help"


def json_or_text(given: str) -> Any:
    """The value that an option spells as JSON; what is not JSON is a text."""
    try:
        return json.loads(given)
    except ValueError:
        return given
