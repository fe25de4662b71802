-- Transactions in every way, standby records, logical messages, origins, sequences, databases,
-- tablespaces, the relation map, and what a server says in the WAL about itself.
--@ conf track_commit_timestamp=on checkpoint_timeout=30s
CREATE TABLE t (a int PRIMARY KEY, b text);
CREATE TABLE waits (a int);
INSERT INTO waits VALUES (1), (3);
CREATE SEQUENCE s CACHE 5;
--@ mark
INSERT INTO t VALUES (1, 'one');
BEGIN;
INSERT INTO t VALUES (2, 'two');
SAVEPOINT a;
INSERT INTO t VALUES (3, 'three');
SAVEPOINT b;
INSERT INTO t VALUES (4, 'four');
ROLLBACK TO b;
RELEASE a;
COMMIT;
BEGIN;
INSERT INTO t VALUES (5, 'five');
SAVEPOINT a;
INSERT INTO t VALUES (6, 'six');
RELEASE a;
ROLLBACK;
-- More subtransactions than fit in shared memory.
BEGIN;
DO $$ BEGIN FOR i IN 1..140 LOOP BEGIN INSERT INTO t VALUES (100 + i, 'sub'); EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$;
COMMIT;
-- Relations, statistics and cached facts that end with the transaction.
BEGIN;
CREATE TABLE gone (a int PRIMARY KEY, b text);
CREATE TABLE kept (a int);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
COMMIT;
BEGIN;
DROP TABLE gone;
DROP FUNCTION f();
COMMIT;
BEGIN;
CREATE TABLE never (a int PRIMARY KEY);
INSERT INTO never VALUES (1);
ROLLBACK;
CREATE TEMP TABLE temporary (a int);
DROP TABLE temporary;
-- Two phases.
BEGIN;
INSERT INTO t VALUES (20, 'prepared');
SAVEPOINT a;
INSERT INTO t VALUES (21, 'prepared too');
CREATE TABLE by_two_phase (a int);
DROP TABLE kept;
PREPARE TRANSACTION 'first';
BEGIN;
INSERT INTO t VALUES (22, 'prepared');
CREATE TABLE never_two (a int);
PREPARE TRANSACTION 'second';
BEGIN;
UPDATE waits SET a = 2 WHERE a = 1;
SELECT * FROM waits FOR UPDATE;
PREPARE TRANSACTION 'third with a longer name, and ''quotes''';
CHECKPOINT;
--@ file pg_twophase/* twophase
COMMIT PREPARED 'first';
ROLLBACK PREPARED 'second';
-- The WAL says when: a synchronous commit, an asynchronous one, one with an origin.
SET synchronous_commit = remote_apply;
INSERT INTO t VALUES (30, 'remote_apply');
SET synchronous_commit = off;
INSERT INTO t VALUES (31, 'off');
RESET synchronous_commit;
SELECT pg_replication_origin_create('origin_one');
SELECT pg_replication_origin_create('origin_two');
SELECT pg_replication_origin_session_setup('origin_one');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/1234567', '2024-02-29 12:00:00+00');
INSERT INTO t VALUES (32, 'from elsewhere');
COMMIT;
BEGIN;
SELECT pg_replication_origin_xact_setup('0/1234568', '2024-02-29 12:00:01+00');
INSERT INTO t VALUES (33, 'from elsewhere');
PREPARE TRANSACTION 'origin';
COMMIT PREPARED 'origin';
SELECT pg_replication_origin_session_reset();
SELECT pg_replication_origin_advance('origin_two', '0/ABCDEF');
CHECKPOINT;
--@ file pg_logical/replorigin_checkpoint replorigin
SELECT pg_replication_origin_drop('origin_two');
-- Messages for logical decoding.
SELECT pg_logical_emit_message(true, 'prefix', 'transactional');
SELECT pg_logical_emit_message(false, 'other', E'\\x000102ff'::bytea);
SELECT pg_logical_emit_message(false, '', '');
-- Locks a standby must know.
BEGIN;
LOCK TABLE t IN ACCESS EXCLUSIVE MODE;
--@ session b
CHECKPOINT;
--@ session a
ALTER TABLE t ADD COLUMN c int;
COMMIT;
-- Invalidations without a transaction id.
CREATE INDEX CONCURRENTLY t_b ON t (b);
DROP INDEX CONCURRENTLY t_b;
REINDEX INDEX CONCURRENTLY t_pkey;
SELECT nextval('s') FROM generate_series(1, 40);
SELECT setval('s', 1000, false);
CREATE SEQUENCE s2 AS smallint INCREMENT BY -3 MINVALUE -1000 CYCLE;
SELECT nextval('s2');
ALTER SEQUENCE s2 RESTART;
CREATE UNLOGGED TABLE u (a serial);
INSERT INTO u DEFAULT VALUES;
-- Databases and tablespaces.
--@ call tablespace_directory one
--@ call create_tablespace one
CREATE TABLE in_one (a int) TABLESPACE one;
INSERT INTO in_one VALUES (1);
--@ if major 15-
CREATE DATABASE filecopy STRATEGY file_copy;
CREATE DATABASE wallog STRATEGY wal_log;
DROP DATABASE wallog;
--@ end
--@ if major 14
CREATE DATABASE filecopy;
--@ end
ALTER DATABASE filecopy SET TABLESPACE one;
DROP DATABASE filecopy;
--@ file global/pg_filenode.map relmap
VACUUM FULL pg_class;
REINDEX TABLE pg_database;
--@ file global/pg_filenode.map relmap after
--@ file base/[0-9]*/pg_filenode.map relmap
DROP TABLE in_one;
DROP TABLESPACE one;
-- The server about itself.
SELECT pg_create_restore_point('a restore point');
SELECT pg_switch_wal();
CHECKPOINT;
--@ reload full_page_writes=on
--@ reload full_page_writes=off
--@ capture s s2
--@ control running
--@ restart max_connections=25 track_commit_timestamp=on wal_log_hints=on
INSERT INTO t VALUES (40, 'again');
CREATE TABLE after_restart (a int);
CREATE TABLE hints AS SELECT g FROM generate_series(1, 100) g;
CHECKPOINT;
SELECT count(*) FROM hints;
CHECKPOINT;
--@ control production
--@ file postmaster.pid postmaster.pid
--@ file postmaster.opts postmaster.opts
--@ kill9
--@ control crashed
--@ start
INSERT INTO t VALUES (41, 'after a crash');
SELECT pg_create_physical_replication_slot('physical_slot', true);
COMMIT PREPARED 'third with a longer name, and ''quotes''';
SELECT pg_create_logical_replication_slot('logical_slot', 'pgoutput', false, true);
SELECT pg_create_logical_replication_slot('temporary_slot', 'pgoutput', true);
CHECKPOINT;
--@ file pg_replslot/*/state slot
--@ stop fast
--@ control shutdown
--@ file pg_stat/* pgstat
--@ file pg_xact/* xact
--@ file pg_subtrans/* subtrans
--@ file pg_multixact/offsets/* multixact_offsets
--@ file pg_multixact/members/* multixact_members
--@ file pg_commit_ts/* commit_ts
--@ file PG_VERSION version
--@ start
