-- browse_plans --
-- Plans with how far their queues are, newest first; beyond the plan `after`. `closed`: why a queue of which nothing was done
-- has ended, as one of its lines says it.
SELECT p.plan_id, p.plan_hash, p.creates, p.updates, p.deletes, p.state, p.origin, p.created_by, p.created_at,
       p.approved_by, p.approved_at, p.applied_at, p.queue, p.approved_until, p.agent, p.client, p.why,
       q.state AS queue_state, q.done, q.failed, q.waiting + q.processing AS open,
       CASE WHEN q.state = 'cancelled' THEN (
           SELECT l.reason FROM promote.sync_queue_line AS l
           WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id ORDER BY l.line_no LIMIT 1) END AS closed
FROM selection.plan_now AS p
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.queue_id = p.queue
WHERE p.org_id = connect.current_org() AND (%(state)s::text IS NULL OR p.state = %(state)s)
    AND (%(stage)s::text IS NULL OR %(stage)s = CASE
        WHEN p.state NOT IN ('approved', 'applied') OR q.queue_id IS NULL THEN p.state
        WHEN q.waiting + q.processing > 0 THEN 'applying' WHEN q.state = 'cancelled' THEN 'closed' ELSE 'applied' END)
    AND (NOT %(failed)s::boolean OR q.failed > 0)
    AND (%(after)s::uuid IS NULL OR (p.created_at, p.plan_id) < (
        SELECT o.created_at, o.plan_id FROM selection.sync_plan AS o
        WHERE o.org_id = connect.current_org() AND o.plan_id = %(after)s::uuid))
ORDER BY p.created_at DESC, p.plan_id DESC LIMIT %(limit)s

-- plan_states --
-- How many plans there are of each state and stage (what a list shows: of those with a queue, how that ended), and how many
-- have lines that failed.
SELECT p.state, CASE
           WHEN p.state NOT IN ('approved', 'applied') OR q.queue_id IS NULL THEN p.state
           WHEN q.waiting + q.processing > 0 THEN 'applying' WHEN q.state = 'cancelled' THEN 'closed' ELSE 'applied'
       END AS stage, count(*) AS plans, count(*) FILTER (WHERE q.failed > 0) AS failed
FROM selection.plan_now AS p
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.queue_id = p.queue
WHERE p.org_id = connect.current_org() GROUP BY 1, 2

-- plan_kinds --
-- What a plan does, entity by entity.
SELECT i.connection_id, c.name AS connection, c.provider, i.entity_type,
       count(*) FILTER (WHERE i.action = 'create') AS creates, count(*) FILTER (WHERE i.action = 'update') AS updates,
       count(*) FILTER (WHERE i.action = 'delete') AS deletes
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s
GROUP BY i.connection_id, c.name, c.provider, i.entity_type

-- plan_proposers --
-- Who included or proposed a plan's records, how many, and why, in the first few of their words; who selected first, first.
-- Two tokens of one name are two agents.
SELECT b.decided_by AS name, b.agent, b.client, sum(i.records)::bigint AS records,
       coalesce((array_agg(DISTINCT b.why) FILTER (WHERE b.why IS NOT NULL))[1:%(reasons)s::integer], '{}') AS reasons
FROM (
    SELECT o.batch_id, count(*) AS records FROM selection.sync_plan_item AS o
    WHERE o.org_id = connect.current_org() AND o.plan_id = %(plan_id)s AND o.batch_id IS NOT NULL
    GROUP BY o.batch_id
) AS i
JOIN selection.selection_batch AS b ON b.org_id = connect.current_org() AND b.batch_id = i.batch_id
GROUP BY b.decided_by, b.agent, b.client, CASE WHEN b.agent THEN b.token_id END
ORDER BY min(b.batch_id)

-- left_out --
-- What agents proposed and no plan that waits holds: plans of people and machines leave it out.
SELECT k.connection, k.provider, k.connection_id, k.entity_type, count(*) AS records
FROM (
    SELECT c.name AS connection, c.provider, d.org_id, d.connection_id, d.entity_type, d.external_id, d.batch_id
    FROM selection.difference_now AS d
    JOIN selection.selection_batch AS b ON b.org_id = d.org_id AND b.batch_id = d.batch_id
    JOIN connect.integration_connector AS c
        ON c.org_id = d.org_id AND c.connection_id = d.connection_id AND c.disabled_at IS NULL
    WHERE d.org_id = connect.current_org() AND d.decision = 'include' AND d.draft AND b.agent
        AND (%(connections)s::bigint[] IS NULL OR EXISTS (
            SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
            WHERE o.connection_id = d.connection_id AND o.entity_type = d.entity_type))
    OFFSET 0
) AS k
WHERE NOT EXISTS (
    SELECT 1 FROM selection.planned_by_others('') AS i
    WHERE i.org_id = k.org_id AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id AND i.batch_id = k.batch_id)
