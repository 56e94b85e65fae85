"""Tags, attributes, coupons, taxes, settings …: stored unchanged, with code and name extracted."""

from collections.abc import Callable, Mapping
from typing import Any

from sync_pipeline.entities.reference import Reference
from sync_pipeline.sources.woocommerce.mappers.values import first, text

_CODE = ("code", "slug", "id")
_NAME = ("name", "title", "method_title", "label", "description", "reviewer", "code", "slug")
_INACTIVE = ("trash", "draft", "spam", "hold", "pending", "private")


def to_reference(kind: str) -> Callable[[Mapping[str, Any]], Reference]:
    """The mapper of records of one `kind`."""

    def mapping(payload: Mapping[str, Any]) -> Reference:
        return Reference(
            kind=kind,
            code=first(*(text(payload, field) for field in _CODE)),
            name=first(*(text(payload, field) for field in _NAME)),
            active=payload.get("enabled") is not False and payload.get("status") not in _INACTIVE,
            data={key: value for key, value in payload.items() if key != "_links"},
        )

    return mapping
