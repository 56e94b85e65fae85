-- decision_log --
-- Gates, policies, changed settings, sign-offs and migrations as lines of one log, newest first. The list of events is that
-- of the index. Migrations are the deployment's: what people wrote of them is not here.
SELECT l.*
FROM (
    SELECT CASE WHEN d.cause = ANY(%(schema)s::text []) THEN 'schema' ELSE 'gate' END AS kind,
           d.decision_id::text AS number, d.cause AS subject, c.name AS connection, d.question, d.owner, d.opened_at,
           d.options, d.recommended, d.answer, d.answered_by, d.answered_at, d.why, d.outcome
    FROM observe.decision AS d
    LEFT JOIN connect.integration_connector AS c ON c.org_id = d.org_id AND c.connection_id = d.connection_id
    WHERE d.org_id = connect.current_org()
    UNION ALL
    SELECT 'policy', p.policy_id::text, 'policy', NULL,
           'Plans of token ' || p.token_id::text || ' without an approval of their own: '
           || array_to_string(p.actions, ', ') || ' of ' || array_to_string(p.entity_types, ', ') || ', at most '
           || p.max_plan::text || ' a plan and ' || p.max_day::text || ' a day, until '
           || to_char(p.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC',
           p.granted_by, p.granted_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('choice', 'allow ' || a.risk, 'effect', '', 'risk', a.risk)), '[]')
            FROM unnest(p.allows) AS a (risk)),
           NULL, 'granted', p.granted_by, p.granted_at, p.why,
           CASE WHEN p.revoked_at IS NOT NULL THEN 'revoked by ' || coalesce(p.revoked_by, 'somebody')
                WHEN p.paused_at > coalesce(p.resumed_at, '-infinity') THEN 'paused itself: ' || coalesce(p.paused_why, '')
                WHEN p.expires_at <= now() THEN 'expired' END
    FROM selection.approval_policy AS p
    WHERE p.org_id = connect.current_org()
    UNION ALL
    SELECT 'settings', a.activity_id::text, a.event, c.name,
           CASE a.event
               WHEN 'connect.saved' THEN 'Address and credentials were saved'
               WHEN 'connect.webhook_secret_set' THEN CASE WHEN a.detail @> '{"there": true}' THEN
                   'A secret of webhooks was set' ELSE 'The secret of webhooks was taken away' END
               ELSE coalesce((SELECT string_agg(replace(d.key, '_', ' ') || ': ' || coalesce(d.value, 'nothing'), ', ' ORDER BY d.key)
                     FROM jsonb_each_text(CASE a.event WHEN 'connect.settings_changed' THEN a.detail -> 'settings'
                                                       ELSE a.detail - 'why' END) AS d), 'something') END,
           a.actor, a.occurred_at, '[]'::jsonb, NULL, 'changed', a.actor, a.occurred_at, a.detail ->> 'why', NULL
    FROM observe.sync_activity AS a
    LEFT JOIN connect.integration_connector AS c ON c.org_id = a.org_id AND c.connection_id = a.connection_id
    WHERE a.org_id = connect.current_org() AND a.event IN (
        'connect.saved', 'connect.settings_changed', 'connect.webhook_secret_set', 'organization.policy', 'rule.added',
        'rule.dropped')
    UNION ALL
    SELECT 'signoff', s.signoff_id::text, s.milestone, NULL,
           'Validation ' || s.validation_id::text || ', manifest ' || s.manifest_hash || ': is it good enough for '
           || s.milestone || '?',
           s.signed_by, s.signed_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('choice', 'accept ' || (a.one ->> 'row'), 'effect',
                a.one ->> 'why', 'risk', 'it was red: ' || coalesce(a.one ->> 'found', a.one ->> 'verdict'))), '[]')
            FROM jsonb_array_elements(s.accepted) AS a (one)),
           NULL, 'signed off', s.signed_by, s.signed_at, s.note,
           'outdated by validation ' || s.outdated_by::text
    FROM observe.signoff AS s
    WHERE s.org_id = connect.current_org()
    UNION ALL
    SELECT 'migration', m.activity_id::text, m.subject, NULL, m.question, m.owner, m.occurred_at, '[]'::jsonb, NULL,
           m.answer, m.actor, m.occurred_at, NULL, m.outcome
    FROM ({migrations}) AS m
) AS l
WHERE %(kind)s::text IS NULL OR l.kind = %(kind)s
ORDER BY l.opened_at DESC, l.kind, length(l.number) DESC, l.number DESC
LIMIT %(limit)s OFFSET %(offset)s

-- migrations --
-- What became of each proposed migration, step by step.
SELECT e.activity_id, e.migration_id, e.occurred_at, e.actor, 'migration.' || w.answer AS subject, w.answer,
       'the owner of the database' AS owner,
       'Migration ' || e.migration_id::text || ' of the database, hash ' || e.hash AS question,
       CASE WHEN e.verdict IS NULL THEN 'not tried'
            ELSE 'the trial ' || CASE e.verdict WHEN 'blocked' THEN 'was blocked' ELSE e.verdict END || ', on a branch of revision ' || coalesce(e.revision, '?') || ' ('
                 || coalesce(e.branch, '?') || ')'
                 || CASE WHEN e.losses > 1 THEN ', and names ' || e.losses::text || ' losses'
                         WHEN e.losses = 1 THEN ', and names 1 loss' ELSE '' END END
       || CASE WHEN w.answer = 'applied' THEN '; the database is at revision ' || e.applied_as ELSE '' END AS outcome
FROM observe.migration_events() AS e
CROSS JOIN LATERAL (
    SELECT CASE e.event WHEN 'approval.granted' THEN 'approved'
                        ELSE substr(e.event, length('migration.') + 1) END AS answer
) AS w

-- deployment_log --
-- The same for the owner, with what people and agents wrote.
SELECT 'migration' AS kind, m.activity_id::text AS number, m.subject, NULL::text AS connection,
       m.question || ' (' || p.name || ')' AS question, m.owner, m.occurred_at AS opened_at, '[]'::jsonb AS options,
       NULL::text AS recommended, m.answer, m.actor AS answered_by, m.occurred_at AS answered_at,
       CASE m.answer WHEN 'proposed' THEN p.why WHEN 'refused' THEN p.refused_why END AS why, m.outcome
FROM ({migrations}) AS m
JOIN selection.proposed_migration AS p ON p.migration_id = m.migration_id
ORDER BY m.activity_id DESC LIMIT %(limit)s OFFSET %(offset)s
