"""Charts for asset metadata: the last runs as stacked bars. Drawn only in runs of few organizations."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from sync_pipeline.db.queries import execute, load
from sync_pipeline.defs.resources import Runtime

SQL = load("sync_pipeline.defs")
_RUNS = 30


_CAPTURED = {"new": "#2a9d8f", "changed": "#e9c46a", "deleted": "#e76f51", "quarantined": "#6d597a"}
_PROMOTED = {"done": "#2a9d8f", "failed": "#e76f51"}


def capture_history(runtime: Runtime, org_id: int, *, provider: str, entity_type: str) -> dict[str, Any]:
    """Metadata `history`: the new, changed, deleted and quarantined records of the last runs."""
    return _history(runtime, org_id, "ledger_history", _CAPTURED, provider=provider, entity_type=entity_type)


def promotion_history(runtime: Runtime, org_id: int) -> dict[str, Any]:
    """Metadata `history`: the promoted and failed records of the last promotions."""
    return _history(runtime, org_id, "queue_history", _PROMOTED)


def _history(runtime: Runtime, org_id: int, name: str, colours: Mapping[str, str], **where: str) -> dict[str, Any]:
    """A chart of a statement's rows; nothing if there are fewer than two."""
    with runtime.db.org(org_id) as conn:
        rows = [dict(row) for row in execute(conn, SQL[name], **where, at_most=_RUNS).mappings()]
    return {"history": _bars(rows, colours)} if len(rows) > 1 else {}


def _bars(rows: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> dg.MarkdownMetadataValue:
    """Draw stacked bars over time, oldest on the left."""
    # Imported here: together they take a second and 60 MB, which processes that draw no charts should not pay.
    import pandas as pd
    from matplotlib.figure import Figure

    frame = pd.DataFrame(rows).sort_values("started_at")
    labels = frame["started_at"].dt.strftime("%m-%d %H:%M").tolist()
    figure = Figure(figsize=(5.6, 1.9), dpi=72, layout="tight")
    axes = figure.add_subplot()
    base = [0.0] * len(frame)
    for name, colour in colours.items():
        values = frame[name].astype(float).tolist()
        axes.bar(range(len(frame)), values, bottom=base, color=colour, label=name)
        base = [low + value for low, value in zip(base, values, strict=True)]
    step = max(1, len(labels) // 6)
    axes.set_xticks(range(0, len(labels), step), labels[::step], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.legend(fontsize=7, ncols=len(colours), frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return dg.MetadataValue.md(f"![last runs](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")
