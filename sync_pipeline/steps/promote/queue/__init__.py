"""A plan at work: its lines, their states, the workers."""
