"""The settings that all connections have, whatever the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator


class ConnectionSettings(BaseModel):
    """What every connection may set, beside its provider's own fields.

    `LEGACY_KEYS`: what plugins and earlier systems called a provider's fields; the canonical spelling wins over them.
    """

    LEGACY_KEYS: ClassVar[Mapping[str, str]] = {}

    sweep_every: int = Field(1, description="A delta sweeps every n-th time; 1: each time.")
    overlap_seconds: int = Field(300, description="How far before the watermark a delta begins.")
    deletion_gate_share: float = Field(0.2, description="More missing than this share of an entity opens a gate.")
    promote_on_select: bool = Field(True, description="A selection that is no draft is promoted by a sensor.")
    # Measured on a real shop of 4 PHP workers: no gain beyond 2 to 4 requests in flight.
    max_concurrency: int = Field(4, description="How many requests the store is sent at once, at most.")
    preview_max_pages: int = Field(10, description="A preview reads at most so many pages of 100 records.")
    batch_size: int = Field(50, description="So many records are promoted in one transaction.")
    batch_delay_ms: int = Field(0, description="Milliseconds between two such batches.")
    timeout_seconds: float = Field(60.0, description="How long the store may take for an answer.")
    noise: dict[str, list[str]] = Field({}, description="Per entity: more fields whose change is no change.")
    pii_policy: Literal["keep", "hash"] | None = Field(
        None,
        description="hash: an e-mail address is stored as its SHA-256 alone, wherever it comes from; keep: as it is. "
        "Not set: what is pushed is hashed, what is pulled is kept.",
    )
    owner: str | None = Field(None, description="Who answers for this store; named at its gates.")
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="Of its prices, where it is not the organization's."
    )

    @model_validator(mode="before")
    @classmethod
    def _legacy(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        canonical: dict[str, Any] = {}
        for key, value in data.items():
            canonical.setdefault(cls.LEGACY_KEYS.get(key, str(key)), value)
            if key not in cls.LEGACY_KEYS:
                canonical[key] = value
        canonical.pop("verify_tls", None)  # certificates are always verified; `ca_file` trusts one more
        return canonical


def address(value: str, tails: tuple[str, ...]) -> str:
    """A server's address as it is kept: with its scheme, without the `tails` that people copy along.

    Raises:
        ValueError: it is none, or holds a login.
    """
    value = value.strip().rstrip("/")
    if "://" not in value:
        value = f"https://{value}"
    scheme, _, rest = value.partition("://")
    if scheme.lower() not in ("http", "https") or not rest or "@" in rest.split("/")[0]:
        raise ValueError("the address must be http(s)://host[/path], without a login in it")
    for tail in tails:
        value = value.removesuffix(tail)
    return value
