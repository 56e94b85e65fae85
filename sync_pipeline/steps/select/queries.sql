-- four_eyes --
SELECT four_eyes FROM connect.organization WHERE org_id = connect.current_org()

-- open_batch --
INSERT INTO selection.selection_batch
(org_id, connection_id, entity_type, decision, criteria, draft, decided_by, why, token_id, client, agent)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(decision)s, %(criteria)s::jsonb, %(draft)s,
        %(actor)s, %(why)s, %(token_id)s, %(client)s, %(agent)s)
RETURNING batch_id

-- close_batch --
UPDATE selection.selection_batch SET records = %(records)s
WHERE org_id = connect.current_org() AND batch_id = %(batch_id)s

-- count_decisions --
-- How many differences are decided in their current version.
SELECT count(*) FILTER (WHERE decision = 'include') AS included,
       count(*) FILTER (WHERE decision = 'ignore') AS ignored, count(*) FILTER (WHERE NOT decided) AS undecided
FROM selection.difference_now
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s

-- standing_rules --
SELECT rule_id, connection_id, entity_type, kind, field, value, created_by, created_at, why
FROM selection.standing_rule
WHERE org_id = connect.current_org() AND disabled_at IS NULL
    AND (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
    AND (%(entity_type)s::text IS NULL OR entity_type = %(entity_type)s)
-- Ignoring rules come first, so that an including rule does not win over them.
ORDER BY kind = 'ignore_where' DESC, rule_id

-- alone_with_rules --
-- Rules of a connection are added one after the other: a form that is sent twice makes one.
SELECT connection_id FROM connect.integration_connector
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s FOR NO KEY UPDATE

-- same_rule --
SELECT rule_id FROM selection.standing_rule
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND disabled_at IS NULL AND kind = %(kind)s AND field IS NOT DISTINCT FROM %(field)s
    AND value IS NOT DISTINCT FROM %(value)s::jsonb
ORDER BY rule_id LIMIT 1

-- add_rule --
INSERT INTO selection.standing_rule (org_id, connection_id, entity_type, kind, field, value, created_by, why)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(kind)s, %(field)s, %(value)s::jsonb, %(actor)s,
        %(why)s)
RETURNING rule_id

