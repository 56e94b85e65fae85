-- Each call of an agent, for 90 days. Its arguments are not here: a digest says whether two calls were the same.
CREATE TABLE observe.agent_call (
    org_id bigint NOT NULL,
    call_id bigint GENERATED ALWAYS AS IDENTITY,
    called_at timestamptz NOT NULL DEFAULT now(),
    token_id bigint NOT NULL,
    tool text NOT NULL,                 -- unknown: there is none of this name
    digest text NOT NULL,               -- the beginning of the SHA-256 of its arguments
    ids text [] NOT NULL DEFAULT '{}',  -- what it made: a batch, a plan, a request, a queue
    transport text NOT NULL CHECK (transport IN ('stdio', 'http')),
    client text,                        -- the program, as it calls itself
    outcome text NOT NULL,              -- ok, or the kind of error
    bytes bigint NOT NULL,              -- of the answer
    milliseconds bigint NOT NULL,
    PRIMARY KEY (org_id, call_id)
);
CREATE INDEX agent_call_recent ON observe.agent_call (org_id, called_at DESC);
CALL connect.isolate('observe.agent_call');
REVOKE UPDATE ON observe.agent_call FROM sync_app;
CREATE POLICY retention ON observe.agent_call AS RESTRICTIVE FOR DELETE USING (called_at < now() - interval '30 days');
