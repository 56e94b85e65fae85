-- list_again --
-- The rows that the queue wrote are known; now those that the undo itself writes are listed in the same way.
DROP TABLE stage_undo;

-- undo_counts --
-- The rows of each table that an undo changes, removes or brings back.
SELECT u.table_name, count(*) FILTER (WHERE u.before IS NOT NULL AND u.after IS NOT NULL) AS changed,
       count(*) FILTER (WHERE u.after IS NULL) AS removed, count(*) FILTER (WHERE u.before IS NULL) AS added
FROM undo_change AS u GROUP BY u.table_name ORDER BY u.table_name;

-- undo_records --
-- What becomes of the plan's records; a record whose mapping was not touched was not promoted by it.
CREATE TEMP TABLE undo_record ON COMMIT DROP AS
SELECT i.connection_id, i.entity_type, i.external_id, w.before ->> 'core_table' AS core_table,
       (w.before ->> 'internal_id')::bigint AS row_id,
       CASE WHEN m.external_id IS NULL THEN 'leaves'
            WHEN (w.before ->> 'promoted_deleted')::boolean AND NOT m.promoted_deleted THEN 'returns'
            ELSE 'goes back' END AS outcome,
       m.external_id IS NULL AND NOT EXISTS (
           SELECT 1 FROM undo_change AS u
           WHERE u.table_name = w.before ->> 'core_table' AND u.id = (w.before ->> 'internal_id')::bigint
               AND u.after IS NULL) AS row_stays
FROM stage_undo AS w
JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid AND i.connection_id = (w.key ->> 0)::bigint
        AND i.entity_type = w.key ->> 1 AND i.external_id = (w.key ->> 2) COLLATE "C"
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
        AND m.external_id = i.external_id
WHERE w.table_name = 'promote.integration_mapping';

-- undo_outcomes --
SELECT r.outcome, count(*) AS records, count(*) FILTER (WHERE r.row_stays) AS parts FROM undo_record AS r GROUP BY r.outcome;

-- undo_lines --
-- The first records with their core rows, as they are and as they will be.
SELECT c.name AS connection, c.provider, r.connection_id, r.entity_type, r.external_id, r.outcome, r.core_table, r.row_stays,
       left(coalesce(s.name, s.email), 300) AS name, left(s.code, 200) AS code, u.before, u.after
FROM (
    SELECT * FROM undo_record AS o
    ORDER BY o.connection_id, o.entity_type, o.outcome DESC, length(o.external_id), o.external_id LIMIT %(limit)s
) AS r
JOIN connect.integration_connector AS c ON c.org_id = connect.current_org() AND c.connection_id = r.connection_id
LEFT JOIN capture.sync_record AS s
    ON s.org_id = c.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
        AND s.external_id = r.external_id AND s.provider = c.provider
LEFT JOIN undo_change AS u ON u.table_name = r.core_table AND u.id = r.row_id
ORDER BY c.name, r.entity_type, r.outcome DESC, length(r.external_id), r.external_id;
