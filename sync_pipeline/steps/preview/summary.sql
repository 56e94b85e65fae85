-- count_differences --
-- Differences by status, and how many of them are decided.
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

-- count_in_sync --
-- Records in core minus those that differ. This reads the mappings, a tenth of the size of the records. A record that
-- came back after its deletion was promoted differs, so it is not counted.
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

-- store_total --
-- How many records the store reported in the newest run that asked, and whether that run was capped.
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

-- sum_up_tally --
-- Sum up many rows into one a status.
WITH gathered AS (
    DELETE FROM preview.tally
    WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s AND entity_type = %(entity_type)s
        AND (SELECT count(*) FROM preview.tally AS t
             WHERE t.org_id = connect.current_org() AND t.connection_id = %(connection_id)s
                 AND t.entity_type = %(entity_type)s) > 12
    RETURNING org_id, connection_id, entity_type, status, records
)
INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
SELECT org_id, connection_id, entity_type, status, sum(records) FROM gathered
GROUP BY org_id, connection_id, entity_type, status HAVING sum(records) <> 0

-- summaries --
SELECT entity_type, new, updated, deleted, in_sync, capped, remote_total FROM preview.summary
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s ORDER BY entity_type
