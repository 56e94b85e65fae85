"""The contestants, each in its own process, so that peak memory and caches are not shared."""
