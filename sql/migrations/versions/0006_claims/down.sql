ALTER TABLE promote.integration_mapping DROP COLUMN claim;
