"""Why a gate opens: one file for each cause. Adding a file here, and its name to the table's check, adds a cause."""
