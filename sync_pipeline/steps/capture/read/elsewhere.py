"""Does the store answer at other lists? One list that fails, as a plugin makes it, says little of the others."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sync_pipeline.errors import MalformedAnswer, RefusedBySource, TransientSourceError
from sync_pipeline.sources.base import Ask, Client, Stream
from sync_pipeline.steps.capture.budget import Budget

_LISTS = 3  # lists to ask
_TRIES = 2
_NOBODY_THERE = (None, 503)  # no answer, a maintenance page: those are of the store, and of no list
_BUSY = 429  # who says that is alive


def nobody_there(error: TransientSourceError) -> bool:
    """Is the failure one of the whole store?"""
    return error.status in _NOBODY_THERE and not isinstance(error, MalformedAnswer)


def fails_elsewhere(
    budget: Budget, client: Client, streams: Iterable[Stream], *, but: Stream | None = None
) -> TransientSourceError | None:
    """The failure of the whole store. None as soon as one of a few lists answers or refuses, or the store is busy."""
    failure: TransientSourceError | None = None
    lists = (one for one in streams if one.parent is None and one is not but)
    for stream in islice(lists, _LISTS):
        try:
            budget.call(lambda stream=stream: client.list(Ask(stream=stream, limit=1)), tries=_TRIES)  # type: ignore[misc]
        except TransientSourceError as error:
            failure = error
            if nobody_there(error):
                return error
            if error.status == _BUSY:
                return None
        except RefusedBySource:
            return None
        else:
            return None
    return failure
