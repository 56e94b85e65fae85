"""Sandbox stores: small servers that speak a provider's HTTP API, for the demo, the tests and the benchmarks.

One folder per provider (`woocommerce/`, `odoo/`: store, seed, server, faults). This folder holds what they share:
serving, faults, TLS and sending answers. `shapes/` describes what real servers answered. Nothing here imports the
pipeline.
"""
