"""The HTTP door: FastAPI over the same steps. A route checks, calls a step in a thread, and shapes the answer."""
