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

    sweep_every: int = 1  # a delta sweeps every n-th time; 1: each
    overlap_seconds: int = 300  # how far before the watermark a delta begins
    deletion_gate_share: float = 0.2  # more missing than this share opens a gate
    promote_on_select: bool = True
    # Measured on a real shop of 4 PHP workers: no gain beyond 2 to 4 requests in flight.
    max_concurrency: int = 4
    preview_max_pages: int = 10
    batch_size: int = 50
    batch_delay_ms: int = 0
    timeout_seconds: float = 60.0
    noise: dict[str, list[str]] = {}  # more noise, per stream
    # keep: payloads as they are. hash: an e-mail address is stored as its SHA-256 only, wherever it comes from.
    # Unsaid, what is pushed is hashed and what is pulled is kept.
    pii_policy: Literal["keep", "hash"] | None = None
    owner: str | None = None  # who answers for this store; named at its gates
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")  # of its prices, where it is not the organization's

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
