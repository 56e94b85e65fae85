"""`python -m sync_pipeline.steps.promote TABLE` prints the statements of a core table."""

import sys

from sync_pipeline.db.core_sql import for_table
from sync_pipeline.entities.core import core_tables
from sync_pipeline.steps.promote.core import ROWS

for name, statement in ROWS.items():
    print(f"-- {name} --\n{for_table(statement, core_tables()[f'core.{sys.argv[1]}'], '<column>')};\n")
