-- Hash index pages (meta, bucket, overflow, bitmap, free) and every Hash record.
CREATE TABLE t (id int, k int);
--@ mark
CREATE INDEX t_k ON t USING hash (k);
INSERT INTO t SELECT g, g FROM generate_series(1, 500) g;
INSERT INTO t SELECT g, 7 FROM generate_series(1, 900) g;
INSERT INTO t SELECT g, g FROM generate_series(500, 1700) g;
--@ capture t_k
DELETE FROM t WHERE k = 7 AND id % 3 = 0;
VACUUM t;
DELETE FROM t WHERE k = 7 AND id > 40;
VACUUM t;
INSERT INTO t SELECT g, 11 FROM generate_series(1, 600) g;
DELETE FROM t WHERE k = 11 AND id % 2 = 0;
INSERT INTO t SELECT g, 13 FROM generate_series(1, 900) g;
DELETE FROM t WHERE k = 13 AND id % 10 <> 0;
DELETE FROM t WHERE k = 11 AND id % 20 <> 0;
VACUUM t;
--@ capture t_k
-- Entries that a scan found dead make room for others.
CREATE TABLE killed (id int, k int);
CREATE INDEX killed_k ON killed USING hash (k);
INSERT INTO killed SELECT g, 5 FROM generate_series(1, 380) g;
DELETE FROM killed WHERE id < 200;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM killed WHERE k = 5;
--@ capture killed_k
INSERT INTO killed SELECT g, 5 FROM generate_series(1, 300) g;
-- Built at once.
CREATE INDEX t_built ON t USING hash (id);
INSERT INTO t SELECT g, g FROM generate_series(3000, 4000) g;
DELETE FROM t WHERE id % 3 > 0;
VACUUM t;
