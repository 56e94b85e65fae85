-- A decision binds to the version that was seen, and a plan to all that it depends on.

-- The version of a record as people see it: its content, and whether it is deleted.
CREATE FUNCTION preview.version_of(content_hash bytea, deleted boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT encode(content_hash, 'hex') || CASE WHEN deleted THEN '-deleted' ELSE '' END $$;

-- Both values of each field that differs. A side without the field has no key; null is a value.
CREATE OR REPLACE FUNCTION preview.field_changes(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(jsonb_object_agg(
        coalesce(a.key, b.key),
        CASE WHEN b.key IS NULL THEN '{}' ELSE jsonb_build_object('before', b.value) END
        || CASE WHEN a.key IS NULL THEN '{}' ELSE jsonb_build_object('after', a.value) END), '{}')
    FROM jsonb_each(after) AS a FULL JOIN jsonb_each(before) AS b ON a.key = b.key
    WHERE a.value IS DISTINCT FROM b.value
$$;

-- Who writes or decides on records of one entity of one connection holds this lock until its transaction ends.
CREATE FUNCTION capture.entity_lock(connection_id bigint, entity_type text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT hashtextextended('records/' || connect.current_org() || '/' || connection_id || '/' || entity_type, 0)
$$;

-- Why a record that was included is undecided again: its plan was refused or undone. It counts for that version only.
CREATE TABLE selection.withdrawal (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    content_hash bytea NOT NULL,
    seen_deleted boolean NOT NULL,
    cause text NOT NULL CHECK (cause IN ('refused', 'undone')),
    plan_id uuid NOT NULL,
    withdrawn_by text NOT NULL,
    withdrawn_at timestamptz NOT NULL DEFAULT now(),
    why text,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);
CALL connect.isolate('selection.withdrawal');

-- Without defaults: no table is rewritten.
ALTER TABLE selection.sync_plan_item ADD COLUMN batch_id bigint;
ALTER TABLE selection.sync_plan_item ADD COLUMN promoted_deleted boolean;
-- Row-level security holds for an owner that is no superuser, too: it would see no row here.
ALTER TABLE selection.sync_plan NO FORCE ROW LEVEL SECURITY;
ALTER TABLE selection.sync_plan_item NO FORCE ROW LEVEL SECURITY;
UPDATE selection.sync_plan_item AS i SET promoted_deleted = false
FROM selection.sync_plan AS p
WHERE p.org_id = i.org_id AND p.plan_id = i.plan_id AND p.state IN ('proposed', 'approved')
    AND i.promoted_hash IS NOT NULL;
ALTER TABLE selection.sync_plan FORCE ROW LEVEL SECURITY;
ALTER TABLE selection.sync_plan_item FORCE ROW LEVEL SECURITY;

-- What has moved since a plan was made, item by item, in words; null where nothing has.
CREATE VIEW selection.plan_item_now WITH (security_invoker = true) AS
SELECT
    i.org_id, i.plan_id, i.connection_id, i.entity_type, i.external_id,
    CASE
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
