"""The shapes of requests and responses, one module for each subject. Reports are the steps' own dataclasses."""
