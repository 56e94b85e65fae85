-- locks_held --
-- The strongest lock of this transaction on each relation of ours. `written`: one is held for writing rows; `hidden`:
-- and row-level security is on for who asks.
SELECT l.relation::bigint AS relation,
    bool_or(l.mode = 'RowExclusiveLock') AS written,
    bool_or(l.mode = 'RowExclusiveLock') AND row_security_active(l.relation) AS hidden,
    (array_agg(l.mode ORDER BY array_position(ARRAY[
    'AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock',
    'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'], l.mode)))[1] AS mode
FROM pg_locks AS l
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
GROUP BY l.relation;
