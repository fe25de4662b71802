-- GiST pages and every Gist record but ASSIGN_LSN (see minimal.sql).
CREATE TABLE g (id int, p point, r int4range);
--@ mark
CREATE INDEX g_p ON g USING gist (p);
CREATE INDEX g_r ON g USING gist (r);
INSERT INTO g SELECT i, point(i % 40, i / 40), int4range(i, i + 5) FROM generate_series(1, 900) i;
--@ capture g_p g_r
-- Emptied pages are deleted, and used again once nobody can see them.
DELETE FROM g WHERE id BETWEEN 100 AND 800;
VACUUM g;
--@ capture g_p g_r
SELECT pg_current_xact_id();
VACUUM g;
SELECT pg_current_xact_id();
VACUUM g;
INSERT INTO g SELECT i, point(i % 40, i / 40), int4range(i, i + 5) FROM generate_series(1000, 1900) i;
-- Entries that a scan found dead make room for others.
CREATE TABLE killed (id int, p point);
CREATE INDEX killed_p ON killed USING gist (p);
INSERT INTO killed SELECT i, point(i, i) FROM generate_series(1, 400) i;
DELETE FROM killed WHERE id % 4 > 0;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM killed WHERE p <@ box '(0,0),(500,500)';
INSERT INTO killed SELECT i, point(i % 400, i % 400) FROM generate_series(400, 900) i;
CREATE TABLE built AS SELECT i AS id, ('[' || i || ',' || i + 3 || ']')::int4range AS r, CASE WHEN i % 9 > 0 THEN point(i, -i) END AS p, 'w' || i AS t FROM generate_series(1, 300) i;
CREATE INDEX built_rp ON built USING gist (r, p) INCLUDE (id);
CREATE INDEX built_tsv ON built USING gist (to_tsvector('simple', t));
CREATE INDEX built_empty ON built USING gist (p) WHERE id < 0;
--@ capture g_r killed_p built_rp built_tsv built_empty
