-- stale --
-- The plan's records that are not what they were, and what moved; those whose line is closed are past that.
SELECT c.name AS connection, n.entity_type, n.external_id, coalesce(n.captured, n.selected, n.promoted) AS moved,
       count(*) OVER () AS stale
FROM selection.plan_item_now AS n
JOIN connect.integration_connector AS c ON c.org_id = n.org_id AND c.connection_id = n.connection_id
WHERE n.org_id = connect.current_org() AND n.plan_id = %(plan)s::uuid
    AND coalesce(n.captured, n.selected, n.promoted) IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM promote.sync_queue AS q
        JOIN promote.sync_queue_line AS l ON l.org_id = q.org_id AND l.queue_id = q.queue_id
        WHERE q.org_id = n.org_id AND q.plan_id = n.plan_id AND l.connection_id = n.connection_id
            AND l.entity_type = n.entity_type AND l.external_id = n.external_id
            AND l.state IN ('done', 'failed', 'cancelled'))
ORDER BY n.connection_id, n.entity_type, n.external_id LIMIT 1000;

-- plan_suspects --
-- Items of a plan that may have moved. Where an entity was compared since its last write, its differences say what was
-- captured and what is in core: an item whose difference is still the planned one has not moved. That reads no record.
SELECT i.connection_id, i.entity_type, i.external_id
FROM selection.sync_plan_item AS i
LEFT JOIN (
    SELECT s.connection_id, s.entity_type FROM preview.summary AS s
    LEFT JOIN capture.sync_cursor AS u
        ON u.org_id = s.org_id AND u.connection_id = s.connection_id AND u.entity_type = s.entity_type
    WHERE s.org_id = connect.current_org() AND s.changed_at IS NOT DISTINCT FROM u.changed_at
) AS k ON k.connection_id = i.connection_id AND k.entity_type = i.entity_type
LEFT JOIN preview.difference AS d
    ON d.org_id = i.org_id AND d.connection_id = i.connection_id AND d.entity_type = i.entity_type
        AND d.external_id = i.external_id
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = i.org_id AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type
        AND s.external_id = i.external_id AND s.content_hash = i.content_hash
        AND s.seen_deleted = (i.action = 'delete')
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid AND (
    k.connection_id IS NULL OR d.external_id IS NULL OR d.content_hash <> i.content_hash
    OR d.promoted_hash IS DISTINCT FROM i.promoted_hash
    OR d.status <> CASE i.action WHEN 'create' THEN 'new' WHEN 'delete' THEN 'deleted' ELSE 'updated' END
    OR s.decision = 'ignore' OR (i.batch_id IS NOT NULL AND s.external_id IS NULL))
LIMIT %(at_most)s;

-- stale_among --
-- The same as “stale”, of these items alone.
SELECT c.name AS connection, k.entity_type, k.external_id, n.moved, count(*) OVER () AS stale
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text []) AS k (connection_id, entity_type, external_id)
CROSS JOIN LATERAL (
    SELECT coalesce(v.captured, v.selected, v.promoted) AS moved FROM selection.plan_item_now AS v
    WHERE v.org_id = connect.current_org() AND v.plan_id = %(plan)s::uuid AND v.connection_id = k.connection_id
        AND v.entity_type = k.entity_type AND v.external_id = k.external_id OFFSET 0) AS n
JOIN connect.integration_connector AS c ON c.org_id = connect.current_org() AND c.connection_id = k.connection_id
WHERE n.moved IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM promote.sync_queue AS q
    JOIN promote.sync_queue_line AS l ON l.org_id = q.org_id AND l.queue_id = q.queue_id
    WHERE q.org_id = connect.current_org() AND q.plan_id = %(plan)s::uuid AND l.connection_id = k.connection_id
        AND l.entity_type = k.entity_type AND l.external_id = k.external_id
        AND l.state IN ('done', 'failed', 'cancelled'))
ORDER BY k.connection_id, k.entity_type, k.external_id LIMIT 1000;

-- weigh --
-- A plan of most captured records is compared by reading all of them, a smaller one record by record. Fresh plans
-- have no statistics, so this statement allows nested loops for small plans only; and no merges, which without statistics
-- may pair each record of an entity with each of its items.
WITH items AS (
    SELECT count(*) AS n FROM selection.sync_plan_item
    WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid)
SELECT set_config('enable_nestloop', (i.n < 1000 OR 4 * i.n <= (
    SELECT count(*) FROM (
        SELECT 1 FROM capture.sync_record AS r
        WHERE r.org_id = connect.current_org() LIMIT 4 * (SELECT n FROM items)) AS captured))::text, true),
    set_config('enable_mergejoin', 'off', true)
FROM items AS i;

-- weighed --
SELECT set_config('enable_nestloop', 'on', true), set_config('enable_mergejoin', 'on', true);

-- item_count --
SELECT count(*) FROM selection.sync_plan_item WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid;

-- plan_types --
-- The entities of a plan, found one after the other along its index: it may have a million items.
WITH RECURSIVE entity AS (
    (SELECT i.connection_id, i.entity_type FROM selection.sync_plan_item AS i
     WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid
     ORDER BY i.connection_id, i.entity_type LIMIT 1)
    UNION ALL
    SELECT n.connection_id, n.entity_type FROM entity AS e
    CROSS JOIN LATERAL (
        SELECT i.connection_id, i.entity_type FROM selection.sync_plan_item AS i
        WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid
            AND (i.connection_id, i.entity_type) > (e.connection_id, e.entity_type)
        ORDER BY i.connection_id, i.entity_type LIMIT 1) AS n
)
SELECT e.connection_id, e.entity_type, c.provider
FROM entity AS e
JOIN connect.integration_connector AS c ON c.org_id = connect.current_org() AND c.connection_id = e.connection_id;
