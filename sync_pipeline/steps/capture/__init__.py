"""capture: pull every record, lose none, keep every version."""

from sync_pipeline.steps.capture.export import export
from sync_pipeline.steps.capture.records import Progress
from sync_pipeline.steps.capture.service import CaptureSession, PullReport, session

__all__ = ["CaptureSession", "Progress", "PullReport", "export", "session"]
