-- Rules that several statements ask for have one home each.

-- Whether a record differs from core, so that it can be promoted: it is not there (`promoted_deleted` is null: it has no
-- mapping), has another version, is to be deleted there, or came back. Plain SQL, like what else is asked of every record:
-- the planner sees through it.
CREATE FUNCTION preview.differs(content_hash bytea, deleted boolean, promoted_hash bytea, promoted_deleted boolean)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN promoted_deleted IS NULL THEN NOT deleted
                WHEN deleted THEN NOT promoted_deleted
                ELSE promoted_deleted OR promoted_hash <> content_hash END
$$;

-- Every difference with the decision that counts for it: one about the version that would be promoted, or about its deletion.
-- Without one it is undecided. What plans hold is compared with the version that they hold (selection.plan_item_now).
CREATE VIEW selection.difference_now WITH (security_invoker = true) AS
SELECT
    d.org_id, d.connection_id, d.entity_type, d.external_id, d.status, d.content_hash, d.warnings,
    s.external_id IS NOT NULL AS decided, s.decision, s.draft, s.batch_id
FROM preview.difference AS d
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = d.org_id AND s.connection_id = d.connection_id AND s.entity_type = d.entity_type
        AND s.external_id = d.external_id AND s.content_hash = d.content_hash
        AND s.seen_deleted = (d.status = 'deleted');

-- Every captured record as people see it: its version, how it differs (null: it does not), what is decided about that
-- version, or who took a decision about it back. The planner leaves out the tables of which nothing is asked.
CREATE VIEW selection.record_now WITH (security_invoker = true) AS
SELECT
    r.org_id, r.connection_id, r.entity_type, r.external_id, r.provider, r.name, r.code, r.email, r.sync_data, r.exact_text,
    r.content_hash, r.version_no, r.captured_at, r.remote_modified_at, r.deletion_state, r.deletion_evidence, r.deletion_at,
    preview.version_of(r.content_hash, r.deletion_state = 'deleted', d.followed) AS version,
    d.status, d.warnings, d.followed, d.computed_at,
    s.decision, s.draft, s.decided_by, s.decided_at, s.why AS decided_why, s.batch_id,
    w.cause, w.withdrawn_by, w.withdrawn_at, w.why
FROM capture.sync_record AS r
LEFT JOIN preview.difference AS d
    ON d.org_id = r.org_id AND d.connection_id = r.connection_id AND d.entity_type = r.entity_type
        AND d.external_id = r.external_id
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = r.org_id AND s.connection_id = r.connection_id AND s.entity_type = r.entity_type
        AND s.external_id = r.external_id AND s.content_hash = r.content_hash
        AND s.seen_deleted = (r.deletion_state = 'deleted')
LEFT JOIN selection.withdrawal AS w
    ON s.external_id IS NULL AND w.org_id = r.org_id AND w.connection_id = r.connection_id
        AND w.entity_type = r.entity_type AND w.external_id = r.external_id AND w.content_hash = r.content_hash
        AND w.seen_deleted = (r.deletion_state = 'deleted');
GRANT SELECT ON selection.difference_now TO sync_router;

-- A selection waits for the sensor, which plans it by itself: it is no draft, and its connection promotes what is selected.
CREATE FUNCTION selection.waits_for_sensor(batch selection.selection_batch, store connect.integration_connector)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT batch.decision = 'include' AND NOT batch.draft AND batch.plan_id IS NULL
        AND coalesce((store.settings ->> 'promote_on_select')::boolean, true)
$$;

-- What agents proposed is in plans of people (`proposals` “all”), or of the same token (“own”, and then nothing else is); a
-- machine's plan leaves it out (“none”).
CREATE FUNCTION selection.plan_may_hold(
    batch selection.selection_batch, draft boolean, proposals text, actor text, token bigint)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE proposals
        WHEN 'own' THEN batch.agent AND batch.decided_by = actor AND batch.token_id IS NOT DISTINCT FROM token
        WHEN 'none' THEN NOT (batch.agent AND draft)
        ELSE true END
$$;

-- The sensor's plans that are about to be promoted: a second plan of what they hold would be stale before anybody has read it.
CREATE VIEW selection.promoting_plan WITH (security_invoker = true) AS
SELECT p.org_id, p.plan_id FROM selection.sync_plan AS p
WHERE p.org_id = connect.current_org() AND p.origin = 'selection' AND p.state = 'approved';

-- What plans of others than `actor` hold that are not done: a draft that waits there is left to them. Their plans are few
-- among all there ever were: they are read once. Who asks compares `org_id`: asked here too, it would count twice, and the
-- planner would expect so few items that it looks them up one by one.
CREATE FUNCTION selection.planned_by_others(actor text)
RETURNS TABLE (org_id bigint, connection_id bigint, entity_type text, external_id text, batch_id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT i.org_id, i.connection_id, i.entity_type, i.external_id, i.batch_id
    FROM selection.sync_plan_item AS i
    WHERE i.plan_id = ANY (ARRAY(
        SELECT p.plan_id FROM selection.sync_plan AS p
        WHERE p.org_id = connect.current_org() AND p.state IN ('proposed', 'approved') AND p.created_by <> actor))
$$;

CREATE OR REPLACE FUNCTION selection.covered_by_rule(
    connection bigint, entity text, store text, statuses text [], field text, expected jsonb)
RETURNS TABLE (external_id text, content_hash bytea, deleted boolean)
LANGUAGE sql STABLE
AS $$
    SELECT d.external_id, d.content_hash, d.status = 'deleted'
    FROM selection.difference_now AS d
    WHERE d.org_id = connect.current_org() AND d.connection_id = connection AND d.entity_type = entity
        AND NOT d.decided AND d.status = ANY (statuses)
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

CREATE OR REPLACE FUNCTION preview.differences_beyond(
    connection bigint, entity text, of_status text, choice text, warned boolean, beyond text, falling boolean,
    at_most integer)
RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog SET enable_sort = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT d.external_id FROM selection.difference_now AS d
         WHERE d.org_id = $1 AND d.connection_id = $2 AND d.entity_type = $3 AND d.status = $4
             AND ($5 IS NULL OR (length(d.external_id), d.external_id) %1$s (length($5), $5))
             AND ($6 IS NULL OR coalesce(d.decision, ''undecided'') = $6)
             AND (NOT $7 OR d.warnings <> ''[]'')
         ORDER BY length(d.external_id) %2$s, d.external_id %2$s LIMIT $8',
        CASE WHEN falling THEN '<' ELSE '>' END, CASE WHEN falling THEN 'DESC' ELSE 'ASC' END)
    USING connect.current_org(), connection, entity, of_status, beyond, choice, warned, at_most;
END $$;

CREATE OR REPLACE FUNCTION observe.waiting_selections(at_most integer)
RETURNS TABLE (org_id bigint, slug text, batch_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT o.org_id, o.slug, max(b.batch_id)
    FROM selection.selection_batch b
    JOIN connect.organization o ON o.org_id = b.org_id AND o.removed_at IS NULL
    JOIN connect.integration_connector c ON c.org_id = b.org_id AND c.connection_id = b.connection_id
    WHERE selection.waits_for_sensor(b, c)
    GROUP BY o.org_id, o.slug ORDER BY max(b.batch_id) LIMIT at_most
$$;
