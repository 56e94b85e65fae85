"""The settings that all connections share, and how `connect` takes those of a provider."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, StringConstraints, model_validator

_WRITTEN = re.compile(r"[^\s?#\\\x00-\x1f\x7f/][^\s?#\\\x00-\x1f\x7f]{0,2000}")

_Name = Annotated[str, StringConstraints(max_length=200)]
LOCAL = frozenset({"ca_file"})  # settings of any provider that name a file of the machine this runs on


@dataclass(frozen=True, slots=True)
class ConnectOption:
    """How `sync-pipeline connect` takes a field: `--key K`; or, with `env`, `--secret-env VAR`, where the environment
    variable VAR holds the value.
    """

    name: str
    metavar: str
    env: bool = False


class ConnectionSettings(BaseModel):
    """What every connection may set, beside its provider's own fields.

    A `SecretStr` is encrypted at rest and never shown. `LEGACY_KEYS`: for fields of a provider, the names that plugins
    and earlier systems use; the canonical name wins.
    """

    LEGACY_KEYS: ClassVar[Mapping[str, Sequence[str]]] = {}

    # Tenants set these, so each has bounds: one connection must not delay another.
    sweep_every: int = Field(
        1, title="Sweep every n-th delta", ge=1, le=1_000, description="Every n-th delta sweeps; 1: each one."
    )
    overlap_seconds: int = Field(
        300,
        title="Overlap of deltas",
        ge=0,
        le=31 * 86_400,
        description="Seconds before the watermark at which a delta starts.",
    )
    deletion_gate_share: float = Field(
        0.2,
        title="Share of deletions that stops",
        ge=0,
        le=1,
        description="If more than this share of an entity is missing, a gate opens.",
    )
    promote_on_select: bool = Field(
        True,
        title="Promote what is selected",
        description="On: to include is to approve, and a sensor promotes it within seconds, drafts excepted. Off: "
        "every plan waits for an approval.",
    )
    # Measured on a real shop of 4 PHP workers: no gain beyond 2 to 4 requests in flight.
    max_concurrency: int = Field(
        4, title="Requests at a time", ge=1, le=64, description="Requests in flight to the store, at most."
    )
    preview_max_pages: int = Field(
        10,
        title="Pages of a preview",
        ge=1,
        le=10_000,
        description="Pages of 100 records that a preview reads, at most.",
    )
    batch_size: int = Field(
        50, title="Records in a batch", ge=1, le=5_000, description="Records promoted in one transaction."
    )
    batch_delay_ms: int = Field(
        0, title="Pause between batches", ge=0, le=60_000, description="Milliseconds between two batches."
    )
    timeout_seconds: float = Field(
        60.0, title="Time-out", gt=0, le=300, description="Seconds the store may take to answer."
    )
    noise: dict[_Name, Annotated[list[_Name], Field(max_length=200)]] = Field(
        {},
        title="Fields without meaning",
        max_length=100,
        description="Per entity: further fields whose change is ignored.",
    )
    pii_policy: Literal["keep", "hash"] | None = Field(
        None,
        title="E-mail addresses",
        description="hash: e-mail addresses are stored as their SHA-256 only; keep: unchanged. "
        "Not set: pushed ones are hashed, pulled ones kept.",
    )
    owner: str | None = Field(
        None, title="Owner", max_length=254, description="The person responsible for this store; gates name them."
    )
    currency: str | None = Field(
        None, title="Currency", pattern="^[A-Z]{3}$", description="Currency of its prices, if not the organization's."
    )

    same_sales: bool = Field(
        True,
        title="Count a shared sale once",
        description="An order that refers to another store's order, with equal customer, currency and total, is the "
        "same sale: it counts once.",
    )

    @classmethod
    def secret_fields(cls) -> tuple[str, ...]:
        """The fields that hold secrets."""
        return tuple(
            name for name, one in cls.model_fields.items() if SecretStr in (one.annotation, *get_args(one.annotation))
        )

    @classmethod
    def connect_options(cls) -> Mapping[str, ConnectOption]:
        """Field → its option of `connect`: for required fields, and for those that declare a `ConnectOption`.

        Without one, `region` is `--region REGION` and a secret `api_key` is `--api-key-env VAR`.
        """
        options: dict[str, ConnectOption] = {}
        for name, one in cls.model_fields.items():
            flag = f"--{name.replace('_', '-')}"
            secret = name in cls.secret_fields()
            usual = ConnectOption(f"{flag}-env", "VAR", env=True) if secret else ConnectOption(flag, name.upper())
            declared = next((each for each in one.metadata if isinstance(each, ConnectOption)), None)
            if declared or one.is_required():
                options[name] = declared or usual
        return options

    @model_validator(mode="before")
    @classmethod
    def _legacy(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = {legacy: name for name, all_legacy in cls.LEGACY_KEYS.items() for legacy in all_legacy}
        canonical = {str(key): value for key, value in data.items() if key not in names}
        for key, value in data.items():
            canonical.setdefault(names.get(key, str(key)), value)
        canonical.pop("verify_tls", None)  # certificates are always verified; `ca_file` trusts one more
        return canonical


def address(value: str, tails: tuple[str, ...]) -> str:
    """A server's address in canonical form: with a scheme, and without `tails`, which people often copy with it.

    Raises:
        ValueError: it is not an address, or contains a login.
    """
    value = value.strip().rstrip("/")
    if "://" not in value:
        value = f"https://{value}"
    scheme, _, rest = value.partition("://")
    wrong = "the address must be http(s)://host[:port][/path], without a login in it"
    if scheme.lower() not in ("http", "https") or not _WRITTEN.fullmatch(rest) or "@" in rest.split("/")[0]:
        raise ValueError(wrong)
    try:
        parts = urlsplit(value)
        host, _port = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:  # no such port, a bracket without its other, a label too long
        raise ValueError(wrong) from None
    if not host:
        raise ValueError(wrong)
    for tail in tails:
        value = value.removesuffix(tail)
    return value
