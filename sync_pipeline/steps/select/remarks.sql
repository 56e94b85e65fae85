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
-- Parts of a plan's records that are neither in the plan nor in core, and that nobody ignores.
SELECT k.connection_id, k.part, count(DISTINCT i.external_id) AS records, count(*) AS parts
FROM unnest(%(connections)s::bigint [], %(types)s::text [], %(providers)s::text [], %(parts)s::text [])
    AS k (connection_id, entity_type, provider, part)
JOIN selection.sync_plan_item AS i
    ON i.org_id = connect.current_org() AND i.plan_id = %(plan_id)s::uuid AND i.connection_id = k.connection_id
        AND i.entity_type = k.entity_type AND i.action <> 'delete'
JOIN capture.sync_record AS r
    ON r.org_id = i.org_id AND r.provider = k.provider AND r.connection_id = k.connection_id AND r.entity_type = k.part
        AND r.parent_id = i.external_id AND r.deletion_state <> 'deleted'
WHERE NOT EXISTS (
    SELECT 1 FROM selection.sync_plan_item AS o
    WHERE o.org_id = i.org_id AND o.plan_id = i.plan_id AND o.connection_id = k.connection_id AND o.entity_type = k.part
        AND o.external_id = r.external_id)
AND NOT EXISTS (
    SELECT 1 FROM promote.integration_mapping AS m
    WHERE m.org_id = i.org_id AND m.connection_id = k.connection_id AND m.entity_type = k.part
        AND m.external_id = r.external_id)
AND NOT EXISTS (
    SELECT 1 FROM selection.sync_selective_config AS s
    WHERE s.org_id = i.org_id AND s.connection_id = k.connection_id AND s.entity_type = k.part
        AND s.external_id = r.external_id AND s.decision = 'ignore')
GROUP BY k.connection_id, k.part
ORDER BY k.connection_id, k.part
