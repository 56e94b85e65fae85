"""Pushes and webhooks. The providers declare the records of a push."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from sync_pipeline.api.contracts.base import Shape


class PushCounts(Shape):
    """The result of a batch."""

    syncedCount: int = Field(description="Valid records.", examples=[485])  # noqa: N815
    skippedCount: int = Field(  # noqa: N815
        description="Invalid records; `GET /api/sync/logs/{log_id}` says why, for each.", examples=[15]
    )
    syncLogId: int = Field(description="The id of the batch's sync log.", examples=[17])  # noqa: N815


class DeliveryTaken(Shape):
    """How the delivery was classified: stored for processing, already known, a ping, or not about a record."""

    taken: Literal["stored", "known", "ping", "nothing"]


class GivenWebhookSecret(Shape):
    """The secret that signs the store's webhooks: 16 characters or more. If it is empty, all webhooks are rejected."""

    secret: SecretStr = Field(max_length=500, examples=["a long random text"])


class WebhookInfo(Shape):
    """Where the store must send its webhooks."""

    connection: str = Field(examples=["shop"])
    path: str = Field(examples=["/api/v1/webhooks/woocommerce/7"])
    secret_set: bool
