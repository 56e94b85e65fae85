-- mapped_by_older --
-- How many records in sync an older mapper mapped: what `plan --remap` would plan. This reads three ranges of an index,
-- which are empty if the current mapper mapped every record. Only if not, records that differ from core and ignored
-- records are subtracted.
SELECT k.connection_id, k.entity_type, CASE WHEN o.records = 0 THEN 0 ELSE o.records - (
    SELECT count(*) FROM (
        SELECT d.external_id FROM preview.difference AS d
        WHERE d.org_id = connect.current_org() AND d.connection_id = k.connection_id
            AND d.entity_type = k.entity_type AND d.status <> 'new'
        UNION
        SELECT s.external_id FROM selection.sync_selective_config AS s
        JOIN promote.integration_mapping AS i
            ON i.org_id = s.org_id AND i.connection_id = s.connection_id AND i.entity_type = s.entity_type
                AND i.external_id = s.external_id AND i.promoted_hash = s.content_hash
        WHERE s.org_id = connect.current_org() AND s.connection_id = k.connection_id
            AND s.entity_type = k.entity_type AND s.decision = 'ignore' AND NOT s.seen_deleted) AS x
    JOIN promote.integration_mapping AS m
        ON m.org_id = connect.current_org() AND m.connection_id = k.connection_id AND m.entity_type = k.entity_type
            AND m.external_id = x.external_id AND NOT m.promoted_deleted AND m.mapper IS DISTINCT FROM k.mapper)
    END AS mapped_by_older
FROM unnest(%(connections)s::bigint[], %(types)s::text[], %(mappers)s::bigint[])
    AS k (connection_id, entity_type, mapper)
CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM promote.integration_mapping AS m
            WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id
                AND m.entity_type = k.entity_type AND NOT m.promoted_deleted AND m.mapper < k.mapper)
        + (SELECT count(*) FROM promote.integration_mapping AS m
           WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id
               AND m.entity_type = k.entity_type AND NOT m.promoted_deleted AND m.mapper > k.mapper)
        + (SELECT count(*) FROM promote.integration_mapping AS m
           WHERE m.org_id = connect.current_org() AND m.connection_id = k.connection_id
               AND m.entity_type = k.entity_type AND NOT m.promoted_deleted AND m.mapper IS NULL) AS records OFFSET 0) AS o
