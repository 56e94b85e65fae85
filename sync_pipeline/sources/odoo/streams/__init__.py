"""One file a stream: which Odoo model it is, what its write_date misses, what is left out of it."""
