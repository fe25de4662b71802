-- A record whose end was lost in a crash: WAL that ends in the middle of it, and the record
-- with which the server then goes on.
CREATE TABLE t (a int);
--@ mark
INSERT INTO t VALUES (1);
SELECT pg_logical_emit_message(false, 'torn', repeat('abcdefgh', 200000));
INSERT INTO t VALUES (2);
--@ kill9
--@ call lose_last_segments
--@ call keep_wal torn
--@ control torn
--@ start
INSERT INTO t VALUES (3);
SELECT pg_switch_wal();
INSERT INTO t VALUES (4);
