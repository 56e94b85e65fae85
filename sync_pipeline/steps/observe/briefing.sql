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
