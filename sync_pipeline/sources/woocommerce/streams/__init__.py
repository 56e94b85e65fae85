"""One file per stream: its name in WooCommerce, how its list is read, what its change signal misses."""
