"""A list must come to an end: how far one is read beyond what the store said of its length."""

from __future__ import annotations

from sync_pipeline.errors import SourceError

_ROOM = 10_000  # rows that a list may gain while it is read, however short it was
_UNTOLD = 1_000_000  # rows of a list that says no total; the next run reads on
_MOST = 100_000_000  # rows: no list is so long


class ListNeverEnds(SourceError):
    """The list goes on beyond any plausible length. What was read is kept; the watermark did not move."""


class Growth:
    """The plausible length of one list. `start`: the row at which this attempt begins to read it."""

    def __init__(self, title: str, start: int = 0) -> None:
        self.title, self.start = title.lower(), start
        self.said: int | None = None

    def told(self, total: int | None) -> None:
        """The store said how many rows there are; the first answer counts, so that a total that grows is noticed.

        Raises:
            ListNeverEnds: no list is so long.
        """
        if self.said is None and total is not None:
            self.said = total
        if total is not None and total > _MOST:
            raise ListNeverEnds(
                f"The store says that it has {total:,} {self.title}, which is not plausible. What was read is kept. "
                "Look for a plugin or a proxy that changes the answers, then run again."
            )

    def check(self, rows: int) -> None:
        """`rows` of the list are read, or about to be.

        Raises:
            ListNeverEnds: that is more than it can have.
        """
        if self.said is not None and rows > 2 * self.said + _ROOM:
            raise ListNeverEnds(
                f"The list of {self.title} does not end: the store said {self.said:,} and has sent more than "
                f"{2 * self.said + _ROOM:,}. What was read is kept, nothing is marked deleted. Look for a plugin or a "
                "proxy that changes the answers, then run again."
            )
        if self.said is None and rows - self.start > _UNTOLD:
            raise ListNeverEnds(
                f"The list of {self.title} has not ended after {_UNTOLD:,} rows, and the store does not say how many "
                "there are. What was read is kept; run again to read on."
            )

    def doubtful(self, rows: int) -> bool:
        """True when a list without a total has become long: a look far behind its end tells whether it has one."""
        return self.said is None and rows - self.start > _ROOM

    def endless(self) -> ListNeverEnds:
        """The error for a list that has rows far behind any end."""
        return ListNeverEnds(
            f"The list of {self.title} does not end: it has rows at any place asked for. What was read is kept, "
            "nothing is marked deleted. Look for a plugin or a proxy that changes the answers, then run again."
        )
