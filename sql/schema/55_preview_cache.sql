-- The preview as people know it: a row for every captured record. Only differences are stored; which fields changed is
-- worked out for the rows that somebody reads.
CREATE VIEW preview.sync_preview_cache WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.provider,
    coalesce(d.status, 'in_sync') AS status,
    coalesce(d.content_hash, r.content_hash) AS content_hash, -- the version it was computed for
    coalesce(d.promoted_hash, m.promoted_hash) AS promoted_hash,
    CASE
        WHEN d.followed IS NOT NULL THEN ARRAY(SELECT jsonb_object_keys(d.followed -> 'fields') ORDER BY 1)
        WHEN d.status = 'updated' THEN (
            SELECT preview.changed_fields(v.sync_data - s.noise, r.sync_data - s.noise)
            FROM capture.sync_record_version AS v
            WHERE v.org_id = r.org_id AND v.connection_id = r.connection_id AND v.entity_type = r.entity_type
                AND v.external_id = r.external_id AND v.content_hash = d.promoted_hash)
    END AS changed_fields,
    coalesce(d.warnings, '[]') AS warnings,
    coalesce(d.computed_at, s.computed_at) AS computed_at
FROM capture.sync_record AS r
JOIN preview.summary AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = r.org_id AND m.connection_id = r.connection_id AND m.entity_type = r.entity_type
        AND m.external_id = r.external_id
WHERE r.deletion_state <> 'deleted' OR d.status = 'deleted';

-- What has moved since a plan was made, item by item, in words; null where nothing has.
CREATE VIEW selection.plan_item_now WITH (security_invoker = true) AS
SELECT
    i.org_id, i.plan_id, i.connection_id, i.entity_type, i.external_id,
    CASE
        WHEN p.origin = 'repair' THEN NULL  -- what core has is written once more, whatever the store has by now
        WHEN r.external_id IS NULL THEN 'it is no longer captured'
        WHEN i.action = 'delete' AND r.deletion_state <> 'deleted' THEN 'it is in the store again'
        WHEN i.action <> 'delete' AND r.deletion_state = 'deleted' THEN 'it was deleted in the store'
        WHEN r.content_hash <> i.content_hash THEN 'it changed in the store'
    END AS captured,
    CASE
        WHEN s.decision = 'ignore' THEN 'it was ignored by ' || s.decided_by
        WHEN i.batch_id IS NOT NULL AND s.external_id IS NULL THEN coalesce(
            'its inclusion was ' || CASE w.cause WHEN 'refused' THEN 'refused' ELSE 'undone' END
            || ' by ' || w.withdrawn_by, 'it was decided again in another version')
    END AS selected,
    CASE
        WHEN m.promoted_hash IS NOT DISTINCT FROM i.promoted_hash
            AND m.promoted_deleted IS NOT DISTINCT FROM i.promoted_deleted THEN NULL
        WHEN m.external_id IS NULL THEN 'it was taken out of core'
        WHEN i.promoted_hash IS NULL THEN 'it was promoted by another plan'
        ELSE 'core has another version of it'
    END AS promoted
FROM selection.sync_plan_item AS i
JOIN selection.sync_plan AS p ON p.org_id = i.org_id AND p.plan_id = i.plan_id
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
LEFT JOIN capture.sync_record AS r
    ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
        AND r.external_id = i.external_id AND r.provider = c.provider
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = i.org_id AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type
        AND s.external_id = i.external_id AND s.content_hash = i.content_hash
        AND s.seen_deleted = (i.action = 'delete')
LEFT JOIN selection.withdrawal AS w
    ON s.external_id IS NULL AND w.org_id = i.org_id AND w.connection_id = i.connection_id
        AND w.entity_type = i.entity_type AND w.external_id = i.external_id AND w.content_hash = i.content_hash
        AND w.seen_deleted = (i.action = 'delete')
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
        AND m.external_id = i.external_id;

-- Plans that nothing will be done with any more, and since when: not waiting, not undoable.
CREATE VIEW selection.closed_plan WITH (security_invoker = true) AS
SELECT p.org_id, p.plan_id, q.queue_id, greatest(p.created_at, p.applied_at, p.undone_at, q.finished_at) AS closed_at
FROM selection.sync_plan AS p
LEFT JOIN promote.sync_queue AS q ON q.org_id = p.org_id AND q.plan_id = p.plan_id
WHERE p.state IN ('applied', 'refused', 'undone') AND (q.queue_id IS NULL OR (
    q.finished_at IS NOT NULL AND q.undo_ended_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM promote.core_change AS c WHERE c.org_id = q.org_id AND c.queue_id = q.queue_id)));
CREATE POLICY retention ON selection.sync_plan_item AS RESTRICTIVE FOR DELETE USING (EXISTS (
    SELECT 1 FROM selection.closed_plan AS p
    WHERE p.org_id = sync_plan_item.org_id AND p.plan_id = sync_plan_item.plan_id
        AND p.closed_at < now() - interval '30 days'));
