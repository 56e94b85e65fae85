"""One page of a walk, and where pages go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sync_pipeline.errors import MalformedAnswer
from sync_pipeline.sources.base import Ask, Page
from sync_pipeline.steps.capture.run import Listed, Run

Sink = Callable[[Sequence[Listed]], None]


def request(run: Run, ask: Ask) -> Page:
    """One page, asked for within the budget."""

    def once() -> Page:
        page = run.client.list(ask)
        if ask.offset == 0 and not page.items and page.total:
            raise MalformedAnswer(f"The list is empty and says it has {page.total} rows", status=200)
        return page

    return run.budget.call(once)
