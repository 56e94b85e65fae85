"""export: core, reports and captured records as tables, in chunks of constant memory, as frames and files.

tables    what can be read: names, columns, the statement
reading   its rows, in one snapshot of the database
frame     chunks as pandas DataFrames
files     csv, parquet, xlsx, jsonl
"""

from sync_pipeline.steps.observe.export.files import FORMATS, Written, write
from sync_pipeline.steps.observe.export.reading import Reading, reading
from sync_pipeline.steps.observe.export.tables import (
    Ask,
    Column,
    Kind,
    core,
    core_names,
    moment_of,
    records,
    report,
    report_names,
    versions,
)
