-- Requests of the new kind cannot be carried out by the program before.
ALTER TABLE observe.request NO FORCE ROW LEVEL SECURITY;
DELETE FROM observe.request WHERE kind = 'validate';
ALTER TABLE observe.request FORCE ROW LEVEL SECURITY;
ALTER TABLE observe.request DROP CONSTRAINT request_kind_check;
ALTER TABLE observe.request ADD CONSTRAINT request_kind_check
CHECK (kind IN ('pull', 'preview', 'promote', 'reconcile'));
DROP TABLE observe.signoff, observe.acceptance, observe.validation_row, observe.validation;
