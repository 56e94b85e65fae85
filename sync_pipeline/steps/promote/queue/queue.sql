-- plan --
-- The plan, locked: two starts at once take turns.
SELECT plan_id, state, plan_hash FROM selection.sync_plan
WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid FOR UPDATE;

-- queue_with --
-- The plan of the newest open queue that has still to promote one of these records, or a record of these entities.
-- An intersection is made by hash or by sort whatever the planner expects; a join of lines that were just written with keys
-- that it knows nothing of goes pair by pair.
SELECT q.plan_id
FROM promote.sync_queue AS q
WHERE q.org_id = connect.current_org() AND q.waiting + q.processing > 0 AND (
    EXISTS (
        SELECT l.connection_id, l.entity_type, l.external_id FROM promote.sync_queue_line AS l
        WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
        INTERSECT
        SELECT k.connection_id, k.entity_type, k.external_id
        FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
            AS k (connection_id, entity_type, external_id)
        WHERE k.external_id IS NOT NULL)
    OR EXISTS (
        SELECT l.connection_id, l.entity_type FROM promote.sync_queue_line AS l
        WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
        INTERSECT
        SELECT k.connection_id, k.entity_type
        FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
            AS k (connection_id, entity_type, external_id)
        WHERE k.external_id IS NULL))
ORDER BY q.created_at DESC LIMIT 1;

-- plan_applied --
UPDATE selection.sync_plan SET state = 'applied', applied_at = coalesce(applied_at, now())
WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid AND state IN ('approved', 'applied');

-- accept_shapes --
-- Whoever applies a plan takes the shapes that its entities had when it was made: they are no drift any more. In the order
-- of keys, as comparisons write them.
WITH taken AS (
    SELECT s.connection_id, s.entity_type, p.created_at
    FROM selection.sync_plan AS p JOIN preview.summary AS s ON s.org_id = p.org_id
    WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid AND p.state = 'applied'
        AND (s.shapes_accepted_at IS NULL OR s.shapes_accepted_at < p.created_at) AND EXISTS (
            SELECT 1 FROM selection.sync_plan_item AS i
            WHERE i.org_id = p.org_id AND i.plan_id = p.plan_id AND i.connection_id = s.connection_id
                AND i.entity_type = s.entity_type)
    ORDER BY s.connection_id, s.entity_type FOR NO KEY UPDATE OF s
)
UPDATE preview.summary AS s SET shapes_accepted_at = t.created_at, drift = (
    SELECT coalesce(jsonb_agg(d), '[]') FROM jsonb_array_elements(s.drift) AS d
    WHERE (d ->> 'since')::timestamptz > t.created_at)
FROM taken AS t
WHERE s.org_id = connect.current_org() AND s.connection_id = t.connection_id AND s.entity_type = t.entity_type;

-- moved_lines --
-- What moved since the plan was made, in words, of lines of which `known` says that something did.
SELECT l.line_no, n.moved
FROM promote.sync_queue_line AS l
CROSS JOIN LATERAL (
    SELECT coalesce(v.selected, v.promoted) AS moved FROM selection.plan_item_now AS v
    WHERE v.org_id = connect.current_org() AND v.plan_id = %(plan)s::uuid AND v.connection_id = l.connection_id
        AND v.entity_type = l.entity_type AND v.external_id = l.external_id OFFSET 0) AS n
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no = ANY(%(lines)s::bigint []);

-- close_stale --
-- The open lines of a stale plan's queue, unless somebody is at work on them.
UPDATE promote.sync_queue_line AS l
SET state = 'cancelled', worker = NULL, lease_until = NULL, finished_at = now(), reason = %(reason)s
FROM promote.sync_queue AS q
WHERE q.org_id = connect.current_org() AND q.plan_id = %(plan)s::uuid
    AND l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM promote.sync_queue_line AS h
        WHERE h.org_id = q.org_id AND h.queue_id = q.queue_id AND h.lease_until > now());

-- give_up_plan --
-- The sensor's plans that can no longer be applied; a person's plan is left to the person.
UPDATE selection.sync_plan AS p
SET state = CASE WHEN EXISTS (
    SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id AND q.done > 0)
    THEN 'applied' ELSE 'refused' END
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid AND p.state = 'approved'
    AND p.origin = 'selection' AND NOT EXISTS (
        SELECT 1 FROM promote.sync_queue AS q
        WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id AND q.state IN ('draft', 'processing'));

-- release_selection --
UPDATE selection.selection_batch SET plan_id = NULL
WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid;