GROUP BY k.connection, k.provider, k.connection_id, k.entity_type
ORDER BY k.connection, k.entity_type

-- plan_events --
-- What happened to a plan and its queue, oldest first. The audit log has no index by plan: its first lines after the plan
-- was made are read, which is when plans are worked on.
SELECT a.occurred_at AS at, a.event, a.actor, a.detail
FROM (
    SELECT * FROM observe.sync_activity AS l
    WHERE l.org_id = connect.current_org() AND l.occurred_at >= %(since)s
    ORDER BY l.occurred_at LIMIT %(lines)s
) AS a
WHERE a.event LIKE ANY (ARRAY['plan.%%', 'promote.%%', 'approval.%%'])
    AND (a.detail ->> 'plan' = %(plan_id)s OR a.detail ->> 'queue' = %(queue)s OR a.detail ->> 'replaces' = %(plan_id)s)
ORDER BY a.occurred_at, a.activity_id

-- items_in_order --
SELECT p.connection_id, p.entity_type, p.external_id FROM selection.sync_plan_item AS p
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s
ORDER BY p.connection_id, p.entity_type, length(p.external_id), p.external_id LIMIT %(limit)s OFFSET %(offset)s

-- items_found --
-- The items that a person looks for, numbered in the order in which they are read: entity by entity as `places` has them,
-- deletions first. Items are written once, so a number always means the same one.
SELECT f.* FROM (
    SELECT i.connection_id, i.entity_type, i.external_id, count(*) OVER () AS items,
           row_number() OVER (ORDER BY k.place, array_position('{delete,update,create}', i.action),
                              length(i.external_id), i.external_id) AS n
    FROM selection.sync_plan_item AS i
    JOIN unnest(%(connections)s::bigint[], %(types)s::text[], %(providers)s::text[], %(places)s::integer[])
        AS k (connection_id, entity_type, provider, place)
        ON k.connection_id = i.connection_id AND k.entity_type = i.entity_type
    WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s
        AND (%(action)s::text IS NULL OR i.action = %(action)s)
        AND (%(search)s::text IS NULL OR i.external_id = %(search)s OR EXISTS (
            SELECT 1 FROM capture.sync_record AS r
            WHERE r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
                AND r.external_id = i.external_id AND r.provider = k.provider
                AND (strpos(lower(r.name), lower(%(search)s)) > 0 OR starts_with(lower(r.code), lower(%(search)s))
                    OR starts_with(lower(r.email), lower(%(search)s)))))
) AS f
WHERE f.n > %(after)s ORDER BY f.n LIMIT %(limit)s

-- items_of_group --
-- A part of a plan's items of one entity and action, in the order in which they are read.
SELECT i.connection_id, i.entity_type, i.external_id
FROM selection.sync_plan_item AS i
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND i.connection_id = %(connection_id)s
    AND i.entity_type = %(entity_type)s AND i.action = %(action)s
ORDER BY length(i.external_id), i.external_id LIMIT %(limit)s OFFSET %(offset)s

