-- changed_since --
-- Of these entities, those that follow one that changed since the previews that a plan was made of; and since when. An entity
-- without a preview was not seen.
SELECT k.connection_id, k.provider, k.entity_type, c.entity_type AS of_type,
       (p.followed #>> ARRAY[k.connection_id || '/' || k.entity_type, k.of_type])::timestamptz AS since
FROM selection.sync_plan AS p
CROSS JOIN unnest(%(connections)s::bigint [], %(providers)s::text [], %(types)s::text [], %(of_types)s::text [])
    AS k (connection_id, provider, entity_type, of_type)
JOIN capture.sync_cursor AS c
    ON c.org_id = connect.current_org() AND c.connection_id = k.connection_id AND c.entity_type = k.of_type
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid
    AND p.followed ? (k.connection_id || '/' || k.entity_type)
    AND c.changed_at IS DISTINCT FROM
        (p.followed #>> ARRAY[k.connection_id || '/' || k.entity_type, k.of_type])::timestamptz;

-- open_items --
-- Those of these records that the plan has still to promote.
SELECT c.name AS connection, i.entity_type, i.external_id
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid AND i.connection_id = %(connection_id)s
    AND i.entity_type = %(entity_type)s AND i.action <> 'delete' AND i.external_id = ANY(%(ids)s::text [])
    AND NOT EXISTS (
        SELECT 1 FROM promote.sync_queue AS q
        JOIN promote.sync_queue_line AS l ON l.org_id = q.org_id AND l.queue_id = q.queue_id
        WHERE q.org_id = i.org_id AND q.plan_id = i.plan_id AND l.connection_id = i.connection_id
            AND l.entity_type = i.entity_type AND l.external_id = i.external_id
            AND l.state IN ('done', 'failed', 'cancelled'))
ORDER BY length(i.external_id), i.external_id;
