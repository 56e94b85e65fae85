-- set_based --
-- Whole entities are hashed, whatever the statistics of a table that has just been filled say: a nested loop chosen for
-- the one row they promise takes minutes for the million there are.
SET LOCAL enable_nestloop = off

-- compare --
-- What is captured against what is in core. A table of its own, because PostgreSQL reads for one with all its workers, and
-- for a statement that also writes with none.
CREATE TEMP TABLE different ON COMMIT DROP AS
SELECT r.external_id, r.parent_id, r.code_key, r.content_hash, m.promoted_hash,
       CASE WHEN m.external_id IS NULL THEN 'new'
            WHEN r.deletion_state = 'deleted' THEN 'deleted'
            ELSE 'updated' END AS status
FROM capture.sync_record AS r
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s
    AND r.entity_type = %(entity_type)s AND r.provider = %(provider)s
    AND CASE WHEN m.external_id IS NULL THEN r.deletion_state <> 'deleted'
             WHEN r.deletion_state = 'deleted' THEN NOT m.promoted_deleted
             ELSE m.promoted_deleted OR m.promoted_hash <> r.content_hash END

-- analyze_different --
ANALYZE different

-- write_different --
-- Only differences are written, and only those that are not noted yet, so a quiet day writes nothing.
WITH settled AS (
    DELETE FROM preview.difference AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s
        AND d.entity_type = %(entity_type)s
        AND NOT EXISTS (SELECT 1 FROM different AS n WHERE n.external_id = d.external_id)
)
INSERT INTO preview.difference AS d
(org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, n.external_id, n.status, n.content_hash,
       n.promoted_hash
FROM different AS n
WHERE NOT EXISTS (
    SELECT 1 FROM preview.difference AS k
    WHERE k.org_id = connect.current_org() AND k.connection_id = %(connection_id)s
        AND k.entity_type = %(entity_type)s AND k.external_id = n.external_id AND k.status = n.status
        AND k.content_hash = n.content_hash AND k.promoted_hash IS NOT DISTINCT FROM n.promoted_hash)
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET status = excluded.status, content_hash = excluded.content_hash, promoted_hash = excluded.promoted_hash,
    warnings = '[]', computed_at = now()

-- compare_some --
-- The same for a few records: an index probe each, whatever the planner thinks of tables that were empty a minute ago.
CREATE TEMP TABLE different ON COMMIT DROP AS
SELECT * FROM (
    SELECT r.external_id, r.parent_id, r.code_key, r.content_hash, m.promoted_hash,
           CASE WHEN m.external_id IS NULL THEN CASE WHEN r.deletion_state <> 'deleted' THEN 'new' END
                WHEN r.deletion_state = 'deleted' THEN CASE WHEN NOT m.promoted_deleted THEN 'deleted' END
                WHEN m.promoted_deleted OR m.promoted_hash <> r.content_hash THEN 'updated' END AS status
    FROM unnest(%(ids)s::text[]) AS k (id)
    CROSS JOIN LATERAL (
        SELECT c.external_id, c.parent_id, c.code_key, c.content_hash, c.deletion_state FROM capture.sync_record AS c
        WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
            AND c.entity_type = %(entity_type)s AND c.provider = %(provider)s AND c.external_id = k.id LIMIT 1) AS r
    LEFT JOIN LATERAL (
        SELECT p.external_id, p.promoted_hash, p.promoted_deleted FROM promote.integration_mapping AS p
        WHERE p.org_id = connect.current_org() AND p.connection_id = %(connection_id)s
            AND p.entity_type = %(entity_type)s AND p.external_id = k.id LIMIT 1) AS m ON true
) AS compared WHERE status IS NOT NULL

-- write_some --
WITH settled AS (
    DELETE FROM preview.difference AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s
        AND d.entity_type = %(entity_type)s
        AND d.external_id = ANY (ARRAY(SELECT unnest(%(ids)s::text[]) EXCEPT SELECT external_id FROM different))
)
INSERT INTO preview.difference AS d
(org_id, connection_id, entity_type, external_id, status, content_hash, promoted_hash)
SELECT connect.current_org(), %(connection_id)s, %(entity_type)s, n.external_id, n.status, n.content_hash,
       n.promoted_hash
FROM different AS n
ON CONFLICT (org_id, connection_id, entity_type, external_id) DO UPDATE
SET status = excluded.status, content_hash = excluded.content_hash, promoted_hash = excluded.promoted_hash,
    warnings = '[]', computed_at = now()
WHERE (d.status, d.content_hash, d.promoted_hash)
    IS DISTINCT FROM (excluded.status, excluded.content_hash, excluded.promoted_hash)

-- stage_fresh --
-- The differences this transaction has written: only these are examined for warnings.
CREATE TEMP TABLE fresh ON COMMIT DROP AS
SELECT n.external_id, n.parent_id, n.code_key FROM different AS n JOIN preview.difference AS d
    ON d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
        AND d.external_id = n.external_id
WHERE d.status <> 'deleted' AND d.computed_at = now()

-- analyze_fresh --
ANALYZE fresh

-- warn_unparsable --
-- Money and dates that promotion could not read.
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
-- What it hangs on is not captured, or is deleted at the store.
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
-- The currency stands in the record, or in another one that it names.
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
-- E-mails that promotion will meet twice: one customer in core.
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
-- The SKUs that are news.
CREATE TEMP TABLE fresh_codes ON COMMIT DROP AS
SELECT DISTINCT code_key FROM fresh WHERE code_key IS NOT NULL

-- analyze_codes --
ANALYZE fresh_codes

-- by_key --
-- What is news is little among very much: looked up by the index, not hashed.
SET LOCAL enable_nestloop = on

-- forget_sku_warnings --
-- They depend on other records too, so they are worked out anew for every SKU that is news.
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
-- SKUs that promotion will meet twice: in this connection (the lowest id owns it), in another one (one core row, two
-- mappings), or on a core row that nothing maps to (by the organization's policy).
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

-- last_change --
-- When a record of this entity was last written, and what the last comparison knew of it. Committed with the records, so
-- the same moment means the same records.
SELECT c.changed_at, s.changed_at IS NOT DISTINCT FROM c.changed_at AND s.noise = %(noise)s AS compared, s.drift
FROM capture.sync_cursor AS c
LEFT JOIN preview.summary AS s
    ON s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type
WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s AND c.entity_type = %(entity_type)s
    AND c.changed_at IS NOT NULL

-- drift --
-- Fields that appeared or changed their type after the entity was first read, and fields the last full read no
-- longer saw. A null where there was a value is no change of type.
WITH runs AS (
    SELECT min(run_id) FILTER (WHERE mode = 'full') AS first_full,
           max(run_id) FILTER (WHERE mode = 'full' AND state = 'closed') AS last_full
    FROM capture.sync_ledger
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
), shape AS (
    SELECT field, json_type, first_run_id, last_run_id, first_seen_at FROM capture.sync_shape
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND field <> ALL (%(noise)s)
)
SELECT field, 'appeared' AS change, min(json_type) AS detail, min(first_seen_at) AS since
FROM shape CROSS JOIN runs
GROUP BY field, first_full HAVING min(first_run_id) > first_full
UNION ALL
SELECT n.field, 'changed type',
       string_agg(DISTINCT o.json_type, '/') || ' → ' || n.json_type, min(n.first_seen_at)
FROM runs CROSS JOIN shape AS n JOIN shape AS o
    ON o.field = n.field AND o.json_type <> n.json_type AND o.first_run_id < n.first_run_id
WHERE n.json_type <> 'null' AND o.json_type <> 'null' AND n.first_run_id > runs.first_full
GROUP BY n.field, n.json_type
UNION ALL
SELECT field, 'vanished', max(json_type), now()
FROM shape CROSS JOIN runs
GROUP BY field, last_full, first_full HAVING max(last_run_id) < last_full AND last_full > first_full
ORDER BY 1

-- counts --
-- In the words of a plan, and how many of the differences are decided.
SELECT count(*) FILTER (WHERE d.status = 'new') AS new,
       count(*) FILTER (WHERE d.status = 'updated') AS updated,
       count(*) FILTER (WHERE d.status = 'deleted') AS deleted,
       count(*) FILTER (WHERE s.decision = 'include') AS included,
       count(*) FILTER (WHERE s.decision = 'ignore') AS ignored,
       count(*) FILTER (WHERE s.decision IS NULL) AS undecided,
       count(*) FILTER (WHERE d.warnings <> '[]') AS warnings
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted')
WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s

-- in_sync --
-- What is in core, less what differs. Mappings are a tenth of the size of the records, which are therefore not read again;
-- a record that came back after its deletion was promoted differs and is not counted here.
SELECT count(*) - (
    SELECT count(*) FROM preview.difference AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s AND d.entity_type = %(entity_type)s
        AND d.status <> 'new' AND NOT EXISTS (
            SELECT 1 FROM promote.integration_mapping AS m
            WHERE m.org_id = d.org_id AND m.connection_id = d.connection_id AND m.entity_type = d.entity_type
                AND m.external_id = d.external_id AND m.promoted_deleted)) AS in_sync
FROM promote.integration_mapping
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND NOT promoted_deleted

-- present --
SELECT count(*) FROM capture.sync_record
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND deletion_state <> 'deleted'

-- remote --
-- What the store said it has, in the newest run that asked; and whether that run was cut short.
SELECT coalesce((detail ->> 'remote_total')::bigint, expected) AS total, capped FROM capture.sync_ledger
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND mode IN ('full', 'preview')
ORDER BY run_id DESC LIMIT 1

-- write_summary --
INSERT INTO preview.summary AS s
(org_id, connection_id, entity_type, new, updated, deleted, in_sync, remote_total, capped, drift, noise,
 changed_at)
VALUES (connect.current_org(), %(connection_id)s, %(entity_type)s, %(new)s, %(updated)s, %(deleted)s, %(in_sync)s,
        %(remote_total)s, %(capped)s, %(drift)s::jsonb, %(noise)s, %(changed_at)s)
ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE
SET new = excluded.new, updated = excluded.updated, deleted = excluded.deleted, in_sync = excluded.in_sync,
    remote_total = excluded.remote_total, capped = excluded.capped, drift = excluded.drift,
    noise = excluded.noise, changed_at = excluded.changed_at, computed_at = now()

-- record --
SELECT r.external_id, coalesce(d.status, 'in_sync') AS status, r.sync_data, r.name, r.code, r.email,
       r.deletion_state, r.deletion_evidence, r.captured_at, r.remote_modified_at, r.version_no,
       d.warnings, m.core_table, m.internal_id, m.last_promoted_at, s.decision, s.decided_by, s.decided_at, s.why,
       preview.field_changes(v.sync_data - %(noise)s::text[], r.sync_data - %(noise)s::text[]) AS changes
FROM capture.sync_record AS r
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
LEFT JOIN capture.sync_record_version AS v
    ON v.org_id = r.org_id AND v.connection_id = r.connection_id AND v.entity_type = r.entity_type
        AND v.external_id = r.external_id AND v.content_hash = m.promoted_hash
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
        AND s.external_id = r.external_id AND s.content_hash = r.content_hash
        AND s.seen_deleted = (r.deletion_state = 'deleted')
WHERE r.org_id = connect.current_org() AND r.connection_id = %(connection_id)s AND r.entity_type = %(entity_type)s
    AND r.provider = %(provider)s AND r.external_id = %(external_id)s

-- versions --
SELECT version_no, captured_at, run_id, is_current, encode(content_hash, 'hex') AS version
FROM capture.sync_record_version
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
    AND provider = %(provider)s AND external_id = %(external_id)s
ORDER BY version_no DESC
