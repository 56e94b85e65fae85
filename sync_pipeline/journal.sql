-- record_activity --
-- One line of the audit log.
INSERT INTO observe.sync_activity (org_id, connection_id, entity_type, event, actor, detail)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(event)s, %(actor)s, %(detail)s::jsonb)

-- open_log --
INSERT INTO capture.sync_logs (org_id, connection_id, entity_type, kind, run_id)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(kind)s, %(run_id)s)
RETURNING log_id

-- close_log --
UPDATE capture.sync_logs
SET status = CASE WHEN %(error)s::text IS NULL THEN 'success' ELSE 'failed' END,
    records_synced = %(records)s, skipped = %(skipped)s, error_message = %(error)s, finished_at = now()
WHERE org_id = connect.current_org() AND run_id = %(run_id)s AND status = 'running'

-- request --
-- A sensor launches a run for the row. The same idempotency key returns the existing request.
INSERT INTO observe.request AS r (org_id, kind, parameters, requested_by, idempotency_key)
VALUES (connect.current_org(), %(kind)s, %(parameters)s::jsonb, %(actor)s, %(key)s)
ON CONFLICT (org_id, idempotency_key) DO UPDATE SET idempotency_key = r.idempotency_key
RETURNING request_id, kind, parameters = %(parameters)s::jsonb AS same
