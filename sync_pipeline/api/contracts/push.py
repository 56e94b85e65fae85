"""Push and webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from sync_pipeline.api.contracts.base import Shape

Text = str | int | float | None
Moment = datetime | str | int | None


class _Record(BaseModel):
    """Fields of other names are taken as the store's REST API names them."""

    model_config = ConfigDict(extra="allow")

    created_at: Moment = Field(None, description="Without a zone: UTC.", examples=["2026-03-01T10:00:00Z"])
    updated_at: Moment = Field(None, description="Older than what is known: nothing is changed.")


class PushedProduct(_Record):
    """Of a product only its id and its name are needed."""

    wc_product_id: int = Field(gt=0, examples=[101])
    name: str = Field(examples=["Linen shirt"])
    sku: str | None = Field(None, examples=["LIN-1"])
    price: Text = Field(None, examples=["39.90"])
    regular_price: Text = None
    sale_price: Text = None
    category_id: int | None = Field(None, examples=[7])
    category_name: str | None = None
    stock_quantity: Text = Field(None, examples=[12])
    stock_status: str | None = Field(None, examples=["instock"])
    status: str | None = Field(None, examples=["publish"])
    type: str | None = Field(None, examples=["simple"])


class PushedCustomer(_Record):
    """Of a customer only the id is needed."""

    wc_customer_id: int = Field(gt=0, examples=[55])
    email: str | None = Field(None, description="Stored as its hash, unless the connection keeps addresses.")
    display_name: str | None = Field(None, examples=["Ada L."])
    total_spent: Text = Field(None, examples=["120.50"])
    order_count: int | None = Field(None, examples=[3])
    first_order_date: Moment = None
    last_order_date: Moment = None


class PushedCategory(_Record):
    """Of a category only the id and the name are needed; its parent may come later."""

    wc_category_id: int = Field(gt=0, examples=[7])
    name: str = Field(examples=["Shirts"])
    parent_id: int | None = Field(None, examples=[3])
    product_count: int | None = None


class PushedOrder(_Record):
    """Of an order only the id is needed; every other field as the store's REST API has it."""

    wc_order_id: int = Field(gt=0, examples=[900])
    status: str | None = Field(None, examples=["completed"])
    currency: str | None = Field(None, examples=["USD"])
    total: Text = Field(None, examples=["20.00"])
    customer_id: int | None = Field(None, examples=[55])
    line_items: list[dict[str, Any]] | None = None


class PushCounts(Shape):
    """What became of the batch."""

    syncedCount: int = Field(description="Records taken.", examples=[485])  # noqa: N815
    skippedCount: int = Field(description="Invalid records; `sync_logs` says why each.", examples=[15])  # noqa: N815
    syncLogId: int = Field(description="The row of `capture.sync_logs`.", examples=[17])  # noqa: N815


class DeliveryTaken(Shape):
    """What a delivery was: stored for later, known already, a ping, or nothing that names a record."""

    taken: Literal["stored", "known", "ping", "nothing"]


class GivenWebhookSecret(Shape):
    """The text that the store's webhook has as its secret; empty: no webhook is believed any more."""

    secret: SecretStr = Field(max_length=500, examples=["a long random text"])


class WebhookInfo(Shape):
    """Where the store's webhooks are to be sent."""

    connection: str = Field(examples=["shop"])
    path: str = Field(examples=["/api/v1/webhooks/woocommerce/7"])
    secret_set: bool