-- make_queue --
INSERT INTO promote.sync_queue
    (org_id, plan_id, idempotency_key, batch_size, batch_delay_ms, created_by)
SELECT connect.current_org(), %(plan)s::uuid, (%(plan)s::uuid)::text,
       coalesce(min((c.settings ->> 'batch_size')::integer), 50),
       coalesce(max((c.settings ->> 'batch_delay_ms')::integer), 0), %(actor)s
FROM connect.integration_connector AS c
WHERE c.org_id = connect.current_org() AND c.connection_id = ANY(%(connections)s::bigint [])
ON CONFLICT (org_id, idempotency_key) DO NOTHING
RETURNING queue_id;

-- pace --
UPDATE promote.sync_queue
SET batch_size = coalesce(%(batch_size)s, batch_size), batch_delay_ms = coalesce(%(batch_delay_ms)s, batch_delay_ms)
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid;

-- queue_of_plan --
SELECT queue_id FROM promote.sync_queue WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid;

-- waiting_request --
-- A run of this plan that was requested and has not started: one is enough.
SELECT min(request_id) FROM observe.request
WHERE org_id = connect.current_org() AND state = 'waiting' AND kind = 'promote' AND parameters ->> 'plan' = %(plan)s;

-- alone_with_key --
SELECT pg_advisory_xact_lock(hashtextextended('request/' || connect.current_org()::text || '/' || %(key)s::text, 0));

-- request_of_key --
SELECT request_id, parameters ->> 'plan' AS plan, parameters ->> 'asked' AS asked
FROM observe.request WHERE org_id = connect.current_org() AND idempotency_key = %(key)s;

-- make_lines --
-- In the order of dependencies; within a stage by connection and, where ids are numbers, by number.
INSERT INTO promote.sync_queue_line
    (org_id, queue_id, line_no, stage, connection_id, entity_type, external_id, action, content_hash)
SELECT i.org_id, %(queue)s::uuid,
       row_number() OVER (ORDER BY t.stage, i.action <> 'delete', i.connection_id, i.entity_type, length(i.external_id), i.external_id),
       t.stage, i.connection_id, i.entity_type, i.external_id, i.action, i.content_hash
FROM selection.sync_plan_item AS i
JOIN unnest(%(connections)s::bigint [], %(types)s::text [], %(stages)s::smallint [])
    AS t (connection_id, entity_type, stage) ON t.connection_id = i.connection_id AND t.entity_type = i.entity_type
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid;

-- begin --
UPDATE promote.sync_queue SET started_at = coalesce(started_at, now())
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid
RETURNING batch_size, batch_delay_ms, plan_id;

-- settle_queue --
-- Batches do not wait for the disk. A crash may lose the last ones, each with its lines, so they are promoted again. This
-- write does wait, and with it everything committed before is on disk.
UPDATE promote.sync_queue SET started_at = started_at
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid;

-- queues_from_to --
-- A few of the queues whose ids lie between two, to name them.
SELECT queue_id FROM promote.sync_queue
WHERE org_id = connect.current_org() AND queue_id BETWEEN %(a)s AND %(z)s ORDER BY queue_id LIMIT 5;

-- queue --
SELECT queue_id, plan_id, state, total, waiting, processing, done, failed, cancelled, action_required,
       created_at, started_at, finished_at, undone_at,
       extract(epoch FROM coalesce(finished_at, clock_timestamp()) - started_at)::float8 AS seconds
FROM promote.sync_queue WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid;

-- queues --
SELECT queue_id, plan_id, state, total, waiting, processing, done, failed, cancelled, action_required,
       created_at, started_at, finished_at, undone_at,
       extract(epoch FROM coalesce(finished_at, clock_timestamp()) - started_at)::float8 AS seconds
FROM promote.sync_queue WHERE org_id = connect.current_org() AND queue_id = ANY(%(queues)s::uuid []);

-- plan_connections --
-- The first and the last connection of a plan's records, from the index: of one connection alone they are the same.
SELECT min(connection_id) AS least, max(connection_id) AS greatest FROM selection.sync_plan_item
WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s;

-- list_queues --
SELECT queue_id, plan_id, state, total, waiting, processing, done, failed, cancelled, action_required,
       created_at, started_at, finished_at, undone_at,
       extract(epoch FROM coalesce(finished_at, clock_timestamp()) - started_at)::float8 AS seconds
FROM promote.sync_queue
WHERE org_id = connect.current_org() AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY created_at DESC, queue_id LIMIT %(limit)s OFFSET %(offset)s;

