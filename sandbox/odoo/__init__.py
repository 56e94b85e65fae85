"""A server that answers as Odoo 19.0 Community does, quirks included.

store = Store()
seed(store, products=40, random_seed=7)
with running(store) as server:
    ...  # server.url, server.db, server.login, server.key, server.password, server.faults, server.requests
"""

from sandbox.odoo.faults import Faults
from sandbox.odoo.seed import seed
from sandbox.odoo.serving import Server, running
from sandbox.odoo.store import Store
