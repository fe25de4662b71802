-- A base backup, a standby made of it, and its promotion to a new timeline.
CREATE TABLE t (a int);
INSERT INTO t VALUES (1);
--@ call tablespace_directory space
--@ call create_tablespace space
CREATE TABLE in_space (a int) TABLESPACE space;
INSERT INTO in_space VALUES (1);
--@ mark
--@ call basebackup
INSERT INTO t VALUES (2);
CHECKPOINT;
--@ call promote_backup
