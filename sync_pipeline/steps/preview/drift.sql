-- drifted_fields --
-- Fields that appeared or changed their type after the entity was first read, and fields that the last full read did
-- not see; until they are as they were, or a plan with records of the entity that was made since is applied. An empty
-- field has no type: to fill or empty one is no drift.
WITH runs AS (
    -- `mode IN` as the index of whole reads says it: deltas are not passed over.
    SELECT min(run_id) FILTER (WHERE mode = 'full') AS first_full,
           max(run_id) FILTER (WHERE mode = 'full' AND state = 'closed') AS last_full
    FROM capture.sync_ledger
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND mode IN ('full', 'preview')
), accepted AS (
    SELECT coalesce(max(shapes_accepted_at), '-infinity') AS at FROM preview.summary
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
), shape AS (
    SELECT s.field, s.json_type, s.first_run_id, s.last_run_id, s.first_seen_at, s.last_run_id < r.last_full AS gone
    FROM capture.sync_shape AS s CROSS JOIN runs AS r
    WHERE s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = %(entity_type)s
        AND s.field <> ALL (%(noise)s)
)
SELECT s.field, 'appeared' AS change, min(s.json_type) AS detail, min(s.first_seen_at) AS since
FROM shape AS s CROSS JOIN runs AS r CROSS JOIN accepted AS a
GROUP BY s.field, r.first_full, a.at
HAVING min(s.first_run_id) > r.first_full AND NOT coalesce(bool_and(s.gone), false) AND min(s.first_seen_at) > a.at
UNION ALL
SELECT n.field, 'changed type',
       string_agg(DISTINCT o.json_type, '/') || ' → ' || n.json_type, min(n.first_seen_at)
FROM runs CROSS JOIN accepted AS a CROSS JOIN shape AS n JOIN shape AS o
    ON o.field = n.field AND o.json_type <> n.json_type AND o.first_run_id < n.first_run_id
WHERE n.json_type <> ALL (%(empty)s) AND o.json_type <> ALL (%(empty)s) AND n.first_run_id > runs.first_full
    AND NOT coalesce(n.gone, false) AND n.first_seen_at > a.at
GROUP BY n.field, n.json_type
UNION ALL
SELECT v.field, 'vanished', v.detail, v.since
FROM accepted AS a CROSS JOIN (
    SELECT s.field, max(s.json_type) AS detail, min(s.first_run_id) <= r.first_full AS always, min(s.first_seen_at) AS seen,
           (
               -- The first whole read without it.
               SELECT min(l.started_at) FROM capture.sync_ledger AS l
               WHERE l.org_id = connect.current_org() AND l.connection_id = %(connection_id)s
                   AND l.entity_type = %(entity_type)s AND l.mode IN ('full', 'preview') AND l.state = 'closed'
                   AND l.run_id > max(s.last_run_id)) AS since
    FROM shape AS s CROSS JOIN runs AS r
    GROUP BY s.field, r.last_full, r.first_full
    HAVING max(s.last_run_id) < r.last_full AND r.last_full > r.first_full
) AS v
WHERE (v.always OR v.seen <= a.at) AND v.since > a.at  -- what came and went was never accepted
ORDER BY 1

-- broken_fields --
-- Fields the mapper needs that the store no longer writes, or writes as another type: text for an object, say. A number
-- for text, or an empty field, can be mapped, and so can an object for a list: PHP writes the one for the other. The
-- newest value of the field counts.
WITH runs AS (
    -- `mode IN` as the index of whole reads says it: deltas are not passed over.
    SELECT min(run_id) FILTER (WHERE mode = 'full') AS first_full,
           max(run_id) FILTER (WHERE mode = 'full' AND state = 'closed') AS last_full
    FROM capture.sync_ledger
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND mode IN ('full', 'preview')
), shape AS (
    SELECT field, CASE WHEN json_type IN ('object', 'array') THEN 'object or list' ELSE 'text' END AS form,
           min(first_run_id) AS first_run_id, max(last_run_id) AS last_run_id
    FROM capture.sync_shape
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND field = ANY (%(needs)s) AND json_type <> ALL (%(empty)s)
    GROUP BY field, form
), seen AS (
    SELECT field, max(last_run_id) AS last_run_id FROM capture.sync_shape
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND field = ANY (%(needs)s)
    GROUP BY field
)
SELECT field, 'is no longer there' AS change FROM seen CROSS JOIN runs
WHERE last_run_id < last_full AND last_full > first_full
UNION ALL
SELECT n.field, 'was ' || string_agg(DISTINCT o.form, ' or ') || ' and is ' || n.form
FROM runs CROSS JOIN shape AS n JOIN shape AS o
    ON o.field = n.field AND o.form <> n.form AND o.first_run_id < n.first_run_id
WHERE n.first_run_id > runs.first_full
    AND n.last_run_id = (SELECT max(m.last_run_id) FROM shape AS m WHERE m.field = n.field)
GROUP BY n.field, n.form
ORDER BY 1, 2
