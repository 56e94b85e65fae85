"""Prompts: our own words with ids in them, and nothing of a store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync_pipeline.errors import ConfigurationError, NotFound

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt: its template, and the ids that it takes with what they are."""

    name: str
    description: str
    template: str
    takes: Sequence[tuple[str, str]] = ()


PROMPTS: Mapping[str, Prompted] = {
    one.name: one
    for one in (
        Prompted(
            "what_changed_last_night",
            "What changed at the stores, and what needs a person.",
            "Read get_overview. Then list_changes since yesterday 18:00 of the organization's day. Say for each "
            "connection how many records are new, updated and deleted, what stands out, and what waits for a person, "
            "the most urgent first. Change nothing.",
        ),
        Prompted(
            "why_not_in_core",
            "Why a record is not in core.",
            "Use explain_record for {entity} {id} of the connection {connection}. Say in plain words what stops it, "
            "where you read that, and the next step with who may take it. If its customer or product is what is "
            "missing, explain that record too. Change nothing.",
            (("connection", "The connection's name."), ("entity", "orders, products …"), ("id", "The store's id.")),
        ),
        Prompted(
            "prepare_plan",
            "A plan for a person to approve.",
            "List the {entity} of the connection {connection} that are new or updated and undecided. Look at those "
            "with warnings one by one. Propose to include what is right, with a why; leave out what is doubtful and "
            "say so. Make one plan, read it with get_plan, deletions first, and give the person the counts, the "
            "doubts and approve_at.",
            (("connection", "The connection's name."), ("entity", "orders, products …")),
        ),
        Prompted(
            "triage_decisions",
            "The decisions that wait, with a recommendation for each.",
            "List the decisions that wait and read each with its options. Look at the records that it concerns. For "
            "each say what is asked, what each answer does, its risk, and which you recommend and why; the safest is "
            "marked. Propose an answer only where you are sure.",
        ),
        Prompted(
            "explain_red_rows",
            "What the failing checks mean.",
            "Read get_validation. For each check that does not pass say what it means, look at its first examples with "
            "explain_record, and name the next step and who may take it. Change nothing.",
        ),
    )
}


def text(name: str, given: Mapping[str, str]) -> str:
    """A prompt with its ids filled in.

    Raises:
        NotFound: there is no such prompt.
        ConfigurationError: an argument is missing, unknown, or more than an id.
    """
    if name not in PROMPTS:
        raise NotFound("There is no such prompt.")
    one = PROMPTS[name]
    names = [taken for taken, _ in one.takes]
    if sorted(given) != sorted(names):
        raise ConfigurationError(f"This prompt takes: {', '.join(names) or 'nothing'}.")
    for taken in names:
        if not _ID.fullmatch(given[taken]):
            raise ConfigurationError(f"{taken} is an id or a name: letters, digits and . _ : - only.")
    return one.template.format_map(dict(given))
