"""The smallest provider there can be: a till with categories and products. `test_new_provider` adds this folder."""

from collections.abc import Sequence

from sync_pipeline.sources.base import Client, Finding, Source, collect
from sync_pipeline_tests.kiosk.pushed import PUSHED, KioskWebhooks
from sync_pipeline_tests.kiosk.settings import KioskConfig


def _connect(config: KioskConfig, *, allow_private: bool = False) -> Client:
    from sync_pipeline_tests.kiosk.client import KioskClient  # late: httpx is slow to import

    return KioskClient(config, allow_private=allow_private)


def _diagnose(client: Client) -> Sequence[Finding]:
    from sync_pipeline_tests.kiosk.client import diagnose

    return diagnose(client)


SOURCE = Source(
    name="kiosk",
    title="Kiosk",
    settings=KioskConfig,
    address_field="base_url",
    connect=_connect,
    diagnose=_diagnose,
    streams=collect(__name__ + ".streams"),
    pushed=PUSHED,
    webhooks=KioskWebhooks(),
)
