-- queue_results --
SELECT queue_id, state, done, failed, cancelled, waiting + processing AS open
FROM promote.sync_queue
WHERE org_id = connect.current_org() AND queue_id = ANY(%(queues)s::uuid [])

-- commonest_reasons --
-- Why lines of these queues failed: the commonest reasons of each.
SELECT f.queue_id, f.reason, f.records
FROM (
    SELECT l.queue_id, l.reason, count(*) AS records,
        row_number() OVER (PARTITION BY l.queue_id ORDER BY count(*) DESC, min(l.line_no)) AS place
    FROM promote.sync_queue_line AS l
    WHERE l.org_id = connect.current_org() AND l.queue_id = ANY(%(queues)s::uuid []) AND l.state = 'failed'
    GROUP BY l.queue_id, l.reason
) AS f
WHERE f.place <= %(most)s
ORDER BY f.queue_id, f.place
