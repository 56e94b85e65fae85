"""A file a stream."""
