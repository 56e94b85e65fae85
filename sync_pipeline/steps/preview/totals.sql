-- entity_totals --
-- How many records of every entity differ, from the tally, and how many do not: those that the last comparison found,
-- less those that differ now. Nothing is counted: every page shows it.
SELECT coalesce(t.connection_id, s.connection_id) AS connection_id,
       coalesce(t.entity_type, s.entity_type) AS entity_type, coalesce(t.new, 0) AS new,
       coalesce(t.updated, 0) AS updated, coalesce(t.deleted, 0) AS deleted,
       greatest(0, coalesce(s.in_sync + s.new + s.updated, 0) - coalesce(t.new, 0) - coalesce(t.updated, 0)) AS in_sync
FROM (
    SELECT connection_id, entity_type, sum(records) FILTER (WHERE status = 'new')::bigint AS new,
           sum(records) FILTER (WHERE status = 'updated')::bigint AS updated,
           sum(records) FILTER (WHERE status = 'deleted')::bigint AS deleted
    FROM preview.tally WHERE org_id = connect.current_org() GROUP BY connection_id, entity_type
) AS t
FULL JOIN (SELECT * FROM preview.summary WHERE org_id = connect.current_org()) AS s
    ON s.connection_id = t.connection_id AND s.entity_type = t.entity_type
