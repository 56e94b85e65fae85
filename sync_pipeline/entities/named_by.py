"""Records that a mapper reads because they name its record, as the lines of an order name it."""

from sync_pipeline.entities.base import Follow


class NamedBy(Follow, frozen=True, kw_only=True):
    """The records of the same connection that name this one: the mapper finds them as a list in `field`.

    `field` is not one of the payload. They name it in the list `by`, one that their stream keeps (`Stream.named_in`);
    without it, in the field that fills their `parent_id`. What the store has deleted is not among them.
    """

    by: str | None = None
