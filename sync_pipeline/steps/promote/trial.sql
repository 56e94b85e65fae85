-- be_patient --
SELECT set_config('lock_timeout', %(patience)s, true);

-- trial_ids --
-- Rows that a trial inserts have ids of this sequence, which goes with it: core's sequences stay as they are, and no id
-- that only a trial had is taken for one of a row. They are above all others, as new ids are.
CREATE TEMP SEQUENCE trial_ids MINVALUE 4611686018427387904;

-- rows_now --
SELECT w.table_name, w.row_id AS id, w.before, to_jsonb(t) AS after
FROM stage_undo AS w LEFT JOIN {table} AS t ON t.org_id = connect.current_org() AND t.id = w.row_id
WHERE w.table_name = '{table}'

-- rows_that_differ --
-- Of the rows that were written and what undo would return them to: what is in core, and what it should be, of rows that are not the same. When and by whom a row was written is no part
-- of what it is. A link that waits has a new id each time; a pair has none.
WITH written AS (
    {rows}
    UNION ALL
    SELECT w.table_name, (w.key ->> 0)::bigint, w.before, to_jsonb(p)
    FROM stage_undo AS w
    LEFT JOIN core.product_categories AS p
        ON p.org_id = connect.current_org() AND p.product_id = (w.key ->> 0)::bigint
            AND p.category_id = (w.key ->> 1)::bigint
    WHERE w.table_name = 'core.product_categories'
    UNION ALL
    SELECT w.table_name, m.internal_id, w.before - '{last_promoted_at,mapper,entity_hash}'::text [],
           to_jsonb(m) - '{last_promoted_at,mapper,entity_hash}'::text []
    FROM stage_undo AS w
    LEFT JOIN promote.integration_mapping AS m
        ON m.org_id = connect.current_org() AND m.connection_id = (w.key ->> 0)::bigint
            AND m.entity_type = w.key ->> 1 AND m.external_id = (w.key ->> 2) COLLATE "C"
    WHERE w.table_name = 'promote.integration_mapping'
    UNION ALL
    SELECT coalesce(b.table_name, a.table_name), (coalesce(b.link, a.link) ->> 'from_id')::bigint, b.link, a.link
    FROM (
        SELECT DISTINCT w.table_name, w.before - '{id,created_at,queue_id}'::text [] AS link FROM stage_undo AS w
        WHERE w.table_name = 'promote.pending_link' AND w.before IS NOT NULL) AS b
    FULL JOIN (
        SELECT DISTINCT w.table_name, to_jsonb(p) - '{id,created_at,queue_id}'::text [] AS link
        FROM stage_undo AS w JOIN promote.pending_link AS p ON p.org_id = connect.current_org() AND p.id = w.row_id
        WHERE w.table_name = 'promote.pending_link') AS a USING (link)
), plain AS (
    SELECT table_name, id,
           (before - %(noise)s::text []) || jsonb_build_object('deleted', before ->> 'deleted_at' IS NOT NULL) AS before,
           (after - %(noise)s::text []) || jsonb_build_object('deleted', after ->> 'deleted_at' IS NOT NULL) AS after
    FROM written)
SELECT table_name, id, before, after FROM plain WHERE before IS DISTINCT FROM after;
