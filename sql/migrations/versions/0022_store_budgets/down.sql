DROP FUNCTION connect.requests_at(text, uuid);
DROP POLICY router ON connect.request_lease;
REVOKE SELECT ON connect.request_lease FROM sync_router;
ALTER TABLE connect.request_lease
DROP COLUMN store, DROP COLUMN permits, DROP COLUMN most, DROP COLUMN waiting_since;
