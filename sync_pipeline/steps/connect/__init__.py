"""connect: organizations, their connections, credentials and the doctor; tokens, users and rate limits."""

from sync_pipeline.steps.connect.connections import Connection, connection, connections, update_settings
from sync_pipeline.steps.connect.credentials import (
    add_connection,
    client_for,
    moved_by,
    rotate_credentials,
    rotate_keys,
    secret,
)
from sync_pipeline.steps.connect.disconnect import FormerConnection, disconnect, former_connections
from sync_pipeline.steps.connect.doctor import (
    NOT_REPLACED,
    LastTest,
    diagnose,
    ensure_tested,
    last_test,
    replace_credentials,
    try_credentials,
    try_settings,
)
from sync_pipeline.steps.connect.organizations import (
    Organization,
    Policy,
    add_organization,
    organization,
    organizations,
    policy,
    set_policy,
)
from sync_pipeline.steps.connect.webhooks import set_webhook_secret, webhook_secrets
