-- Saved views and the last findings are no captured data: both can be made again.
DROP INDEX observe.sync_activity_settings;
DROP FUNCTION selection.covered_by_rule(bigint, text, text, text [], text, jsonb);
DROP TABLE preview.saved_view;
ALTER TABLE connect.integration_connector DROP COLUMN findings;
ALTER TABLE connect.integration_connector DROP COLUMN tested_at;
