"""connect: organizations, their connections, credentials, the doctor."""

from sync_pipeline.steps.connect.secrets import secret, set_webhook_secret, webhook_path, webhook_secrets
from sync_pipeline.steps.connect.service import (
    Connection,
    Organization,
    add_connection,
    add_organization,
    client_for,
    connection,
    connections,
    diagnose,
    organization,
    organizations,
    rotate_keys,
    set_sku_policy,
    update_settings,
)

__all__ = [
    "Connection",
    "Organization",
    "add_connection",
    "add_organization",
    "client_for",
    "connection",
    "connections",
    "diagnose",
    "organization",
    "organizations",
    "rotate_keys",
    "secret",
    "set_sku_policy",
    "set_webhook_secret",
    "update_settings",
    "webhook_path",
    "webhook_secrets",
]
