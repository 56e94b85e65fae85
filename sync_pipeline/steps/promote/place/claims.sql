-- claims_of --
-- What each record of a batch claims, and whether anybody else is touched: who claims the same, is on the row, or
-- waits for what it claimed before. Who owns a claim has it in the row. Index probes; the statistics of a table that was empty a minute ago mislead.
WITH asked AS MATERIALIZED (
    SELECT k.n, core.fold(k.value) COLLATE "C" AS claim, k.row, k.former COLLATE "C" AS former, k.connection_id,
           k.entity_type, k.external_id COLLATE "C" AS external_id
    FROM unnest(%(values)s::text [], %(rows)s::bigint [], %(formers)s::text [], %(connections)s::bigint [],
                %(types)s::text [], %(ids)s::text [])
        WITH ORDINALITY AS k (value, row, former, connection_id, entity_type, external_id, n)),
counted AS (SELECT a.*, count(*) OVER (PARTITION BY a.claim) AS wanted FROM asked AS a)
SELECT a.n, a.claim, (
    a.claim IS NOT NULL AND (
        a.wanted > 1
        OR EXISTS (
            SELECT 1 FROM {table} AS t
            WHERE t.org_id = connect.current_org() AND t.{match}_key = a.claim AND t.id <> a.row))
    OR (a.row <> 0 AND EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND m.internal_id = a.row
            AND NOT m.promoted_deleted AND (m.connection_id, m.entity_type, m.external_id)
                <> (a.connection_id, a.entity_type, a.external_id)))
    OR (a.former IS NOT NULL AND a.former IS DISTINCT FROM a.claim AND EXISTS (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND m.claim = a.former
            AND NOT m.promoted_deleted AND (m.connection_id, m.entity_type, m.external_id)
                <> (a.connection_id, a.entity_type, a.external_id)))) AS contested
FROM counted AS a;

-- claimants --
-- The live records that claim one of these, or are on one of these rows.
SELECT m.connection_id, m.entity_type, m.external_id, m.claim, m.internal_id, m.sku_set_aside, m.core_wins
FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND m.claim = ANY(%(claims)s::text [])
    AND NOT m.promoted_deleted
UNION
SELECT m.connection_id, m.entity_type, m.external_id, m.claim, m.internal_id, m.sku_set_aside, m.core_wins
FROM promote.integration_mapping AS m
WHERE m.org_id = connect.current_org() AND m.core_table = '{table}' AND m.internal_id = ANY(%(rows)s::bigint [])
    AND NOT m.promoted_deleted;

-- pending_lines --
-- Which of these records have an open line in the queue: what they claim now is about to change.
SELECT k.n
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [])
    WITH ORDINALITY AS k (connection_id, entity_type, external_id, n)
CROSS JOIN LATERAL (
    SELECT 1 FROM promote.sync_queue_line AS l
    WHERE l.org_id = connect.current_org() AND l.connection_id = k.connection_id AND l.entity_type = k.entity_type
        AND l.external_id = k.external_id AND l.queue_id = %(queue)s::uuid AND l.finished_at IS NULL
    LIMIT 1) AS open_line;

-- owned_rows --
-- The rows that have what is claimed, and these `rows`. `by_hand`: a person made it, and no record's values were ever
-- written into it.
SELECT t.id, t.{match}_key AS claim, t.deleted_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = t.org_id AND m.core_table = '{table}' AND m.internal_id = t.id AND NOT m.core_wins) AS by_hand
FROM {table} AS t
WHERE t.org_id = connect.current_org()
    AND (t.{match}_key = ANY(%(claims)s::text []) OR t.id = ANY(%(rows)s::bigint []))
ORDER BY t.deleted_at IS NOT NULL, t.id;

-- set_flags --
UPDATE promote.integration_mapping AS m
SET sku_set_aside = k.aside, core_wins = k.core_wins, queue_id = coalesce(%(queue)s::uuid, m.queue_id)
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(ids)s::text [], %(asides)s::boolean [],
            %(core_wins)s::boolean []) AS k (connection_id, entity_type, external_id, aside, core_wins)
WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
    AND m.external_id = k.external_id;
