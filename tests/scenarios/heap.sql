-- Heap pages and every Heap and Heap2 record.
SELECT pg_create_logical_replication_slot('logical_slot', 'pgoutput');
--@ mark
CREATE TABLE h (id int PRIMARY KEY, k int, v text, w text);
INSERT INTO h SELECT g, g % 10, 'row ' || g, NULL FROM generate_series(1, 300) g;
-- Speculative insertion.
INSERT INTO h VALUES (301, 1, 'new', 'x') ON CONFLICT (id) DO NOTHING;
INSERT INTO h VALUES (301, 1, 'again', 'x') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
-- Heap-only updates, with the common prefix and suffix left out of the record, and others.
UPDATE h SET v = 'row ' || id || ' hot' WHERE id % 50 = 1;
UPDATE h SET k = k + 1000 WHERE id % 60 = 2;
UPDATE h SET w = repeat('wide ', 200) WHERE id BETWEEN 100 AND 140;
UPDATE h SET id = id + 1000 WHERE id = 99;
DELETE FROM h WHERE id % 7 = 3;
-- Pruning while reading, then vacuum in its phases.
SELECT count(*) FROM h;
UPDATE h SET v = v || '!' WHERE id < 20;
UPDATE h SET v = v || '!' WHERE id < 20;
SELECT count(*) FROM h WHERE id < 30;
VACUUM h;
DELETE FROM h WHERE id BETWEEN 150 AND 160;
UPDATE h SET k = 0 WHERE id BETWEEN 161 AND 170;
VACUUM (INDEX_CLEANUP off) h;
UPDATE h SET v = 'frozen later' WHERE id BETWEEN 200 AND 205;
VACUUM (FREEZE) h;
ANALYZE h;
-- Many rows in one record.
CREATE TABLE many (a int, b text DEFAULT 'default');
COPY many (a) FROM PROGRAM 'seq 1 700';
BEGIN;
TRUNCATE many;
COPY many (a) FROM PROGRAM 'seq 1 400' WITH (FREEZE);
COMMIT;
-- The tail is cut off.
CREATE TABLE tail AS SELECT g AS a, repeat('x', 500) AS b FROM generate_series(1, 200) g;
DELETE FROM tail WHERE a > 20;
VACUUM tail;
TRUNCATE tail;
CREATE TABLE referenced (a int PRIMARY KEY);
CREATE TABLE referencing (a int REFERENCES referenced ON DELETE CASCADE, n int GENERATED ALWAYS AS IDENTITY);
INSERT INTO referenced SELECT generate_series(1, 20);
INSERT INTO referencing SELECT generate_series(1, 20);
TRUNCATE referenced, referencing RESTART IDENTITY CASCADE;
INSERT INTO referenced SELECT generate_series(1, 20);
INSERT INTO referencing SELECT generate_series(1, 20);
-- The old row versions of a catalog for logical decoding.
CREATE TABLE catalogue (a int PRIMARY KEY, b text) WITH (user_catalog_table = true);
INSERT INTO catalogue SELECT g, 'entry ' || g FROM generate_series(1, 50) g;
UPDATE catalogue SET b = b || ' changed' WHERE a % 3 = 0;
DELETE FROM catalogue WHERE a % 11 = 0;
VACUUM FULL catalogue;
-- Replica identities: the old key, the whole old row.
ALTER TABLE many REPLICA IDENTITY FULL;
UPDATE many SET b = 'identity' WHERE a = 5;
DELETE FROM many WHERE a = 6;
UPDATE h SET id = 2000 WHERE id = 22;
-- Values of every storage, and each length of header.
CREATE TABLE toasted (id int, plain text, external text, compressed text, main text);
ALTER TABLE toasted ALTER plain SET STORAGE PLAIN, ALTER external SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN;
INSERT INTO toasted VALUES (1, 'short', repeat('external ', 900), repeat('compressed ', 1000), repeat('main ', 400));
INSERT INTO toasted VALUES (2, NULL, NULL, repeat('abc', 10000), 'm');
INSERT INTO toasted VALUES (3, '', 'e', (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 200) g), NULL);
INSERT INTO toasted VALUES (4, repeat('p', 126), repeat('p', 127), repeat('p', 128), NULL);
UPDATE toasted SET external = external || 'more' WHERE id = 1;
DELETE FROM toasted WHERE id = 4;
--@ try
CREATE TABLE toasted_lz4 (id int, v text COMPRESSION lz4);
--@ try
INSERT INTO toasted_lz4 SELECT g, repeat('lz4 ' || g, 300 * g) FROM generate_series(1, 12) g;
-- Every kind of attribute: lengths, alignments, by value and by reference, nulls, dropped.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE kinds (b bool, c "char", i2 smallint, i4 int, i8 bigint, f4 real, f8 float8,
  n numeric, t text, vc varchar(20), bp char(5), nm name, by bytea, d date, ti time, tz timetz,
  ts timestamp, tstz timestamptz, iv interval, u uuid, o oid, j json, jb jsonb, a int[],
  a2 text[][], pt point, ln lseg, bx box, pl polygon, ci circle, ip inet, mac macaddr,
  bt bit(9), vb varbit, r int4range, mr int4multirange, m mood, p pair, po positive, x xid,
  tid tid, tsv tsvector, tsq tsquery, mo money, pl2 pg_lsn, x8 xid8, gone int);
