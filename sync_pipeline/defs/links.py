"""Links from Dagster's pages to the Explorer's, where SYNC_EXPLORER_URL says where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dagster as dg

from sync_pipeline.config import Settings

LINK = "explorer"


def address(settings: Settings, *path: str) -> str | None:
    """The address of a page of the Explorer; None if nobody said where that is."""
    base = settings.explorer_url
    if not base or not base.startswith(("http://", "https://")):
        return None
    return "/".join([base.rstrip("/"), "ui", *(quote(one, safe="") for one in path)])


def explorer(settings: Settings, *path: str) -> dict[str, Any]:
    """The same as metadata."""
    page = address(settings, *path)
    return {LINK: dg.MetadataValue.url(page)} if page else {}


def records(settings: Settings, org: str, connections: Sequence[str], entity: str) -> dict[str, Any]:
    """Metadata with the address of an entity's records, one for each connection."""
    pages = {connection: explorer(settings, org, connection, "data", entity) for connection in connections}
    return {
        LINK if len(pages) == 1 else f"{LINK} ({connection})": page[LINK] for connection, page in pages.items() if page
    }
