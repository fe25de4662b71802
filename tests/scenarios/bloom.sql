-- Generic records, which extensions write: the bloom access method.
--@ needs bloom
--@ mark
CREATE EXTENSION bloom;
CREATE TABLE t (a int, b int, c int);
CREATE INDEX t_abc ON t USING bloom (a, b, c);
INSERT INTO t SELECT g, g % 7, g % 11 FROM generate_series(1, 900) g;
DELETE FROM t WHERE a % 3 = 0;
VACUUM t;
--@ capture t_abc
