-- database_time --
SELECT clock_timestamp();

-- rows_written --
-- Rows of each core table that queues have written since a moment: those that they made, and of those that they found, by
-- the image that undo keeps, which are deleted now, are others, or are as they were. When and by whom a row was written is
-- no part of what it is.
SELECT '{table}' AS core_table, (
           SELECT coalesce(sum(jsonb_array_length(i.content)), 0) FROM promote.core_change AS i
           WHERE i.org_id = connect.current_org() AND i.queue_id = ANY(%(queues)s::uuid []) AND i.operation = 'insert'
               AND i.table_name = '{table}' AND i.changed_at >= %(since)s::timestamptz) AS created,
       count(*) FILTER (WHERE NOT w.same AND NOT w.removed) AS updated,
       count(*) FILTER (WHERE w.removed) AS removed,
       count(*) FILTER (WHERE w.same) AS unchanged
FROM (
    SELECT DISTINCT ON (c.row_id) c.row_id, c.content ->> 'deleted_at' IS NULL AND t.deleted_at IS NOT NULL AS removed,
           (c.content ->> 'deleted_at' IS NULL) = (t.deleted_at IS NULL)
           AND c.content - %(noise)s::text [] = to_jsonb(t) - %(noise)s::text [] AS same
    FROM promote.core_change AS c JOIN {table} AS t ON t.org_id = connect.current_org() AND t.id = c.row_id
    WHERE c.org_id = connect.current_org() AND c.queue_id = ANY(%(queues)s::uuid []) AND c.operation <> 'insert'
        AND c.table_name = '{table}' AND c.changed_at >= %(since)s::timestamptz
    ORDER BY c.row_id, c.change_id) AS w
