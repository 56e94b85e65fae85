-- What would change. Only differences are stored: a record without a row here is in sync.

CREATE TABLE preview.difference (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('new', 'updated', 'deleted')),
    content_hash bytea NOT NULL,        -- the version it was computed for
    promoted_hash bytea,                -- the version that is in core
    warnings jsonb NOT NULL DEFAULT '[]',  -- [{code, message, …}]
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);
CREATE INDEX difference_status ON preview.difference (org_id, connection_id, entity_type, status, external_id);

-- When an entity was last compared, and what came out.
CREATE TABLE preview.summary (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    new bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    in_sync bigint NOT NULL,
    remote_total bigint,                -- what the store said it has, when it was last asked
    capped boolean NOT NULL DEFAULT false,
    drift jsonb NOT NULL DEFAULT '[]',
    changed_at timestamptz,             -- the entity's last change when it was compared: the same again, nothing to do
    noise text [] NOT NULL DEFAULT '{}', -- fields that are no change, when it was compared
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, connection_id, entity_type)
);

-- Names of the top-level fields in which two payloads differ.
CREATE FUNCTION preview.changed_fields(before jsonb, after jsonb) RETURNS text []
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(array_agg(coalesce(a.key, b.key) ORDER BY coalesce(a.key, b.key)), '{}')
    FROM jsonb_each(after) AS a FULL JOIN jsonb_each(before) AS b ON a.key = b.key
    WHERE a.value IS DISTINCT FROM b.value
$$;

-- The fields in which two payloads differ, with both values: {field: {before, after}}.
CREATE FUNCTION preview.field_changes(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(jsonb_object_agg(coalesce(a.key, b.key),
                                     jsonb_strip_nulls(jsonb_build_object('before', b.value, 'after', a.value))), '{}')
    FROM jsonb_each(after) AS a FULL JOIN jsonb_each(before) AS b ON a.key = b.key
    WHERE a.value IS DISTINCT FROM b.value
$$;

CALL connect.isolate('preview.difference', 'preview.summary');
