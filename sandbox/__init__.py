"""Small stores that speak HTTP as the real ones do: for the demo, the tests, the faults and the benchmarks.

One folder a provider (`woocommerce/`, `odoo/`: store, seed, server, faults); here what they share: serving, faults,
TLS, and what a connection does to an answer.
They are tools beside the pipeline and know nothing of it.
"""
