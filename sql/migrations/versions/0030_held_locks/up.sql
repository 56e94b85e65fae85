-- The advisory locks that are held, by key: who pulls an entity or writes core holds one, so nobody is at work without it.
CREATE VIEW observe.held_lock WITH (security_invoker = true) AS
SELECT (classid::bigint << 32) | objid::bigint AS key, mode FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
GRANT SELECT ON observe.held_lock TO sync_app;
