-- hold_branch --
-- Until the session ends. Nobody else knows the name yet, so nobody is waited for.
SELECT pg_advisory_lock(hashtextextended('branch ' || %(name)s, 0))

-- try_branch --
SELECT pg_try_advisory_lock(hashtextextended('branch ' || %(name)s, 0))

-- release_branch --
SELECT pg_advisory_unlock(hashtextextended('branch ' || %(name)s, 0))

-- named_branches --
-- Databases that are named as branches are, and that this role may drop.
SELECT d.datname FROM pg_catalog.pg_database AS d
WHERE starts_with(d.datname, %(prefix)s)
    AND substr(d.datname, length(%(prefix)s) + 1) ~ ('^[0-9a-f]{' || %(digits)s::integer || '}$')
    AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
ORDER BY d.datname
