-- GIN pages (meta, entry tree, posting tree, pending list) and every Gin record.
--@ conf wal_level=minimal max_wal_senders=0 wal_skip_threshold=0
BEGIN;
CREATE TABLE big (id int, a int[]);
INSERT INTO big SELECT g, ARRAY[1, 2 + g % 2] FROM generate_series(1, 30000) g;
COMMIT;
CREATE TABLE grow (id int, a int[]);
--@ restart wal_level=logical max_wal_senders=10
CREATE INDEX big_a ON big USING gin (a) WITH (fastupdate = off);
VACUUM big;
--@ mark
-- Leaves of a posting tree are emptied; the empty ones are deleted.
DELETE FROM big WHERE id BETWEEN 7700 AND 16000;
VACUUM big;
INSERT INTO big SELECT g, ARRAY[1, 2, 3] FROM generate_series(1, 60) g;
VACUUM big;
--@ capture big_a
-- An entry tree that grows; a posting tree that starts in the middle of it.
CREATE INDEX grow_a ON grow USING gin (a) WITH (fastupdate = off);
INSERT INTO grow SELECT g, ARRAY[g, g + 1000, 5] FROM generate_series(1, 300) g;
INSERT INTO grow SELECT g, ARRAY[5] FROM generate_series(1, 2500) g;
DELETE FROM grow WHERE id % 3 = 0 AND id > 300;
DELETE FROM grow WHERE id % 7 = 0;
VACUUM grow;
INSERT INTO grow SELECT g, ARRAY[5, 6] FROM generate_series(1, 600) g;
INSERT INTO grow VALUES (-1, NULL), (-2, '{}'), (-3, '{NULL}'), (-4, '{NULL,1}');
--@ capture grow_a
-- The pending list: filled, grown, moved into the tree.
CREATE TABLE pend (id int, d tsvector);
CREATE INDEX pend_d ON pend USING gin (d) WITH (fastupdate = on);
INSERT INTO pend SELECT g, to_tsvector('simple', 'word' || g || ' common text number ' || g % 10) FROM generate_series(1, 200) g;
--@ capture pend_d
VACUUM pend;
INSERT INTO pend SELECT g, to_tsvector('simple', 'later' || g || ' common') FROM generate_series(1, 30) g;
SELECT gin_clean_pending_list('pend_d');
INSERT INTO pend SELECT 1, to_tsvector('simple', string_agg('w' || g, ' ')) FROM generate_series(1, 1500) g;
INSERT INTO pend SELECT g, to_tsvector('simple', 'last' || g || ' common') FROM generate_series(1, 5) g;
--@ capture pend_d
CREATE TABLE doc (id int, j jsonb);
CREATE INDEX doc_j ON doc USING gin (j);
INSERT INTO doc SELECT g, jsonb_build_object('k' || g % 5, g, 'tags', jsonb_build_array('a' || g % 3, g)) FROM generate_series(1, 80) g;
CREATE TABLE two (a int[], b text[]);
INSERT INTO two SELECT ARRAY[g], ARRAY['t' || g] FROM generate_series(1, 60) g;
CREATE INDEX two_ab ON two USING gin (a, b);
--@ capture doc_j two_ab
