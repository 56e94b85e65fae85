-- record_heartbeat --
INSERT INTO observe.heartbeat AS h (name) VALUES (%(name)s)
ON CONFLICT (name) DO UPDATE SET seen_at = now() WHERE h.seen_at < now() - interval '20 seconds'

-- last_heartbeat --
SELECT seen_at FROM observe.heartbeat WHERE name = %(name)s
