"""Pushes and webhooks. The providers declare the records of a push."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, SecretStr

from sync_pipeline.api.contracts.base import Shape
from sync_pipeline.steps.push import Outcome


class PushCounts(Shape):
    """The result of a batch."""

    syncedCount: int = Field(  # noqa: N815
        description="Valid records: the sum of the following counts, without the skipped.", examples=[485]
    )
    skippedCount: int = Field(  # noqa: N815
        description="Invalid records; `GET /api/sync/logs/{log_id}` says why, for each.", examples=[15]
    )
    syncLogId: int = Field(description="The id of the batch's sync log.", examples=[17])  # noqa: N815
    newCount: int = Field(description="Valid records that were not known before.", examples=[480])  # noqa: N815
    changedCount: int = Field(description="Valid records that changed what is stored.", examples=[2])  # noqa: N815
    unchangedCount: int = Field(description="Valid records that are stored like that already.", examples=[1])  # noqa: N815
    olderCount: int = Field(  # noqa: N815
        description="Valid records that changed nothing, because what is stored is newer.", examples=[1]
    )
    deletedCount: int = Field(  # noqa: N815
        description="Valid records that changed nothing, because they are deleted in the store.", examples=[1]
    )
    supersededCount: int = Field(  # noqa: N815
        0,
        description="Valid records over which a later one of the batch, with the same id, was laid: that one counts.",
        examples=[0],
    )
    quarantinedCount: int = Field(  # noqa: N815
        0, description="Valid records that the database cannot hold; `GET …/quarantine` lists them.", examples=[0]
    )
    outcomes: Sequence[Outcome] = Field(
        description="What became of each record, in the order of the batch. `superseded`: a later one of the batch has "
        "the same id and was laid over it. `quarantined`: the database cannot hold it.",
        examples=[["new", "skipped"]],
    )


class DeliveryTaken(Shape):
    """How the delivery was classified: stored for processing, already known, a ping, or not about a record."""

    taken: Literal["stored", "known", "ping", "nothing"]


class GivenWebhookSecret(Shape):
    """The secret that signs the store's webhooks: 16 characters or more. An empty one removes the present secret:
    then all webhooks are rejected.
    """

    secret: SecretStr = Field(max_length=500, examples=["a long random text"])


class WebhookInfo(Shape):
    """Where the store must send its webhooks."""

    connection: str = Field(examples=["shop"])
    path: str = Field(examples=["/api/v1/webhooks/woocommerce/7"])
    secret_set: bool
