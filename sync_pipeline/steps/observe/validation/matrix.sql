-- matrix_snapshot --
-- The snapshot that the whole matrix is read in, and the revision of the database.
SELECT pg_current_snapshot()::text AS snapshot, now() AS at, (SELECT v.version_num FROM alembic_version AS v) AS revision

-- pulled_entities --
SELECT e.connection_id, e.entity_type FROM capture.entity_with_runs AS e
WHERE EXISTS (
    SELECT 1 FROM capture.sync_ledger AS l
    WHERE l.org_id = e.org_id AND l.connection_id = e.connection_id AND l.entity_type = e.entity_type
        AND l.mode IN ('full', 'delta'))

-- captured_entities --
SELECT connection_id, entity_type FROM capture.sync_cursor WHERE org_id = connect.current_org()

-- ledger_adds_up --
-- The newest closed pull of each entity: expected = captured + quarantined + vanished.
SELECT n.connection_id, n.entity_type, 1 AS looked, (n.expected <> n.accounted)::integer AS found,
       n.expected::text AS expected, n.accounted::text AS actual, ARRAY['run ' || n.run_id::text] AS ids
FROM (
    SELECT e.connection_id, e.entity_type, l.run_id, l.expected, l.captured + l.quarantined + l.vanished AS accounted
    FROM capture.entity_with_runs AS e
    CROSS JOIN LATERAL (
        SELECT r.* FROM capture.sync_ledger AS r
        WHERE r.org_id = e.org_id AND r.connection_id = e.connection_id AND r.entity_type = e.entity_type
            AND r.mode IN ('full', 'delta') AND r.state = 'closed'
        ORDER BY r.run_id DESC LIMIT 1
    ) AS l
) AS n

-- records_by_entity --
-- Captured records, also those in quarantine, which may never have been captured.
SELECT n.connection_id, n.entity_type, sum(n.records)::bigint AS records
FROM (
    SELECT connection_id, entity_type, count(*) AS records FROM capture.sync_record
    WHERE org_id = connect.current_org() GROUP BY connection_id, entity_type
    UNION ALL
    SELECT q.connection_id, q.entity_type, count(*) FROM capture.sync_quarantine AS q
    WHERE q.org_id = connect.current_org() AND q.resolved_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM capture.sync_record AS r
        WHERE r.org_id = q.org_id AND r.connection_id = q.connection_id AND r.entity_type = q.entity_type
            AND r.external_id = q.external_id)
    GROUP BY q.connection_id, q.entity_type
) AS n
GROUP BY n.connection_id, n.entity_type

-- decisions_waiting --
-- Gates without an answer; those of no connection are the organization's.
SELECT d.connection_id, d.decision_id FROM observe.decision AS d
WHERE d.org_id = connect.current_org() AND d.answered_at IS NULL
ORDER BY d.decision_id

-- rows_have_records --
-- Live rows of a table that no record is behind and no promotion wrote: people made them. A row that a promotion wrote and
-- whose mapping is gone is promoted_is_mapped's; guests, and rows that records left, are core_is_a_function's.
SELECT count(*) AS found, (array_agg(t.id ORDER BY t.id)) [1:20] AS ids FROM {table} AS t
WHERE t.org_id = connect.current_org() AND t.deleted_at IS NULL AND NOT t.metadata ?| ARRAY['merged_into', 'guest']
    AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.id)
    AND NOT EXISTS (
        SELECT 1 FROM promote.sync_queue AS q WHERE q.org_id = t.org_id AND q.queue_id = t.queue_id)

-- promoted_is_mapped --
-- Records that a promotion has written and nobody has undone, without their mapping.
SELECT l.connection_id, l.entity_type, count(DISTINCT l.external_id) AS looked,
       count(DISTINCT l.external_id) FILTER (WHERE m.external_id IS NULL) AS found,
       (array_agg(DISTINCT l.external_id) FILTER (WHERE m.external_id IS NULL)) [1:20] AS ids
FROM promote.sync_queue AS q
INNER JOIN promote.sync_queue_line AS l ON l.org_id = q.org_id AND l.queue_id = q.queue_id
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = l.org_id AND m.connection_id = l.connection_id AND m.entity_type = l.entity_type
    AND m.external_id = l.external_id
WHERE q.org_id = connect.current_org() AND q.undone_at IS NULL AND l.state = 'done' AND l.action <> 'delete'
GROUP BY l.connection_id, l.entity_type

-- one_identity_one_row --
-- E-mails or SKUs that several live rows have, or that lead to several rows. The ids are those of the rows: an e-mail is
-- no evidence that may be passed on.
SELECT '{table}' AS place, (
    SELECT count(*) FROM {table} AS t
    WHERE t.org_id = connect.current_org() AND t.deleted_at IS NULL AND t.{match}_key IS NOT NULL) AS looked,
    count(*) AS found, (array_agg(k.rows ORDER BY k.rows)) [1:20] AS ids
