"""Tags, attributes, coupons, taxes, settings …: stored unchanged, with code and name extracted."""

from collections.abc import Callable, Mapping
from typing import Any

from sync_pipeline.entities.reference import Reference
from sync_pipeline.sources.woocommerce.mappers.values import first, flag, raw, scalar, word

_CODE = ("code", "slug", "id")
_NAME = ("name", "title", "method_title", "label", "description", "reviewer", "code", "slug")
_INACTIVE = ("trash", "draft", "spam", "hold", "pending", "private")


def to_reference(kind: str) -> Callable[[Mapping[str, Any]], Reference]:
    """The mapper of records of one `kind`."""

    def mapping(payload: Mapping[str, Any]) -> Reference:
        disabled = raw(payload, "enabled") is not None and not flag(payload, "enabled", [])
        return Reference(
            kind=kind,
            code=first(*(scalar(payload, field) for field in _CODE)),
            name=first(*(scalar(payload, field) for field in _NAME)),
            active=not disabled and word(payload, "status", _INACTIVE) is None,
            data={key: value for key, value in payload.items() if key != "_links"},
        )

    return mapping
