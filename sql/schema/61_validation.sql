-- Validations: what every check found, place by place, with its evidence; who signed it off; scripts that people carried out.

CREATE TABLE observe.validation (
    org_id bigint NOT NULL,
    validation_id bigint GENERATED ALWAYS AS IDENTITY,
    started_at timestamptz NOT NULL,
    seconds double precision NOT NULL,
    snapshot text NOT NULL,             -- PostgreSQL's, of all rows that do not say otherwise
    revision text,                      -- of the database
    documents text NOT NULL,            -- the version of the documents
    counts jsonb NOT NULL,              -- {verdict: rows}
    statements jsonb NOT NULL,          -- {SHA-256: text} of the statements that its rows name
    manifest jsonb NOT NULL,            -- {file: SHA-256} of its export
    manifest_hash text NOT NULL,        -- SHA-256 of the manifest: what a sign-off is bound to
    requested_by text NOT NULL,
    PRIMARY KEY (org_id, validation_id)
);

CREATE TABLE observe.validation_row (
    org_id bigint NOT NULL,
    validation_id bigint NOT NULL,
    row_no bigint NOT NULL,
    name text NOT NULL,                 -- check/connection/entity, without the parts that it has not
    check_name text NOT NULL,
    connection text,
    entity text,
    verdict text NOT NULL CHECK (verdict IN ('pass', 'waiting', 'fail', 'not_run', 'not_applicable')),
    expected text,
    found text,
    ids text [] NOT NULL DEFAULT '{}' CHECK (cardinality(ids) <= 20),
    words text NOT NULL,
    statement text NOT NULL,            -- its SHA-256
    snapshot text,                      -- null: transactions of its own
    seconds double precision NOT NULL,
    PRIMARY KEY (org_id, validation_id, row_no),
    UNIQUE (org_id, validation_id, name),
    FOREIGN KEY (org_id, validation_id) REFERENCES observe.validation ON DELETE CASCADE
);

-- A person's word that a matrix is good enough for a milestone. What was red or waited then is accepted by name, each with a reason.
CREATE TABLE observe.signoff (
    org_id bigint NOT NULL,
    signoff_id bigint GENERATED ALWAYS AS IDENTITY,
    validation_id bigint NOT NULL,
    manifest_hash text NOT NULL,
    milestone text NOT NULL CHECK (length(milestone) BETWEEN 1 AND 100),
    note text NOT NULL,
    accepted jsonb NOT NULL DEFAULT '[]',  -- [{row, why, verdict, found}] of the rows that were red or waited
    signed_by text NOT NULL,
    via text NOT NULL CHECK (via IN ('explorer', 'api', 'command')),
    signed_at timestamptz NOT NULL DEFAULT now(),
    outdated_at timestamptz,            -- a later validation found something red that it did not accept
    outdated_by bigint,                 -- that validation
    PRIMARY KEY (org_id, signoff_id),
    FOREIGN KEY (org_id, validation_id) REFERENCES observe.validation
);
CREATE INDEX signoff_validation ON observe.signoff (org_id, validation_id);

-- An acceptance script (docs/uat) that somebody carried out here, step by step.
CREATE TABLE observe.acceptance (
    org_id bigint NOT NULL,
    acceptance_id bigint GENERATED ALWAYS AS IDENTITY,
    script text NOT NULL,
    script_hash text NOT NULL,          -- of its text: a changed script was not carried out
    failed_step bigint CHECK (failed_step > 0),  -- null: every step did what it says
    passed boolean NOT NULL GENERATED ALWAYS AS (failed_step IS NULL) STORED,
    note text,
    done_by text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, acceptance_id)
);
CREATE INDEX acceptance_script ON observe.acceptance (org_id, script, acceptance_id DESC);

CALL connect.isolate('observe.validation', 'observe.validation_row', 'observe.signoff', 'observe.acceptance');
-- Evidence is not rewritten; a matrix that nobody signed may be deleted when it is old.
REVOKE UPDATE ON observe.validation, observe.validation_row, observe.acceptance FROM sync_app;
REVOKE DELETE ON observe.signoff, observe.acceptance FROM sync_app;
REVOKE UPDATE ON observe.signoff FROM sync_app;
GRANT UPDATE (outdated_at, outdated_by) ON observe.signoff TO sync_app;
CREATE POLICY retention ON observe.validation AS RESTRICTIVE FOR DELETE USING (started_at < now() - interval '30 days');
