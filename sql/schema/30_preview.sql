-- What would change. Only differences are stored: a record without a row here is in sync.

CREATE TABLE preview.difference (
    org_id bigint NOT NULL,             -- the organization
    connection_id bigint NOT NULL,      -- the connection of the record's store
    entity_type text NOT NULL,          -- what the record is: product, order, …
    external_id text COLLATE "C" NOT NULL,  -- the record's id in the store
    status text NOT NULL CHECK (status IN ('new', 'updated', 'deleted')),  -- what promoting it would do
    content_hash bytea NOT NULL,        -- the version it was computed for
    promoted_hash bytea,                -- the version that is in core
    warnings jsonb NOT NULL DEFAULT '[]',  -- what promotion would refuse or read in part: [{code, message, …}]
    computed_at timestamptz NOT NULL DEFAULT now(),  -- when it was compared
    followed jsonb,  -- {through, version, fields}: its own version is in core, and records that it follows have changed
    PRIMARY KEY (org_id, connection_id, entity_type, external_id)
);
-- In the order people page through them.
CREATE INDEX difference_status ON preview.difference
(org_id, connection_id, entity_type, status, length(external_id), external_id);

-- How many differences of each status there are: the sum of these rows. Each statement that writes differences adds what
-- it changed, so nobody waits for anybody; comparing sums them up. Each statement that writes decisions adds a row
-- (“decided”, 0): as long as the rows are the same, whatever was counted of both tables is still true.
CREATE TABLE preview.tally (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    tally_id bigint GENERATED ALWAYS AS IDENTITY,
    status text NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, tally_id)
);

CREATE FUNCTION preview.count_differences() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
        SELECT org_id, connection_id, entity_type, status, count(*) FROM new_rows
        GROUP BY org_id, connection_id, entity_type, status;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
        SELECT org_id, connection_id, entity_type, status, -count(*) FROM old_rows
        GROUP BY org_id, connection_id, entity_type, status;
    ELSE
        INSERT INTO preview.tally (org_id, connection_id, entity_type, status, records)
        SELECT org_id, connection_id, entity_type, status, sum(by) FROM (
            SELECT org_id, connection_id, entity_type, status, 1 AS by FROM new_rows
            UNION ALL
            SELECT org_id, connection_id, entity_type, status, -1 FROM old_rows) AS moved
        GROUP BY org_id, connection_id, entity_type, status;  -- none more is a row, too: something moved
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_inserted AFTER INSERT ON preview.difference
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION preview.count_differences();
CREATE TRIGGER count_updated AFTER UPDATE ON preview.difference
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION preview.count_differences();
CREATE TRIGGER count_deleted AFTER DELETE ON preview.difference
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION preview.count_differences();

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
    followed jsonb,                     -- {entity type: its last change} of the entities it follows, when it was compared
    shapes_accepted_at timestamptz,     -- fields as they were then are no drift: a plan that was made then is applied
    PRIMARY KEY (org_id, connection_id, entity_type)
);

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

-- Names of the top-level fields in which two payloads differ.
CREATE FUNCTION preview.changed_fields(before jsonb, after jsonb) RETURNS text []
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(array_agg(coalesce(a.key, b.key) ORDER BY coalesce(a.key, b.key)), '{}')
    FROM jsonb_each(after) AS a FULL JOIN jsonb_each(before) AS b ON a.key = b.key
    WHERE a.value IS DISTINCT FROM b.value
$$;

-- Both values of each field that differs. A side without the field has no key; null is a value.
CREATE FUNCTION preview.field_changes(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(jsonb_object_agg(
        coalesce(a.key, b.key),
        CASE WHEN b.key IS NULL THEN '{}' ELSE jsonb_build_object('before', b.value) END
        || CASE WHEN a.key IS NULL THEN '{}' ELSE jsonb_build_object('after', a.value) END), '{}')
    FROM jsonb_each(after) AS a FULL JOIN jsonb_each(before) AS b ON a.key = b.key
    WHERE a.value IS DISTINCT FROM b.value
$$;

-- Both values of each field that differs by what the record follows, and which record that is.
CREATE FUNCTION preview.followed_changes(followed jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT jsonb_object_agg(f.key, f.value || jsonb_build_object('through', followed -> 'through'))
    FROM jsonb_each(followed -> 'fields') AS f
$$;

-- The version of a record as people see it: its content, and whether it is deleted.
CREATE FUNCTION preview.version_of(content_hash bytea, deleted boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT encode(content_hash, 'hex') || CASE WHEN deleted THEN '-deleted' ELSE '' END $$;

-- The same for a record that differs only by what it follows: what it would become is another version too.
CREATE FUNCTION preview.version_of(content_hash bytea, deleted boolean, followed jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT preview.version_of(content_hash, deleted) || coalesce('-' || (followed ->> 'version'), '') $$;

-- Views of a list that people named: its filters, search and order. Everybody in the organization finds them.
CREATE TABLE preview.saved_view (
    org_id bigint NOT NULL,
    view_id bigint GENERATED ALWAYS AS IDENTITY,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    shown jsonb NOT NULL,               -- {status, choice, warned, q, sort}: those that are set
    made_by text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    token_id bigint,                    -- the token it was made with: names of tokens are not unique
    PRIMARY KEY (org_id, view_id),
    UNIQUE (org_id, connection_id, entity_type, name)
);

CALL connect.isolate('preview.difference', 'preview.summary', 'preview.tally', 'preview.saved_view');
