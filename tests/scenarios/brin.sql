-- BRIN pages (meta, revmap, regular) and every BRIN record.
--@ conf wal_level=minimal max_wal_senders=0 wal_skip_threshold=0
BEGIN;
CREATE TABLE long (id int, t text) WITH (fillfactor = 10);
ALTER TABLE long ALTER t SET STORAGE PLAIN;
INSERT INTO long SELECT i, repeat('x', 820) FROM generate_series(1, 1450) i;
COMMIT;
--@ restart wal_level=logical max_wal_senders=10
CREATE TABLE b (id int, t text, ip inet, ts timestamp) WITH (fillfactor = 10);
ALTER TABLE b ALTER t SET STORAGE PLAIN;
--@ mark
CREATE INDEX b_id ON b USING brin (id) WITH (pages_per_range = 1);
CREATE INDEX b_t ON b USING brin (t) WITH (pages_per_range = 2, autosummarize = on);
INSERT INTO b SELECT i, repeat('f', 20), NULL, NULL FROM generate_series(1, 120) i;
SELECT brin_summarize_new_values('b_id'), brin_summarize_new_values('b_t');
INSERT INTO b SELECT i, 'a' || repeat('f', i * 3), '10.0.0.1', '2024-01-01' FROM generate_series(200, 340) i;
SELECT brin_summarize_new_values('b_id'), brin_summarize_new_values('b_t');
UPDATE b SET t = chr(97 + id % 26) || repeat('g', 1200) WHERE id % 9 = 0;
INSERT INTO b SELECT -i, 'z' || repeat('z', 700), NULL, NULL FROM generate_series(1, 12) i;
SELECT brin_summarize_new_values('b_id'), brin_summarize_new_values('b_t');
SELECT brin_desummarize_range('b_id', 3);
SELECT brin_desummarize_range('b_t', 4);
DELETE FROM b WHERE id % 2 = 0;
VACUUM b;
CREATE INDEX b_multi ON b USING brin (id int4_minmax_multi_ops, ip inet_inclusion_ops, ts timestamp_bloom_ops) WITH (pages_per_range = 4);
--@ capture b_id b_t b_multi
-- More ranges than one page of the range map holds.
CREATE INDEX long_id ON long USING brin (id) WITH (pages_per_range = 1);
INSERT INTO long SELECT i, repeat('y', 820) FROM generate_series(5000, 5010) i;
SELECT brin_summarize_new_values('long_id');
--@ capture long_id
