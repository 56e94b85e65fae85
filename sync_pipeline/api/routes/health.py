"""For machines that watch: is it alive, is it ready, how is it."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def alive() -> Alive:
    """The process answers. Needs no token, no database, no Dagster."""
    return Alive()
