"""A plan being promoted: its lines, their states, the workers."""
