"""The contestants, each a process of its own: so its peak memory is its own, and it shares nothing with the others."""
