-- Leases are gone within seconds; the columns are for those that come.
ALTER TABLE connect.request_lease
ADD COLUMN store text NOT NULL DEFAULT '',
ADD COLUMN permits bigint NOT NULL DEFAULT 0,
ADD COLUMN most bigint NOT NULL DEFAULT 1,
ADD COLUMN waiting_since timestamptz;
GRANT SELECT ON connect.request_lease TO sync_router;
CREATE POLICY router ON connect.request_lease FOR SELECT TO sync_router USING (true);

-- What the other workers of a store have, of whatever connection and organization; of them only sums leave through here.
-- One exchange at a time for each store: a lease that is written beside it adds up with those it was computed from.
CREATE FUNCTION connect.requests_at(at_store text, by_worker uuid)
RETURNS TABLE (workers integer, permits integer, most integer, waiting integer, waiting_longer integer, own integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('requests/' || at_store, 0));
    RETURN QUERY
    WITH mine AS (
        SELECT l.permits, l.waiting_since FROM connect.request_lease l
        WHERE l.store = at_store AND l.worker = by_worker AND l.expires_at > clock_timestamp()
    )
    SELECT count(*)::integer, coalesce(sum(l.permits), 0)::integer, min(l.most)::integer,
           count(l.waiting_since)::integer,
           (count(*) FILTER (WHERE l.waiting_since < coalesce((SELECT waiting_since FROM mine), 'infinity')))::integer,
           coalesce((SELECT mine.permits FROM mine), 0)::integer
    FROM connect.request_lease l
    WHERE l.store = at_store AND l.worker <> by_worker AND l.expires_at > clock_timestamp();
END $$;
ALTER FUNCTION connect.requests_at(text, uuid) OWNER TO sync_router;
