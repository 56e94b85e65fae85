-- merged_rows --
-- Core rows that records of several connections are, by table.
SELECT m.core_table, count(*) AS records FROM (
    SELECT core_table, internal_id FROM promote.integration_mapping
    WHERE org_id = connect.current_org() AND NOT promoted_deleted
    GROUP BY core_table, internal_id HAVING count(DISTINCT connection_id) > 1) AS m
GROUP BY m.core_table ORDER BY m.core_table

-- conflicts_decided --
SELECT kind, count(*) AS conflicts FROM promote.conflict
WHERE org_id = connect.current_org() GROUP BY kind ORDER BY kind
