"""capture: pull every record, lose none, keep every version."""

from sync_pipeline.steps.capture.export import export
from sync_pipeline.steps.capture.records import Progress
from sync_pipeline.steps.capture.service import PullReport, Session, session

__all__ = ["Progress", "PullReport", "Session", "export", "session"]
