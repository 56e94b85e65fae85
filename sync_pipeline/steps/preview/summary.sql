-- count_differences --
-- Of these entities, in the words of a plan, and how many of the differences are decided. In sync is what is in core, less
-- what differs: mappings are a tenth of the size of the records, which are therefore not read again; a record that came
-- back after its deletion was promoted differs and is not counted. One statement, so that a push that commits meanwhile is
-- in all of the counts or in none; and it only reads, because PostgreSQL uses no parallel workers for what writes.
SELECT k.entity_type, coalesce(d.new, 0) AS new, coalesce(d.updated, 0) AS updated, coalesce(d.deleted, 0) AS deleted,
       coalesce(d.included, 0) AS included, coalesce(d.ignored, 0) AS ignored, coalesce(d.undecided, 0) AS undecided,
       coalesce(d.warnings, 0) AS warnings, coalesce(m.records, 0) - coalesce(d.of_core, 0) AS in_sync
FROM unnest(%(types)s::text[]) AS k (entity_type)
LEFT JOIN (
    SELECT d.entity_type,
           count(*) FILTER (WHERE d.status = 'new') AS new,
           count(*) FILTER (WHERE d.status = 'updated') AS updated,
           count(*) FILTER (WHERE d.status = 'deleted') AS deleted,
           count(*) FILTER (WHERE s.decision = 'include') AS included,
           count(*) FILTER (WHERE s.decision = 'ignore') AS ignored,
           count(*) FILTER (WHERE s.decision IS NULL) AS undecided,
           count(*) FILTER (WHERE d.warnings <> '[]') AS warnings,
           count(*) FILTER (WHERE d.status <> 'new' AND NOT EXISTS (
               SELECT 1 FROM promote.integration_mapping AS m
               WHERE m.org_id = d.org_id AND m.connection_id = d.connection_id AND m.entity_type = d.entity_type
                   AND m.external_id = d.external_id AND m.promoted_deleted)) AS of_core
    FROM preview.difference AS d
    LEFT JOIN selection.sync_selective_config AS s
        ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
            AND s.external_id = d.external_id AND s.content_hash = d.content_hash
            AND s.seen_deleted = (d.status = 'deleted')
            AND s.entity_type = ANY (%(types)s::text[]) -- or decisions of all entities are read
    WHERE d.org_id = connect.current_org() AND d.connection_id = %(connection_id)s
        AND d.entity_type = ANY (%(types)s::text[])
    GROUP BY d.entity_type
) AS d ON d.entity_type = k.entity_type
LEFT JOIN (
    SELECT entity_type, count(*) AS records FROM promote.integration_mapping
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = ANY (%(types)s::text[])
        AND NOT promoted_deleted
    GROUP BY entity_type
) AS m ON m.entity_type = k.entity_type

-- store_totals --
-- Of these entities, how many records the store reported in the newest run that asked, and whether that run was capped.
SELECT k.entity_type, r.total, r.capped
FROM unnest(%(types)s::text[]) AS k (entity_type)
CROSS JOIN LATERAL (
    SELECT coalesce((l.detail ->> 'remote_total')::bigint, l.expected) AS total, l.capped FROM capture.sync_ledger AS l
    WHERE l.org_id = connect.current_org() AND l.connection_id = %(connection_id)s AND l.entity_type = k.entity_type
        AND l.mode IN ('full', 'preview')
    ORDER BY l.run_id DESC LIMIT 1) AS r

-- write_summaries --
-- Unless they were compared `anew`, whoever compared them meanwhile has newer sums. In the order of their keys: two that sum
-- up the same wait for each other.
INSERT INTO preview.summary AS s
(org_id, connection_id, entity_type, new, updated, deleted, in_sync, remote_total, capped, drift, noise, changed_at)
SELECT connect.current_org(), %(connection_id)s, k.*
FROM jsonb_to_recordset(%(sums)s::jsonb) AS k (
    entity_type text, new bigint, updated bigint, deleted bigint, in_sync bigint, remote_total bigint, capped boolean,
    drift jsonb, noise text[], changed_at timestamptz)
ORDER BY k.entity_type
ON CONFLICT (org_id, connection_id, entity_type) DO UPDATE
SET new = excluded.new, updated = excluded.updated, deleted = excluded.deleted, in_sync = excluded.in_sync,
    remote_total = excluded.remote_total, capped = excluded.capped, drift = excluded.drift,
    noise = excluded.noise, changed_at = excluded.changed_at, computed_at = now()
WHERE %(anew)s OR (s.changed_at IS NOT DISTINCT FROM excluded.changed_at AND s.noise = excluded.noise)

-- sum_up_tallies --
-- Sum up the many rows of an entity into one a status.
WITH gathered AS (
    DELETE FROM preview.tally
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type IN (
        SELECT entity_type FROM preview.tally
        WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s
            AND entity_type = ANY (%(types)s::text[])
        GROUP BY entity_type HAVING count(*) > 12)
    RETURNING org_id, connection_id, entity_type, status, records
)
INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
SELECT org_id, connection_id, entity_type, status, sum(records) FROM gathered
GROUP BY org_id, connection_id, entity_type, status HAVING sum(records) <> 0

-- summaries --
SELECT entity_type, new, updated, deleted, in_sync, capped, remote_total FROM preview.summary
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s ORDER BY entity_type

-- as_compared --
-- Of these entities, those of which nothing was captured since they were compared with core, under the same noise. Nor
-- was a field noted since: that do runs which read everything, and those that found something. Their sums are locked, so
-- that no comparison which commits while they are counted is overwritten; those that one is writing now are left to it.
SELECT k.entity_type, s.drift, s.changed_at
FROM unnest(%(types)s::text[], %(noises)s::text[]) AS k (entity_type, noise)
JOIN preview.summary AS s
    ON s.org_id = connect.current_org() AND s.connection_id = %(connection_id)s AND s.entity_type = k.entity_type
LEFT JOIN capture.sync_cursor AS c
    ON c.org_id = s.org_id AND c.connection_id = s.connection_id AND c.entity_type = s.entity_type
CROSS JOIN LATERAL (
    SELECT count(*) AS runs, min(n.started_at) AS since, bool_or(
        (n.mode <> 'delta' OR n.new + n.changed > 0) AND coalesce(n.finished_at, 'infinity') >= s.computed_at) AS news
    FROM (
        SELECT mode, new, changed, started_at, finished_at FROM capture.sync_ledger AS l
        WHERE l.org_id = s.org_id AND l.connection_id = s.connection_id AND l.entity_type = s.entity_type
        ORDER BY l.run_id DESC LIMIT 20) AS n) AS newest -- the others are older than the comparison, or it is made again
WHERE s.changed_at IS NOT DISTINCT FROM c.changed_at AND to_jsonb(s.noise) = k.noise::jsonb
    AND NOT coalesce(newest.news, false) AND (newest.runs < 20 OR newest.since < s.computed_at)
FOR UPDATE OF s SKIP LOCKED
