-- next_org_id --
SELECT nextval(pg_get_serial_sequence('connect.organization', 'org_id'))

-- add_organization --
INSERT INTO connect.organization (org_id, slug, name) VALUES (%(org_id)s, %(slug)s, %(name)s)
ON CONFLICT (slug) DO NOTHING RETURNING org_id

-- rename_organization --
UPDATE connect.organization SET name = %(name)s, removed_at = NULL WHERE org_id = connect.current_org()

-- set_policy --
-- What is not given stays.
UPDATE connect.organization
SET sku_policy = coalesce(%(sku)s, sku_policy), provider_priority = coalesce(%(priority)s::text[], provider_priority),
    four_eyes = coalesce(%(four_eyes)s, four_eyes)
WHERE org_id = connect.current_org()
RETURNING sku_policy, provider_priority, four_eyes

-- policy --
SELECT sku_policy, provider_priority, four_eyes FROM connect.organization WHERE org_id = connect.current_org()

-- list_organizations --
SELECT org_id, slug, name, currency, removed_at, providers FROM connect.list_organizations()

-- upsert_connection --
-- Connecting again under the same name replaces address and credentials, and keeps what was captured.
INSERT INTO connect.integration_connector (org_id, name, provider, store_url, credentials, settings)
VALUES (connect.current_org(), %(name)s, %(provider)s, %(store_url)s, %(credentials)s, %(settings)s::jsonb)
ON CONFLICT (org_id, name) DO UPDATE
SET store_url = excluded.store_url, credentials = excluded.credentials, settings = excluded.settings,
    updated_at = now(), disabled_at = NULL, health = 'unknown', health_detail = NULL
WHERE integration_connector.provider = excluded.provider
RETURNING connection_id

-- connections --
SELECT connection_id, name, provider, store_url, credentials AS sealed, settings, health, health_detail, last_sync_at
FROM connect.integration_connector
WHERE org_id = connect.current_org() AND disabled_at IS NULL
    AND (%(name)s::text IS NULL OR name = %(name)s)
ORDER BY connection_id

-- set_settings --
UPDATE connect.integration_connector SET settings = settings || %(settings)s::jsonb, updated_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- set_credentials --
UPDATE connect.integration_connector
SET credentials = %(credentials)s, settings = coalesce(%(settings)s::jsonb, settings),
    store_url = coalesce(%(store_url)s, store_url), updated_at = now()
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- lock_connection --
-- Locked until the transaction ends, so that writing it back does not undo a concurrent change.
SELECT credentials, settings, store_url FROM connect.integration_connector
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s FOR UPDATE

-- set_tested --
UPDATE connect.integration_connector
SET health = %(health)s, health_detail = %(detail)s, health_checked_at = now(), tested_at = now(),
    findings = %(findings)s::jsonb
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- last_test --
SELECT tested_at, findings FROM connect.integration_connector
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- recently_healthy --
SELECT health = 'healthy' AND health_checked_at > now() - make_interval(secs => %(seconds)s) AS healthy
FROM connect.integration_connector
WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s

-- same_store --
-- The organization's other connections to a connection's store. One address may serve several databases (`db`) or, to one
-- of its connections, some of its companies.
SELECT o.name FROM connect.integration_connector AS c
JOIN connect.integration_connector AS o
    ON o.org_id = c.org_id AND o.provider = c.provider AND o.store_url = c.store_url
        AND o.connection_id <> c.connection_id AND o.disabled_at IS NULL
        AND o.settings -> 'db' IS NOT DISTINCT FROM c.settings -> 'db'
        AND o.settings -> 'companies' IS NOT DISTINCT FROM c.settings -> 'companies'
WHERE c.org_id = connect.current_org() AND c.connection_id = %(connection_id)s
ORDER BY o.connection_id

-- has_captured --
SELECT EXISTS (
    SELECT 1 FROM capture.sync_record WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s
    UNION ALL
    SELECT 1 FROM capture.sync_quarantine WHERE org_id = connect.current_org() AND connection_id = %(connection_id)s)

-- has_partition --
-- Each provider's records are a partition of their own.
SELECT to_regclass(format('capture.%%I', %(provider)s || '_sync')) IS NOT NULL
