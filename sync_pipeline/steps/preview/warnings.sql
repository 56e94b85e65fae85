-- stage_fresh --
-- The differences that this transaction has written: only these get warnings. They are gathered here and written at the
-- end: statistics of preview.difference may say one row where there are a million, and a join with it compares all
-- with all.
CREATE TEMP TABLE fresh ON COMMIT DROP AS
SELECT n.external_id, n.parent_id, n.code_key, '[]'::jsonb AS warnings FROM different AS n JOIN preview.difference AS d
    ON d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
        AND d.external_id = n.external_id
WHERE d.status <> 'deleted' AND d.computed_at = now()

-- drop_fresh --
-- Several entities, or parts of one, may be warned about in one transaction.
DROP TABLE IF EXISTS fresh, fresh_codes

-- forget_warnings --
UPDATE preview.difference AS d SET warnings = '[]'
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = ANY (%(ids)s::text[]) AND d.warnings <> '[]'

-- stage_again --
-- The differences among these records, whoever has written them; by index, as `compare_some`.
CREATE TEMP TABLE fresh ON COMMIT DROP AS
SELECT r.external_id, r.parent_id, r.code_key, '[]'::jsonb AS warnings
FROM unnest(%(ids)s::text[]) AS k (id)
CROSS JOIN LATERAL (
    SELECT c.external_id, c.parent_id, c.code_key FROM capture.sync_record AS c
    WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
        AND c.entity_type = %(entity_type)s AND c.provider = %(provider)s AND c.external_id = k.id LIMIT 1) AS r
WHERE EXISTS (
    SELECT 1 FROM preview.difference AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s
        AND d.entity_type = %(entity_type)s AND d.external_id = k.id AND d.status <> 'deleted')

-- index_fresh --
CREATE UNIQUE INDEX ON fresh (external_id)

-- analyze_fresh --
ANALYZE fresh

-- join_by_index --
-- Few records are new or changed, so look them up by index.
SET LOCAL enable_nestloop = on

-- seen_types --
-- The JSON types that each field was ever captured with.
SELECT field, array_agg(json_type) AS types FROM capture.sync_shape
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
GROUP BY field

-- odd_values --
-- Records with a value that does not have its plain form, or with a code or e-mail that may be too long for an index;
-- what is wrong with it, the mapper says.
SELECT r.external_id
FROM fresh JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
        AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
WHERE r.sync_data @? %(odd)s::jsonpath OR length(r.code) > 150 OR length(r.email) > 300

-- odd_totals --
-- Orders whose total is not the sum of these amounts, or of which one is missing or no number; what is wrong, if anything,
-- the mapper says.
SELECT r.external_id
FROM fresh JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
        AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(CASE WHEN pg_input_is_valid(e.amount, 'numeric') THEN e.amount::numeric END), 0) AS total,
           bool_and(coalesce(pg_input_is_valid(e.amount, 'numeric'), false)) IS NOT FALSE AS plain
    FROM unnest(%(lists)s::text[], %(amounts)s::text[]) AS k (list, amount)
    CROSS JOIN LATERAL jsonb_path_query(r.sync_data -> k.list, 'lax $[*]') AS p (part)
    CROSS JOIN LATERAL (SELECT p.part ->> k.amount AS amount) AS e) AS s
WHERE CASE WHEN s.plain AND pg_input_is_valid(r.sync_data ->> %(total)s, 'numeric')
           THEN abs((r.sync_data ->> %(total)s)::numeric - s.total) >= 0.005 ELSE true END

-- odd_payloads --
SELECT external_id, parent_id, sync_data::text AS payload FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = ANY (%(ids)s)

-- warn_values --
-- What promotion will refuse, and what it will read only in part.
UPDATE fresh SET warnings = fresh.warnings || k.warnings::jsonb
FROM unnest(%(ids)s::text[], %(warnings)s::text[]) AS k (external_id, warnings)
WHERE fresh.external_id = k.external_id COLLATE "C"

