-- included_now --
-- Differences that are included as they are now, per entity, counted up to a limit.
SELECT t.connection_id, t.entity_type, u.records
FROM (
    SELECT connection_id, entity_type FROM preview.tally WHERE org_id = connect.current_org()
    GROUP BY connection_id, entity_type HAVING sum(records) > 0
) AS t
CROSS JOIN LATERAL (
    SELECT count(*) AS records FROM (
        SELECT FROM preview.difference AS d
        INNER JOIN selection.sync_selective_config AS s
            ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
                AND s.external_id = d.external_id AND s.content_hash = d.content_hash
                AND s.seen_deleted = (d.status = 'deleted')
        WHERE d.org_id = connect.current_org() AND d.connection_id = t.connection_id AND d.entity_type = t.entity_type
            AND s.decision = 'include'
        LIMIT %(at_most)s
    ) AS counted
) AS u
WHERE u.records > 0

-- captured_and_never_compared --
-- Records of entities that no comparison has seen, which are counted: of the others the sums are kept.
SELECT c.connection_id, c.entity_type, n.records
FROM capture.sync_cursor AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS records FROM capture.sync_record AS r
    WHERE r.org_id = c.org_id AND r.connection_id = c.connection_id AND r.entity_type = c.entity_type
        AND r.deletion_state <> 'deleted'
) AS n
WHERE c.org_id = connect.current_org() AND NOT EXISTS (
    SELECT 1 FROM preview.summary AS s
    WHERE s.org_id = c.org_id AND s.connection_id = c.connection_id AND s.entity_type = c.entity_type)
