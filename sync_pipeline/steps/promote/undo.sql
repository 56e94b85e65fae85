-- undoable_queue --
SELECT q.queue_id, q.undo_ended_at, p.state FROM selection.sync_plan AS p
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.plan_id = p.plan_id
WHERE p.org_id = connect.current_org() AND p.plan_id = %(plan)s::uuid FOR UPDATE OF p;

-- close_lines --
UPDATE promote.sync_queue_line
SET state = 'cancelled', worker = NULL, lease_until = NULL, finished_at = now(), reason = 'The plan was undone.'
WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid AND finished_at IS NULL;

-- stage_undo --
-- What the queue did to each row, first touch only: insert (the row was not there), or the image to return to. An
-- image handed over by an earlier undo has a change_id below all others. `meanwhile`: a queue that wrote the row between
-- two writes of this one, which were at work at the same time.
CREATE TEMP TABLE stage_undo ON COMMIT DROP AS
WITH touched AS (
    SELECT c.table_name, c.change_id, 'insert' AS operation,
           CASE WHEN jsonb_typeof(k.key) = 'number' THEN k.key::bigint END AS row_id, k.key, NULL::jsonb AS before,
           NULL::uuid AS writer
    FROM promote.core_change AS c CROSS JOIN LATERAL jsonb_array_elements(c.content) AS k (key)
    WHERE c.org_id = connect.current_org() AND c.queue_id = %(queue)s::uuid AND c.operation = 'insert'
    UNION ALL
    SELECT c.table_name, c.change_id, c.operation, c.row_id,
           CASE c.table_name
               WHEN 'promote.integration_mapping' THEN jsonb_build_array(
                   c.content -> 'connection_id', c.content -> 'entity_type', c.content -> 'external_id')
               WHEN 'core.product_categories' THEN jsonb_build_array(
                   c.content -> 'product_id', c.content -> 'category_id')
               ELSE to_jsonb(c.row_id) END,
           c.content, q.queue_id
    FROM promote.core_change AS c
    LEFT JOIN promote.sync_queue AS q
        ON q.org_id = c.org_id AND q.queue_id = (c.content ->> 'queue_id')::uuid AND q.undone_at IS NULL
            AND q.queue_id <> c.queue_id
    WHERE c.org_id = connect.current_org() AND c.queue_id = %(queue)s::uuid AND c.operation <> 'insert')
SELECT DISTINCT ON (table_name, key) table_name, row_id, key, operation, before, false AS shared, change_id,
       max(writer::text) OVER (PARTITION BY table_name, key ORDER BY change_id
                               ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)::uuid AS meanwhile
FROM touched ORDER BY table_name, key, change_id;

-- index_undo --
CREATE INDEX ON stage_undo (table_name, row_id);

-- analyze_undo --
ANALYZE stage_undo;

-- written_since --
-- Rows still mapped by a record that this queue did not touch are `shared`: they need not go back, they are merged
-- again from the records that stay.
CREATE TEMP TABLE stage_later ON COMMIT DROP AS
SELECT w.table_name, w.row_id, w.key, w.later,
       w.table_name = ANY(%(merged)s::text []) AND EXISTS (
           SELECT 1 FROM promote.integration_mapping AS m
           WHERE m.org_id = connect.current_org() AND m.core_table = w.table_name AND m.internal_id = w.row_id
               AND NOT m.promoted_deleted AND NOT EXISTS (
                   SELECT 1 FROM stage_undo AS s
                   WHERE s.table_name = 'promote.integration_mapping' AND s.key = jsonb_build_array(
                       m.connection_id, m.entity_type, m.external_id))) AS shared
FROM (
    SELECT table_name, row_id, key, later FROM promote.written_since(%(queue)s::uuid)
    UNION ALL SELECT table_name, row_id, key, meanwhile FROM stage_undo WHERE meanwhile IS NOT NULL) AS w;

-- later_parts --
-- Parts of a connection's records that lead to a row through a record that the queue mapped to it: as with a row that the
-- queue made, those who wrote them come first. What was written before the queue began led there before.
INSERT INTO stage_later (table_name, row_id, key, later, shared)
SELECT s.table_name, s.row_id, s.key, t.queue_id, false
FROM stage_undo AS s
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = (s.key ->> 0)::bigint AND m.entity_type = s.key ->> 1
        AND m.external_id = (s.key ->> 2) COLLATE "C" AND m.core_table = %(target)s