-- warn_missing_parent --
-- Records whose parent is not captured, or is deleted in the store.
WITH bad AS (
    SELECT fresh.external_id, fresh.parent_id FROM fresh
    WHERE fresh.parent_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM capture.sync_record AS p
        WHERE p.org_id = connect.current_org() AND p.connection_id = %(connection_id)s
            AND p.entity_type = %(refers_to)s AND p.provider = %(provider)s AND p.external_id = fresh.parent_id
            AND p.deletion_state <> 'deleted')
)
UPDATE fresh
SET warnings = fresh.warnings || jsonb_build_array(jsonb_build_object(
        'code', 'missing_' || %(refers_to)s::text, 'refers_to', bad.parent_id,
        'message', 'its ' || %(refers_to)s::text || ' ' || bad.parent_id || ' is not captured'))
FROM bad WHERE fresh.external_id = bad.external_id

-- warn_missing_links --
-- Records that name others in a list, such as a product's categories, which are not captured, or are deleted in the store.
-- Of entities whose list was never read it is not known what there is.
WITH bad AS (
    SELECT DISTINCT fresh.external_id, k.of_type, n.id
    FROM fresh JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
    CROSS JOIN unnest(%(fields)s::text[], %(types)s::text[]) AS k (field, of_type)
    JOIN capture.sync_cursor AS c
        ON c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s AND c.entity_type = k.of_type
            AND c.full_at IS NOT NULL
    CROSS JOIN LATERAL jsonb_path_query(
        CASE WHEN jsonb_typeof(r.sync_data -> k.field) = 'array' THEN r.sync_data -> k.field END, 'lax $[*].id') AS e (id)
    CROSS JOIN LATERAL (SELECT btrim(e.id #>> '{}') AS id) AS n
    WHERE jsonb_typeof(e.id) IN ('string', 'number') AND n.id NOT IN ('', '0') AND NOT EXISTS (
        SELECT 1 FROM capture.sync_record AS p
        WHERE p.org_id = connect.current_org() AND p.connection_id = %(connection_id)s
            AND p.entity_type = k.of_type AND p.provider = %(provider)s AND p.external_id = n.id COLLATE "C"
            AND p.deletion_state <> 'deleted')
), said AS (
    SELECT bad.external_id, jsonb_agg(jsonb_build_object(
        'code', 'missing_' || bad.of_type, 'refers_to', bad.id,
        'message', 'its ' || bad.of_type || ' ' || bad.id || ' is not captured')
        ORDER BY bad.of_type, length(bad.id), bad.id) AS warnings
    FROM bad GROUP BY bad.external_id
)
UPDATE fresh SET warnings = fresh.warnings || said.warnings FROM said WHERE fresh.external_id = said.external_id

-- no_longer_missing --
-- Of an entity whose records name others: the warnings that one is missing which is captured now.
UPDATE preview.difference AS d SET warnings = k.warnings
FROM (
    SELECT o.external_id, coalesce(jsonb_agg(w.said ORDER BY w.n) FILTER (WHERE NOT g.there), '[]') AS warnings
    FROM preview.difference AS o
    CROSS JOIN LATERAL jsonb_array_elements(o.warnings) WITH ORDINALITY AS w (said, n)
    CROSS JOIN LATERAL (
        SELECT w.said ->> 'code' = 'missing_' || %(missing)s::text AND EXISTS (
            SELECT 1 FROM capture.sync_record AS p
            WHERE p.org_id = connect.current_org() AND p.connection_id = %(connection_id)s
                AND p.entity_type = %(missing)s AND p.provider = %(provider)s
                AND p.external_id = (w.said ->> 'refers_to') COLLATE "C" AND p.deletion_state <> 'deleted') AS there) AS g
    WHERE o.org_id = connect.current_org() AND o.connection_id = %(connection_id)s AND o.entity_type = %(entity_type)s
        AND o.warnings @> jsonb_build_array(jsonb_build_object('code', 'missing_' || %(missing)s::text))
    GROUP BY o.external_id HAVING bool_or(g.there)
) AS k
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = k.external_id

-- warn_circle --
-- Its parents lead back to it: a tree cannot hold that, so core leaves one of them without its parent.
WITH RECURSIVE above (start, at) AS (
    SELECT external_id, parent_id FROM fresh WHERE parent_id IS NOT NULL
    UNION
    SELECT a.start, r.parent_id FROM above AS a JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = a.at
    WHERE a.at <> a.start AND r.parent_id IS NOT NULL
), bad AS (
    SELECT a.start AS external_id, fresh.parent_id FROM above AS a JOIN fresh ON fresh.external_id = a.start
    WHERE a.at = a.start
)
UPDATE fresh
SET warnings = fresh.warnings || jsonb_build_array(jsonb_build_object(
        'code', 'circular_parent', 'refers_to', bad.parent_id,
        'message', 'its parents lead back to it: core leaves one ' || %(refers_to)s::text
            || ' of this circle without its parent'))
FROM bad WHERE fresh.external_id = bad.external_id

-- warn_currency --
-- The currency is in the record, or in another record that it refers to.
WITH home AS (
    SELECT currency FROM connect.organization WHERE org_id = connect.current_org() AND currency IS NOT NULL
), bad AS (
    SELECT r.external_id, v.theirs, home.currency AS ours
    FROM home CROSS JOIN fresh JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
    CROSS JOIN LATERAL (
        SELECT nullif(upper(btrim(CASE WHEN %(of_type)s::text IS NULL THEN r.sync_data ->> %(currency)s ELSE (
            SELECT c.sync_data ->> %(of_field)s FROM capture.sync_record AS c
            WHERE c.org_id = r.org_id AND c.connection_id = r.connection_id AND c.entity_type = %(of_type)s
                AND c.provider = r.provider AND c.external_id = r.sync_data ->> %(currency)s) END)), '') AS theirs) AS v
    WHERE v.theirs <> home.currency
)
UPDATE fresh
SET warnings = fresh.warnings || jsonb_build_array(jsonb_build_object(
        'code', 'currency_differs', 'message', 'its currency is ' || bad.theirs || ', the organization''s is ' || bad.ours))
FROM bad WHERE fresh.external_id = bad.external_id

-- warn_same_sale --
-- Orders that refer to an order of another store with the same total: the same sale, where the customer and the currency are
-- the same too (promote/write/same_sale.py). Unless the connection's settings say that its references mean something else.
WITH named AS (
    SELECT r.external_id, r.sync_data ->> %(total)s AS total, n.number
    FROM fresh JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
    CROSS JOIN unnest(%(references)s::text[]) AS f (field)
    CROSS JOIN LATERAL (
        SELECT core.fold(r.sync_data ->> f.field) AS number
        UNION SELECT regexp_replace(core.fold(r.sync_data ->> f.field), '^[^0-9]+', '')) AS n
    WHERE jsonb_typeof(r.sync_data -> f.field) = 'string' AND n.number <> '' AND (
        SELECT coalesce((c.settings ->> 'same_sales')::boolean, true) FROM connect.integration_connector AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s)
), bad AS (
    SELECT DISTINCT ON (n.external_id) n.external_id, p.code, c.name
    FROM named AS n
    JOIN capture.sync_record AS p
        ON p.org_id = connect.current_org() AND p.entity_type = ANY (%(types)s)
            AND p.code_key = n.number COLLATE "C" AND p.connection_id <> %(connection_id)s
            AND p.deletion_state <> 'deleted'
    JOIN connect.integration_connector AS c ON c.org_id = p.org_id AND c.connection_id = p.connection_id
    CROSS JOIN LATERAL (
        SELECT p.sync_data ->> f.field AS total FROM unnest(%(totals)s::text[]) AS f (field)
        WHERE p.sync_data ? f.field LIMIT 1) AS t
    WHERE pg_input_is_valid(t.total, 'numeric') AND pg_input_is_valid(n.total, 'numeric')
        AND t.total::numeric = n.total::numeric
    ORDER BY n.external_id, p.connection_id
)
UPDATE fresh
SET warnings = fresh.warnings || jsonb_build_array(jsonb_build_object(
        'code', 'same_sale', 'message', 'it refers to ' || bad.code || ' of ' || bad.name || ', with the same total: if customer and currency '
            || 'are the same too, it is the same sale, and the customer''s figures count it once'))
FROM bad WHERE fresh.external_id = bad.external_id

-- warn_email --
-- E-mails that several records share: they become one customer in core.
WITH shared AS (
    SELECT r.external_id, r.email, o.elsewhere, o.here
    FROM fresh JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
    CROSS JOIN LATERAL (
        SELECT string_agg(DISTINCT c.name, ', ') FILTER (WHERE s.connection_id <> r.connection_id) AS elsewhere,
               count(*) FILTER (WHERE s.connection_id = r.connection_id) AS here
        FROM capture.sync_record AS s
        JOIN connect.integration_connector AS c ON c.org_id = s.org_id AND c.connection_id = s.connection_id
        WHERE s.org_id = r.org_id AND s.entity_type = %(entity_type)s AND s.email = r.email
            AND s.deletion_state <> 'deleted'
            AND (s.connection_id, s.external_id) <> (r.connection_id, r.external_id)) AS o
    WHERE r.email IS NOT NULL AND (o.elsewhere IS NOT NULL OR o.here > 0)
), warned AS (
    SELECT external_id, jsonb_build_object(
        'code', 'shared_email', 'email', email,
        'message', 'its e-mail is also '
            || concat_ws(' and ', 'in ' || elsewhere, CASE WHEN here > 0 THEN 'on ' || here || ' more of this store' END)
            || ': one customer in core'
            || CASE WHEN elsewhere IS NOT NULL
                THEN ', whose fields follow the organization''s provider priority' ELSE '' END) AS warning
    FROM shared
)
UPDATE fresh SET warnings = fresh.warnings || warned.warning FROM warned
WHERE fresh.external_id = warned.external_id

-- stage_codes --
-- The SKUs of new and changed records.
CREATE TEMP TABLE fresh_codes ON COMMIT DROP AS
SELECT DISTINCT code_key FROM fresh WHERE code_key IS NOT NULL

-- analyze_codes --
ANALYZE fresh_codes

-- forget_sku_warnings --
-- These warnings depend on other records too, so they are computed again for every SKU of a new or changed record.
UPDATE preview.difference AS d
SET warnings = jsonb_path_query_array(d.warnings, '$[*] ? (!(@.code like_regex "sku$"))')
FROM fresh_codes AS k JOIN capture.sync_record AS r
    ON r.org_id = connect.current_org() AND r.entity_type = %(entity_type)s AND r.code_key = k.code_key
        AND r.connection_id = %(connection_id)s AND r.provider = %(provider)s
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = r.external_id AND d.warnings <> '[]'

-- forget_some_sku_warnings --
-- The same for a few records, by index probes.
UPDATE preview.difference AS d
SET warnings = jsonb_path_query_array(d.warnings, '$[*] ? (!(@.code like_regex "sku$"))')
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.warnings <> '[]'
    AND d.external_id = ANY (ARRAY(
        SELECT r.external_id FROM fresh_codes AS k CROSS JOIN LATERAL (
            SELECT c.external_id FROM capture.sync_record AS c
            WHERE c.org_id = connect.current_org() AND c.entity_type = %(entity_type)s AND c.code_key = k.code_key
                AND c.connection_id = %(connection_id)s AND c.provider = %(provider)s OFFSET 0) AS r))

-- warn_sku --
-- SKUs that several records share: in this connection (the lowest id keeps it), in another one (one core row, two
-- mappings), or with a core row that has no mapping (the organization's policy decides). They are the same folded; what is
-- told is the code as the record has it.
WITH holders AS MATERIALIZED (
    SELECT r.connection_id, r.external_id, r.code, r.code_key, c.name AS connection,
           row_number() OVER (PARTITION BY r.connection_id, r.code_key
                              ORDER BY length(r.external_id), r.external_id) AS place,
           count(*) OVER (PARTITION BY r.connection_id, r.code_key) AS here,
           count(*) OVER (PARTITION BY r.code_key) AS anywhere
    FROM fresh_codes AS k JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.entity_type = %(entity_type)s AND r.code_key = k.code_key
    JOIN connect.integration_connector AS c ON c.org_id = r.org_id AND c.connection_id = r.connection_id
    WHERE r.deletion_state <> 'deleted'
), unmapped AS MATERIALIZED (
    SELECT p.sku_key AS code_key, p.id FROM fresh_codes AS k JOIN core.products AS p ON p.org_id = connect.current_org() AND p.sku_key = k.code_key
    WHERE %(entity)s = 'product' AND p.deleted_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = p.org_id AND m.core_table = 'core.products' AND m.internal_id = p.id
            AND NOT (m.core_wins AND m.promoted_deleted))
    UNION ALL
    SELECT v.sku_key, v.id FROM fresh_codes AS k JOIN core.product_variants AS v ON v.org_id = connect.current_org() AND v.sku_key = k.code_key
    WHERE %(entity)s = 'variant' AND v.deleted_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = v.org_id AND m.core_table = 'core.product_variants' AND m.internal_id = v.id
            AND NOT (m.core_wins AND m.promoted_deleted))
), bad AS (
    SELECT h.external_id, jsonb_build_object(
        'code', 'duplicate_sku', 'sku', h.code, 'owner', o.external_id,
        'message', CASE WHEN h.place = 1
            THEN 'its SKU ' || h.code || ' is on ' || (h.here - 1) || ' more of this store; it has the lowest id and keeps it'
            ELSE 'its SKU ' || h.code || ' belongs to ' || o.external_id || ', the lowest id; it is promoted without it' END
        ) AS warning
    FROM holders AS h JOIN holders AS o
        ON o.connection_id = h.connection_id AND o.code_key = h.code_key AND o.place = 1
    WHERE h.connection_id = %(connection_id)s AND h.here > 1
    UNION ALL
    SELECT h.external_id, jsonb_build_object(
        'code', 'shared_sku', 'sku', h.code,
        'message', 'its SKU ' || h.code || ' is also in ' || string_agg(DISTINCT o.connection, ', ')
            || ': one product in core, whose fields follow the organization''s provider priority')
    FROM holders AS h JOIN holders AS o ON o.code_key = h.code_key AND o.connection_id <> h.connection_id
    WHERE h.connection_id = %(connection_id)s AND h.anywhere > h.here
    GROUP BY h.external_id, h.code
    UNION ALL
    SELECT h.external_id, jsonb_build_object(
        'code', 'unmapped_sku', 'sku', h.code, 'core_id', u.id,
        'message', 'a core row that nothing maps to has its SKU ' || h.code || ': ' || CASE g.sku_policy
            WHEN 'source_wins' THEN 'it will be adopted and overwritten'
            WHEN 'core_wins' THEN 'it will be mapped and keep its values'
            ELSE 'a person must decide' END)
    FROM holders AS h JOIN unmapped AS u ON u.code_key = h.code_key
    CROSS JOIN (SELECT sku_policy FROM connect.organization WHERE org_id = connect.current_org()) AS g
    WHERE h.connection_id = %(connection_id)s AND h.place = 1
)
INSERT INTO fresh (external_id, warnings)
SELECT external_id, jsonb_agg(warning ORDER BY warning ->> 'code') FROM bad GROUP BY external_id
ON CONFLICT (external_id) DO UPDATE SET warnings = fresh.warnings || excluded.warnings

-- write_warnings --
-- By index on both sides, whatever the statistics say.
UPDATE preview.difference AS d
SET warnings = d.warnings || (SELECT f.warnings FROM fresh AS f WHERE f.external_id = d.external_id)
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.status <> 'deleted'
    AND d.external_id = ANY (ARRAY(SELECT f.external_id FROM fresh AS f WHERE f.warnings <> '[]'))
