"""push: what stores and their plugins send, into the same records and versions as a pull."""

from sync_pipeline.steps.push.body import MAX_RECORDS, NotABatch
from sync_pipeline.steps.push.deliveries import NotGenuine, receive
from sync_pipeline.steps.push.over import Outcome
from sync_pipeline.steps.push.process import process_deliveries
from sync_pipeline.steps.push.service import PushFailed, PushReport, close_killed, push