FROM (
    SELECT string_agg(t.id::text, ' = ' ORDER BY t.id) AS rows FROM {table} AS t
    WHERE t.org_id = connect.current_org() AND t.deleted_at IS NULL AND t.{match}_key IS NOT NULL
    GROUP BY t.{match}_key HAVING count(*) > 1
    UNION
    SELECT string_agg(DISTINCT m.internal_id::text, ' = ') FROM promote.integration_mapping AS m
    WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND m.claim IS NOT NULL
        AND NOT m.promoted_deleted AND NOT m.sku_set_aside
    GROUP BY m.claim HAVING count(DISTINCT m.internal_id) > 1
) AS k

-- copied_values --
-- Records in core whose column is not what the payload of their promoted version says, read from the payload itself.
-- Rows of several records are left out: they have the value of one of them.
WITH declared AS (
    SELECT * FROM jsonb_to_recordset(%(declared)s::jsonb)
        AS d (connection_id bigint, entity_type text, paths jsonb, named_type text, named_field text)
),
payload AS (
    SELECT d.*, m.external_id, {value} AS core,
           CASE WHEN r.content_hash = m.promoted_hash THEN r.sync_data ELSE h.sync_data END AS body
    FROM declared AS d
    INNER JOIN promote.integration_mapping AS m
        ON m.org_id = connect.current_org() AND m.connection_id = d.connection_id AND m.entity_type = d.entity_type
    INNER JOIN {table} AS t ON t.org_id = m.org_id AND t.deleted_at IS NULL AND {joined}
    LEFT JOIN capture.sync_record AS r
        ON r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
        AND r.external_id = m.external_id AND r.provider = m.provider
    LEFT JOIN capture.record_history AS h
        ON h.org_id = m.org_id AND h.connection_id = m.connection_id AND h.entity_type = m.entity_type
        AND h.external_id = m.external_id AND h.content_hash = m.promoted_hash
        AND r.content_hash IS DISTINCT FROM m.promoted_hash
    WHERE NOT m.promoted_deleted AND NOT m.core_wins AND {only} AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS o
        WHERE o.org_id = m.org_id AND o.core_table = m.core_table AND o.internal_id = m.internal_id
            AND NOT o.promoted_deleted
            AND (o.connection_id, o.entity_type, o.external_id) <> (m.connection_id, m.entity_type, m.external_id))
),
compared AS (
    SELECT p.*, s.raw, {differs} AS wrong
    FROM payload AS p
    LEFT JOIN LATERAL (
        SELECT CASE jsonb_typeof(v.value) WHEN 'array' THEN v.value ->> 0 ELSE v.value #>> '{}' END AS raw
        FROM jsonb_array_elements_text(p.paths) WITH ORDINALITY AS a (path, place)
        CROSS JOIN LATERAL (SELECT p.body #> string_to_array(a.path, '.') AS value) AS v
        WHERE v.value IS NOT NULL AND v.value NOT IN ('null', 'false', '""', '[]')
        ORDER BY a.place LIMIT 1
    ) AS s ON true
)
SELECT connection_id, entity_type, count(*) FILTER (WHERE raw IS NOT NULL) AS looked,
       count(*) FILTER (WHERE wrong) AS found, {sums}
       (array_agg(external_id ORDER BY length(external_id), external_id) FILTER (WHERE wrong)) [1:20] AS ids
FROM compared GROUP BY connection_id, entity_type

-- amounts_without_currency --
-- Live rows with an amount and no currency, by the records they come from.
SELECT m.connection_id, m.entity_type, count(*) AS looked, count(*) FILTER (WHERE t.currency IS NULL) AS found,
       (array_agg(m.external_id ORDER BY length(m.external_id), m.external_id)
        FILTER (WHERE t.currency IS NULL)) [1:20] AS ids
FROM promote.integration_mapping AS m
INNER JOIN {table} AS t ON t.org_id = m.org_id AND t.id = m.internal_id AND t.deleted_at IS NULL
WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND NOT m.promoted_deleted AND t.{amount} IS NOT NULL
GROUP BY m.connection_id, m.entity_type

-- refunds_add_up --
-- Orders whose refunded amount is not what their refunds say. Those of a connection where a deletion waits for the next
-- promotion are left out.
SELECT m.connection_id, m.entity_type, count(*) AS looked,
       count(*) FILTER (WHERE t.refunded_total <> coalesce(s.refunded, 0)) AS found,
       trim_scale(coalesce(sum(s.refunded), 0))::text AS expected, trim_scale(sum(t.refunded_total))::text AS actual,
       (array_agg(m.external_id ORDER BY length(m.external_id), m.external_id)
        FILTER (WHERE t.refunded_total <> coalesce(s.refunded, 0))) [1:20] AS ids
FROM promote.integration_mapping AS m
INNER JOIN core.sales_orders AS t ON t.org_id = m.org_id AND t.id = m.internal_id AND t.deleted_at IS NULL
CROSS JOIN LATERAL ({refunded}) AS s
WHERE m.org_id = connect.current_org() AND m.core_table = 'core.sales_orders' AND NOT m.promoted_deleted
    AND NOT EXISTS (
        SELECT 1 FROM capture.deletion_change AS d
        WHERE d.org_id = m.org_id AND d.connection_id = m.connection_id
            AND d.entity_type = ANY(%(refunds)s::text []) AND d.external_id <> '')
GROUP BY m.connection_id, m.entity_type

-- plain_addresses --
-- Records of which e-mail addresses are kept as hashes only (all, or those that plugins pushed), with a plain one.
SELECT v.connection_id, v.entity_type, count(*) AS looked, count(*) FILTER (WHERE v.plain) AS found,
       (array_agg(v.external_id ORDER BY length(v.external_id), v.external_id) FILTER (WHERE v.plain)) [1:20] AS ids
FROM (
    SELECT r.connection_id, r.entity_type, r.external_id,
           r.email LIKE '%%@%%' OR r.sync_data::text ~ '[^\s@"<>]@[[:alnum:]-]+(\.[[:alnum:]-]+)*\.[[:alpha:]]{2,}'
           OR EXISTS (
               SELECT 1 FROM capture.record_history AS h
               WHERE h.org_id = r.org_id AND h.connection_id = r.connection_id AND h.entity_type = r.entity_type
                   AND h.external_id = r.external_id
                   AND h.sync_data::text ~ '[^\s@"<>]@[[:alnum:]-]+(\.[[:alnum:]-]+)*\.[[:alpha:]]{2,}') AS plain
    FROM connect.integration_connector AS c
    INNER JOIN capture.sync_record AS r ON r.org_id = c.org_id AND r.connection_id = c.connection_id
    WHERE c.org_id = connect.current_org()
        AND (c.settings ->> 'pii_policy' = 'hash' OR (c.settings ->> 'pii_policy' IS NULL AND r.pushed_only))
) AS v
GROUP BY v.connection_id, v.entity_type

-- stored_secrets --
-- Rows of a table that hold a credential of the organization's connections, or a token of this service.
SELECT '{table}' AS place, count(*) AS looked, count(*) FILTER (WHERE s.held) AS found,
       (array_agg(t.{key}::text ORDER BY t.{key}) FILTER (WHERE s.held)) [1:20] AS ids
FROM {table} AS t
CROSS JOIN LATERAL (
    SELECT x.body ~ 'sp_[0-9]+_[A-Za-z0-9_-]{20,}' OR EXISTS (
        SELECT 1 FROM unnest(%(secrets)s::text []) AS k (secret) WHERE position(k.secret IN x.body) > 0) AS held
    FROM (SELECT {body} AS body) AS x
) AS s
WHERE t.org_id = connect.current_org()

-- isolated_relations --
-- What shows rows of organizations: tables, and every view that reads one of them, also by way of other views.
-- `loose`: somebody besides its owner may read a view that reads with its owner's rights, or keeps what it read.
WITH RECURSIVE relation AS (
    SELECT c.oid, n.nspname AS schema, c.oid::regclass::text AS name, c.relkind, c.relowner, c.relacl,
           coalesce(c.reloptions, '{}') && '{security_invoker=true,security_invoker=on,security_invoker=1}' AS invoker,
           EXISTS (
               SELECT 1 FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped) AS by_org
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm')
),
direct AS (
    SELECT DISTINCT w.ev_class AS oid, d.refobjid AS beneath
    FROM pg_catalog.pg_rewrite AS w
    INNER JOIN pg_catalog.pg_depend AS d
        ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid <> w.ev_class
),
reads AS (
    SELECT d.oid, d.beneath FROM direct AS d
    UNION
    SELECT r.oid, d.beneath FROM reads AS r INNER JOIN direct AS d ON d.oid = r.beneath
)
SELECT t.schema, t.name, t.by_org AND pg_catalog.has_table_privilege(t.oid, 'SELECT') AS looked_at,
       (t.relkind = 'm' OR (t.relkind = 'v' AND NOT t.invoker)) AND EXISTS (
           SELECT 1 FROM aclexplode(t.relacl) AS g
           WHERE g.grantee <> t.relowner AND g.privilege_type = 'SELECT') AS loose
FROM relation AS t
WHERE t.schema = ANY(%(schemas)s::text []) AND (
    t.by_org OR EXISTS (
        SELECT 1 FROM reads AS r INNER JOIN relation AS b ON b.oid = r.beneath WHERE r.oid = t.oid AND b.by_org))
ORDER BY 1, 2

-- visible_to_others --
-- Is a row of the organization visible in a transaction of another one?
SELECT '{table}' AS name WHERE EXISTS (SELECT 1 FROM {table} AS t WHERE t.org_id = %(org)s)

-- as_organization --
SELECT set_config('sync.org_id', %(org)s::text, true)

-- accepted_scripts --
-- The newest time that each acceptance script was carried out here.
SELECT DISTINCT ON (a.script) a.script, a.script_hash, a.passed, a.failed_step, a.done_at, a.done_by
FROM observe.acceptance AS a
WHERE a.org_id = connect.current_org()
ORDER BY a.script, a.acceptance_id DESC
