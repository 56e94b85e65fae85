"""One file per stream: its name in WooCommerce, how to read its list, and the changes that its signal misses."""
