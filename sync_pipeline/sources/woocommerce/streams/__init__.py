"""One file a stream: what WooCommerce calls it, how it is walked, what its change signal misses."""
