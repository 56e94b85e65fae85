"""One file per stream: its Odoo model, the changes that write_date misses, and the fields that are left out."""
