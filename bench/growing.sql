-- former_contents --
-- One record in five had another content before.
INSERT INTO capture.record_history
(org_id, connection_id, entity_type, external_id, content_hash, provider, version_no, sync_data, captured_at)
SELECT org_id, connection_id, entity_type, external_id, sha256(content_hash), provider, 0, sync_data,
       captured_at - interval '1 day'
FROM capture.sync_record WHERE hashtext(external_id) %% 5 = 0

-- changed_since --
-- One in a hundred of those in core has changed since.
UPDATE promote.integration_mapping SET promoted_hash = sha256(promoted_hash) WHERE hashtext(external_id) %% 100 = 0

-- nights --
-- Nights that found nothing: a run of each entity, its log, its line in the audit log; and a plan of three records.
INSERT INTO capture.sync_ledger
(org_id, connection_id, entity_type, mode, state, expected, captured, unchanged, requests, bytes, seconds, window_from,
 window_to, orchestrator_run, detail, started_at, finished_at)
SELECT l.org_id, l.connection_id, l.entity_type, 'delta', 'closed', 3, 3, 3, 1, 3000, 0.4, l.window_from, l.window_to,
       gen_random_uuid()::text, l.detail, l.started_at - n * interval '1 hour', l.finished_at - n * interval '1 hour'
FROM capture.sync_ledger AS l CROSS JOIN generate_series(%(runs)s, 1, -1) AS n WHERE l.mode = 'full';
INSERT INTO capture.sync_logs
(org_id, connection_id, entity_type, kind, run_id, status, records_synced, started_at, finished_at)
SELECT org_id, connection_id, entity_type, 'pull', run_id, 'success', captured, started_at, finished_at
FROM capture.sync_ledger WHERE mode = 'delta';
INSERT INTO observe.sync_activity (org_id, connection_id, entity_type, event, actor, detail, occurred_at)
SELECT org_id, connection_id, entity_type, 'capture.closed', 'schedule',
       jsonb_build_object('run', run_id, 'new', 0, 'changed', 3, 'unchanged', 0, 'seconds', 0.4), started_at
FROM capture.sync_ledger WHERE mode = 'delta';
INSERT INTO observe.request (org_id, kind, requested_by, requested_at, state, orchestrator_run, finished_at)
SELECT 1, 'pull', 'token 1', now() - n * interval '1 hour', 'done', gen_random_uuid()::text,
       now() - n * interval '1 hour'
FROM generate_series(1, %(runs)s) AS n;
INSERT INTO selection.sync_plan (org_id, plan_hash, creates, origin, created_by, created_at, state)
SELECT 1, md5(n::text), 3, 'selection', 'sensor', now() - n * interval '1 hour', 'applied'
FROM generate_series(1, %(runs)s) AS n;
INSERT INTO promote.sync_queue
(org_id, plan_id, idempotency_key, state, total, done, created_by, created_at, started_at, finished_at)
SELECT org_id, plan_id, plan_id::text, 'done', 3, 3, created_by, created_at, created_at, created_at
FROM selection.sync_plan WHERE created_by = 'sensor'

-- compared --
-- As a comparison leaves it. Comparing for real would map what follows other records again, as if all had changed.
SET session_replication_role = replica;
TRUNCATE preview.difference, preview.tally;
INSERT INTO preview.difference (org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT r.org_id, r.connection_id, r.entity_type, r.external_id,
       CASE WHEN m.org_id IS NULL THEN 'new' ELSE 'updated' END, r.content_hash, m.promoted_hash
FROM capture.sync_record AS r
LEFT JOIN promote.integration_mapping AS m USING (org_id, connection_id, entity_type, external_id)
WHERE m.promoted_hash IS DISTINCT FROM r.content_hash;
INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
SELECT org_id, connection_id, entity_type, status, count(*) FROM preview.difference GROUP BY 1, 2, 3, 4;
UPDATE preview.summary AS s
SET new = n.new, updated = n.updated, in_sync = n.records - n.new - n.updated, changed_at = c.changed_at,
    computed_at = now()
FROM capture.sync_cursor AS c, (
    SELECT r.connection_id, r.entity_type, count(*) AS records, count(*) FILTER (WHERE d.status = 'new') AS new,
           count(*) FILTER (WHERE d.status = 'updated') AS updated
    FROM capture.sync_record AS r
    LEFT JOIN preview.difference AS d USING (org_id, connection_id, entity_type, external_id)
    GROUP BY r.connection_id, r.entity_type) AS n
WHERE c.connection_id = s.connection_id AND c.entity_type = s.entity_type AND n.connection_id = s.connection_id
    AND n.entity_type = s.entity_type;
RESET session_replication_role

-- sequences --
-- What is written next gets ids beyond all copies.
SELECT setval(pg_get_serial_sequence(c.oid::regclass::text, a.attname), %(next)s) FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.attidentity <> '' AND c.relkind IN ('r', 'p') AND n.nspname IN ('core', 'capture', 'promote', 'selection')
