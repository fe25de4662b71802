-- SP-GiST pages (meta, inner, leaf, nulls) and every SPGist record.
CREATE TABLE s (id int, t text, p point);
--@ mark
CREATE INDEX s_t ON s USING spgist (t);
CREATE INDEX s_q ON s USING spgist (p);
CREATE INDEX s_k ON s USING spgist (p kd_point_ops);
INSERT INTO s SELECT i, 'a' || i, point(i, i % 7) FROM generate_series(1, 10) i;
DELETE FROM s WHERE id < 5;
VACUUM s;
INSERT INTO s SELECT i, 'prefix/' || md5(i::text), point(i % 31, i % 17) FROM generate_series(1, 700) i;
INSERT INTO s SELECT i, 'prefix/of/' || i % 5 || '/' || i, point(i % 3, i % 2 + i / 1000.0) FROM generate_series(1, 500) i;
INSERT INTO s SELECT i, 'pre' || i, NULL FROM generate_series(1, 40) i;
INSERT INTO s SELECT i, repeat('long', 100) || i, point(-i, i) FROM generate_series(1, 60) i;
INSERT INTO s SELECT i, NULL, point(1, 1) FROM generate_series(1, 300) i;
--@ capture s_t s_q s_k
DELETE FROM s WHERE id % 3 = 0;
VACUUM s;
SELECT pg_current_xact_id();
INSERT INTO s SELECT i, chr(33 + i % 90) || md5(i::text), point(i, i) FROM generate_series(1, 400) i;
DELETE FROM s WHERE id % 5 = 0;
SELECT pg_current_xact_id();
VACUUM s;
SELECT pg_current_xact_id();
VACUUM s;
--@ capture s_t s_q
CREATE TABLE n (a inet, r int4range, b box);
INSERT INTO n SELECT ('10.' || i % 200 || '.0.' || i % 250)::inet, int4range(i, i + i % 9), box(point(i, i), point(i + 1, i + 2)) FROM generate_series(1, 300) i;
CREATE INDEX n_a ON n USING spgist (a);
CREATE INDEX n_r ON n USING spgist (r);
CREATE INDEX n_b ON n USING spgist (b);
CREATE INDEX n_include ON n USING spgist (a) INCLUDE (r);
--@ capture n_a n_r n_b n_include
