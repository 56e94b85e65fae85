-- planned_payloads --
-- The planned versions of these records, but for very large ones.
SELECT k.n, v.payload, i.content_hash FROM unnest(%(connections)s::bigint[], %(types)s::text[], %(ids)s::text[])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND i.connection_id = k.connection_id
        AND i.entity_type = k.entity_type AND i.external_id = k.external_id
CROSS JOIN LATERAL (
    SELECT coalesce(w.exact_text, w.sync_data::text) AS payload FROM capture.sync_record_version AS w
    WHERE w.org_id = i.org_id AND w.connection_id = i.connection_id AND w.entity_type = i.entity_type
        AND w.external_id = i.external_id AND w.content_hash = i.content_hash OFFSET 0) AS v
WHERE octet_length(v.payload) <= %(largest)s
ORDER BY k.n;

-- both_payloads --
-- The promoted and the planned version of the records whose own content an update changes or that come back, but for very
-- large ones, with the row that each is.
SELECT k.n, b.payload AS before, i.promoted_hash, a.payload AS after, i.content_hash, m.core_table, m.internal_id,
       coalesce(m.core_wins AND NOT m.promoted_deleted, false) AS keeps
FROM unnest(%(connections)s::bigint[], %(types)s::text[], %(ids)s::text[])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND i.connection_id = k.connection_id
        AND i.entity_type = k.entity_type AND i.external_id = k.external_id AND i.followed IS NULL
        AND i.action = 'update' AND (i.content_hash <> i.promoted_hash OR i.promoted_deleted)
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
        AND m.external_id = i.external_id
CROSS JOIN LATERAL (
    SELECT coalesce(w.exact_text, w.sync_data::text) AS payload FROM capture.sync_record_version AS w
    WHERE w.org_id = i.org_id AND w.connection_id = i.connection_id AND w.entity_type = i.entity_type
        AND w.external_id = i.external_id AND w.content_hash = i.promoted_hash OFFSET 0) AS b
CROSS JOIN LATERAL (
    SELECT coalesce(w.exact_text, w.sync_data::text) AS payload FROM capture.sync_record_version AS w
    WHERE w.org_id = i.org_id AND w.connection_id = i.connection_id AND w.entity_type = i.entity_type
        AND w.external_id = i.external_id AND w.content_hash = i.content_hash OFFSET 0) AS a
WHERE octet_length(b.payload) <= %(largest)s AND octet_length(a.payload) <= %(largest)s
ORDER BY k.n;

-- rows_written_again --
-- Core rows as they are, and with what their records say, in the types of their columns.
SELECT k.n, to_jsonb(c) || jsonb_build_object('deleted', c.deleted_at IS NOT NULL) AS now,
       to_jsonb(jsonb_populate_record(NULL::{table}, s.value)) || '{"deleted": false}' AS after
FROM unnest(%(rows)s::bigint []) WITH ORDINALITY AS k (id, n)
JOIN jsonb_array_elements(%(says)s::jsonb) WITH ORDINALITY AS s (value, n) ON s.n = k.n
JOIN {table} AS c ON c.org_id = connect.current_org() AND c.id = k.id;

-- row_sharers --
-- Of these records of a plan that waits, those whose core row is another record's too, or may become one by their SKU or
-- e-mail (of the entities that `matched` names): what promotion writes there is not what the record says. `asked`; beside
-- them the plan's other records of the same rows. Each with the row that it is mapped to now.
WITH page AS (
    SELECT i.connection_id, i.entity_type, i.external_id, i.action, i.content_hash, r.code_key, r.email,
           m.core_table, m.internal_id, m.claim
    FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
        AS k (connection_id, entity_type, external_id)
    JOIN selection.sync_plan AS p ON p.org_id = connect.current_org() AND p.plan_id = %(plan_id)s
    JOIN selection.sync_plan_item AS i
        ON i.org_id = p.org_id AND i.plan_id = p.plan_id AND i.connection_id = k.connection_id
            AND i.entity_type = k.entity_type AND i.external_id = k.external_id
    JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
    LEFT JOIN capture.sync_record AS r
        ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
            AND r.external_id = i.external_id AND r.provider = c.provider
    LEFT JOIN promote.integration_mapping AS m
        ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
            AND m.external_id = i.external_id
    WHERE p.state IN ('proposed', 'approved') AND NOT coalesce(i.followed ? 'fields', false)
        AND c.provider || '/' || i.entity_type = ANY(%(matched)s::text [])
        AND NOT EXISTS (SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = p.org_id AND q.plan_id = p.plan_id)
), asked AS MATERIALIZED (
    SELECT * FROM page AS p
    WHERE {shares}
), beside AS (
    SELECT o.connection_id, o.entity_type, o.external_id
    FROM asked AS a JOIN promote.integration_mapping AS o
        ON o.org_id = connect.current_org() AND o.core_table = a.core_table AND o.internal_id = a.internal_id
    UNION
    SELECT r.connection_id, r.entity_type, r.external_id
    FROM asked AS a JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.entity_type = a.entity_type AND r.code_key = ANY(ARRAY[a.code_key, a.claim])
    UNION
    SELECT r.connection_id, r.entity_type, r.external_id
    FROM asked AS a JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.entity_type = a.entity_type AND r.email = ANY(ARRAY[a.email, a.claim])
    UNION
    SELECT o.connection_id, o.entity_type, o.external_id
    FROM asked AS a JOIN promote.integration_mapping AS o
        ON o.org_id = connect.current_org() AND o.core_table = ANY(%(tables)s::text [])
            AND o.claim = ANY(ARRAY[a.code_key, a.email, a.claim]) AND NOT o.promoted_deleted
)
SELECT i.connection_id, i.entity_type, i.external_id, i.action, i.content_hash, false AS asked,
       NULL::text AS core_table, NULL::bigint AS internal_id
