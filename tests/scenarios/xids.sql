-- So many transaction ids and multixacts that their logs grow, and are cut off.
--@ conf track_commit_timestamp=on
CREATE TABLE t (a int PRIMARY KEY, b int);
INSERT INTO t SELECT g, g FROM generate_series(1, 10) g;
-- Ids are used up by a transaction which the crash leaves without an end.
--@ call burn 33200
--@ mark
INSERT INTO t VALUES (11, 11);
--@ call burn 2500
INSERT INTO t VALUES (12, 12);
-- A multixact of two members for every subtransaction.
BEGIN;
SELECT * FROM t WHERE a = 1 FOR KEY SHARE;
DO $$ BEGIN FOR i IN 1..2100 LOOP BEGIN PERFORM 1 FROM t WHERE a = 1 FOR NO KEY UPDATE; RAISE EXCEPTION 'x'; EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$;
COMMIT;
CHECKPOINT;
--@ file pg_xact/* xact
--@ file pg_subtrans/* subtrans
--@ file pg_multixact/offsets/* multixact_offsets
--@ file pg_multixact/members/* multixact_members
--@ file pg_commit_ts/* commit_ts
--@ control multixacts
INSERT INTO t VALUES (13, 13);
--@ call burn 1050000
INSERT INTO t VALUES (14, 14);
--@ call vacuum_everything
CHECKPOINT;
