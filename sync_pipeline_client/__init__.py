"""A typed client of sync_pipeline's HTTP API. It needs httpx and pydantic, and nothing of the pipeline.

from sync_pipeline_client import Client

with Client("https://sync.example", token) as api:
    for plan in api.every(api.list_plans, state="proposed"):
        print(plan.plan_id, plan.creates, plan.updates, plan.deletes)
"""

from sync_pipeline_client import models
from sync_pipeline_client.client import Client
from sync_pipeline_client.models import QueueEvent
from sync_pipeline_client.transport import ApiError, Page

__all__ = ["ApiError", "Client", "Page", "QueueEvent", "models"]
