-- held_back --
-- How many records of a plan these decisions hold. Deletions need no payload: they are not held.
SELECT k.decision_id, count(*) AS records
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(decisions)s::bigint [])
    AS k (connection_id, entity_type, decision_id)
JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s::uuid AND i.connection_id = k.connection_id
        AND i.entity_type = k.entity_type AND i.action <> 'delete'
GROUP BY k.decision_id
ORDER BY k.decision_id

-- missing_parts --
-- Parts of a plan's records that differ from core, are not in the plan, and that nobody ignores. Each record is looked up
-- by its key (subqueries, not joins): a join that is planned before the tables have statistics reads all rows for each.
SELECT k.connection_id, k.part, count(DISTINCT i.external_id) AS records, count(*) AS parts
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(providers)s::text [], %(parts)s::text [])
    AS k (connection_id, entity_type, provider, part)
CROSS JOIN LATERAL (
    SELECT o.org_id, o.plan_id, o.connection_id, o.external_id FROM selection.sync_plan_item AS o
    WHERE o.org_id = connect.current_org() AND o.plan_id = %(plan_id)s::uuid AND o.connection_id = k.connection_id
        AND o.entity_type = k.entity_type AND o.action <> 'delete'
    LIMIT %(limit)s
) AS i
CROSS JOIN LATERAL (
    SELECT c.external_id, c.deletion_state FROM capture.sync_record AS c
    WHERE c.org_id = i.org_id AND c.provider = k.provider AND c.connection_id = i.connection_id
        AND c.entity_type = k.part AND c.parent_id = i.external_id
    OFFSET 0
) AS r
WHERE (
    SELECT 1 FROM selection.sync_plan_item AS o
    WHERE o.org_id = i.org_id AND o.plan_id = i.plan_id AND o.connection_id = i.connection_id AND o.entity_type = k.part
        AND o.external_id = r.external_id) IS NULL
AND ((
    SELECT 1 FROM preview.difference AS d
    WHERE d.org_id = i.org_id AND d.connection_id = i.connection_id AND d.entity_type = k.part
        AND d.external_id = r.external_id) IS NOT NULL
    OR r.deletion_state <> 'deleted' AND (
        SELECT 1 FROM promote.integration_mapping AS m
        WHERE m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = k.part
            AND m.external_id = r.external_id) IS NULL)
AND (
    SELECT 1 FROM selection.sync_selective_config AS s
    WHERE s.org_id = i.org_id AND s.connection_id = i.connection_id AND s.entity_type = k.part
        AND s.external_id = r.external_id AND s.decision = 'ignore') IS NULL
GROUP BY k.connection_id, k.part
ORDER BY k.connection_id, k.part
