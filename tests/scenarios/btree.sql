-- B-tree pages of every kind and every Btree record.
CREATE TABLE deep (id int, k text);
ALTER TABLE deep ALTER k SET STORAGE PLAIN;
INSERT INTO deep SELECT g, lpad(g::text, 1200, 'x') FROM generate_series(1, 60) g;
--@ mark
CREATE INDEX deep_k ON deep (k);
INSERT INTO deep SELECT g, lpad(g::text, 1200, 'x') FROM generate_series(61, 120) g;
INSERT INTO deep SELECT g, lpad(g::text, 1200, 'a') FROM generate_series(120, 100, -1) g;
INSERT INTO deep SELECT g, lpad(g::text, 1200, 'm') FROM generate_series(1, 150, 7) g;
-- Nothing is left but one chain of pages: pages are deleted, and the fast root sinks.
DELETE FROM deep WHERE k < 'x';
DELETE FROM deep WHERE id > 3;
--@ session b
BEGIN;
SELECT pg_current_xact_id();
--@ session a
VACUUM deep;
--@ capture deep_k
--@ session b
COMMIT;
--@ session a
SELECT pg_current_xact_id();
VACUUM deep;
SELECT pg_current_xact_id();
-- The lone page below the old root splits, and pages are used again.
INSERT INTO deep SELECT g, lpad(g::text, 1200, 'x') FROM generate_series(4, 40) g;
VACUUM deep;
-- Duplicates: posting lists, their splits when row places are used again.
CREATE TABLE dup (id int, k int, f text);
CREATE INDEX dup_k ON dup (k);
INSERT INTO dup SELECT g, g % 3, 'x' FROM generate_series(1, 1500) g;
DELETE FROM dup WHERE id % 4 = 0;
VACUUM dup;
INSERT INTO dup SELECT g, g % 3, 'y' FROM generate_series(2000, 2300) g;
UPDATE dup SET f = 'z', k = k + 1 WHERE id % 13 = 0;
VACUUM dup;
--@ capture dup_k
-- Entries that scans found dead go when their page is full.
CREATE TABLE dead (id int, k int);
CREATE UNIQUE INDEX dead_id ON dead (id);
CREATE INDEX dead_k ON dead (k) WITH (deduplicate_items = off);
INSERT INTO dead SELECT g, g FROM generate_series(1, 250) g;
DELETE FROM dead WHERE id BETWEEN 50 AND 150;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(k) FROM dead WHERE k BETWEEN 1 AND 400;
SELECT count(id) FROM dead WHERE id BETWEEN 1 AND 400;
--@ capture dead dead_id dead_k
INSERT INTO dead SELECT g, g FROM generate_series(1000, 1250) g;
-- Versions of a row: deletion from the bottom up.
CREATE TABLE churn (id int PRIMARY KEY, k int, v int);
CREATE INDEX churn_k ON churn (k);
INSERT INTO churn SELECT g, g % 5, 0 FROM generate_series(1, 100) g;
DO $$ BEGIN FOR i IN 1..12 LOOP UPDATE churn SET v = i, k = k WHERE id <= 100; COMMIT; END LOOP; END $$;
CREATE INDEX churn_v ON churn (v);
DO $$ BEGIN FOR i IN 1..12 LOOP UPDATE churn SET v = v + 1; COMMIT; END LOOP; END $$;
-- Included columns, several columns, nulls, descending, expressions, empty.
CREATE TABLE many (a int, b text, c int);
INSERT INTO many SELECT g, CASE WHEN g % 4 > 0 THEN 'b' || g END, g % 10 FROM generate_series(1, 400) g;
CREATE INDEX many_abc ON many (b DESC NULLS FIRST, a) INCLUDE (c);
CREATE INDEX many_expr ON many (lower(b), (a % 7));
CREATE INDEX many_empty ON many (a) WHERE a < 0;
--@ capture many_abc many_expr many_empty churn_k churn_v
-- A page on its way out, caught between the two steps by a crash, is half dead.
CREATE INDEX half ON deep (k);
DELETE FROM deep;
VACUUM deep;
--@ capture half
