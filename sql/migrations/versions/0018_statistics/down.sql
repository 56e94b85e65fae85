REVOKE MAINTAIN ON ALL TABLES IN SCHEMA core FROM sync_app;
REVOKE MAINTAIN ON preview.difference, selection.sync_plan_item, promote.integration_mapping, promote.sync_queue_line
FROM sync_app;