-- count_queues --
SELECT count(*) FROM promote.sync_queue
WHERE org_id = connect.current_org() AND (%(state)s::text IS NULL OR state = %(state)s);

-- give_up --
-- A line whose worker died three times fails.
UPDATE promote.sync_queue_line
SET state = 'failed', is_action_required = true, worker = NULL, lease_until = NULL, finished_at = now(),
    reason = coalesce(reason, 'Its worker was lost ' || attempts || ' times.')
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND finished_at IS NULL AND state = 'processing'
    AND lease_until < now() AND attempts >= %(attempts)s;

-- claim --
-- The next lines nobody holds, of the first stage that has open ones, each with the planned version of its record:
-- nearly always the current one, else from the history.
WITH first AS (
    SELECT line_no, stage FROM promote.sync_queue_line
    WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND line_no >= %(after)s
        AND finished_at IS NULL
    ORDER BY line_no LIMIT 1),
picked AS (
    SELECT l.line_no FROM promote.sync_queue_line AS l
    WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no >= %(after)s
        AND l.finished_at IS NULL AND l.stage = (SELECT stage FROM first)
        AND (l.state = 'draft' AND (l.not_before IS NULL OR l.not_before <= now())
            OR l.state = 'processing' AND l.lease_until < now() AND l.attempts < %(attempts)s)
    ORDER BY l.line_no LIMIT %(size)s FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE promote.sync_queue_line AS l
    SET state = 'processing', worker = %(claim)s::uuid, attempts = l.attempts + 1,
        lease_until = now() + make_interval(secs => %(lease)s)
    WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid
        AND l.line_no = ANY(ARRAY(SELECT p.line_no FROM picked AS p))
    RETURNING l.line_no, l.connection_id, l.entity_type, l.external_id, l.action, l.content_hash)
SELECT k.line_no, k.connection_id, k.entity_type, k.external_id, k.action, k.content_hash,
       CASE WHEN k.action <> 'delete' THEN coalesce(r.payload, (
           SELECT h.sync_data::text FROM capture.record_history AS h
           WHERE h.org_id = connect.current_org() AND h.connection_id = k.connection_id
               AND h.entity_type = k.entity_type AND h.external_id = k.external_id
               AND h.content_hash = k.content_hash)) END AS payload,
       r.parent_id, (SELECT line_no FROM first) AS first_open
FROM claimed AS k
LEFT JOIN LATERAL (
    SELECT CASE WHEN c.content_hash = k.content_hash THEN c.sync_data::text END AS payload, c.parent_id
    FROM capture.sync_record AS c
    WHERE c.org_id = connect.current_org() AND c.connection_id = k.connection_id AND c.entity_type = k.entity_type
        AND c.external_id = k.external_id LIMIT 1) AS r ON k.action <> 'delete'
ORDER BY k.line_no;

-- heartbeat --
-- Lines of a batch that is being written are locked, so they need no lease.
UPDATE promote.sync_queue_line SET lease_until = now() + make_interval(secs => %(lease)s)
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND line_no = ANY(ARRAY(
    SELECT l.line_no FROM promote.sync_queue_line AS l
    WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no >= %(after)s
        AND l.finished_at IS NULL AND l.state = 'processing' AND l.worker = ANY(%(claims)s::uuid [])
    FOR UPDATE SKIP LOCKED));

-- release --
-- Release lines that were claimed and not finished.
UPDATE promote.sync_queue_line
SET state = 'draft', worker = NULL, lease_until = NULL, attempts = greatest(attempts - 1, 0)
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND finished_at IS NULL AND state = 'processing'
    AND worker = ANY(%(claims)s::uuid []);

-- hold --
-- The lines of a batch that are still this claim's, null for all of them; the others went to somebody else or were
-- cancelled.
WITH held AS (
    SELECT l.line_no FROM promote.sync_queue_line AS l
    WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid
        AND l.line_no BETWEEN %(low)s AND %(high)s AND l.finished_at IS NULL AND l.state = 'processing'
        AND l.worker = %(claim)s::uuid
    FOR NO KEY UPDATE)
SELECT CASE WHEN count(*) <> %(size)s THEN coalesce(array_agg(line_no), '{}') END AS held FROM held;