JOIN {table} AS t ON t.org_id = m.org_id AND t.{column} = m.internal_id AND t.connection_id = m.connection_id
JOIN promote.sync_queue AS own ON own.org_id = m.org_id AND own.queue_id = %(queue)s::uuid
JOIN promote.sync_queue AS q
    ON q.org_id = m.org_id AND q.queue_id = t.queue_id AND q.queue_id <> own.queue_id
        AND coalesce(q.finished_at, now()) >= own.started_at
WHERE s.table_name = 'promote.integration_mapping'
    AND (s.operation = 'insert' OR (s.before ->> 'internal_id')::bigint <> m.internal_id);

-- later_rows --
-- The same for records that refer to it.
INSERT INTO stage_later (table_name, row_id, key, later, shared)
SELECT s.table_name, s.row_id, s.key, t.queue_id, false
FROM stage_undo AS s
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = (s.key ->> 0)::bigint AND m.entity_type = s.key ->> 1
        AND m.external_id = (s.key ->> 2) COLLATE "C" AND m.core_table = %(target)s
JOIN {table} AS t ON t.org_id = m.org_id AND t.{column} = m.internal_id
JOIN promote.integration_mapping AS r
    ON r.org_id = m.org_id AND r.core_table = '{table}' AND r.internal_id = t.id AND r.connection_id = m.connection_id
JOIN promote.sync_queue AS own ON own.org_id = m.org_id AND own.queue_id = %(queue)s::uuid
JOIN promote.sync_queue AS q
    ON q.org_id = m.org_id AND q.queue_id = t.queue_id AND q.queue_id <> own.queue_id
        AND coalesce(q.finished_at, now()) >= own.started_at
WHERE s.table_name = 'promote.integration_mapping'
    AND (s.operation = 'insert' OR (s.before ->> 'internal_id')::bigint <> m.internal_id);

-- blocking --
SELECT q.plan_id, count(DISTINCT (l.table_name, l.key)) AS rows, max(q.created_at) AS made
FROM stage_later AS l
LEFT JOIN promote.sync_queue AS q ON q.org_id = connect.current_org() AND q.queue_id = l.later
WHERE NOT l.shared
GROUP BY q.plan_id ORDER BY made DESC;

-- mark_shared --
UPDATE stage_undo AS s SET shared = true FROM stage_later AS l
WHERE l.shared AND s.table_name = l.table_name AND s.row_id = l.row_id;

-- keep_used --
-- A row that the queue made and that the record of another is on now, since an undo moved it there, stays for that one.
UPDATE stage_undo AS s SET shared = true
WHERE s.operation = 'insert' AND NOT s.shared AND s.table_name = ANY(%(merged)s::text []) AND EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = connect.current_org() AND m.core_table = s.table_name AND m.internal_id = s.row_id
        AND NOT m.promoted_deleted AND NOT EXISTS (
            SELECT 1 FROM stage_undo AS t
            WHERE t.table_name = 'promote.integration_mapping' AND t.key = jsonb_build_array(
                m.connection_id, m.entity_type, m.external_id)));

-- stage_left --
-- The rows that its records are on and that it did not write: an undo has moved them there since.
CREATE TEMP TABLE stage_left ON COMMIT DROP AS
SELECT DISTINCT m.core_table AS table_name, m.internal_id AS row_id
FROM stage_undo AS s
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = (s.key ->> 0)::bigint AND m.entity_type = s.key ->> 1
        AND m.external_id = (s.key ->> 2) COLLATE "C"
WHERE s.table_name = 'promote.integration_mapping' AND m.core_table = ANY(%(merged)s::text []) AND NOT EXISTS (
    SELECT 1 FROM stage_undo AS t WHERE t.table_name = m.core_table AND t.row_id = m.internal_id);

