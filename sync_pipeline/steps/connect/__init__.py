"""connect: organizations, their connections, credentials and the doctor; tokens, users and rate limits."""

from sync_pipeline.steps.connect.connections import Connection, connection, connections, update_settings
from sync_pipeline.steps.connect.credentials import (
    add_connection,
    client_for,
    moved_by,
    rotate_credentials,
    rotate_keys,
    secret,
    set_webhook_secret,
    webhook_secrets,
)
from sync_pipeline.steps.connect.doctor import diagnose, ensure_tested
from sync_pipeline.steps.connect.organizations import (
    Organization,
    Policy,
    add_organization,
    organization,
    organizations,
    set_policy,
)
