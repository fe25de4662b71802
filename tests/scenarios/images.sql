-- Page images: with a hole, without, compressed in each way this build has; hint bits.
--@ conf full_page_writes=on
CREATE TABLE t (a int, b text);
INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 150) g;
--@ mark
UPDATE t SET b = 'changed' WHERE a = 1;
CREATE INDEX t_a ON t (a);
CHECKPOINT;
UPDATE t SET b = 'changed' WHERE a = 2;
CHECKPOINT;
SELECT count(*) FROM t;
SET wal_compression = on;
CHECKPOINT;
UPDATE t SET b = 'changed' WHERE a = 3;
CREATE INDEX t_ab ON t (a, b);
CHECKPOINT;
--@ try
SET wal_compression = lz4;
UPDATE t SET b = 'changed' WHERE a = 4;
CREATE INDEX t_ba ON t (b, a);
CHECKPOINT;
--@ try
SET wal_compression = zstd;
UPDATE t SET b = 'changed' WHERE a = 5;
CREATE INDEX t_b ON t (b);
