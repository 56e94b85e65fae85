-- add_token --
INSERT INTO connect.api_token (org_id, token_hash, role, connection_id, user_id, name, expires_at, unmasked)
VALUES (connect.current_org(), %(token_hash)s, %(role)s, %(connection_id)s, %(user_id)s, %(name)s, %(expires_at)s,
        %(unmasked)s)
RETURNING token_id

-- find_token --
-- A valid token with its user's current role. If a rate is given, one call counts against it, as in `take_call`.
WITH found AS (
    SELECT t.org_id, t.token_id, coalesce(u.role, t.role) AS role, t.connection_id, t.name, t.last_used_at, t.user_id,
           t.unmasked,
           u.email, o.slug, o.name AS org_name, o.currency
    FROM connect.api_token AS t
    JOIN connect.organization AS o ON o.org_id = t.org_id AND o.removed_at IS NULL
    LEFT JOIN connect.app_user AS u ON u.org_id = t.org_id AND u.user_id = t.user_id
    WHERE t.org_id = connect.current_org() AND t.token_hash = %(token_hash)s AND t.revoked_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.disabled_at IS NULL
), taken AS (
    INSERT INTO connect.rate_limit AS r (org_id, subject, at_rest)
    SELECT org_id, 'token:' || token_id, clock_timestamp() + make_interval(secs => %(every)s)
    FROM found WHERE %(every)s::float8 IS NOT NULL
    ON CONFLICT (org_id, subject) DO UPDATE
    SET at_rest = greatest(r.at_rest, clock_timestamp()) + make_interval(secs => %(every)s)
    WHERE greatest(r.at_rest, clock_timestamp()) + make_interval(secs => %(every)s)
        <= clock_timestamp() + make_interval(secs => %(every)s * %(burst)s)
    RETURNING 1
)
SELECT found.*, %(every)s::float8 IS NULL OR EXISTS (SELECT 1 FROM taken) AS taken FROM found

-- valid_tokens --
SELECT t.token_id
FROM connect.api_token AS t
JOIN connect.organization AS o ON o.org_id = t.org_id AND o.removed_at IS NULL
LEFT JOIN connect.app_user AS u ON u.org_id = t.org_id AND u.user_id = t.user_id
WHERE t.org_id = connect.current_org() AND t.token_id = ANY (%(token_ids)s) AND t.revoked_at IS NULL
    AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.disabled_at IS NULL

-- token_used --
UPDATE connect.api_token SET last_used_at = now() WHERE org_id = connect.current_org() AND token_id = %(token_id)s

-- tokens --
SELECT t.token_id, t.role, t.name, c.name AS connection, u.email AS user, t.created_at, t.expires_at, t.revoked_at,
       t.last_used_at, t.unmasked
FROM connect.api_token AS t
LEFT JOIN connect.integration_connector AS c ON c.org_id = t.org_id AND c.connection_id = t.connection_id
LEFT JOIN connect.app_user AS u ON u.org_id = t.org_id AND u.user_id = t.user_id
WHERE t.org_id = connect.current_org() AND (t.user_id IS NULL OR t.expires_at > now())
    AND (%(user_id)s::bigint IS NULL OR t.user_id = %(user_id)s)
ORDER BY t.token_id DESC

-- revoke_token --
UPDATE connect.api_token SET revoked_at = coalesce(revoked_at, now())
WHERE org_id = connect.current_org() AND token_id = %(token_id)s
    AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
RETURNING connection_id

-- add_user --
INSERT INTO connect.app_user (org_id, email, password_hash, role)
VALUES (connect.current_org(), %(email)s, %(password_hash)s, %(role)s)
ON CONFLICT (org_id, email) DO NOTHING RETURNING user_id

-- users --
SELECT user_id, email, role, created_at, disabled_at FROM connect.app_user
WHERE org_id = connect.current_org() AND (%(user_id)s::bigint IS NULL OR user_id = %(user_id)s)
ORDER BY user_id

-- change_user --
UPDATE connect.app_user
SET role = coalesce(%(role)s, role), password_hash = coalesce(%(password_hash)s, password_hash),
    disabled_at = CASE WHEN %(disabled)s::boolean IS NULL THEN disabled_at
                       WHEN %(disabled)s THEN coalesce(disabled_at, now()) END
WHERE org_id = connect.current_org() AND user_id = %(user_id)s
RETURNING user_id

-- lock_admins --
-- Those who can log in; locked until the transaction ends.
SELECT user_id FROM connect.app_user
WHERE org_id = connect.current_org() AND role = 'admin' AND disabled_at IS NULL AND password_hash IS NOT NULL
ORDER BY user_id FOR UPDATE

-- end_sessions --
-- Sessions opened with the old password must not outlive it, but for the one in which it was changed.
UPDATE connect.api_token SET revoked_at = now()
WHERE org_id = connect.current_org() AND user_id = %(user_id)s AND revoked_at IS NULL
    AND token_id IS DISTINCT FROM %(but)s::bigint

-- login --
SELECT user_id, role, password_hash FROM connect.app_user
WHERE org_id = connect.current_org() AND email = %(email)s AND disabled_at IS NULL

-- delete_expired_sessions --
-- The audit log keeps what these sessions did.
DELETE FROM connect.api_token
WHERE org_id = connect.current_org() AND user_id IS NOT NULL AND expires_at < now() - interval '30 days'

-- delete_old_attempts --
-- Trying many names must not fill the table.
DELETE FROM connect.rate_limit
WHERE org_id = connect.current_org() AND subject LIKE 'login:%%' AND at_rest < clock_timestamp() - interval '10 minutes'

-- take_call --
-- Count one call if the rate allows it. An idle subject may make `burst` calls at once; each stops counting after
-- `every` seconds.
INSERT INTO connect.rate_limit AS r (org_id, subject, at_rest)
VALUES (connect.current_org(), %(subject)s, clock_timestamp() + make_interval(secs => %(every)s))
ON CONFLICT (org_id, subject) DO UPDATE
SET at_rest = greatest(r.at_rest, clock_timestamp()) + make_interval(secs => %(every)s)
WHERE greatest(r.at_rest, clock_timestamp()) + make_interval(secs => %(every)s)
    <= clock_timestamp() + make_interval(secs => %(every)s * %(burst)s)
RETURNING 1 AS taken

-- seconds_to_wait --
-- Seconds until the rate allows one call.
SELECT extract(epoch FROM at_rest - clock_timestamp())::float8 - %(every)s * (%(burst)s - 1) AS seconds
FROM connect.rate_limit WHERE org_id = connect.current_org() AND subject = %(subject)s
