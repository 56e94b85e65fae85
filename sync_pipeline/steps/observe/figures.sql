-- connection_figures --
SELECT org, connection, provider, health, lag_seconds, runs, failed, pulled, created, updated, quarantined, requests,
       throttled, slow, bytes, seconds
FROM observe.connection_figures()

-- queue_figures --
SELECT org, waiting, processing, done, failed, action_required, requests, decisions FROM observe.queue_figures()

-- deliveries_waiting --
SELECT count(*) FROM capture.waiting_deliveries(1000)