INSERT INTO kinds VALUES (true, 'c', -2, 4, 8000000000, 1.5, -2.25, 12345.6789, 'text', 'varchar',
  'bp', 'a_name', '\x0102ff', '2024-02-29', '12:34:56.789', '12:34:56+02', '2024-02-29 12:34:56',
  '2024-02-29 12:34:56+00', '1 year 2 months 3 days 04:05:06', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  42, '{"a": 1}', '{"b": [1, 2, {"c": null}]}', '{1,NULL,3}', '{{a,b},{c,d}}', '(1,2)', '[(0,0),(1,1)]',
  '(3,4),(1,2)', '((0,0),(1,0),(1,1))', '<(1,2),3>', '192.168.0.1/24', '08:00:2b:01:02:03', B'101010101',
  B'1101', '[1,10)', '{[1,3),[5,9)}', 'happy', '(1,y)', 7, '9', '(3,4)', 'a:1 fat:2,4', 'fat & rat',
  '12.34', '16/B374D848', '99', 1);
INSERT INTO kinds (i4) VALUES (NULL), (1);
INSERT INTO kinds (n, j) VALUES ('NaN', NULL), ('-0.00001', '[]'), (repeat('9', 40)::numeric, NULL), ('Infinity', 'null');
ALTER TABLE kinds DROP COLUMN gone;
ALTER TABLE kinds ADD COLUMN later int DEFAULT 17;
INSERT INTO kinds (t, later) VALUES ('after', 18);
CREATE TABLE wide AS SELECT 1 AS c1, 2 AS c2, 3 AS c3, 4 AS c4, 5 AS c5, 6 AS c6, 7 AS c7, 8 AS c8, NULL::int AS c9, 10 AS c10;
CREATE UNLOGGED TABLE unlogged (a int PRIMARY KEY, b text);
INSERT INTO unlogged SELECT g, 'u' FROM generate_series(1, 10) g;
-- Row locks: alone, shared by several, along an update chain.
CREATE TABLE locked (a int PRIMARY KEY, b int);
INSERT INTO locked SELECT g, g FROM generate_series(1, 30) g;
--@ session b
BEGIN;
SELECT * FROM locked WHERE a = 1 FOR UPDATE;
SELECT * FROM locked WHERE a = 2 FOR SHARE;
SELECT * FROM locked WHERE a = 3 FOR KEY SHARE;
SELECT * FROM locked WHERE a = 4 FOR NO KEY UPDATE;
UPDATE locked SET b = 500 WHERE a = 5;
SAVEPOINT s;
UPDATE locked SET b = 501 WHERE a = 5;
DELETE FROM locked WHERE a = 6;
--@ session a
BEGIN;
SELECT * FROM locked WHERE a = 2 FOR SHARE;
SELECT * FROM locked WHERE a = 3 FOR KEY SHARE;
SELECT * FROM locked WHERE a = 4 FOR KEY SHARE;
SELECT * FROM locked WHERE a = 5 FOR KEY SHARE;
SAVEPOINT s;
UPDATE locked SET b = 300 WHERE a = 3;
--@ session c
BEGIN;
SELECT * FROM locked WHERE a IN (2, 3, 5) FOR KEY SHARE;
INSERT INTO locked VALUES (100, 100);
--@ session d
--@ capture h many kinds wide toasted catalogue referencing_n_seq locked unlogged tail
--@ session a
ROLLBACK;
--@ session b
COMMIT;
--@ session c
COMMIT;
VACUUM (FREEZE) locked;
SELECT pg_drop_replication_slot('logical_slot');
