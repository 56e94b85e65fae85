-- Migrations that somebody proposes: tried on a branch, approved by a person, applied. They belong to the deployment and to no
-- organization: only the owner reads and writes them.
CREATE TABLE selection.proposed_migration (
    migration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,59}$'),
    up text NOT NULL,
    down text NOT NULL,
    hash text NOT NULL UNIQUE,          -- of the bytes of both; an approval is of this hash
    why text NOT NULL,
    proposed_by text NOT NULL,
    agent boolean NOT NULL,
    client text,                        -- an agent's program, as it calls itself
    proposed_at timestamptz NOT NULL DEFAULT now(),
    tried_at timestamptz,
    revision text,                      -- of the database that the trial branched from
    verdict text CHECK (verdict IN ('passed', 'blocked', 'failed')),
    report jsonb,
    refused_at timestamptz,
    refused_by text,
    refused_why text,
    applied_at timestamptz,
    applied_by text,
    applied_as text,                    -- the revision that it became
    CHECK ((tried_at IS NULL) = (report IS NULL) AND (tried_at IS NULL) = (verdict IS NULL)),
    CHECK (refused_at IS NULL OR applied_at IS NULL)
);
REVOKE ALL ON selection.proposed_migration FROM sync_app;
REVOKE ALL ON SEQUENCE selection.proposed_migration_migration_id_seq FROM sync_app;
