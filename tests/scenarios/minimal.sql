-- wal_level = minimal: relations that are not in the WAL until commit; GiST's ASSIGN_LSN.
--@ conf wal_level=minimal max_wal_senders=0 wal_skip_threshold=0
--@ mark
BEGIN;
CREATE TABLE g (id int, p point);
CREATE INDEX g_p ON g USING gist (p);
INSERT INTO g SELECT i, point(i % 40, i / 40) FROM generate_series(1, 900) i;
COMMIT;
INSERT INTO g SELECT i, point(i % 40, i / 40) FROM generate_series(901, 910) i;
BEGIN;
CREATE TABLE logged (a int);
INSERT INTO logged SELECT generate_series(1, 10);
CREATE TABLE copied AS SELECT * FROM g;
SAVEPOINT s;
DROP TABLE logged;
ROLLBACK TO s;
COMMIT;
--@ reload wal_skip_threshold=1GB
BEGIN;
CREATE TABLE paged AS SELECT i FROM generate_series(1, 500) i;
COMMIT;
--@ capture g_p
