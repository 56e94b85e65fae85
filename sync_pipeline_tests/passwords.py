"""What a password's hash costs: in service a sixth of a second of a processor, and hardly anything in tests."""

from __future__ import annotations

from sync_pipeline.steps.connect import users

PROFILE_IN_SERVICE = users.HASH_PROFILE


def hash_at_once() -> None:
    """From now on a password's hash costs nothing to speak of."""
    users.HASH_PROFILE = "CHEAPEST"
