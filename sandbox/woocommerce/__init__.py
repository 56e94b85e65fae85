"""A server that answers as WordPress 6.8.3 + WooCommerce 10.0.2 do, quirks included.

store = Store(timezone="America/New_York")
seed(store, products=40, random_seed=7)
with running(store) as server:
    ...  # server.url, server.key, server.secret, server.faults, server.requests
"""

from sandbox.woocommerce.faults import Faults
from sandbox.woocommerce.seed import seed
from sandbox.woocommerce.serving import Server, running
from sandbox.woocommerce.store import Store
