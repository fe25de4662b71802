"""A database in which every kind of page occurs, in every state that SQL can bring about.

Heap pages with HOT chains, pruned and dead line pointers, multixacts, NULLs in many
columns, dropped and added columns, TOAST values stored each way; btrees of three levels
with posting lists, truncated and tie-broken pivots, LP_DEAD items and deleted pages;
hash, GIN, GiST, SP-GiST and BRIN indexes with all their page types; sequences, unlogged
relations with init forks, maps.
"""

from __future__ import annotations

HEAP = """
CREATE EXTENSION IF NOT EXISTS pageinspect;
CREATE TABLE plain (a int, b text, c numeric, d timestamptz, e bool, f bigint, g char(3),
    h varchar, i int2, j float8);
INSERT INTO plain SELECT i, 'row ' || i, i / 7.0, '2020-01-01'::timestamptz + i * '1h'::interval,
    i % 3 = 0, i * 10000000000, 'x' || i % 10, CASE WHEN i % 5 > 0 THEN repeat('v', i % 50) END,
    CASE WHEN i % 2 = 0 THEN i % 1000 END, CASE WHEN i % 4 > 0 THEN i / 3.0 END
    FROM generate_series(1, 3000) i;
ALTER TABLE plain DROP COLUMN c;
ALTER TABLE plain ADD COLUMN k text;
UPDATE plain SET k = 'added', b = NULL WHERE a % 10 = 0;
DELETE FROM plain WHERE a % 7 = 0;
CREATE TABLE hot (a int, b int) WITH (fillfactor = 60);
INSERT INTO hot SELECT i, 0 FROM generate_series(1, 400) i;
CREATE INDEX hot_a ON hot (a);
UPDATE hot SET b = 1 WHERE a < 200;
UPDATE hot SET b = 2 WHERE a < 100;
DELETE FROM hot WHERE a BETWEEN 300 AND 320;
VACUUM hot;
UPDATE hot SET b = 3 WHERE a < 50;
SELECT count(*) FROM hot;
DELETE FROM hot WHERE a > 380;
SELECT count(*) FROM hot;
BEGIN; INSERT INTO hot SELECT 1000 + i, 0 FROM generate_series(1, 50) i; ROLLBACK;
CREATE TABLE locked (a int PRIMARY KEY, b text);
INSERT INTO locked SELECT i, 'l' FROM generate_series(1, 100) i;
BEGIN; SELECT * FROM locked WHERE a < 20 FOR KEY SHARE; SAVEPOINT s;
UPDATE locked SET b = 'm' WHERE a < 10; COMMIT;
BEGIN; SELECT * FROM locked WHERE a BETWEEN 20 AND 30 FOR SHARE; SAVEPOINT s;
SELECT * FROM locked WHERE a BETWEEN 20 AND 30 FOR UPDATE; COMMIT;
BEGIN; SELECT * FROM locked WHERE a = 50 FOR NO KEY UPDATE; COMMIT;
UPDATE locked SET a = a + 1000 WHERE a > 90;
CREATE TABLE toasted (a int, ext text, comp text, main text);
ALTER TABLE toasted ALTER ext SET STORAGE external, ALTER main SET STORAGE main;
INSERT INTO toasted SELECT i, repeat('e', i * 1000), repeat('compress me ', i * 300),
    repeat(md5(i::text), i) FROM generate_series(1, 12) i;
CREATE TABLE frozen AS SELECT i AS a, repeat('f', 100) AS b FROM generate_series(1, 500) i;
VACUUM (FREEZE) frozen;
CREATE SEQUENCE seq; SELECT nextval('seq');
CREATE UNLOGGED TABLE unlogged (a int PRIMARY KEY, b text, c point);
CREATE INDEX ON unlogged USING gist (c); CREATE INDEX ON unlogged USING hash (b);
CREATE INDEX ON unlogged USING spgist (b); CREATE INDEX ON unlogged USING brin (a);
INSERT INTO unlogged SELECT i, i::text, point(i, i) FROM generate_series(1, 50) i;
CREATE TABLE parted (a int, b int) PARTITION BY LIST (a);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted2 PARTITION OF parted FOR VALUES IN (2);
INSERT INTO parted VALUES (1, 1), (1, 2), (2, 3);
UPDATE parted SET a = 2 WHERE b = 1;
CREATE TABLE empty (a int PRIMARY KEY);
CREATE MATERIALIZED VIEW mv AS SELECT a, count(*) FROM plain GROUP BY a;
"""

BTREE = """
CREATE TABLE bt (id int, dup int, wide text, n int, arr int[]);
INSERT INTO bt SELECT i, i % 20, repeat(chr(97 + i % 3), 400) || i / 8,
    CASE WHEN i % 3 > 0 THEN i END, ARRAY[i, i + 1] FROM generate_series(1, 3000) i;
ALTER TABLE bt ALTER wide SET STORAGE plain;
CREATE INDEX bt_id ON bt (id);
CREATE INDEX bt_dup ON bt (dup);
CREATE INDEX bt_nodedup ON bt (dup) WITH (deduplicate_items = off);
CREATE INDEX bt_wide ON bt (wide);
CREATE INDEX bt_many ON bt (n DESC, dup, wide);
CREATE INDEX bt_include ON bt (dup) INCLUDE (id, arr);
CREATE INDEX bt_partial ON bt (n) WHERE n < 100;
CREATE INDEX bt_deleted ON bt (id, wide);
DELETE FROM bt WHERE id BETWEEN 500 AND 2000;
VACUUM bt;
CREATE TABLE killed (a int) WITH (autovacuum_enabled = off);
INSERT INTO killed SELECT i FROM generate_series(1, 2000) i;
CREATE INDEX killed_a ON killed (a);
CREATE INDEX killed_hash ON killed USING hash (a);
DELETE FROM killed WHERE a < 500;
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT count(*) FROM killed WHERE a < 600;
SELECT count(*) FROM killed WHERE a = 5;
SELECT count(*) FROM killed WHERE a = 5;
RESET enable_seqscan; RESET enable_bitmapscan;
"""

