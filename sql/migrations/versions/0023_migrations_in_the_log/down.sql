-- Before, what waits was called failed.
ALTER TABLE observe.validation_row NO FORCE ROW LEVEL SECURITY;
ALTER TABLE observe.validation NO FORCE ROW LEVEL SECURITY;
ALTER TABLE observe.signoff NO FORCE ROW LEVEL SECURITY;
UPDATE observe.validation SET counts = counts - 'waiting' || jsonb_build_object(
    'fail', coalesce((counts ->> 'fail')::bigint, 0) + (counts ->> 'waiting')::bigint)
WHERE counts ? 'waiting';
UPDATE observe.validation_row SET verdict = 'fail' WHERE verdict = 'waiting';
UPDATE observe.signoff SET accepted = (
    SELECT jsonb_agg(CASE WHEN a.one ->> 'verdict' = 'waiting' THEN a.one || '{"verdict": "fail"}' ELSE a.one END
                     ORDER BY a.place)
    FROM jsonb_array_elements(accepted) WITH ORDINALITY AS a (one, place))
WHERE accepted @> '[{"verdict": "waiting"}]';
ALTER TABLE observe.signoff FORCE ROW LEVEL SECURITY;
ALTER TABLE observe.validation FORCE ROW LEVEL SECURITY;
ALTER TABLE observe.validation_row FORCE ROW LEVEL SECURITY;
ALTER TABLE observe.validation_row DROP CONSTRAINT validation_row_verdict_check;
ALTER TABLE observe.validation_row ADD CONSTRAINT validation_row_verdict_check
CHECK (verdict IN ('pass', 'fail', 'not_run', 'not_applicable'));
DROP FUNCTION observe.migration_events();
REVOKE SELECT (migration_id, hash) ON selection.proposed_migration FROM sync_router;
DROP POLICY router ON observe.sync_activity;
REVOKE SELECT ON observe.sync_activity FROM sync_router;
