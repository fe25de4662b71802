CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE TABLE dept (id int PRIMARY KEY, name text NOT NULL, city varchar(20), budget numeric(12,2), boss int);
INSERT INTO dept SELECT g, 'dept ' || g, CASE g % 4 WHEN 0 THEN NULL WHEN 1 THEN 'Oslo' WHEN 2 THEN 'Rome' ELSE 'Bern' END, g * 1234.56, NULLIF(g - 1, 0) FROM generate_series(1, 12) g;
CREATE TABLE emp (id serial PRIMARY KEY, name text, dept int REFERENCES dept, salary numeric(10,2), hired date, mood mood, manager int, tags text[], active bool, rate float8, small int2, big int8);
INSERT INTO emp (name, dept, salary, hired, mood, manager, tags, active, rate, small, big) SELECT 'emp' || g, CASE WHEN g % 13 = 0 THEN NULL ELSE g % 12 + 1 END, CASE WHEN g % 17 = 0 THEN NULL ELSE (g * 37 % 5000) + 0.25 * (g % 4) END, date '2015-01-01' + (g * 11 % 3000), (ARRAY['sad', 'ok', 'happy', NULL]::mood[])[g % 4 + 1], NULLIF(g / 10, 0), CASE WHEN g % 9 = 0 THEN NULL ELSE ARRAY['t' || g % 3, 'u' || g % 5] END, CASE g % 5 WHEN 0 THEN NULL ELSE g % 2 = 0 END, (g % 100) / 8.0, g % 100, g::int8 * 10000000000 FROM generate_series(1, 500) g;
CREATE INDEX emp_dept ON emp (dept, salary);
CREATE INDEX emp_name ON emp (name text_pattern_ops);
CREATE INDEX emp_hired ON emp (hired DESC NULLS LAST) WHERE active;
CREATE TABLE orders (id int PRIMARY KEY, customer int, placed timestamptz, shipped timestamp, total numeric, status char(1), note text);
INSERT INTO orders SELECT g, g * 7 % 50, timestamptz '2024-01-01 00:00+00' + g * interval '7 hours 13 minutes', CASE WHEN g % 6 = 0 THEN NULL ELSE timestamp '2024-01-03' + g * interval '8 hours' END, round((g * 131 % 10007) / 7.0, 3), substr('NOSX', g % 4 + 1, 1), CASE g % 8 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE repeat('Note ', g % 4) || g END FROM generate_series(1, 400) g;
CREATE TABLE lines (ord int REFERENCES orders, no int, item text, qty int, price numeric(8,2), PRIMARY KEY (ord, no));
INSERT INTO lines SELECT o, n, 'item ' || (o * n % 23), o % 5 + n, (o * n % 91) + 0.99 FROM generate_series(1, 400) o, generate_series(1, 3) n WHERE (o + n) % 4 <> 0;
CREATE TABLE kinds (id int, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text, v varchar(10), c char(5), nm name, by bytea, d date, tm time, tz timetz, ts timestamp, tsz timestamptz, iv interval, u uuid, j json, jb jsonb, ia int[], ta text[], r int4range, nr numrange, bt bit(4), vb varbit, ip inet, cd cidr, mac macaddr, pt point, m money, e mood, p pair, o oid, dm posint);
INSERT INTO kinds VALUES
(1, true, 1, 10, 100, 1.5, 2.25, 3.140, 'alpha', 'beta', 'ab', 'name1', '\x0102', '2024-02-29', '12:34:56.789', '12:34:56+02', '2024-02-29 12:00:00', '2024-02-29 12:00:00+00', '1 year 2 days 03:04:05', '00112233-4455-6677-8899-aabbccddeeff', '{"a": 1}', '{"a": 1, "b": [1, 2, {"c": null}]}', '{1,2,3}', '{a,b,NULL}', '[1,10)', '[1.5,2.5]', '1010', '101', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '(1,2)', '12.34', 'ok', '(1,one)', 42, 5),
(2, false, -1, -10, -100, -1.5, -2.25, -3.140, 'Beta', 'x', '', 'name2', '\x', '1999-12-31', '00:00:00', '23:59:59-08', '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59-05', '-1 mons +15 days', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '[1, "two", 3.0]', '{}', '{}', 'empty', '(,5)', '0000', '', '192.168.1.5/24', '192.168.1.0/24', 'ff:ff:ff:ff:ff:ff', '(-1,0.5)', '-0.01', 'sad', '(2,)', 0, 1),
(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(4, true, 32767, 2147483647, 9223372036854775807, 'Infinity', 'NaN', 'NaN', 'Ünïcödé 日本', 'ß', 'é', 'n', '\xdeadbeef', 'infinity', '24:00:00', '00:00:00+00', 'infinity', '-infinity', '178000000 years', '00000000-0000-0000-0000-000000000000', '"x"', '"x"', '{{1,2},{3,4}}', '{"a b","c,d","\"q\""}', '(,)', '[1,1]', '1111', '1111000', '::1', '::/0', '00:00:00:00:00:00', '(0,0)', '92233720368547758.07', 'happy', NULL, 4294967295, 2147483647),
(5, false, -32768, -2147483648, -9223372036854775808, '-Infinity', 1e-300, 0.000000000000000000001, '', '', 'abcde', '', '\x00', '0001-01-01 BC', '23:59:59.999999', '12:00:00-15:59', '-infinity', '2024-07-01 00:00:00+00', '00:00:00.000001', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'null', 'null', '[2:4]={7,8,9}', '{NULL}', '[5,5]', 'empty', '0101', '0', '2001:db8::1/64', '2001:db8::/32', '01:23:45:67:89:ab', '(1e10,-1e-10)', '0', 'ok', '(,)', 1, 7);
CREATE TABLE part (id int, region text, day date, amount numeric) PARTITION BY RANGE (day);
CREATE TABLE part_2023 PARTITION OF part FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE part_2024 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (region);
CREATE TABLE part_2024_n PARTITION OF part_2024 FOR VALUES IN ('north', 'east');
CREATE TABLE part_2024_rest PARTITION OF part_2024 DEFAULT;
CREATE TABLE part_def PARTITION OF part DEFAULT;
INSERT INTO part SELECT g, (ARRAY['north', 'south', 'east', 'west'])[g % 4 + 1], date '2022-11-01' + g * 5, g * 1.5 FROM generate_series(1, 200) g;
CREATE TABLE hpart (id int, v text) PARTITION BY HASH (id);
CREATE TABLE hpart0 PARTITION OF hpart FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hpart1 PARTITION OF hpart FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hpart SELECT g, 'v' || g FROM generate_series(1, 50) g;
CREATE TABLE animal (id int, name text);
CREATE TABLE dog (breed text) INHERITS (animal);
INSERT INTO animal VALUES (1, 'cat'), (2, 'fish');
INSERT INTO dog VALUES (3, 'rex', 'lab'), (4, 'fido', NULL);
CREATE TABLE tree (id int PRIMARY KEY, parent int, label text);
INSERT INTO tree SELECT g, NULLIF(g / 3, 0), 'n' || g FROM generate_series(1, 60) g;
CREATE VIEW rich AS SELECT e.id, e.name, d.name AS dept, e.salary FROM emp e JOIN dept d ON d.id = e.dept WHERE e.salary > 3000;
CREATE VIEW per_dept AS SELECT dept, count(*) AS n, avg(salary) AS mean FROM emp GROUP BY dept;
CREATE VIEW nested AS SELECT p.*, d.city FROM per_dept p LEFT JOIN dept d ON d.id = p.dept;
CREATE MATERIALIZED VIEW mat AS SELECT status, sum(total) AS total FROM orders GROUP BY status;
CREATE FUNCTION add1(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + 1';
CREATE FUNCTION emps_of(d int) RETURNS SETOF emp LANGUAGE sql STABLE AS 'SELECT * FROM emp WHERE dept = d';
CREATE FUNCTION deflt(a int, b int DEFAULT 10, c text DEFAULT 'z') RETURNS text LANGUAGE sql AS $$SELECT a || '/' || b || '/' || c$$;
CREATE TABLE empty (a int, b text);
CREATE TABLE gen (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO gen SELECT g FROM generate_series(1, 5) g;
ALTER TABLE empty ADD COLUMN c int DEFAULT 5;
CREATE TABLE dup (a int, b text);
INSERT INTO dup SELECT g % 5, 'b' || g % 3 FROM generate_series(1, 60) g;
INSERT INTO dup VALUES (NULL, NULL), (NULL, 'b0'), (1, NULL);
VACUUM ANALYZE;
