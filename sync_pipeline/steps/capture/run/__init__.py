"""One run of one entity: open the ledger, read its lists, find what was deleted, close the ledger."""
