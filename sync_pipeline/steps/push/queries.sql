-- fail_killed_batches --
-- A batch is one transaction of seconds, so one of ten minutes was killed. If it was not, its end corrects the row.
UPDATE capture.sync_logs
SET status = 'failed', error_message = 'The process was killed; nothing of the batch was stored.', finished_at = now()
WHERE org_id = connect.current_org() AND kind = 'push'
    AND status = 'running' AND started_at < now() - interval '10 minutes'

-- close_push_log --
UPDATE capture.sync_logs
SET status = 'success', run_id = %(run_id)s, records_synced = %(synced)s, skipped = %(skipped)s, error_message = NULL,
    detail = %(detail)s::jsonb, finished_at = clock_timestamp()
WHERE org_id = connect.current_org() AND log_id = %(log_id)s

-- fail_push_log --
UPDATE capture.sync_logs SET status = 'failed', error_message = %(error)s, finished_at = now()
WHERE org_id = connect.current_org() AND log_id = %(log_id)s

-- log_deliveries --
UPDATE capture.sync_logs SET detail = jsonb_build_object('deliveries', %(deliveries)s::jsonb)
WHERE org_id = connect.current_org() AND run_id = %(run_id)s AND kind = 'webhook'

-- open_pushed_run --
INSERT INTO capture.sync_ledger (org_id, connection_id, entity_type, mode, expected, state)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(mode)s, 0, 'open') RETURNING run_id

-- fail_killed_deliveries --
-- Killed runs of deliveries. The caller holds the entity's lock, so no other process works on them.
WITH killed AS (
    UPDATE capture.sync_ledger SET state = 'failed', error = 'was killed', finished_at = now()
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND mode = 'webhook' AND state = 'open'
    RETURNING run_id
)
UPDATE capture.sync_logs AS l
SET status = 'failed', error_message = 'The process was killed; the next run processes its deliveries.', finished_at = now()
FROM killed WHERE l.org_id = connect.current_org() AND l.run_id = killed.run_id AND l.status = 'running'

-- close_pushed_run --
UPDATE capture.sync_ledger
SET state = %(state)s, expected = %(captured)s + %(quarantined)s + %(vanished)s, captured = %(captured)s,
    quarantined = %(quarantined)s, vanished = %(vanished)s, new = %(new)s, changed = %(changed)s,
    unchanged = %(unchanged)s, deleted = %(deleted)s, requests = %(requests)s, bytes = %(bytes)s,
    seconds = %(seconds)s, error = %(error)s, finished_at = clock_timestamp()
WHERE org_id = connect.current_org() AND run_id = %(run_id)s

-- stored_records --
-- These records as stored, and whether a plugin wrote them last.
SELECT r.external_id, coalesce(r.exact_text, r.sync_data::text) AS payload, r.content_hash, r.remote_modified_at,
       r.deletion_state, r.deletion_at, r.pushed_only, r.parent_id,
       coalesce((SELECT l.mode = 'push' FROM capture.sync_ledger AS l
                 WHERE l.org_id = r.org_id AND l.run_id = r.run_id), false) AS pushed_last
FROM capture.sync_record AS r
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = ANY (%(ids)s)

-- stored_hashes --
-- These records after a batch: what became of each is told by what was stored before.
SELECT r.external_id, r.content_hash, r.deletion_state
FROM capture.sync_record AS r
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = ANY (%(ids)s)

-- mark_pushed_only --
UPDATE capture.sync_record SET pushed_only = true
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = ANY (%(ids)s) AND NOT pushed_only

-- set_last_sync --
UPDATE connect.integration_connector SET last_sync_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- preview_requested --
-- A waiting comparison sees everything written before it begins, so a second request is not needed.
SELECT EXISTS (
    SELECT 1 FROM observe.request
    WHERE org_id = connect.current_org() AND state = 'waiting' AND kind = 'preview'
        AND parameters ->> 'connection' = %(connection)s AND parameters -> 'entities' = jsonb_build_array(%(entity)s::text)
)

-- webhook_connection --
SELECT org_id, slug, name FROM capture.webhook_connection(%(connection_id)s)

-- store_delivery --
INSERT INTO capture.webhook_delivery
(org_id, connection_id, delivery_key, topic, entity_type, external_id, parent_id, look, payload, modified, state,
 outcome, finished_at)
VALUES (connect.current_org(), %(connection_id)s, %(key)s, %(topic)s, %(entity_type)s, %(external_id)s, %(parent_id)s,
        %(payload)s::text IS NULL, %(payload)s, %(modified)s, %(state)s, %(outcome)s, CASE WHEN %(state)s = 'done' THEN now() END)
ON CONFLICT (org_id, connection_id, delivery_key) DO NOTHING
RETURNING delivery_no

-- next_deliveries --
-- Some of an entity's waiting deliveries, oldest first. `doubted`: one without a payload (deleted, trashed, cut) was
-- ever delivered for the record, so no payload of it is accepted.
SELECT d.delivery_no, d.topic, d.external_id, d.parent_id, d.payload, d.modified, d.attempts,
       EXISTS (SELECT 1 FROM capture.webhook_delivery AS g
               WHERE g.org_id = d.org_id AND g.connection_id = d.connection_id AND g.external_id = d.external_id
                   AND g.entity_type = d.entity_type AND g.look) AS doubted
FROM capture.webhook_delivery AS d
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.state = 'waiting' AND (d.not_before IS NULL OR d.not_before <= now())
ORDER BY d.delivery_no LIMIT %(limit)s

-- finish_deliveries --
UPDATE capture.webhook_delivery AS d
SET state = 'done', outcome = k.outcome, finished_at = clock_timestamp(), payload = NULL, not_before = NULL
FROM unnest(%(numbers)s::bigint[], %(outcomes)s::text[]) AS k (delivery_no, outcome)
WHERE d.org_id = connect.current_org() AND d.delivery_no = k.delivery_no AND d.state = 'waiting'

-- postpone_deliveries --
-- The store did not answer. Wait half a minute, then twice as long each time, an hour at most; after ten attempts the
-- delivery fails and the next pull finds the change.
UPDATE capture.webhook_delivery
SET attempts = attempts + 1, outcome = %(reason)s,
    not_before = now() + least(interval '1 hour', interval '30 seconds' * (2 ^ least(attempts, 12))),
    state = CASE WHEN attempts + 1 >= 10 THEN 'failed' ELSE 'waiting' END,
    finished_at = CASE WHEN attempts + 1 >= 10 THEN now() END
WHERE org_id = connect.current_org() AND delivery_no = ANY (%(numbers)s) AND state = 'waiting'

-- delay_deliveries --
UPDATE capture.webhook_delivery SET not_before = now() + interval '2 minutes'
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND state = 'waiting' AND (not_before IS NULL OR not_before < now() + interval '2 minutes')

-- reassign_deliveries --
-- A record that the store calls a product may be captured as a child of one (a variation).
UPDATE capture.webhook_delivery AS d SET entity_type = r.entity_type, parent_id = r.parent_id, payload = NULL
FROM capture.sync_record AS r
WHERE d.org_id = connect.current_org() AND d.delivery_no = ANY (%(numbers)s) AND d.state = 'waiting'
    AND r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.external_id = d.external_id
    AND r.entity_type = ANY (%(children)s) AND r.provider = %(provider)s
RETURNING d.delivery_no

-- delete_old_deliveries --
-- Kept for a month, so that a delivery that is sent again is recognized.
DELETE FROM capture.webhook_delivery
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND state <> 'waiting'
    AND received_at < now() - interval '30 days'