-- rows_of_others --
-- Rows that records of other promotions are on: if an undo moved one there or away since, they are not what the image says.
SELECT DISTINCT m.core_table, m.internal_id
FROM (
    SELECT s.table_name, s.row_id FROM stage_undo AS s
    WHERE s.operation <> 'insert' AND NOT s.shared AND s.table_name = ANY(%(merged)s::text [])
    UNION SELECT l.table_name, l.row_id FROM stage_left AS l) AS w
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.core_table = w.table_name AND m.internal_id = w.row_id
        AND NOT m.promoted_deleted
WHERE NOT EXISTS (
    SELECT 1 FROM stage_undo AS t
    WHERE t.table_name = 'promote.integration_mapping' AND t.key = jsonb_build_array(
        m.connection_id, m.entity_type, m.external_id));

-- abandoned_rows --
-- Rows that no record is on any more; those that people made stay.
SELECT l.table_name AS core_table, l.row_id AS internal_id FROM stage_left AS l
WHERE NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = connect.current_org() AND m.core_table = l.table_name AND m.internal_id = l.row_id)
    AND EXISTS (
        SELECT 1 FROM promote.core_change AS c
        WHERE c.org_id = connect.current_org() AND c.table_name = l.table_name AND c.operation = 'insert'
            AND c.content @> to_jsonb(l.row_id));

-- hand_over --
-- The next queue that wrote a shared row goes back, when it is undone, to what was before this one; one that had written
-- it before this one, too, goes back to what was before itself.
INSERT INTO promote.core_change (org_id, queue_id, change_id, table_name, operation, row_id, content, changed_at)
OVERRIDING SYSTEM VALUE
SELECT c.org_id, c.queue_id, -nextval(pg_get_serial_sequence('promote.core_change', 'change_id')), c.table_name,
       s.operation, CASE WHEN s.operation <> 'insert' THEN s.row_id END,
       coalesce(s.before, jsonb_build_array(s.row_id)), c.changed_at
FROM stage_undo AS s
JOIN promote.core_change AS c
    ON c.org_id = connect.current_org() AND c.table_name = s.table_name AND c.row_id = s.row_id
        AND c.content ->> 'queue_id' = %(queue)s
WHERE s.shared AND c.queue_id <> %(queue)s::uuid AND NOT EXISTS (
    SELECT 1 FROM promote.core_change AS e
    WHERE e.org_id = c.org_id AND e.queue_id = c.queue_id AND e.change_id < s.change_id AND e.table_name = s.table_name
        AND CASE e.operation WHEN 'insert' THEN e.content @> to_jsonb(s.row_id) ELSE e.row_id = s.row_id END);

-- undone_claims --
-- What the records of the work list claim now, and their rows.
SELECT m.core_table, m.claim, m.internal_id
FROM stage_undo AS s
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = (s.key ->> 0)::bigint AND m.entity_type = s.key ->> 1
        AND m.external_id = (s.key ->> 2) COLLATE "C"
WHERE s.table_name = 'promote.integration_mapping' AND NOT m.promoted_deleted;

-- undone_keys --
-- The records of the work list.
SELECT (s.key ->> 0)::bigint AS connection_id, s.key ->> 1 AS entity_type, s.key ->> 2 AS external_id
FROM stage_undo AS s WHERE s.table_name = 'promote.integration_mapping';

-- undone_former_emails --
-- The addresses that customers among them had before.
SELECT DISTINCT f.email
FROM stage_undo AS s
JOIN capture.former_email AS f
    ON f.org_id = connect.current_org() AND f.connection_id = (s.key ->> 0)::bigint AND f.entity_type = s.key ->> 1
        AND f.external_id = (s.key ->> 2) COLLATE "C"
WHERE s.table_name = 'promote.integration_mapping';

-- undone_orders --
-- The orders of the work list, and those of its items, as they are and as they will be.
SELECT s.row_id FROM stage_undo AS s WHERE s.table_name = 'core.sales_orders'
UNION
SELECT (s.before ->> 'order_id')::bigint FROM stage_undo AS s
WHERE s.table_name = 'core.sales_order_items' AND s.before ->> 'order_id' IS NOT NULL
UNION
SELECT i.order_id FROM stage_undo AS s
JOIN core.sales_order_items AS i ON i.org_id = connect.current_org() AND i.id = s.row_id
WHERE s.table_name = 'core.sales_order_items' AND i.order_id IS NOT NULL;