-- drop_rule --
UPDATE selection.standing_rule SET disabled_at = now()
WHERE org_id = connect.current_org() AND rule_id = %(rule_id)s AND disabled_at IS NULL
    AND (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
RETURNING rule_id, connection_id, entity_type, kind

-- apply_rule --
-- Decide the undecided differences that the rule covers.
INSERT INTO selection.sync_selective_config AS c
(org_id, connection_id, entity_type, external_id, decision, content_hash, seen_deleted, draft, decided_by, why,
 batch_id)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, k.external_id, %(decision)s, k.content_hash, k.deleted,
       %(draft)s, 'rule:' || %(rule_id)s::text, %(why)s, %(batch_id)s
FROM selection.covered_by_rule(
    %(connection_id)s, %(entity_type)s, %(provider)s, %(statuses)s, %(field)s, %(value)s::jsonb) AS k
ORDER BY k.external_id COLLATE "C" -- the order in which `commit_drafts` locks them
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET decision = excluded.decision, content_hash = excluded.content_hash, seen_deleted = excluded.seen_deleted,
    draft = excluded.draft, decided_by = excluded.decided_by, decided_at = now(), why = excluded.why,
    batch_id = excluded.batch_id

-- count_rule --
-- What `apply_rule` would decide.
SELECT count(*) AS records
FROM selection.covered_by_rule(
    %(connection_id)s, %(entity_type)s, %(provider)s, %(statuses)s, %(field)s, %(value)s::jsonb)

-- fields_of --
-- The fields of the payloads of an entity, as far as they were noted: those of pushes are not.
SELECT DISTINCT field FROM capture.sync_shape
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s

-- has_field --
SELECT EXISTS (
    SELECT 1 FROM capture.sync_record
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND provider = %(provider)s AND sync_data ? %(field)s)

-- open_plan --
-- With what the previews had seen of followed entities: what changes there later, nobody saw.
INSERT INTO selection.sync_plan (org_id, plan_hash, origin, created_by, token_id, client, agent, why, followed)
SELECT connect.current_org(), '', %(origin)s, %(actor)s, %(token_id)s, %(client)s, %(agent)s, %(why)s,
       jsonb_object_agg(s.connection_id || '/' || s.entity_type, s.followed)
FROM preview.summary AS s WHERE s.org_id = connect.current_org() AND s.followed IS NOT NULL
RETURNING plan_id

-- fill_plan --
-- One statement, so that the plan's records and the batches marked as planned are the same, whatever commits meanwhile.
-- It takes the batches that wait, then what they include (in a person's plan also what was planned before) in the
-- version that is captured now and that core does not have. A draft that waits in somebody else's plan is left to it, and so
-- is what the sensor's plan or an open queue is about to promote: a second plan of it would be stale before anybody has read
-- it. Only the sensor plans what an open queue holds too: if that is cancelled, nobody else would plan it. So a selection
-- that waits for the sensor is left to it if an open queue holds a part. `included` says the same of what would be planned.
-- A plan of records that are named takes no batch: the rest of a batch still waits. What agents proposed is in plans of
-- the same token (`proposals` “own”, and then nothing else is) and in a person's of selections that are named (“all”, and
-- only of those in `proposed`, if that is given); any other leaves it out (“none”).
WITH waiting AS (
    SELECT b.org_id, b.batch_id
    FROM selection.selection_batch AS b
    JOIN connect.integration_connector AS c ON c.org_id = b.org_id AND c.connection_id = b.connection_id
    WHERE b.org_id = connect.current_org() AND b.plan_id IS NULL AND b.decision = 'include'
        AND c.disabled_at IS NULL
        AND CASE WHEN selection.waits_for_sensor(b, c) THEN %(waiting)s AND NOT (%(drafts)s AND b.batch_id = ANY (ARRAY(
            SELECT s.batch_id FROM promote.sync_queue AS q
            JOIN promote.sync_queue_line AS l
                ON l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
            JOIN selection.sync_selective_config AS s
                ON s.org_id = l.org_id AND s.connection_id = l.connection_id AND s.entity_type = l.entity_type
                    AND s.external_id = l.external_id
            WHERE q.org_id = connect.current_org() AND q.waiting + q.processing > 0 AND s.decision = 'include'
                AND NOT s.draft)))
            ELSE %(drafts)s END AND %(ids)s::text[] IS NULL
        AND selection.plan_may_hold(b, b.draft, %(proposals)s, %(actor)s, %(token_id)s)
        AND (%(batches)s::bigint[] IS NULL OR b.batch_id = ANY (%(batches)s::bigint[]))
        AND (%(connections)s::bigint[] IS NULL OR EXISTS (
            SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
            WHERE o.connection_id = b.connection_id AND o.entity_type = b.entity_type))
    ORDER BY b.batch_id FOR NO KEY UPDATE OF b -- so that two plans do not wait for each other
), taken AS (
    UPDATE selection.selection_batch AS b SET plan_id = %(plan_id)s
    FROM waiting AS w
    WHERE b.org_id = w.org_id AND b.batch_id = w.batch_id AND b.plan_id IS NULL
    RETURNING b.batch_id
)
INSERT INTO selection.sync_plan_item
(org_id, plan_id, connection_id, entity_type, external_id, action, content_hash, batch_id, promoted_hash,
 promoted_deleted, followed)
SELECT k.org_id, %(plan_id)s, k.connection_id, k.entity_type, k.external_id, k.action, k.content_hash, k.batch_id,
       k.promoted_hash, k.promoted_deleted, k.followed
FROM (
    SELECT s.org_id, s.connection_id, s.entity_type, s.external_id, s.draft, s.batch_id, r.content_hash,
           CASE WHEN r.deletion_state = 'deleted' THEN 'delete' WHEN m.external_id IS NULL THEN 'create'
                ELSE 'update' END AS action,
           m.promoted_hash, m.promoted_deleted, d.followed
    -- Records that are named are looked up one by one.
    FROM (
        SELECT n.* FROM (
            SELECT DISTINCT * FROM unnest(%(connections)s::bigint[], %(types)s::text[], %(ids)s::text[])
                AS g (connection_id, entity_type, external_id)) AS o
        JOIN selection.sync_selective_config AS n
            ON n.org_id = connect.current_org() AND n.connection_id = o.connection_id AND n.entity_type = o.entity_type
                AND n.external_id = o.external_id
        WHERE %(ids)s::text[] IS NOT NULL
        UNION ALL
        SELECT a.* FROM selection.sync_selective_config AS a
        WHERE a.org_id = connect.current_org() AND %(ids)s::text[] IS NULL
            AND (%(connections)s::bigint[] IS NULL OR EXISTS (
                SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
                WHERE o.connection_id = a.connection_id AND o.entity_type = a.entity_type))
    ) AS s
    JOIN selection.selection_batch AS b ON b.org_id = s.org_id AND b.batch_id = s.batch_id
    JOIN connect.integration_connector AS c ON c.org_id = s.org_id AND c.connection_id = s.connection_id
    JOIN capture.sync_record AS r
        ON r.org_id = s.org_id AND r.connection_id = s.connection_id AND r.entity_type = s.entity_type
            AND r.external_id = s.external_id AND r.provider = c.provider AND r.content_hash = s.content_hash
            AND (r.deletion_state = 'deleted') = s.seen_deleted
    LEFT JOIN promote.integration_mapping AS m
        ON m.org_id = s.org_id AND m.connection_id = s.connection_id AND m.entity_type = s.entity_type
            AND m.external_id = s.external_id
    LEFT JOIN preview.difference AS d
        ON d.org_id = s.org_id AND d.connection_id = s.connection_id AND d.entity_type = s.entity_type
            AND d.external_id = s.external_id AND d.content_hash = r.content_hash AND d.followed IS NOT NULL
    WHERE s.org_id = connect.current_org() AND s.decision = 'include' AND c.disabled_at IS NULL
        AND (s.batch_id IN (SELECT t.batch_id FROM taken AS t) OR (%(drafts)s AND b.plan_id IS NOT NULL)
             OR %(ids)s::text[] IS NOT NULL)
        AND (%(drafts)s OR NOT s.draft)
        -- The plans that are asked for are few among all there ever were: they are read once, not for each record.
        AND (%(ids)s::text[] IS NOT NULL OR b.plan_id IS NULL
             OR b.plan_id <> ALL (ARRAY(SELECT p.plan_id FROM selection.promoting_plan AS p)))
        AND selection.plan_may_hold(b, s.draft, %(proposals)s, %(actor)s, %(token_id)s)
        AND (%(proposed)s::bigint[] IS NULL OR NOT (b.agent AND s.draft)
             OR s.batch_id = ANY (%(proposed)s::bigint[]))
        AND (%(batches)s::bigint[] IS NULL OR s.batch_id = ANY (%(batches)s::bigint[]))
        AND (preview.differs(r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted)
             OR (d.external_id IS NOT NULL AND r.deletion_state <> 'deleted'))
    -- Planned alone: what is asked of drafts below looks so dear, if it is asked of each decision, that the planner takes
    -- whatever way to the rest, also one that reads all mappings for each record.
    OFFSET 0
) AS k
WHERE NOT (k.draft AND EXISTS (
    SELECT 1 FROM selection.planned_by_others(%(actor)s) AS i
    WHERE i.org_id = k.org_id AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id AND i.batch_id = k.batch_id))
    AND NOT (%(drafts)s AND EXISTS (
        SELECT 1 FROM promote.sync_queue_line AS l
        WHERE l.org_id = connect.current_org() AND l.finished_at IS NULL AND l.queue_id = ANY (ARRAY(
                SELECT q.queue_id FROM promote.sync_queue AS q
                WHERE q.org_id = connect.current_org() AND q.waiting + q.processing > 0))
            AND l.connection_id = k.connection_id AND l.entity_type = k.entity_type AND l.external_id = k.external_id
            AND l.content_hash = k.content_hash AND (l.action = 'delete') = (k.action = 'delete')))

-- fill_remap_plan --
-- Records that are in core in their captured version and were mapped by an older mapper, without ignored ones. One entity
-- at a time, so that the planner knows how many there are.
INSERT INTO selection.sync_plan_item
(org_id, plan_id, connection_id, entity_type, external_id, action, content_hash, promoted_hash, promoted_deleted)
SELECT m.org_id, %(plan_id)s, m.connection_id, m.entity_type, m.external_id, 'update', r.content_hash, m.promoted_hash,
       m.promoted_deleted
FROM promote.integration_mapping AS m
JOIN capture.sync_record AS r
    ON r.org_id = m.org_id AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
        AND r.provider = %(provider)s AND r.external_id = m.external_id AND r.content_hash = m.promoted_hash
        AND r.deletion_state <> 'deleted'
WHERE m.org_id = connect.current_org() AND m.connection_id = %(connection_id)s AND m.entity_type = %(entity_type)s
    AND NOT m.promoted_deleted AND (m.mapper < %(mapper)s OR m.mapper > %(mapper)s OR m.mapper IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM connect.integration_connector AS c
        WHERE c.org_id = m.org_id AND c.connection_id = m.connection_id AND c.disabled_at IS NOT NULL)
    AND NOT EXISTS (
        SELECT 1 FROM selection.sync_selective_config AS s
        WHERE s.org_id = m.org_id AND s.connection_id = m.connection_id AND s.entity_type = m.entity_type
            AND s.external_id = m.external_id AND s.decision = 'ignore' AND s.content_hash = m.promoted_hash
            AND NOT s.seen_deleted)
    AND NOT EXISTS (
        SELECT 1 FROM preview.difference AS d
        WHERE d.org_id = m.org_id AND d.connection_id = m.connection_id AND d.entity_type = m.entity_type
            AND d.external_id = m.external_id AND d.followed IS NOT NULL)

-- seal_plan --
-- The hash covers every item, in a fixed order: an approval is bound to it. A plan that holds what an agent proposed is the
-- agent's, whoever made it.
UPDATE selection.sync_plan AS p
SET plan_hash = i.hash, creates = i.creates, updates = i.updates, deletes = i.deletes,
    agent = p.agent OR EXISTS (
        SELECT 1 FROM selection.selection_batch AS b
        WHERE b.org_id = p.org_id AND b.agent AND b.batch_id IN (
            SELECT o.batch_id FROM selection.sync_plan_item AS o
            WHERE o.org_id = p.org_id AND o.plan_id = p.plan_id)),
    state = CASE WHEN %(approved_by)s::text IS NULL THEN 'proposed' ELSE 'approved' END,
    approved_by = %(approved_by)s, approved_at = CASE WHEN %(approved_by)s::text IS NULL THEN NULL ELSE now() END
FROM (
    SELECT count(*) FILTER (WHERE action = 'create') AS creates, count(*) FILTER (WHERE action = 'update') AS updates,
           count(*) FILTER (WHERE action = 'delete') AS deletes,
           encode(sha256(convert_to(coalesce(string_agg(
               concat_ws('/', connection_id, entity_type, external_id, action, encode(content_hash, 'hex'),
                         followed ->> 'version'), E'\n'
               ORDER BY connection_id, entity_type, external_id), ''), 'UTF8')), 'hex') AS hash
    FROM selection.sync_plan_item WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s
) AS i
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s
RETURNING p.plan_hash, p.creates, p.updates, p.deletes

-- drop_plan --
DELETE FROM selection.sync_plan WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s

-- same_plan --
-- A plan that waits, holds the very same items and is not stale; for an agent, one of the same token.
SELECT p.plan_id FROM selection.sync_plan AS p
JOIN selection.sync_plan AS m
    ON m.org_id = p.org_id AND m.plan_id = %(plan_id)s AND m.plan_hash = p.plan_hash AND m.plan_id <> p.plan_id
WHERE p.org_id = connect.current_org() AND p.state = 'proposed' AND p.agent = m.agent
    AND (m.origin <> 'agent' OR p.token_id IS NOT DISTINCT FROM m.token_id) AND NOT EXISTS (
    SELECT 1 FROM selection.plan_item_now AS n
    WHERE n.org_id = p.org_id AND n.plan_id = p.plan_id AND coalesce(n.captured, n.selected, n.promoted) IS NOT NULL)
ORDER BY p.created_at DESC LIMIT 1

-- keys_of_plan --
SELECT connection_id, entity_type, external_id, batch_id FROM selection.sync_plan_item
WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s

-- plan_to_replace --
SELECT state, created_at FROM selection.sync_plan
WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s FOR UPDATE

-- replaced_by --
-- The audit log has no index by plan: its lines since the plan was made are read.
SELECT detail ->> 'by' FROM observe.sync_activity
WHERE org_id = connect.current_org() AND occurred_at >= %(since)s AND event = 'plan.replaced'
    AND detail ->> 'plan' = (%(plan_id)s::uuid)::text
LIMIT 1

-- nothing_to_plan --
-- These batches leave nothing to plan: they wait no longer.
UPDATE selection.selection_batch SET plan_id = %(nothing)s
WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s

-- open_plan_count --
SELECT count(*) FROM selection.plan_now AS n
JOIN selection.sync_plan AS p ON p.org_id = n.org_id AND p.plan_id = n.plan_id
WHERE n.org_id = connect.current_org() AND n.state IN ('proposed', 'approved') AND p.created_by = %(actor)s
    AND p.token_id IS NOT DISTINCT FROM %(token_id)s::bigint

-- withdraw --
-- What a plan included in these versions is undecided again, unless it was decided since. After an undo only what
-- differs from core: the rest is still there. They are locked in the order in which `commit_drafts` locks them.
WITH held AS (
    SELECT i.org_id, i.connection_id, i.entity_type, i.external_id, i.content_hash, i.action, i.batch_id
    FROM selection.sync_plan_item AS i
    JOIN selection.sync_selective_config AS s
        ON s.org_id = i.org_id AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type
            AND s.external_id = i.external_id AND s.content_hash = i.content_hash
    WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND s.decision = 'include'
    ORDER BY s.connection_id, s.entity_type, s.external_id FOR UPDATE OF s
), withdrawn AS (
    DELETE FROM selection.sync_selective_config AS s USING held AS i
    WHERE s.org_id = i.org_id
        AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type AND s.external_id = i.external_id
        AND s.content_hash = i.content_hash AND s.seen_deleted = (i.action = 'delete') AND s.decision = 'include'
        AND CASE %(cause)s
            WHEN 'refused' THEN s.batch_id = i.batch_id
            ELSE NOT EXISTS (
                SELECT 1 FROM promote.integration_mapping AS m
                LEFT JOIN preview.difference AS d
                    ON d.org_id = m.org_id AND d.connection_id = m.connection_id AND d.entity_type = m.entity_type
                        AND d.external_id = m.external_id AND d.followed IS NOT NULL
                WHERE m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
                    AND m.external_id = i.external_id AND m.promoted_hash = i.content_hash
                    AND m.promoted_deleted = (i.action = 'delete') AND d.external_id IS NULL)
            END
    RETURNING s.org_id, s.connection_id, s.entity_type, s.external_id, s.content_hash, s.seen_deleted
)
INSERT INTO selection.withdrawal
(org_id, connection_id, entity_type, external_id, content_hash, seen_deleted, cause, plan_id, withdrawn_by, why)
SELECT w.org_id, w.connection_id, w.entity_type, w.external_id, w.content_hash, w.seen_deleted, %(cause)s,
       %(plan_id)s, %(actor)s, %(why)s
FROM withdrawn AS w
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET content_hash = excluded.content_hash, seen_deleted = excluded.seen_deleted, cause = excluded.cause,
    plan_id = excluded.plan_id, withdrawn_by = excluded.withdrawn_by, withdrawn_at = now(), why = excluded.why

-- plans_from_to --
-- A few of the plans whose ids lie between two, to name them.
SELECT p.plan_id FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.plan_id BETWEEN %(a)s AND %(z)s ORDER BY p.plan_id LIMIT 5

-- find_plan --
SELECT p.plan_id, p.plan_hash, p.creates, p.updates, p.deletes, p.state, p.origin, p.created_by, p.created_at,
       p.approved_by, p.approved_at, p.applied_at, p.queue, p.approved_until, p.agent, p.client, p.why
FROM selection.plan_now AS p WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s

-- list_plans --
SELECT p.plan_id, p.plan_hash, p.creates, p.updates, p.deletes, p.state, p.origin, p.created_by, p.created_at,
       p.approved_by, p.approved_at, p.applied_at, p.queue, p.approved_until, p.agent, p.client, p.why
FROM selection.plan_now AS p
WHERE p.org_id = connect.current_org() AND (%(state)s::text IS NULL OR p.state = %(state)s)
ORDER BY p.created_at DESC, p.plan_id LIMIT %(limit)s OFFSET %(offset)s

-- count_plans --
SELECT count(*) FROM selection.plan_now
WHERE org_id = connect.current_org() AND (%(state)s::text IS NULL OR state = %(state)s)

-- refuse_plan --
-- A plan that was not applied can be refused.
WITH refused AS (
    UPDATE selection.sync_plan SET state = 'refused'
    WHERE org_id = connect.current_org() AND plan_id = %(plan_id)s
        AND (state = 'proposed' OR (state = 'approved' AND NOT EXISTS (
            SELECT 1 FROM promote.sync_queue AS q
            WHERE q.org_id = sync_plan.org_id AND q.plan_id = sync_plan.plan_id)))
    RETURNING plan_id
)
SELECT p.state, EXISTS (SELECT 1 FROM refused) AS refused FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s
