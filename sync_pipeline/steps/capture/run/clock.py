"""What a person should know of a store's clock."""

from __future__ import annotations

from datetime import timedelta

from sync_pipeline.steps.capture.run.context import Opened
from sync_pipeline.steps.capture.write.pages import TRUSTED, Run

FAR_AHEAD = timedelta(minutes=10)  # more is worth a person's attention


def clock_warning(run: Run, opened: Opened) -> str | None:
    """What a person should know of the store's clock."""
    said = []
    if run.ahead > FAR_AHEAD:
        unused = " It is not used: the next delta starts at this machine's time, so no change is missed."
        said.append(
            f"The store's clock is {_span(run.ahead)} ahead of this machine's.{unused if run.ahead > TRUSTED else ''} "
            "Set both clocks by NTP."
        )
    if opened.repairs:
        said.append("The watermark was in the future; everything was read again and the watermark is corrected.")
    return " ".join(said) or None


def _span(ahead: timedelta) -> str:
    minutes = ahead.total_seconds() / 60
    return next(
        f"{minutes / n:,.0f} {name}"
        for n, name in ((1440, "days"), (60, "hours"), (1, "minutes"))
        if minutes >= 2 * n or n == 1
    )