-- undone_customers --
-- Their figures are those of the day when they were written.
SELECT c.id FROM stage_undo AS s
JOIN core.customers AS c ON c.org_id = connect.current_org() AND c.id = s.row_id AND c.deleted_at IS NULL
WHERE s.table_name = 'core.customers';

-- undone_waiting --
-- Orders among them that wait for a customer again.
SELECT m.connection_id, m.entity_type, m.external_id
FROM stage_undo AS s
JOIN promote.integration_mapping AS m
    ON m.org_id = connect.current_org() AND m.connection_id = (s.key ->> 0)::bigint AND m.entity_type = s.key ->> 1
        AND m.external_id = (s.key ->> 2) COLLATE "C"
JOIN promote.pending_link AS p
    ON p.org_id = m.org_id AND p.from_table = m.core_table AND p.from_id = m.internal_id
WHERE s.table_name = 'promote.integration_mapping' AND m.core_table = 'core.sales_orders' AND m.claim IS NULL
    AND NOT m.promoted_deleted AND p.relation = 'customer_id';

-- take_back --
SELECT promote.take_back(%(tables)s::text []);

-- undone_shared_rows --
SELECT table_name, row_id FROM stage_undo WHERE shared;

-- show_again --
-- The preview is computed again from the records captured now.
INSERT INTO preview.difference
    (org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT r.org_id, r.connection_id, r.entity_type, r.external_id,
       CASE WHEN m.external_id IS NULL THEN 'new' WHEN r.deletion_state = 'deleted' THEN 'deleted' ELSE 'updated' END,
       r.content_hash, m.promoted_hash
FROM selection.sync_plan_item AS i
JOIN capture.sync_record AS r
    ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
        AND r.external_id = i.external_id
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
        AND m.external_id = i.external_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid
    AND preview.differs(r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted)
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET status = excluded.status, content_hash = excluded.content_hash, promoted_hash = excluded.promoted_hash,
    computed_at = now(), followed = NULL;

-- show_no_longer --
-- What core has again is what is captured, or nobody promoted what is deleted. What differs by what it follows is looked
-- at apart.
DELETE FROM preview.difference AS d
USING selection.sync_plan_item AS i
LEFT JOIN capture.sync_record AS r
    ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
        AND r.external_id = i.external_id
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
        AND m.external_id = i.external_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid
    AND d.org_id = i.org_id AND d.connection_id = i.connection_id AND d.entity_type = i.entity_type
    AND d.external_id = i.external_id
    -- One condition of all three: the few differences are looked up before the records.
    AND CASE WHEN d.followed IS NULL OR r.deletion_state = 'deleted'
             THEN NOT preview.differs(r.content_hash, r.deletion_state = 'deleted', m.promoted_hash, m.promoted_deleted) END;

-- shown_kinds --
-- The entities of the plan's records.
SELECT DISTINCT i.connection_id, c.provider, i.entity_type
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid;

-- shown_again --
-- Those of an entity that differ from core now, each looked up: the differences were just written and have no statistics.
SELECT i.external_id
FROM selection.sync_plan_item AS i
CROSS JOIN LATERAL (
    SELECT 1 FROM preview.difference AS d
    WHERE d.org_id = i.org_id AND d.connection_id = i.connection_id AND d.entity_type = i.entity_type
        AND d.external_id = i.external_id LIMIT 1) AS d
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid AND i.connection_id = %(connection_id)s
    AND i.entity_type = %(entity_type)s AND i.external_id > %(after)s COLLATE "C"
ORDER BY i.external_id LIMIT %(limit)s;

-- undone_records --
-- What the plan's records have in core again may differ by what they follow.
SELECT i.connection_id, c.provider, i.entity_type, i.external_id, i.followed ->> 'through' AS through
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
WHERE i.org_id = connect.current_org() AND i.plan_id = %(plan)s::uuid AND i.action <> 'create'
    AND i.entity_type = ANY(%(types)s::text []);

-- plan_undone --
UPDATE selection.sync_plan SET state = 'undone', undone_by = %(actor)s, undone_at = now()
WHERE org_id = connect.current_org() AND plan_id = %(plan)s::uuid;

-- queue_undone --
UPDATE promote.sync_queue SET undone_at = now() WHERE org_id = connect.current_org() AND queue_id = %(queue)s::uuid;
