-- Long commands analyze what they fill: autovacuum looks once a minute, and until then a join may take hours.
GRANT MAINTAIN ON ALL TABLES IN SCHEMA core TO sync_app;
GRANT MAINTAIN ON preview.difference, selection.sync_plan_item, promote.integration_mapping, promote.sync_queue_line,
    selection.sync_selective_config
TO sync_app;
