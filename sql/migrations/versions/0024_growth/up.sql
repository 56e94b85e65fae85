-- What runs, and what is asked every minute, must not read every run there was.

-- Whole reads are few among deltas: drift compares the first and the last of them.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_ledger_whole ON capture.sync_ledger (org_id, connection_id, entity_type, run_id)
WHERE mode IN ('full', 'preview');
-- What a killed process left: each pull looks for it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_ledger_open ON capture.sync_ledger (org_id, connection_id, entity_type, run_id) WHERE state = 'open';
-- The history of the last days.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sync_ledger_started ON capture.sync_ledger (org_id, connection_id, started_at DESC, run_id DESC);

-- The entities that have runs, from one probe of the index each: after ten thousand nights there are still no more.
CREATE VIEW capture.entity_with_runs WITH (security_invoker = true) AS
WITH RECURSIVE place AS (
    (SELECT l.org_id, l.connection_id, l.entity_type FROM capture.sync_ledger AS l
    WHERE l.org_id = connect.current_org()
    ORDER BY l.org_id, l.connection_id, l.entity_type LIMIT 1)
    UNION ALL
    SELECT n.org_id, n.connection_id, n.entity_type FROM place AS p
    CROSS JOIN LATERAL (
        SELECT l.org_id, l.connection_id, l.entity_type FROM capture.sync_ledger AS l
        WHERE l.org_id = connect.current_org() AND (l.connection_id, l.entity_type) > (p.connection_id, p.entity_type)
        ORDER BY l.org_id, l.connection_id, l.entity_type LIMIT 1) AS n
)
SELECT org_id, connection_id, entity_type FROM place;

-- Autovacuum analyzes the partitions alone; who joins records of several entities needs what they have in common. Their
-- payloads, which are large, are left out.
ANALYZE ONLY capture.sync_record (org_id, connection_id, entity_type, external_id, parent_id, code_key, email);

-- Who decides thousands of records at once analyzes them, as who fills a table does.
GRANT MAINTAIN ON selection.sync_selective_config TO sync_app;
