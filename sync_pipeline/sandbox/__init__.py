"""Small stores that speak HTTP as the real ones do: for the demo, the tests, the faults and the benchmarks.

One folder a provider (`woocommerce/`; `odoo/` takes the same names: store, seed, shapes, server, faults).
They are tools beside the pipeline and know nothing of it.
"""
