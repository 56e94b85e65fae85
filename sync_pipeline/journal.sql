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

-- open_gate --
-- The same cause about the same subject opens one gate; while it is open its detail is kept fresh.
INSERT INTO observe.decision
(org_id, connection_id, entity_type, cause, subject, question, detail, options, recommended, blocks, owner)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, %(cause)s, %(subject)s, %(question)s,
       %(detail)s::jsonb, %(options)s::jsonb, %(recommended)s, %(blocks)s::text[],
       coalesce((SELECT settings ->> 'owner' FROM connect.integration_connector
                 WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s),
                (SELECT name FROM connect.organization WHERE org_id = connect.current_org()))
ON CONFLICT (org_id, cause, coalesce(connection_id, 0), coalesce(entity_type, ''), subject)
WHERE answered_at IS NULL
DO UPDATE SET question = excluded.question, detail = excluded.detail
RETURNING decision_id, xmax = 0 AS is_new

-- note_stopped --
UPDATE observe.decision SET stopped = stopped || %(queue)s::uuid
WHERE org_id = connect.current_org() AND decision_id = ANY (%(decisions)s) AND NOT %(queue)s::uuid = ANY (stopped)

-- gate_answer --
SELECT answer FROM observe.decision
WHERE org_id = connect.current_org() AND cause = %(cause)s AND subject = %(subject)s
    AND connection_id = %(connection_id)s AND entity_type IS NOT DISTINCT FROM %(entity_type)s
    AND answered_at IS NOT NULL AND answer <> 'withdrawn' AND (outcome IS NULL OR (%(ever)s AND answer <> 'hold'))
ORDER BY answered_at DESC LIMIT 1

-- record_outcome --
UPDATE observe.decision SET outcome = %(outcome)s, resumed_at = now()
WHERE org_id = connect.current_org() AND cause = %(cause)s AND subject = %(subject)s
    AND connection_id = %(connection_id)s AND entity_type IS NOT DISTINCT FROM %(entity_type)s
    AND answered_at IS NOT NULL AND outcome IS NULL

-- request --
-- A row that a sensor turns into a run. The same idempotency key again finds the request there is.
INSERT INTO observe.request AS r (org_id, kind, parameters, requested_by, idempotency_key)
VALUES (connect.current_org(), %(kind)s, %(parameters)s::jsonb, %(actor)s, %(key)s)
ON CONFLICT (org_id, idempotency_key) DO UPDATE SET idempotency_key = r.idempotency_key
RETURNING request_id, kind, parameters = %(parameters)s::jsonb AS same

-- gate_gone --
-- What they stopped is resumed as after an answer: `resumed_at` stays empty until then.
UPDATE observe.decision
SET outcome = %(outcome)s, answer = coalesce(answer, 'withdrawn'), answered_by = coalesce(answered_by, %(actor)s),
    answered_at = coalesce(answered_at, now())
WHERE org_id = connect.current_org() AND cause = %(cause)s AND connection_id = %(connection_id)s
    AND entity_type IS NOT DISTINCT FROM %(entity_type)s AND subject <> ALL (%(but)s::text[])
    AND (answered_at IS NULL OR (answer = 'hold' AND outcome IS NULL))
RETURNING decision_id
