REVOKE MAINTAIN ON selection.sync_selective_config FROM sync_app;
DROP VIEW capture.entity_with_runs;
DROP INDEX capture.sync_ledger_whole;
DROP INDEX capture.sync_ledger_open;
DROP INDEX capture.sync_ledger_started;
