-- The image of every changed page behind its change: what redo must arrive at.
--@ conf wal_consistency_checking=all wal_compression=on
CREATE TABLE t (a int, b text, p point, r int4range, i int[]);
--@ mark
CREATE INDEX t_btree ON t (a);
CREATE INDEX t_hash ON t USING hash (a);
CREATE INDEX t_gist ON t USING gist (p);
CREATE INDEX t_spgist ON t USING spgist (b);
CREATE INDEX t_gin ON t USING gin (i);
CREATE INDEX t_brin ON t USING brin (a) WITH (pages_per_range = 1);
INSERT INTO t SELECT g, 'text ' || g, point(g, g), int4range(g, g + 3), ARRAY[g % 5, g] FROM generate_series(1, 60) g;
UPDATE t SET a = a + 1 WHERE a % 10 = 0;
DELETE FROM t WHERE a % 4 = 0;
VACUUM t;
SELECT brin_summarize_new_values('t_brin');
CREATE SEQUENCE s;
SELECT nextval('s');
--@ if extension bloom
CREATE EXTENSION bloom;
CREATE INDEX t_bloom ON t USING bloom (a);
INSERT INTO t SELECT g, 'bloom', NULL, NULL, NULL FROM generate_series(1, 3) g;
--@ end
