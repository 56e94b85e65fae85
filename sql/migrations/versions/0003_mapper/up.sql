-- The mapping keeps which mapper wrote the core row. Rows from before have none and count as mapped by an older one.
ALTER TABLE promote.integration_mapping ADD COLUMN mapper bigint;
-- A revision is one transaction, so the index cannot be built concurrently: promotion waits for it, reading does not.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX integration_mapping_mapper
ON promote.integration_mapping (org_id, connection_id, entity_type, mapper) WHERE NOT promoted_deleted;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_selective_config_ignored
ON selection.sync_selective_config (org_id, connection_id, entity_type, external_id) WHERE decision = 'ignore';