-- known --
-- What a batch finds, by an index probe a line and table: the core rows that its records are mapped to already, and
-- whether one was decided otherwise, or is another in core, since the plan was made (plan_item_now says the same in words).
-- The planned version is promoted although the store has a newer one by now. Lines with neither are left out.
SELECT * FROM (
    SELECT l.line_no, m.internal_id, m.core_table, m.core_wins, m.sku_set_aside, m.claim, m.promoted_deleted,
           coalesce(s.decision = 'ignore', i.batch_id IS NOT NULL)
           OR m.promoted_hash IS DISTINCT FROM i.promoted_hash
           OR m.promoted_deleted IS DISTINCT FROM i.promoted_deleted AS moved
    FROM promote.sync_queue_line AS l
    CROSS JOIN LATERAL (
        SELECT p.batch_id, p.content_hash, p.action, p.promoted_hash, p.promoted_deleted
        FROM selection.sync_plan_item AS p
        WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid AND p.connection_id = l.connection_id
            AND p.entity_type = l.entity_type AND p.external_id = l.external_id LIMIT 1) AS i
    LEFT JOIN LATERAL (
        SELECT e.internal_id, e.core_table, e.core_wins, e.sku_set_aside, e.claim, e.promoted_deleted, e.promoted_hash
        FROM promote.integration_mapping AS e
        WHERE e.org_id = connect.current_org() AND e.connection_id = l.connection_id
            AND e.entity_type = l.entity_type AND e.external_id = l.external_id LIMIT 1) AS m ON true
    LEFT JOIN LATERAL (
        SELECT c.decision FROM selection.sync_selective_config AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = l.connection_id
            AND c.entity_type = l.entity_type AND c.external_id = l.external_id AND c.content_hash = i.content_hash
            AND c.seen_deleted = (i.action = 'delete') LIMIT 1) AS s ON true
    WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid
        AND l.line_no BETWEEN %(low)s AND %(high)s AND l.worker = %(claim)s::uuid) AS found
WHERE found.moved OR found.internal_id IS NOT NULL;

-- finish --
-- The other lines of a claim, without a reason or warnings, are done.
UPDATE promote.sync_queue_line
SET state = 'done', worker = NULL, lease_until = NULL, finished_at = now(), reason = NULL, warnings = NULL,
    is_action_required = false
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND line_no BETWEEN %(low)s AND %(high)s
    AND finished_at IS NULL AND state = 'processing' AND worker = %(claim)s::uuid;

-- finish_with_words --
UPDATE promote.sync_queue_line AS l
SET state = k.state, worker = NULL, lease_until = NULL, finished_at = now(), reason = k.reason,
    warnings = k.warnings::jsonb, is_action_required = k.state = 'failed'
FROM unnest(%(lines)s::bigint [], %(states)s::text [], %(reasons)s::text [], %(warnings)s::text [])
    AS k (line_no, state, reason, warnings)
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.line_no = k.line_no;

-- put_back --
-- A batch that failed with a transient error: try later, or after too many attempts a person must look.
UPDATE promote.sync_queue_line
SET state = CASE WHEN attempts >= %(attempts)s THEN 'failed' ELSE 'draft' END,
    is_action_required = attempts >= %(attempts)s, reason = %(reason)s, worker = NULL, lease_until = NULL,
    not_before = now() + make_interval(secs => %(base)s * 2 ^ attempts),
    finished_at = CASE WHEN attempts >= %(attempts)s THEN now() END
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND finished_at IS NULL AND state = 'processing'
    AND worker = %(claim)s::uuid;

-- retry --
UPDATE promote.sync_queue_line
SET state = 'draft', attempts = 0, is_action_required = false, reason = NULL, not_before = NULL, finished_at = NULL
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND state = 'failed';

-- cancel --
UPDATE promote.sync_queue_line
SET state = 'cancelled', worker = NULL, lease_until = NULL, finished_at = now(), reason = %(reason)s
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND finished_at IS NULL;

-- force --
UPDATE promote.sync_queue SET forced = true, started_at = coalesce(started_at, now())
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid;

-- unforce --
UPDATE promote.sync_queue SET forced = false
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND forced;

-- failures --
SELECT c.name AS connection, l.entity_type, l.external_id, l.reason
FROM promote.sync_queue_line AS l
LEFT JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid AND l.state = 'failed'
ORDER BY l.line_no LIMIT 100;

-- lines --
SELECT l.line_no, c.name AS connection, l.entity_type, l.external_id, l.action, l.state, l.attempts,
       l.is_action_required, l.reason, coalesce(l.warnings, '[]') AS warnings, l.finished_at
FROM promote.sync_queue_line AS l
LEFT JOIN connect.integration_connector AS c ON c.org_id = l.org_id AND c.connection_id = l.connection_id
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid
    AND (%(state)s::text IS NULL OR l.state = %(state)s) AND l.line_no > %(after)s
ORDER BY l.line_no LIMIT %(limit)s;
