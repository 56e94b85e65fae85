DROP INDEX selection.sync_selective_config_ignored;
ALTER TABLE promote.integration_mapping DROP COLUMN mapper;
