"""trace: one record through all steps: what core has of it, what happened to it, and why it is not there."""

from sync_pipeline.steps.trace.explain import SENTENCES, Explanation, Fact, explain
from sync_pipeline.steps.trace.in_core import CoreField, RecordEvent, RecordInCore, in_core, record_events
