-- Written once for all core tables: entities describe them, statements.py fills the placeholders in.

-- stage_rows --
CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS
SELECT false AS is_new, id, {columns} FROM {table} WITH NO DATA;

-- copy_rows --
COPY {stage} (is_new, id, {columns}) FROM STDIN;

-- clear_stage --
DELETE FROM {stage};

-- insert_rows --
INSERT INTO {table} (org_id, id, {columns}, queue_id)
SELECT (SELECT connect.current_org()), id, {columns}, %(queue)s::uuid FROM {stage} WHERE is_new;

-- update_rows --
-- Without a queue the row stays with the one that wrote it last.
UPDATE {table} AS t
SET {changes}, deleted_at = NULL, updated_at = now(), queue_id = coalesce(%(queue)s::uuid, t.queue_id)
FROM {stage} AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new;

-- delete_rows --
-- Marked, not removed: orders keep their history.
UPDATE {table} SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND deleted_at IS NULL;

-- customers_of_rows --
SELECT DISTINCT customer_id FROM {table}
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND customer_id IS NOT NULL;

-- holders --
-- Each value folded, and the row that has it: the oldest, a live one before a deleted one. Lookups are LATERAL with a
-- LIMIT: one index probe a record, whatever the planner thinks of a table that was empty a minute ago.
SELECT a.n, a.key, t.id
FROM (SELECT k.n, core.fold(k.value) AS key FROM unnest(%(values)s::text []) WITH ORDINALITY AS k (value, n)) AS a
LEFT JOIN LATERAL (
    SELECT c.id FROM {table} AS c
    WHERE c.org_id = connect.current_org() AND c.{match}_key = a.key COLLATE "C"
    ORDER BY c.deleted_at IS NOT NULL, c.id LIMIT 1) AS t ON true
WHERE a.key IS NOT NULL ORDER BY a.n;

-- release_skus --
-- These rows lose their SKU; its old value is kept beside it.
UPDATE {table} AS t
SET sku = NULL, metadata = t.metadata || jsonb_build_object('sku_set_aside', t.sku), updated_at = now(),
    queue_id = coalesce(%(queue)s::uuid, t.queue_id)
WHERE t.org_id = connect.current_org() AND t.id = ANY(%(rows)s::bigint []) AND t.sku IS NOT NULL;

-- retire_rows --
-- A row whose records all moved to another: not removed, because orders may name it.
UPDATE {table} AS t
SET {match} = NULL, active = false, deleted_at = coalesce(t.deleted_at, now()), updated_at = now(),
    metadata = t.metadata || jsonb_build_object('merged_into', %(target)s::bigint),
    queue_id = coalesce(%(queue)s::uuid, t.queue_id)
WHERE t.org_id = connect.current_org() AND t.id = %(origin)s AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.id AND NOT m.promoted_deleted);

-- move_parts --
-- Child rows that moved records wrote, and where a record was alone of its connection, those of the connection.
UPDATE {table} AS t SET {column} = k.target, queue_id = coalesce(%(queue)s::uuid, t.queue_id)
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(origins)s::bigint [],
            %(targets)s::bigint [], %(alone)s::boolean [])
    AS k (connection_id, entity_type, external_id, origin, target, alone)
WHERE t.org_id = connect.current_org() AND t.{column} = k.origin AND t.connection_id = k.connection_id
    AND (k.alone OR (t.entity_type, t.external_id) = (k.entity_type, k.external_id COLLATE "C"));

-- move_referring_rows --
-- Rows of a moved record's connection; where another record of it was on the row, those that name the moved one.
UPDATE {table} AS t SET {column} = k.target, queue_id = coalesce(%(queue)s::uuid, t.queue_id)
FROM unnest(%(connections)s::bigint [], %(ids)s::text [], %(origins)s::bigint [], %(targets)s::bigint [],
            %(alone)s::boolean []) AS k (connection_id, external_id, origin, target, alone),
    promote.integration_mapping AS m
WHERE t.org_id = connect.current_org() AND t.{column} = k.origin
    AND m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.id
    AND m.connection_id = k.connection_id
    AND (k.alone OR EXISTS (
        SELECT 1 FROM capture.sync_record AS r
        WHERE r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
            AND r.external_id = m.external_id AND r.provider = m.provider AND r.parent_id = k.external_id));

-- absorb_row --
UPDATE {table} AS t SET {column} = %(target)s, queue_id = coalesce(%(queue)s::uuid, t.queue_id)
WHERE t.org_id = connect.current_org() AND t.{column} = %(origin)s;

-- fill_link --
UPDATE {table} AS t SET {column} = l.target, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_links AS l
WHERE l.from_table = '{table}' AND l.relation = '{column}' AND t.org_id = connect.current_org() AND t.id = l.from_id;

-- stage_parts --
CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS
SELECT 0 AS n, {part}, {refs} FROM {table} WITH NO DATA;

-- copy_parts --
COPY {stage} ({part}) FROM STDIN;

-- write_parts --
INSERT INTO {table} (org_id, {part}, queue_id)
SELECT (SELECT connect.current_org()), {part}, %(queue)s::uuid FROM {stage}

-- in_order --
ORDER BY n

-- replace_parts --
-- Ends `write_parts` if some of the records wrote such rows before; {column} distinguishes a record's rows.
ON CONFLICT (org_id, connection_id, entity_type, external_id{column}) DO UPDATE
SET {replaced}, active = true, deleted_at = NULL, updated_at = now(), queue_id = excluded.queue_id

-- delete_parts --
UPDATE {table} AS t
SET deleted_at = now(), active = false, updated_at = now(), queue_id = %(queue)s::uuid
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    AS k (connection_id, entity_type, external_id)
WHERE t.org_id = connect.current_org() AND t.connection_id = k.connection_id AND t.entity_type = k.entity_type
    AND t.external_id = k.external_id AND t.deleted_at IS NULL
RETURNING t.*;
