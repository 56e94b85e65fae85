DROP VIEW selection.plan_item_now;
ALTER TABLE selection.sync_plan_item DROP COLUMN promoted_deleted;
ALTER TABLE selection.sync_plan_item DROP COLUMN batch_id;
DROP TABLE selection.withdrawal;
DROP FUNCTION capture.entity_lock(bigint, text);
CREATE OR REPLACE FUNCTION preview.field_changes(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(jsonb_object_agg(coalesce(a.key, b.key),
                                     jsonb_strip_nulls(jsonb_build_object('before', b.value, 'after', a.value))), '{}')
    FROM jsonb_each(after) AS a FULL JOIN jsonb_each(before) AS b ON a.key = b.key
    WHERE a.value IS DISTINCT FROM b.value
$$;
DROP FUNCTION preview.version_of(bytea, boolean);
