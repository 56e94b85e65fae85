-- The mapping keeps the key by which its record is matched, so that who owns a SKU or an e-mail is a function of what is
-- promoted, not of the order in which it was.
ALTER TABLE promote.integration_mapping ADD COLUMN claim text COLLATE "C";
-- Row-level security holds for an owner that is no superuser, too: it would see no row here.
ALTER TABLE promote.integration_mapping NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.products NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.product_variants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE core.customers NO FORCE ROW LEVEL SECURITY;
UPDATE promote.integration_mapping AS m
SET claim = CASE WHEN m.sku_set_aside THEN core.fold(p.metadata ->> 'sku_set_aside') ELSE p.sku_key END
FROM core.products AS p
WHERE m.core_table = 'core.products' AND p.org_id = m.org_id AND p.id = m.internal_id;
UPDATE promote.integration_mapping AS m
SET claim = CASE WHEN m.sku_set_aside THEN core.fold(v.metadata ->> 'sku_set_aside') ELSE v.sku_key END
FROM core.product_variants AS v
WHERE m.core_table = 'core.product_variants' AND v.org_id = m.org_id AND v.id = m.internal_id;
UPDATE promote.integration_mapping AS m SET claim = c.email_key
FROM core.customers AS c
WHERE m.core_table = 'core.customers' AND c.org_id = m.org_id AND c.id = m.internal_id;
ALTER TABLE promote.integration_mapping FORCE ROW LEVEL SECURITY;
ALTER TABLE core.products FORCE ROW LEVEL SECURITY;
ALTER TABLE core.product_variants FORCE ROW LEVEL SECURITY;
ALTER TABLE core.customers FORCE ROW LEVEL SECURITY;
-- A revision is one transaction, so the index cannot be built concurrently: promotion waits for it, reading does not.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX integration_mapping_claim
ON promote.integration_mapping (org_id, core_table, claim) WHERE claim IS NOT NULL AND NOT promoted_deleted;
