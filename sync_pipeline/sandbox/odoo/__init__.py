"""An Odoo that answers as Odoo 19.0 community does, quirks included.

store = Store()
seed(store, products=40, random_seed=7)
with running(store) as server:
    ...  # server.url, server.db, server.login, server.key, server.password, server.faults, server.requests
"""

from sync_pipeline.sandbox.odoo.faults import Faults
from sync_pipeline.sandbox.odoo.seed import seed
from sync_pipeline.sandbox.odoo.serving import Server, running
from sync_pipeline.sandbox.odoo.store import Store

__all__ = ["Faults", "Server", "Store", "running", "seed"]
