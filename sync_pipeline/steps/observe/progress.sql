-- queues_at_work --
SELECT queue_id, total, done, failed, done + failed + cancelled AS finished,
       extract(epoch FROM clock_timestamp() - started_at)::float8 AS seconds
FROM promote.sync_queue
WHERE org_id = connect.current_org() AND state IN ('draft', 'processing')
ORDER BY created_at
