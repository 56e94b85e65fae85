CREATE OR REPLACE FUNCTION observe.waiting_selections(at_most integer)
RETURNS TABLE (org_id bigint, slug text, batch_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, max(b.batch_id)
    FROM selection.selection_batch b
    JOIN connect.organization o ON o.org_id = b.org_id AND o.removed_at IS NULL
    JOIN connect.integration_connector c ON c.org_id = b.org_id AND c.connection_id = b.connection_id
    WHERE b.decision = 'include' AND NOT b.draft AND b.plan_id IS NULL
      AND coalesce((c.settings ->> 'promote_on_select')::boolean, true)
    GROUP BY o.org_id, o.slug ORDER BY max(b.batch_id) LIMIT at_most
$$;

CREATE OR REPLACE FUNCTION preview.differences_beyond(
    connection bigint, entity text, of_status text, choice text, warned boolean, beyond text, falling boolean,
    at_most integer)
RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog SET enable_sort = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT d.external_id FROM preview.difference AS d
         LEFT JOIN selection.sync_selective_config AS s
             ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
                 AND s.external_id = d.external_id AND s.content_hash = d.content_hash
                 AND s.seen_deleted = (d.status = ''deleted'')
         WHERE d.org_id = $1 AND d.connection_id = $2 AND d.entity_type = $3 AND d.status = $4
             AND ($5 IS NULL OR (length(d.external_id), d.external_id) %1$s (length($5), $5))
             AND ($6 IS NULL OR coalesce(s.decision, ''undecided'') = $6)
             AND (NOT $7 OR d.warnings <> ''[]'')
         ORDER BY length(d.external_id) %2$s, d.external_id %2$s LIMIT $8',
        CASE WHEN falling THEN '<' ELSE '>' END, CASE WHEN falling THEN 'DESC' ELSE 'ASC' END)
    USING connect.current_org(), connection, entity, of_status, beyond, choice, warned, at_most;
END $$;

CREATE OR REPLACE FUNCTION selection.covered_by_rule(
    connection bigint, entity text, store text, statuses text [], field text, expected jsonb)
RETURNS TABLE (external_id text, content_hash bytea, deleted boolean)
LANGUAGE sql STABLE
AS $$
    SELECT d.external_id, d.content_hash, d.status = 'deleted'
    FROM preview.difference AS d
    LEFT JOIN selection.sync_selective_config AS s
        ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
            AND s.external_id = d.external_id AND s.content_hash = d.content_hash
            AND s.seen_deleted = (d.status = 'deleted')
    WHERE d.org_id = connect.current_org() AND d.connection_id = connection AND d.entity_type = entity
        AND s.external_id IS NULL AND d.status = ANY (statuses)
        -- What a person took back is a person's to decide, as long as it is the same version.
        AND NOT EXISTS (
            SELECT 1 FROM selection.withdrawal AS w
            WHERE w.org_id = d.org_id AND w.connection_id = d.connection_id AND w.entity_type = d.entity_type
                AND w.external_id = d.external_id AND w.content_hash = d.content_hash
                AND w.seen_deleted = (d.status = 'deleted'))
        AND (covered_by_rule.field IS NULL OR EXISTS (
            SELECT 1 FROM capture.sync_record AS r
            WHERE r.org_id = d.org_id AND r.connection_id = d.connection_id AND r.entity_type = d.entity_type
                AND r.external_id = d.external_id AND r.provider = store
                AND r.sync_data -> covered_by_rule.field = expected))
$$;

DROP FUNCTION selection.planned_by_others(text);
DROP VIEW selection.promoting_plan;
DROP FUNCTION selection.plan_may_hold(selection.selection_batch, boolean, text, text, bigint);
DROP FUNCTION selection.waits_for_sensor(selection.selection_batch, connect.integration_connector);
DROP VIEW selection.record_now;
DROP VIEW selection.difference_now;
DROP FUNCTION preview.differs(bytea, boolean, bytea, boolean);
