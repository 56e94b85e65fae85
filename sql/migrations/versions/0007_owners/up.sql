-- Who bought: e-mails are folded the same way everywhere, customers are found by their former addresses too, and an
-- order that names no customer claims its buyer's e-mail. A plan may repair core from the versions that it has.
CREATE OR REPLACE FUNCTION core.fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(casefold(btrim(value, (
    E' \t\n\x0B\f\r\x1C\x1D\x1E\x1F\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008'
    '\u2009\u200A\u2028\u2029\u202F\u205F\u3000')) COLLATE "pg_unicode_fast"), '');

-- Addresses that a record had before: a customer is found by them, too. `last_version` is the last one that had it.
CREATE TABLE capture.former_email (
    org_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    entity_type text NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    -- An integer, as version_no is.
    -- squawk-ignore prefer-bigint-over-int
    last_version integer NOT NULL,
    PRIMARY KEY (org_id, connection_id, entity_type, external_id, email)
);
CREATE INDEX former_email_email ON capture.former_email (org_id, email);

CREATE FUNCTION capture.keep_former_email() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO capture.former_email AS f (org_id, connection_id, entity_type, external_id, email, last_version)
    VALUES (OLD.org_id, OLD.connection_id, OLD.entity_type, OLD.external_id, OLD.email, OLD.version_no)
    ON CONFLICT (org_id, connection_id, entity_type, external_id, email) DO UPDATE
    SET last_version = greatest(f.last_version, excluded.last_version);
    RETURN NULL;
END $$;

-- A trigger, because records are written by pulls, pushes and webhooks. Its condition costs less than its call.
CREATE TRIGGER keep_former_email AFTER UPDATE OF email ON capture.sync_record
FOR EACH ROW WHEN (OLD.email IS NOT NULL AND OLD.email IS DISTINCT FROM NEW.email)
EXECUTE FUNCTION capture.keep_former_email();
CALL connect.isolate('capture.former_email');

-- The number of a record's version that is in core.
CREATE FUNCTION promote.promoted_version(m promote.integration_mapping) RETURNS integer
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        (SELECT r.version_no FROM capture.sync_record AS r
        WHERE r.org_id = m.org_id AND r.connection_id = m.connection_id AND r.entity_type = m.entity_type
            AND r.external_id = m.external_id AND r.provider = m.provider AND r.content_hash = m.promoted_hash),
        (SELECT h.version_no FROM capture.record_history AS h
        WHERE h.org_id = m.org_id AND h.connection_id = m.connection_id AND h.entity_type = m.entity_type
            AND h.external_id = m.external_id AND h.content_hash = m.promoted_hash))
$$;

-- The customer that an e-mail leads to: whose promoted version has it, else who had it before that version. In both the one
-- of the lowest connection, then of the lowest id. Plain SQL, so that the planner sees through it.
CREATE FUNCTION promote.email_owner(address text) RETURNS TABLE (internal_id bigint)
LANGUAGE sql STABLE
AS $$
    SELECT o.internal_id
    FROM (
        (SELECT m.internal_id, 1 AS place
        FROM promote.integration_mapping AS m
        WHERE m.org_id = connect.current_org() AND m.core_table = 'core.customers'
            AND m.claim = address COLLATE "C" AND NOT m.promoted_deleted
        ORDER BY m.connection_id, length(m.external_id), m.external_id LIMIT 1)
        UNION ALL
        (SELECT m.internal_id, 2
        FROM capture.former_email AS f
        JOIN promote.integration_mapping AS m
            ON m.org_id = f.org_id AND m.connection_id = f.connection_id AND m.entity_type = f.entity_type
                AND m.external_id = f.external_id AND m.core_table = 'core.customers' AND NOT m.promoted_deleted
        WHERE f.org_id = connect.current_org() AND f.email = address COLLATE "C"
            AND f.last_version < promote.promoted_version(m)
        ORDER BY m.connection_id, length(m.external_id), m.external_id LIMIT 1)
    ) AS o
    ORDER BY o.place LIMIT 1
$$;

CREATE OR REPLACE VIEW selection.plan_item_now WITH (security_invoker = true) AS
SELECT
    i.org_id, i.plan_id, i.connection_id, i.entity_type, i.external_id,
    CASE
        WHEN p.origin = 'repair' THEN NULL  -- what core has is written once more, whatever the store has by now
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
JOIN selection.sync_plan AS p ON p.org_id = i.org_id AND p.plan_id = i.plan_id
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

-- What was folded by the rule before is folded by this one. Row-level security holds for an owner that is no superuser.
ALTER TABLE capture.sync_record NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.woocommerce_sync NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.odoo_sync NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.record_history NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.former_email NO FORCE ROW LEVEL SECURITY;
ALTER TABLE promote.integration_mapping NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.products NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.product_variants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.customers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.sales_orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.sync_record DISABLE TRIGGER keep_former_email;
UPDATE capture.sync_record SET code = code, email = core.fold(email)
WHERE code_key IS DISTINCT FROM core.fold(code) OR email IS DISTINCT FROM core.fold(email);
ALTER TABLE capture.sync_record ENABLE TRIGGER keep_former_email;
UPDATE core.products SET sku = sku WHERE sku_key IS DISTINCT FROM core.fold(sku);
UPDATE core.product_variants SET sku = sku WHERE sku_key IS DISTINCT FROM core.fold(sku);
UPDATE core.customers SET email = email WHERE email_key IS DISTINCT FROM core.fold(email);
UPDATE promote.integration_mapping SET claim = core.fold(claim) WHERE claim IS DISTINCT FROM core.fold(claim);
INSERT INTO capture.former_email (org_id, connection_id, entity_type, external_id, email, last_version)
SELECT h.org_id, h.connection_id, h.entity_type, h.external_id, h.email, max(h.version_no)
FROM (
    SELECT
        o.org_id, o.connection_id, o.entity_type, o.external_id, o.version_no,
        core.fold(coalesce(
            nullif(o.sync_data ->> 'email_normalized', 'false'), nullif(nullif(o.sync_data ->> 'email', ''), 'false'),
            o.sync_data #>> '{billing,email}')) AS email
    FROM capture.record_history AS o WHERE o.entity_type = 'customer') AS h
JOIN capture.sync_record AS r
    ON r.org_id = h.org_id AND r.connection_id = h.connection_id AND r.entity_type = h.entity_type
        AND r.external_id = h.external_id
WHERE h.email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND h.email IS DISTINCT FROM r.email
GROUP BY h.org_id, h.connection_id, h.entity_type, h.external_id, h.email;
UPDATE promote.integration_mapping AS m SET claim = r.email
FROM capture.sync_record AS r
WHERE m.core_table = 'core.sales_orders' AND r.org_id = m.org_id AND r.connection_id = m.connection_id
    AND r.entity_type = m.entity_type AND r.external_id = m.external_id AND r.email IS NOT NULL
    AND coalesce(r.parent_id, '') IN ('', '0');
ALTER TABLE capture.sync_record FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.woocommerce_sync FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.odoo_sync FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.record_history FORCE ROW LEVEL SECURITY;
ALTER TABLE capture.former_email FORCE ROW LEVEL SECURITY;
ALTER TABLE promote.integration_mapping FORCE ROW LEVEL SECURITY;
ALTER TABLE core.products FORCE ROW LEVEL SECURITY;
ALTER TABLE core.product_variants FORCE ROW LEVEL SECURITY;
ALTER TABLE core.customers FORCE ROW LEVEL SECURITY;
ALTER TABLE core.sales_orders FORCE ROW LEVEL SECURITY;
