"""Dagster's entry: `dagster dev`, the code server and the tests load this module, and nothing else."""

from sync_pipeline.defs import definitions

defs = definitions()