FROM beside AS b JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s AND i.connection_id = b.connection_id
        AND i.entity_type = b.entity_type AND i.external_id = b.external_id
WHERE (i.connection_id, i.entity_type, i.external_id) NOT IN (
    SELECT a.connection_id, a.entity_type, a.external_id FROM asked AS a)
UNION ALL
SELECT a.connection_id, a.entity_type, a.external_id, a.action, a.content_hash, true, a.core_table, a.internal_id
FROM asked AS a;

-- trial_lines --
-- Records as lines of a queue that exists in this transaction alone, with the versions that they are promoted in.
WITH made AS (
    INSERT INTO promote.sync_queue_line
        (org_id, queue_id, line_no, stage, connection_id, entity_type, external_id, action, content_hash)
    SELECT connect.current_org(), %(queue)s::uuid, k.n, k.stage, k.connection_id, k.entity_type, k.external_id, k.action,
           k.content_hash
    FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(actions)s::text [],
                %(hashes)s::bytea [], %(stages)s::integer [])
        WITH ORDINALITY AS k (connection_id, entity_type, external_id, action, content_hash, stage, n)
    RETURNING line_no, stage, connection_id, entity_type, external_id, action, content_hash)
SELECT k.line_no, k.connection_id, k.entity_type, k.external_id, k.action, k.content_hash, (
           SELECT v.sync_data::text FROM capture.sync_record_version AS v
           WHERE v.org_id = connect.current_org() AND v.connection_id = k.connection_id
               AND v.entity_type = k.entity_type AND v.external_id = k.external_id AND v.content_hash = k.content_hash
               AND k.action <> 'delete' LIMIT 1) AS payload, (
           SELECT c.parent_id FROM capture.sync_record AS c
           WHERE c.org_id = connect.current_org() AND c.connection_id = k.connection_id
               AND c.entity_type = k.entity_type AND c.external_id = k.external_id LIMIT 1) AS parent_id, k.stage
FROM made AS k ORDER BY k.line_no;

-- sharers --
-- The first records that these rows are of, and how many there are.
SELECT m.core_table, m.internal_id, m.connection_id, m.entity_type, m.external_id, c.name AS connection, c.provider, m.records
FROM unnest(%(tables)s::text [], %(rows)s::bigint []) AS k (core_table, row_id)
CROSS JOIN LATERAL (
    SELECT o.*, count(*) OVER () AS records FROM promote.integration_mapping AS o
    WHERE o.org_id = connect.current_org() AND o.core_table = k.core_table AND o.internal_id = k.row_id
        AND NOT o.promoted_deleted
    ORDER BY o.connection_id, o.entity_type, length(o.external_id), o.external_id LIMIT %(most)s) AS m
JOIN connect.integration_connector AS c ON c.org_id = m.org_id AND c.connection_id = m.connection_id
ORDER BY m.connection_id, m.entity_type, length(m.external_id), m.external_id;

-- mapped_lines --
-- How the records of a trial's lines are mapped now.
SELECT l.line_no, m.internal_id, m.core_table, m.core_wins, m.sku_set_aside, m.claim, m.promoted_deleted
FROM promote.sync_queue_line AS l
JOIN promote.integration_mapping AS m
    ON m.org_id = l.org_id AND m.connection_id = l.connection_id AND m.entity_type = l.entity_type
        AND m.external_id = l.external_id
WHERE l.org_id = connect.current_org() AND l.queue_id = %(queue)s::uuid;
