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

-- correct_rows --
-- The same for rows that are not so yet.
UPDATE {table} AS t
SET {changes}, deleted_at = NULL, updated_at = now(), queue_id = coalesce(%(queue)s::uuid, t.queue_id)
FROM {stage} AS s WHERE t.org_id = connect.current_org() AND t.id = s.id AND NOT s.is_new
    AND (t.deleted_at IS NOT NULL OR EXISTS (
        SELECT {columns} FROM (SELECT t.*) AS one EXCEPT SELECT {columns} FROM (SELECT s.*) AS other));

-- delete_rows --
-- Marked, not removed: orders keep their history. Without a queue the row stays with the one that wrote it last.
UPDATE {table} AS t
SET deleted_at = now(), active = false, updated_at = now(), queue_id = coalesce(%(queue)s::uuid, t.queue_id)
WHERE t.org_id = connect.current_org() AND t.id = ANY(%(rows)s::bigint []) AND t.deleted_at IS NULL;

-- customers_of_rows --
SELECT DISTINCT customer_id FROM {table}
WHERE org_id = connect.current_org() AND id = ANY(%(rows)s::bigint []) AND customer_id IS NOT NULL;

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

-- fill_link --
UPDATE {table} AS t SET {column} = l.target, updated_at = now(), queue_id = %(queue)s::uuid
FROM stage_links AS l
WHERE l.from_table = '{table}' AND l.relation = '{column}' AND t.org_id = connect.current_org() AND t.id = l.from_id
    AND NOT EXISTS (  -- it keeps its own values
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.id AND m.core_wins
            AND NOT m.promoted_deleted);

-- cut_circles --
-- A tree has no circle: of the rows whose parents lead back to them, the one whose record has the highest id is left
-- without its parent and waits for it, so that the link comes back when the circle is gone. Waiting links count here as
-- if they were filled. Only circles that go through the rows of this batch or a row that waits can be new.
WITH RECURSIVE waiting AS (
    SELECT p.id AS link, p.from_id, m.internal_id AS target
    FROM promote.pending_link AS p
    JOIN promote.integration_mapping AS m
        ON m.org_id = p.org_id AND m.connection_id = p.connection_id AND m.entity_type = p.entity_type
            AND m.external_id = p.external_id AND m.core_table = '{table}'
    WHERE p.org_id = connect.current_org() AND p.from_table = '{table}' AND p.relation = '{column}'
), started AS (
    SELECT internal_id AS id FROM stage_mapping
    UNION SELECT from_id FROM waiting
    UNION SELECT from_id FROM stage_links WHERE from_table = '{table}' AND relation = '{column}'
), walk (start, at) AS (
    SELECT s.id, coalesce(t.{column}, w.target)
    FROM started AS s JOIN {table} AS t ON t.org_id = connect.current_org() AND t.id = s.id
    LEFT JOIN waiting AS w ON w.from_id = t.id
    UNION
    SELECT k.start, coalesce(t.{column}, w.target)
    FROM walk AS k JOIN {table} AS t ON t.org_id = connect.current_org() AND t.id = k.at
    LEFT JOIN waiting AS w ON w.from_id = t.id
    WHERE k.at <> k.start
), circles AS (
    SELECT k.start, array_agg(k.at ORDER BY k.at) AS rows FROM walk AS k WHERE k.at IS NOT NULL
    GROUP BY k.start HAVING bool_or(k.at = k.start)
), cut AS (
    SELECT DISTINCT last.internal_id AS id, c.rows FROM circles AS c
    CROSS JOIN LATERAL (
        SELECT m.internal_id FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND m.internal_id = ANY(c.rows)
        ORDER BY length(m.external_id) DESC, m.external_id DESC, m.connection_id DESC LIMIT 1) AS last
), opened AS (
    SELECT w.link, w.from_id, w.target FROM waiting AS w WHERE w.from_id NOT IN (SELECT id FROM cut)
), parents AS (
    SELECT o.from_id AS id, o.target AS parent FROM opened AS o
    UNION ALL SELECT c.id, NULL FROM cut AS c
), written AS (
    UPDATE {table} AS t SET {column} = p.parent, updated_at = now(), queue_id = %(queue)s::uuid
    FROM parents AS p
    WHERE t.org_id = connect.current_org() AND t.id = p.id AND t.{column} IS DISTINCT FROM p.parent
), settled AS (
    DELETE FROM promote.pending_link AS p USING opened AS o WHERE p.org_id = connect.current_org() AND p.id = o.link
), kept AS (
    INSERT INTO promote.pending_link
        (org_id, id, from_table, from_id, relation, connection_id, entity_type, external_id, queue_id)
    SELECT connect.current_org(),
           nextval((SELECT coalesce(to_regclass('pg_temp.trial_ids'),
                                    pg_get_serial_sequence('promote.pending_link', 'id')::regclass))),
           '{table}', c.id, '{column}', m.connection_id, m.entity_type, m.external_id,
           %(queue)s::uuid
    FROM (SELECT DISTINCT id FROM cut) AS c
    JOIN {table} AS t ON t.org_id = connect.current_org() AND t.id = c.id AND t.{column} IS NOT NULL
    JOIN promote.integration_mapping AS m
        ON m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.{column} AND NOT m.promoted_deleted
    WHERE NOT EXISTS (SELECT 1 FROM waiting AS w WHERE w.from_id = c.id)
)
SELECT DISTINCT unnest(rows) AS id FROM cut;

-- stage_parts --
CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS
SELECT 0 AS n, {part}, {refs} FROM {table} WITH NO DATA;

-- copy_parts --
COPY {stage} ({part}) FROM STDIN;

-- write_parts --
-- A transaction that is rolled back has a sequence of its own (see trial.sql), so that it uses up none of core's.
INSERT INTO {table} (org_id, id, {part}, queue_id)
SELECT (SELECT connect.current_org()),
       nextval((SELECT coalesce(to_regclass('pg_temp.trial_ids'), pg_get_serial_sequence('{table}', 'id')::regclass))),
       {part}, %(queue)s::uuid
FROM {stage}

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
