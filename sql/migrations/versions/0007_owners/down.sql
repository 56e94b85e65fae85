DROP TRIGGER keep_former_email ON capture.sync_record;
DROP FUNCTION capture.keep_former_email();
DROP FUNCTION promote.email_owner(text);
DROP FUNCTION promote.promoted_version(promote.integration_mapping);
DROP TABLE capture.former_email;
CREATE OR REPLACE FUNCTION core.fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(casefold(btrim(value) COLLATE "pg_unicode_fast"), '');
DROP VIEW selection.plan_item_now;
CREATE VIEW selection.plan_item_now WITH (security_invoker = true) AS
SELECT
    i.org_id, i.plan_id, i.connection_id, i.entity_type, i.external_id,
    CASE
        WHEN r.external_id IS NULL THEN 'it is no longer captured'
        WHEN i.action = 'delete' AND r.deletion_state <> 'deleted' THEN 'it is in the store again'
        WHEN i.action <> 'delete' AND r.deletion_state = 'deleted' THEN 'it was deleted in the store'
        WHEN r.content_hash <> i.content_hash THEN 'it changed in the store'
    END AS captured,
    CASE
        WHEN s.decision = 'ignore' THEN 'it was ignored by ' || s.decided_by
        WHEN i.batch_id IS NOT NULL AND s.external_id IS NULL THEN coalesce(
            'its inclusion was ' || CASE w.cause WHEN 'refused' THEN 'refused' ELSE 'undone' END
            || ' by ' || w.withdrawn_by, 'it was decided again in another version')
    END AS selected,
    CASE
        WHEN m.promoted_hash IS NOT DISTINCT FROM i.promoted_hash
            AND m.promoted_deleted IS NOT DISTINCT FROM i.promoted_deleted THEN NULL
        WHEN m.external_id IS NULL THEN 'it was taken out of core'
        WHEN i.promoted_hash IS NULL THEN 'it was promoted by another plan'
        ELSE 'core has another version of it'
    END AS promoted
FROM selection.sync_plan_item AS i
JOIN connect.integration_connector AS c ON c.org_id = i.org_id AND c.connection_id = i.connection_id
LEFT JOIN capture.sync_record AS r
    ON r.org_id = i.org_id AND r.connection_id = i.connection_id AND r.entity_type = i.entity_type
        AND r.external_id = i.external_id AND r.provider = c.provider
LEFT JOIN selection.sync_selective_config AS s
    ON s.org_id = i.org_id AND s.connection_id = i.connection_id AND s.entity_type = i.entity_type
        AND s.external_id = i.external_id AND s.content_hash = i.content_hash
        AND s.seen_deleted = (i.action = 'delete')
LEFT JOIN selection.withdrawal AS w
    ON s.external_id IS NULL AND w.org_id = i.org_id AND w.connection_id = i.connection_id
        AND w.entity_type = i.entity_type AND w.external_id = i.external_id AND w.content_hash = i.content_hash
        AND w.seen_deleted = (i.action = 'delete')
LEFT JOIN promote.integration_mapping AS m
    ON m.org_id = i.org_id AND m.connection_id = i.connection_id AND m.entity_type = i.entity_type
        AND m.external_id = i.external_id;
ALTER TABLE promote.integration_mapping NO FORCE ROW LEVEL SECURITY;
UPDATE promote.integration_mapping SET claim = NULL WHERE core_table = 'core.sales_orders' AND claim IS NOT NULL;
ALTER TABLE promote.integration_mapping FORCE ROW LEVEL SECURITY;