-- plan_items --
-- What a plan does to these records, and the fields that change: the version in core when it was planned against the
-- planned one. With `longest`, texts are cut here and not on the way, at most `fields` of them are read, and lists and
-- objects are cut, too, where all changes of a record have more than `largest` characters.
SELECT c.name AS connection, i.connection_id, c.provider, i.entity_type, i.external_id, i.action, r.name, r.code, r.email,
       preview.version_of(i.content_hash, i.action = 'delete', i.followed) AS version, r.parent_id,
       CASE WHEN %(longest)s::integer IS NULL THEN f.changes ELSE (
           SELECT jsonb_object_agg(e.key, e.sides) FROM (
               SELECT o.key, (
                   SELECT jsonb_object_agg(s.key, CASE
                       WHEN length(s.value #>> '{}') <= %(longest)s
                           OR (w.small AND jsonb_typeof(s.value) IN ('object', 'array', 'string')) THEN s.value
                       ELSE to_jsonb(left(s.value #>> '{}', %(longest)s) || '…') END)
                   FROM jsonb_each(o.value) AS s) AS sides
               FROM jsonb_each(f.changes) AS o ORDER BY o.key LIMIT %(fields)s) AS e) END AS changes,
       (SELECT count(*) FROM jsonb_object_keys(f.changes)) AS changed,
       d.warnings
FROM unnest(%(connections)s::bigint[], %(types)s::text[], %(ids)s::text[])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND i.connection_id = k.connection_id
        AND i.entity_type = k.entity_type AND i.external_id = k.external_id
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
LEFT JOIN capture.sync_record AS r
    ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
        AND r.external_id = i.external_id AND r.provider = c.provider
LEFT JOIN preview.summary AS n
    ON n.org_id = i.org_id AND n.connection_id = i.connection_id AND n.entity_type = i.entity_type
LEFT JOIN preview.difference AS d
    ON d.org_id = i.org_id AND d.connection_id = i.connection_id AND d.entity_type = i.entity_type
        AND d.external_id = i.external_id AND d.content_hash = i.content_hash
CROSS JOIN LATERAL (
    SELECT CASE WHEN i.followed ? 'through' THEN preview.followed_changes(i.followed)
        WHEN i.followed IS NOT NULL THEN i.followed -> 'fields'
        WHEN i.action = 'update' THEN (
            SELECT preview.field_changes(b.sync_data - coalesce(n.noise, '{}'), a.sync_data - coalesce(n.noise, '{}'))
            FROM capture.sync_record_version AS b, capture.sync_record_version AS a
            WHERE b.org_id = i.org_id AND b.connection_id = i.connection_id AND b.entity_type = i.entity_type
                AND b.external_id = i.external_id AND b.content_hash = i.promoted_hash
                AND a.org_id = i.org_id AND a.connection_id = i.connection_id AND a.entity_type = i.entity_type
                AND a.external_id = i.external_id AND a.content_hash = i.content_hash) END AS changes OFFSET 0) AS f
CROSS JOIN LATERAL (
    SELECT %(longest)s::integer IS NOT NULL AND octet_length(f.changes::text) <= %(largest)s AS small OFFSET 0) AS w
ORDER BY k.n

-- included --
-- What is included and not in core, as the last comparison saw it, but for drafts that wait in somebody else's plan and for
-- what the sensor or an open queue is about to promote: what a new plan would hold, as `fill_plan` says. The plans that are
-- asked for are few among all there ever were: they are read once, and drafts are looked at last, or the planner takes any
-- way to the rest.
SELECT k.connection, k.provider, k.connection_id, k.entity_type,
       count(*) FILTER (WHERE k.status = 'new') AS creates, count(*) FILTER (WHERE k.status = 'updated') AS updates,
       count(*) FILTER (WHERE k.status = 'deleted') AS deletes,
       count(*) FILTER (WHERE %(planned)s::boolean AND EXISTS (
           SELECT 1 FROM selection.planned_by_others('') AS p
           WHERE p.org_id = k.org_id AND p.connection_id = k.connection_id AND p.entity_type = k.entity_type
               AND p.external_id = k.external_id AND p.batch_id = k.batch_id)) AS planned
FROM (
    SELECT u.org_id, u.connection_id, u.entity_type, u.external_id, max(u.connection) AS connection,
           max(u.provider) AS provider, max(u.status) AS status, bool_or(u.draft) AS draft, max(u.batch_id) AS batch_id
    FROM (
        SELECT c.name AS connection, c.provider, d.org_id, d.connection_id, d.entity_type, d.external_id, d.status, d.draft,
               d.batch_id, d.content_hash, d.status = 'deleted' AS gone
        FROM selection.difference_now AS d
        JOIN selection.selection_batch AS b ON b.org_id = d.org_id AND b.batch_id = d.batch_id
        JOIN connect.integration_connector AS c
            ON c.org_id = d.org_id AND c.connection_id = d.connection_id AND c.disabled_at IS NULL
        WHERE d.org_id = connect.current_org() AND d.decision = 'include'
            AND (%(connection_id)s::bigint IS NULL
                OR (d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s))
            -- A selection that waits is taken as a whole, as the draft that it was made as.
            AND selection.plan_may_hold(
                b, d.draft OR (b.draft AND b.plan_id IS NULL), %(proposals)s, %(actor)s, %(token_id)s)
            AND NOT (selection.waits_for_sensor(b, c) AND (NOT %(waiting)s::boolean OR b.batch_id = ANY (ARRAY(
                SELECT s.batch_id FROM promote.sync_queue AS q
                JOIN promote.sync_queue_line AS l
                    ON l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
                JOIN selection.sync_selective_config AS s
                    ON s.org_id = l.org_id AND s.connection_id = l.connection_id AND s.entity_type = l.entity_type
                        AND s.external_id = l.external_id
                WHERE q.org_id = connect.current_org() AND q.waiting + q.processing > 0 AND s.decision = 'include'
                    AND NOT s.draft))))
            AND (b.plan_id IS NULL OR b.plan_id <> ALL (ARRAY(SELECT p.plan_id FROM selection.promoting_plan AS p)))
        -- Lines of open queues have no status. They are grouped with the rest and not joined: lines that were just written, of
        -- which the planner knows nothing, would be compared pair by pair.
        UNION ALL
        SELECT NULL, NULL, l.org_id, l.connection_id, l.entity_type, l.external_id, NULL, NULL, NULL, l.content_hash,
               l.action = 'delete'
        FROM promote.sync_queue AS q
        JOIN promote.sync_queue_line AS l
            ON l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
        WHERE q.org_id = connect.current_org() AND q.waiting + q.processing > 0
    ) AS u
    GROUP BY u.org_id, u.connection_id, u.entity_type, u.external_id, u.content_hash, u.gone
    HAVING bool_and(u.status IS NOT NULL)
    OFFSET 0
) AS k
WHERE NOT (k.draft AND EXISTS (
    SELECT 1 FROM selection.planned_by_others(%(actor)s) AS i
    WHERE i.org_id = k.org_id AND i.connection_id = k.connection_id AND i.entity_type = k.entity_type
        AND i.external_id = k.external_id AND i.batch_id = k.batch_id))
GROUP BY k.connection, k.provider, k.connection_id, k.entity_type

-- plan_that_waits --
-- The newest plan without a queue that is not done and has records of an entity.
SELECT p.plan_id FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.state IN ('proposed', 'approved')
    AND NOT EXISTS (SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id)
    AND EXISTS (
        SELECT 1 FROM selection.sync_plan_item AS i
        WHERE i.org_id = p.org_id AND i.plan_id = p.plan_id
            AND (%(connections)s::bigint[] IS NULL OR EXISTS (
                SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
                WHERE o.connection_id = i.connection_id AND o.entity_type = i.entity_type)))
ORDER BY p.created_at DESC LIMIT 1

-- where_included --
-- Whether anything of these entities is included, what only agents proposed aside; whether a selection waits for the sensor;
-- and the newest open queue with records of them.
SELECT EXISTS (
    SELECT 1 FROM selection.sync_selective_config AS s
    JOIN selection.selection_batch AS b ON b.org_id = s.org_id AND b.batch_id = s.batch_id
    WHERE s.org_id = connect.current_org() AND s.decision = 'include' AND NOT (b.agent AND s.draft)
        AND (%(connections)s::bigint[] IS NULL OR EXISTS (
            SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
            WHERE o.connection_id = s.connection_id AND o.entity_type = s.entity_type))) AS included, EXISTS (
    SELECT 1 FROM selection.selection_batch AS b
    JOIN connect.integration_connector AS c
        ON c.org_id = b.org_id AND c.connection_id = b.connection_id AND c.disabled_at IS NULL
    WHERE b.org_id = connect.current_org() AND selection.waits_for_sensor(b, c)
        AND (%(connections)s::bigint[] IS NULL OR EXISTS (
            SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
            WHERE o.connection_id = b.connection_id AND o.entity_type = b.entity_type))) AS selected,
       o.queue_id, o.plan_id
FROM (SELECT 1) AS one
LEFT JOIN (
    SELECT q.queue_id, q.plan_id FROM promote.sync_queue AS q
    WHERE q.org_id = connect.current_org() AND q.waiting + q.processing > 0 AND EXISTS (
        SELECT 1 FROM promote.sync_queue_line AS l
        WHERE l.org_id = q.org_id AND l.queue_id = q.queue_id AND l.finished_at IS NULL
            AND (%(connections)s::bigint[] IS NULL OR EXISTS (
                SELECT 1 FROM unnest(%(connections)s::bigint[], %(types)s::text[]) AS o (connection_id, entity_type)
                WHERE o.connection_id = l.connection_id AND o.entity_type = l.entity_type)))
    ORDER BY q.created_at DESC LIMIT 1) AS o ON true

-- own_plans --
-- Those of these plans that an agent made with this token. Names do not tell: two tokens may have the same one.
SELECT plan_id FROM selection.sync_plan
WHERE org_id = connect.current_org() AND plan_id = ANY (%(plans)s::uuid[]) AND token_id = %(token_id)s AND agent
    AND origin = 'agent'
