"""A zero-loss, versioned copy of WooCommerce and Odoo in PostgreSQL; previewed, selected, promoted.

The flow is the layout: connect → capture → preview → select → promote → observe (`steps/`).
"""
