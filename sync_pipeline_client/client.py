"""The client: every call of the service as a method, lists read to their end, queues followed to theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any
from uuid import UUID

from sync_pipeline_client.calls import Calls
from sync_pipeline_client.models import QueueEvent
from sync_pipeline_client.transport import part, raise_for


class Client(Calls):
    """The service at an address, called with a token."""

    def every(self, call: Callable[..., Any], *args: Any, page_size: int = 500, **query: Any) -> Iterator[Any]:
        """Everything of a list, page by page: `every(api.list_plans, state="applied")`.

        Rows that come or go while it reads move the others: make it a list before you change what is in it. A list
        that is read by `after` (quarantine, the lines of a queue) has no pages: nothing moves there. A list that comes
        whole (counts, progress) is what it is.
        """
        takes = signature(call).parameters
        if "after" in takes:
            after: int | None = 0
            while after is not None:
                found = call(*args, after=after, limit=page_size, **query)
                yield from found.data
                after = found.next
            return
        if "page" not in takes:
            yield from call(*args, **query)
            return
        page = 1
        while True:
            found = call(*args, page=page, page_size=page_size, **query)
            yield from found.data
            if page * page_size >= found.rowCount:
                return
            page += 1

    def queue_events(self, queue_id: UUID | str) -> Iterator[QueueEvent]:
        """The queue's progress, at once and whenever it changes, until the queue ends."""
        path = f"/api/v1/integrations/sync/queue/{part(queue_id)}/events"
        with self.http.stream("GET", path, timeout=None) as answer:
            if not answer.is_success:
                answer.read()
                raise_for(answer)
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    yield QueueEvent.model_validate(json.loads(line.removeprefix("data:")))
