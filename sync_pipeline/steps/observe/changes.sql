-- settings_changes --
-- The list of events is that of the index.
SELECT a.occurred_at AS at, a.event, a.actor, a.detail
FROM observe.sync_activity AS a
WHERE a.org_id = connect.current_org() AND a.connection_id IS NOT DISTINCT FROM %(connection_id)s
    AND a.event IN (
        'connect.saved', 'connect.settings_changed', 'connect.webhook_secret_set', 'organization.policy', 'rule.added',
        'rule.dropped')
    AND a.event = ANY (%(events)s)
ORDER BY a.activity_id DESC LIMIT %(limit)s