OTHERS = """
CREATE TABLE h (a int, b text);
CREATE INDEX h_a ON h USING hash (a);
CREATE INDEX h_b ON h USING hash (b);
INSERT INTO h SELECT i % 4000, 'h' || i % 30 FROM generate_series(1, 9000) i;
DELETE FROM h WHERE a % 3 = 0; VACUUM h;
CREATE TABLE gi (a int[], t tsvector, j jsonb, k int[]);
CREATE INDEX gi_a ON gi USING gin (a) WITH (fastupdate = off);
CREATE INDEX gi_t ON gi USING gin (t);
CREATE INDEX gi_j ON gi USING gin (j, a) WITH (fastupdate = off);
CREATE INDEX gi_jp ON gi USING gin (j jsonb_path_ops);
INSERT INTO gi SELECT ARRAY[i, i % 3, i % 100], to_tsvector('simple', 'word' || i || ' common'),
    jsonb_build_object('k' || i % 50, i), CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}'
    ELSE ARRAY[NULL, i] END FROM generate_series(1, 12000) i;
CREATE INDEX gi_k ON gi USING gin (k);
DELETE FROM gi WHERE a[2] = 1 OR a[1] < 3000;
VACUUM gi;
INSERT INTO gi SELECT ARRAY[i], to_tsvector('simple', 'late' || i), '{"late": 1}', NULL
    FROM generate_series(1, 300) i;
CREATE TABLE gs (p point, b box, r int4range, i int);
INSERT INTO gs SELECT point(i % 100, i / 100), box(point(i, i), point(i + 2, i + 3)),
    CASE WHEN i % 9 > 0 THEN int4range(i, i + 5) END, i FROM generate_series(1, 3000) i;
CREATE INDEX gs_p ON gs USING gist (p);
CREATE INDEX gs_b ON gs USING gist (b) WITH (buffering = on);
CREATE INDEX gs_r ON gs USING gist (r);
CREATE INDEX gs_inc ON gs USING gist (p) INCLUDE (i);
CREATE INDEX gs_ins ON gs USING gist (p, r);
DELETE FROM gs WHERE i BETWEEN 500 AND 2500;
VACUUM gs; VACUUM gs;
INSERT INTO gs SELECT point(i, i), box(point(i, i), point(i, i)), NULL, i
    FROM generate_series(1, 500) i;
CREATE TABLE sp (t text, p point, r int4range, i inet);
INSERT INTO sp SELECT CASE WHEN i % 10 > 0 THEN md5((i % 3000)::text) END, point(i % 77, i % 91),
    int4range(i, i + i % 20), ('10.' || i % 200 || '.' || i % 7 || '.' || i % 250)::inet
    FROM generate_series(1, 3000) i;
CREATE INDEX sp_t ON sp USING spgist (t);
CREATE INDEX sp_q ON sp USING spgist (p);
CREATE INDEX sp_k ON sp USING spgist (p kd_point_ops);
CREATE INDEX sp_r ON sp USING spgist (r);
CREATE INDEX sp_i ON sp USING spgist (i);
CREATE INDEX sp_inc ON sp USING spgist (t) INCLUDE (i, r);
INSERT INTO sp SELECT 'same prefix ' || i, point(1, 1), NULL, NULL FROM generate_series(1, 1000) i;
DELETE FROM sp WHERE t > 'b' OR t IS NULL;
VACUUM sp;
INSERT INTO sp SELECT repeat('z', i % 300), NULL, NULL, NULL FROM generate_series(1, 500) i;
CREATE TABLE br (a int, b text, c inet, d timestamptz, e int);
CREATE INDEX br_a ON br USING brin (a, b) WITH (pages_per_range = 2);
CREATE INDEX br_c ON br USING brin (c inet_inclusion_ops) WITH (pages_per_range = 1);
CREATE INDEX br_bloom ON br USING brin (a int4_bloom_ops) WITH (pages_per_range = 4);
CREATE INDEX br_multi ON br USING brin (d timestamptz_minmax_multi_ops, e)
    WITH (pages_per_range = 3);
INSERT INTO br SELECT i, 'b' || i, ('10.0.' || i % 256 || '.1')::inet, '2021-01-01'::timestamptz
    + i * '1min'::interval, CASE WHEN i > 2000 THEN i END FROM generate_series(1, 5000) i;
VACUUM br;
SELECT brin_desummarize_range('br_a', 4);
DELETE FROM br WHERE a BETWEEN 1000 AND 2000;
INSERT INTO br SELECT i, repeat('long', 100), NULL, NULL, NULL FROM generate_series(1, 300) i;
SELECT brin_summarize_new_values('br_a');
"""

SCENARIO = HEAP + BTREE + OTHERS + "CHECKPOINT;\n"
