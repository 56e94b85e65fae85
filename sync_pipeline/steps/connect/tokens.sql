-- add_token --
INSERT INTO connect.api_token (org_id, token_hash, role, connection_id, expires_at)
VALUES (connect.current_org(), %(token_hash)s, %(role)s, %(connection_id)s, %(expires_at)s)
RETURNING token_id
