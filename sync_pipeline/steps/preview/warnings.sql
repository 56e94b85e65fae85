-- stage_fresh --
-- The differences that this transaction has written: only these get warnings.
CREATE TEMP TABLE fresh ON COMMIT DROP AS
SELECT n.external_id, n.parent_id, n.code_key FROM different AS n JOIN preview.difference AS d
    ON d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
        AND d.external_id = n.external_id
WHERE d.status <> 'deleted' AND d.computed_at = now()

-- analyze_fresh --
ANALYZE fresh

-- join_by_index --
-- Few records are new or changed, so look them up by index.
SET LOCAL enable_nestloop = on

-- warn_unparsable --
-- Amounts and dates that promotion cannot parse.
WITH fields (field, kind) AS (
    SELECT f, 'money' FROM unnest(%(money)s::text[]) AS f
    UNION ALL SELECT f, 'date' FROM unnest(%(dates)s::text[]) AS f
), bad AS (
    SELECT r.external_id,
           jsonb_agg(jsonb_build_object(
               'code', 'unparsable_' || f.kind, 'field', f.field,
               'message', f.field || ' is not a ' || CASE f.kind WHEN 'money' THEN 'number' ELSE 'date' END || ': '
                   || left(v.value, 80)) ORDER BY f.field) AS warnings
    FROM fresh JOIN capture.sync_record AS r
        ON r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
            AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s AND r.external_id = fresh.external_id
    CROSS JOIN fields AS f CROSS JOIN LATERAL (SELECT r.sync_data ->> f.field AS value) AS v
    WHERE v.value <> '' AND v.value <> 'false'
        AND CASE f.kind
            WHEN 'money' THEN v.value !~ '^\s*-?(\d+(\.\d*)?|\.\d+)\s*$'
            ELSE v.value !~ '^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])([T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?$' END
    GROUP BY r.external_id
)
UPDATE preview.difference AS d SET warnings = d.warnings || bad.warnings FROM bad
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = bad.external_id

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
UPDATE preview.difference AS d
SET warnings = d.warnings || jsonb_build_array(jsonb_build_object(
        'code', 'missing_' || %(refers_to)s::text, 'refers_to', bad.parent_id,
        'message', 'its ' || %(refers_to)s::text || ' ' || bad.parent_id || ' is not captured'))
FROM bad
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = bad.external_id

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
        SELECT CASE WHEN %(of_type)s::text IS NULL THEN r.sync_data ->> %(currency)s ELSE (
            SELECT c.sync_data ->> %(of_field)s FROM capture.sync_record AS c
            WHERE c.org_id = r.org_id AND c.connection_id = r.connection_id AND c.entity_type = %(of_type)s
                AND c.provider = r.provider AND c.external_id = r.sync_data ->> %(currency)s) END AS theirs) AS v
    WHERE v.theirs <> home.currency
)
UPDATE preview.difference AS d
SET warnings = d.warnings || jsonb_build_array(jsonb_build_object(
        'code', 'currency_differs', 'message', 'its currency is ' || bad.theirs || ', the organization''s is ' || bad.ours))
FROM bad
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = bad.external_id

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
UPDATE preview.difference AS d SET warnings = d.warnings || warned.warning FROM warned
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = warned.external_id

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
-- mappings), or with a core row that has no mapping (the organization's policy decides).
WITH holders AS MATERIALIZED (
    SELECT r.connection_id, r.external_id, r.code_key, c.name AS connection,
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
    WHERE %(entity)s = 'product'
        AND NOT EXISTS (SELECT 1 FROM promote.integration_mapping AS m
                        WHERE m.org_id = p.org_id AND m.core_table = 'core.products' AND m.internal_id = p.id)
    UNION ALL
    SELECT v.sku_key, v.id FROM fresh_codes AS k JOIN core.product_variants AS v ON v.org_id = connect.current_org() AND v.sku_key = k.code_key
    WHERE %(entity)s = 'variant'
        AND NOT EXISTS (SELECT 1 FROM promote.integration_mapping AS m
                        WHERE m.org_id = v.org_id AND m.core_table = 'core.product_variants' AND m.internal_id = v.id)
), bad AS (
    SELECT h.external_id, jsonb_build_object(
        'code', 'duplicate_sku', 'sku', h.code_key, 'owner', o.external_id,
        'message', CASE WHEN h.place = 1
            THEN 'its SKU ' || h.code_key || ' is on ' || (h.here - 1) || ' more of this store; it has the lowest id and keeps it'
            ELSE 'its SKU ' || h.code_key || ' belongs to ' || o.external_id || ', the lowest id; it is promoted without it' END
        ) AS warning
    FROM holders AS h JOIN holders AS o
        ON o.connection_id = h.connection_id AND o.code_key = h.code_key AND o.place = 1
    WHERE h.connection_id = %(connection_id)s AND h.here > 1
    UNION ALL
    SELECT h.external_id, jsonb_build_object(
        'code', 'shared_sku', 'sku', h.code_key,
        'message', 'its SKU ' || h.code_key || ' is also in ' || string_agg(DISTINCT o.connection, ', ')
            || ': one product in core, whose fields follow the organization''s provider priority')
    FROM holders AS h JOIN holders AS o ON o.code_key = h.code_key AND o.connection_id <> h.connection_id
    WHERE h.connection_id = %(connection_id)s AND h.anywhere > h.here
    GROUP BY h.external_id, h.code_key
    UNION ALL
    SELECT h.external_id, jsonb_build_object(
        'code', 'unmapped_sku', 'sku', h.code_key, 'core_id', u.id,
        'message', 'a core row that nothing maps to has its SKU ' || h.code_key || ': ' || CASE g.sku_policy
            WHEN 'source_wins' THEN 'it will be adopted and overwritten'
            WHEN 'core_wins' THEN 'it will be mapped and keep its values'
            ELSE 'a person must decide' END)
    FROM holders AS h JOIN unmapped AS u ON u.code_key = h.code_key
    CROSS JOIN (SELECT sku_policy FROM connect.organization WHERE org_id = connect.current_org()) AS g
    WHERE h.connection_id = %(connection_id)s AND h.place = 1
), warned AS (
    SELECT external_id, jsonb_agg(warning ORDER BY warning ->> 'code') AS warnings FROM bad GROUP BY external_id
)
UPDATE preview.difference AS d SET warnings = d.warnings || warned.warnings FROM warned
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
    AND d.external_id = warned.external_id AND d.status <> 'deleted'
