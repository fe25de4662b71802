-- joins
SELECT e.id, d.name FROM emp e JOIN dept d ON e.dept = d.id ORDER BY e.id
SELECT e.id, d.name FROM emp e LEFT JOIN dept d ON e.dept = d.id AND d.city = 'Oslo' ORDER BY e.id
SELECT e.id, d.name FROM emp e RIGHT JOIN dept d ON e.dept = d.id AND e.salary > 4000
SELECT e.id, d.name FROM emp e FULL JOIN dept d ON e.dept = d.id AND e.salary > 4500
SELECT count(*) FROM emp CROSS JOIN dept
SELECT count(*) FROM emp, dept WHERE emp.dept = dept.id
SELECT * FROM dept NATURAL JOIN (VALUES (1, 'dept 1'), (2, 'x')) v(id, name)
SELECT * FROM (VALUES (1, 2), (3, 4)) a(x, y) JOIN (VALUES (1, 5)) b(x, z) USING (x)
SELECT * FROM (VALUES (1, 2), (3, 4)) a(x, y) LEFT JOIN (VALUES (1, 5)) b(x, z) USING (x) ORDER BY x
SELECT * FROM (VALUES (1, 2), (3, 4)) a(x, y) FULL JOIN (VALUES (1, 5), (9, 9)) b(x, z) USING (x) ORDER BY x
SELECT x, a.x, b.x, j.* FROM (VALUES (1), (2)) a(x) FULL JOIN (VALUES (2), (3)) b(x) USING (x) AS j ORDER BY 1
SELECT a.id, b.id FROM dept a JOIN dept b ON a.id < b.id ORDER BY 1, 2
SELECT a.id, b.id FROM dept a LEFT JOIN dept b ON a.boss = b.id LEFT JOIN dept c ON b.boss = c.id WHERE c.id IS NULL ORDER BY 1
SELECT e.name, m.name FROM emp e JOIN emp m ON e.manager = m.id WHERE m.dept = 3 ORDER BY e.id
SELECT d.name, x.name, x.salary FROM dept d, LATERAL (SELECT * FROM emp e WHERE e.dept = d.id ORDER BY salary DESC NULLS LAST, id LIMIT 2) x ORDER BY d.id, x.salary DESC, x.id
SELECT d.name, x.n FROM dept d LEFT JOIN LATERAL (SELECT count(*) n FROM emp e WHERE e.dept = d.id AND e.salary > 4900) x ON true ORDER BY d.id
SELECT d.id, g FROM dept d CROSS JOIN LATERAL generate_series(1, d.id) g WHERE d.id < 4 ORDER BY 1, 2
SELECT o.id, l.item FROM orders o JOIN lines l ON l.ord = o.id WHERE o.status = 'S' AND l.qty > 5 ORDER BY 1, 2
SELECT o.id, sum(l.qty * l.price) FROM orders o JOIN lines l ON l.ord = o.id GROUP BY o.id HAVING sum(l.qty) > 12 ORDER BY 2 DESC, 1
SELECT e.id, d.id, o.id FROM emp e JOIN dept d ON d.id = e.dept JOIN orders o ON o.customer = e.id WHERE o.total > 1200 ORDER BY 1, 2, 3
SELECT (e.*) IS NULL, d.id FROM dept d LEFT JOIN emp e ON e.dept = d.id AND e.id < 3 ORDER BY 2, 1
SELECT a.a, b.b FROM dup a JOIN dup b ON a.a = b.a AND a.b = b.b WHERE a.a = 1
SELECT count(*) FROM dup a FULL JOIN dup b ON a.a = b.a
SELECT count(*) FROM dup a LEFT JOIN dup b ON a.a = b.a AND b.b > 'b0' WHERE b.a IS NULL
SELECT count(*) FROM emp a JOIN emp b ON a.salary BETWEEN b.salary - 1 AND b.salary + 1
SELECT * FROM (dept a JOIN dept b ON a.id = b.boss) AS j(a1, a2, a3, a4, a5) WHERE a1 = 2
SELECT dept.id, e.id FROM dept JOIN LATERAL (SELECT emp.id FROM emp WHERE emp.dept = dept.id AND emp.mood = 'happy') e ON true WHERE dept.id IN (1, 2) ORDER BY 1, 2
SELECT a.id FROM dept a JOIN dept b ON a.id = b.id AND a.city IS NOT DISTINCT FROM b.city ORDER BY 1
SELECT count(*) FROM orders o JOIN lines l ON o.id = l.ord JOIN emp e ON e.id = o.customer JOIN dept d ON d.id = e.dept
SELECT d.id FROM dept d LEFT JOIN (emp e JOIN orders o ON o.customer = e.id AND o.total > 1400) ON e.dept = d.id WHERE o.id IS NULL ORDER BY 1
-- subqueries
SELECT name FROM dept WHERE id IN (SELECT dept FROM emp WHERE salary > 4800) ORDER BY 1
SELECT name FROM dept WHERE id NOT IN (SELECT dept FROM emp WHERE dept IS NOT NULL AND salary > 4800) ORDER BY 1
SELECT name FROM dept WHERE id NOT IN (SELECT dept FROM emp)
SELECT name FROM dept d WHERE EXISTS (SELECT 1 FROM emp e WHERE e.dept = d.id AND e.salary > 4900) ORDER BY 1
SELECT name FROM dept d WHERE NOT EXISTS (SELECT 1 FROM emp e WHERE e.dept = d.id AND e.salary > 4900) ORDER BY 1
SELECT id, (SELECT count(*) FROM emp e WHERE e.dept = d.id) FROM dept d ORDER BY 1
SELECT id, (SELECT max(salary) FROM emp) FROM dept ORDER BY id
SELECT id, ARRAY(SELECT e.id FROM emp e WHERE e.dept = d.id AND e.id < 40 ORDER BY 1) FROM dept d ORDER BY 1
SELECT id FROM emp WHERE salary > ALL (SELECT salary FROM emp WHERE dept = 2 AND salary IS NOT NULL) ORDER BY 1
SELECT id FROM emp WHERE salary = ANY (SELECT salary FROM emp WHERE dept = 2) ORDER BY 1
SELECT id FROM emp WHERE salary < SOME (SELECT salary FROM emp WHERE dept = 2 AND salary < 300) ORDER BY 1
SELECT id FROM emp WHERE (dept, mood) IN (SELECT dept, mood FROM emp WHERE id < 5) ORDER BY 1
SELECT id FROM emp WHERE (dept, salary) = (SELECT dept, max(salary) FROM emp WHERE dept = 3 GROUP BY dept)
SELECT id FROM emp WHERE dept = ANY (ARRAY[1, 2, NULL]) ORDER BY 1
SELECT id FROM dept WHERE id <> ALL (ARRAY[1, 2]) ORDER BY 1
SELECT (SELECT id FROM dept)
SELECT (SELECT id FROM dept WHERE id = 1), (SELECT id FROM dept WHERE id = 100)
SELECT (SELECT row(id, name) FROM dept WHERE id = 1)
SELECT * FROM (SELECT id, id * 2 AS b FROM dept) s WHERE b > 10 ORDER BY 1
SELECT * FROM (SELECT dept, count(*) c FROM emp GROUP BY dept) s JOIN dept d ON d.id = s.dept WHERE c > 38 ORDER BY 1
SELECT id FROM emp e WHERE salary = (SELECT max(salary) FROM emp x WHERE x.dept = e.dept) ORDER BY 1
SELECT id FROM emp e WHERE salary > (SELECT avg(salary) FROM emp x WHERE x.dept = e.dept) AND id < 60 ORDER BY 1
SELECT d.id FROM dept d WHERE (SELECT count(*) FROM emp e WHERE e.dept = d.id AND (SELECT o.total FROM orders o WHERE o.id = e.id) > 700) > 12 ORDER BY 1
SELECT exists(SELECT 1 FROM empty), exists(SELECT FROM dept)
SELECT 1 WHERE EXISTS (SELECT 1 FROM dept WHERE id = 5 OFFSET 0)
SELECT id FROM dept d WHERE id IN (SELECT e.dept FROM emp e WHERE e.manager = d.boss) ORDER BY 1
SELECT id, name FROM dept WHERE id IN (SELECT 1 UNION ALL SELECT 3) ORDER BY id
SELECT sum((SELECT count(*) FROM lines l WHERE l.ord = o.id)) FROM orders o
SELECT id, CASE WHEN id IN (SELECT dept FROM emp WHERE salary > 4900) THEN 'rich' ELSE 'poor' END FROM dept ORDER BY 1
SELECT count(*) FROM emp WHERE (id IN (SELECT customer FROM orders)) IS TRUE
SELECT count(*) FROM emp WHERE dept IN (SELECT id FROM dept WHERE city = 'Oslo') OR salary > 4900
SELECT ARRAY(SELECT DISTINCT status FROM orders ORDER BY 1)
SELECT ROW(1, 2) = (SELECT 1, 2), ROW(1, NULL) = (SELECT 1, 2)
SELECT d.id FROM dept d WHERE d.id > ANY (SELECT e.dept FROM emp e WHERE e.salary > 4950) ORDER BY 1
-- cte
WITH a AS (SELECT 1 AS x) SELECT * FROM a
WITH a AS (SELECT id, boss FROM dept), b AS (SELECT * FROM a WHERE id > 6) SELECT b.id, a.id FROM a JOIN b ON b.boss = a.id ORDER BY 1
WITH a AS MATERIALIZED (SELECT * FROM emp) SELECT count(*) FROM a WHERE id < 10
WITH a AS NOT MATERIALIZED (SELECT * FROM emp) SELECT count(*) FROM a x JOIN a y ON x.id = y.manager
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t
WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT (n + 1) % 10 FROM t) SELECT n FROM t ORDER BY n
WITH RECURSIVE sub AS (SELECT id, parent, label, 1 AS depth FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, t.parent, s.label || '/' || t.label, depth + 1 FROM tree t JOIN sub s ON t.parent = s.id) SELECT * FROM sub ORDER BY id
WITH RECURSIVE t AS (SELECT id, ARRAY[id] AS path FROM tree WHERE parent IS NULL UNION ALL SELECT c.id, path || c.id FROM tree c, t WHERE c.parent = t.id) SELECT id, path FROM t WHERE array_length(path, 1) = 4 ORDER BY id
WITH RECURSIVE f(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM f WHERE b < 1000) SELECT a FROM f
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t LIMIT 5
WITH a(x, y) AS (VALUES (1, 'a'), (2, 'b')) SELECT y, x FROM a ORDER BY x DESC
WITH t AS (SELECT 1 AS a) SELECT * FROM (WITH t AS (SELECT 2 AS a) SELECT * FROM t) s, t
WITH RECURSIVE t(id, d) AS (SELECT id, 0 FROM tree WHERE parent IS NULL UNION ALL SELECT tree.id, d + 1 FROM tree JOIN t ON tree.parent = t.id) SEARCH BREADTH FIRST BY id SET o SELECT id, d FROM t ORDER BY o
WITH RECURSIVE g(a, b) AS (SELECT 1, 2 UNION ALL SELECT b, (a + b) % 7 FROM g) CYCLE a, b SET c USING p SELECT a, b, c FROM g
WITH RECURSIVE g(f, t) AS (VALUES (1,2), (1,3), (2,3), (1,4), (4,5), (5,1)), s AS (SELECT * FROM g UNION ALL SELECT g.* FROM g, s WHERE g.f = s.t) SEARCH DEPTH FIRST BY f, t SET seq CYCLE f, t SET is_cycle TO 'Y' DEFAULT 'N' USING path SELECT * FROM s ORDER BY path
WITH RECURSIVE g(f, t) AS (VALUES (1,2), (2,1)), s AS (SELECT * FROM g UNION SELECT g.* FROM g, s WHERE g.f = s.t AND NOT s.c) CYCLE f, t SET c USING p SELECT * FROM s
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT * FROM (SELECT n % 3 + 1 FROM s) x) CYCLE n SET c USING p SELECT * FROM s
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 3) CYCLE n SET c TO true DEFAULT 55 USING p SELECT * FROM s
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 3) SEARCH DEPTH FIRST BY n SET p CYCLE n SET c USING p SELECT * FROM s
WITH a AS (SELECT dept, sum(salary) s FROM emp GROUP BY dept) SELECT dept FROM a WHERE s > (SELECT avg(s) FROM a) ORDER BY 1
WITH w AS (SELECT 1) SELECT (SELECT * FROM w), EXISTS (SELECT * FROM w)
-- setops
SELECT a FROM dup UNION SELECT id FROM dept ORDER BY 1
SELECT a FROM dup UNION ALL SELECT id FROM dept WHERE id < 3 ORDER BY 1
SELECT a FROM dup INTERSECT SELECT id FROM dept ORDER BY 1
SELECT a FROM dup INTERSECT ALL SELECT a FROM dup WHERE a < 3
SELECT id FROM dept EXCEPT SELECT a FROM dup ORDER BY 1
SELECT a, b FROM dup EXCEPT ALL SELECT a, b FROM dup WHERE a = 1
SELECT 1 UNION SELECT 2.5 UNION SELECT NULL ORDER BY 1
SELECT 1, 'a' UNION ALL SELECT 2, NULL ORDER BY 1
(SELECT 1 AS x UNION SELECT 2) INTERSECT (SELECT 2 UNION SELECT 3)
SELECT 1 AS x UNION SELECT 2 INTERSECT SELECT 2 ORDER BY x
(SELECT id FROM dept ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM dept ORDER BY id DESC LIMIT 2)
SELECT '1' UNION SELECT 2
SELECT NULL UNION SELECT 'x'
SELECT id::text FROM dept UNION SELECT name FROM dept ORDER BY 1
VALUES (1, 'x'), (2, 'y') UNION ALL SELECT 3, 'z' ORDER BY 1
SELECT ARRAY[1] UNION SELECT ARRAY[1] UNION SELECT ARRAY[2] ORDER BY 1
SELECT x FROM (SELECT 1 AS x UNION ALL SELECT 2) s WHERE x > 1
SELECT city FROM dept UNION SELECT NULL ORDER BY 1 NULLS FIRST
SELECT 1 UNION SELECT 2 ORDER BY 1 DESC LIMIT 1
SELECT a FROM dup EXCEPT SELECT a FROM dup
-- grouping
SELECT dept, count(*), sum(salary), avg(salary), min(salary), max(salary) FROM emp GROUP BY dept ORDER BY dept
SELECT mood, count(*) FROM emp GROUP BY mood ORDER BY mood
SELECT active, count(*), count(active), count(DISTINCT dept) FROM emp GROUP BY active ORDER BY 1
SELECT dept, mood, count(*) FROM emp GROUP BY dept, mood HAVING count(*) > 12 ORDER BY 1, 2
SELECT dept % 3 AS k, sum(id) FROM emp GROUP BY k ORDER BY k
SELECT dept % 3, sum(id) FROM emp GROUP BY 1 ORDER BY 1
SELECT count(*) FROM emp HAVING count(*) > 1000
SELECT 1 FROM emp HAVING true
SELECT sum(x) FROM (SELECT 1 AS x WHERE false) s
SELECT count(*), sum(a), min(a), max(b), avg(a), array_agg(a), string_agg(b, ',') FROM empty
SELECT d.id, d.name, count(e.id) FROM dept d LEFT JOIN emp e ON e.dept = d.id GROUP BY d.id ORDER BY d.id
SELECT status, string_agg(id::text, ',' ORDER BY id) FROM orders WHERE id < 20 GROUP BY status ORDER BY 1
SELECT status, array_agg(id ORDER BY total DESC, id) FROM orders WHERE id < 20 GROUP BY status ORDER BY 1
SELECT count(*) FILTER (WHERE salary > 2500), count(*) FILTER (WHERE salary IS NULL), sum(salary) FILTER (WHERE false) FROM emp
SELECT dept, count(*) FILTER (WHERE mood = 'ok') FROM emp GROUP BY dept ORDER BY 1
SELECT sum(DISTINCT a), count(DISTINCT b), avg(DISTINCT a), array_agg(DISTINCT b ORDER BY b DESC) FROM dup
SELECT bool_and(active), bool_or(active), every(id > 0) FROM emp
SELECT bit_and(id), bit_or(id), bit_xor(id) FROM emp
SELECT stddev(salary), variance(salary), stddev_pop(id), var_samp(rate), var_pop(small) FROM emp
SELECT corr(rate, id), covar_pop(rate, id), covar_samp(rate, id), regr_slope(rate, id), regr_intercept(rate, id), regr_r2(rate, id), regr_count(rate, id), regr_avgx(rate, id), regr_sxx(rate, id) FROM emp
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY rate), percentile_disc(0.25) WITHIN GROUP (ORDER BY salary), mode() WITHIN GROUP (ORDER BY dept) FROM emp
SELECT percentile_cont(ARRAY[0.1, 0.5, 0.9]) WITHIN GROUP (ORDER BY rate) FROM emp
SELECT rank(3000) WITHIN GROUP (ORDER BY salary), dense_rank(3000) WITHIN GROUP (ORDER BY salary), cume_dist(3000) WITHIN GROUP (ORDER BY salary), percent_rank(3000) WITHIN GROUP (ORDER BY salary) FROM emp
SELECT dept, mode() WITHIN GROUP (ORDER BY mood) FROM emp GROUP BY dept ORDER BY dept
SELECT json_agg(id ORDER BY id), jsonb_agg(city ORDER BY id), json_object_agg(name, id ORDER BY id) FROM dept WHERE id < 4
SELECT jsonb_object_agg(name, budget) FROM dept WHERE id < 4
SELECT max(name), min(city), max(hired), min(mood), max(tags) FROM emp JOIN dept USING (name) RIGHT JOIN (SELECT 1) x ON true
SELECT max(hired), min(hired), max(mood), min(tags), max(name) FROM emp
SELECT sum(small), sum(id), sum(big), sum(rate), avg(small), avg(big), avg(rate) FROM emp
SELECT sum(iv), avg(iv), min(iv), max(tm), sum(m) FROM kinds WHERE id < 3
SELECT GROUPING(dept), dept, mood, count(*) FROM emp WHERE dept < 3 GROUP BY ROLLUP (dept, mood) ORDER BY 1, 2, 3
SELECT dept, mood, count(*) FROM emp WHERE dept < 3 GROUP BY CUBE (dept, mood) ORDER BY 1, 2, 3
SELECT dept, mood, count(*) FROM emp WHERE dept < 3 GROUP BY GROUPING SETS ((dept), (mood), ()) ORDER BY 1, 2, 3
SELECT any_value(1) FROM dept
SELECT count(DISTINCT (a, b)) FROM dup
SELECT a, count(*) FROM dup GROUP BY a ORDER BY count(*) DESC, a
SELECT length(name), count(*) FROM emp GROUP BY length(name) ORDER BY 1
SELECT date_trunc('month', placed), count(*), sum(total) FROM orders GROUP BY 1 ORDER BY 1
SELECT extract(year FROM hired), count(*) FROM emp GROUP BY 1 ORDER BY 1
SELECT tags, count(*) FROM emp GROUP BY tags ORDER BY tags
SELECT array_agg(ARRAY[id, boss]) FROM dept WHERE id IN (2, 3)
SELECT string_agg(DISTINCT b, '-' ORDER BY b) FROM dup
SELECT string_agg(by, '\x00' ORDER BY id) FROM kinds
SELECT range_agg(r), range_intersect_agg(r) FROM kinds WHERE id IN (1, 5)
SELECT (SELECT sum(e.salary) FROM emp e WHERE e.dept = d.id), count(*) FROM dept d GROUP BY d.id ORDER BY d.id
SELECT d.city, sum(e.salary) FROM emp e JOIN dept d ON d.id = e.dept GROUP BY d.city ORDER BY 1
SELECT count(*), count(NULL), count(1) FROM dept
-- distinct
SELECT DISTINCT city FROM dept ORDER BY 1
SELECT DISTINCT a, b FROM dup ORDER BY 1, 2
SELECT DISTINCT ON (dept) dept, id, salary FROM emp ORDER BY dept, salary DESC NULLS LAST, id
SELECT DISTINCT ON (dept, mood) dept, mood, id FROM emp ORDER BY dept, mood, id DESC
SELECT DISTINCT mood FROM emp
SELECT DISTINCT count(*) FROM emp GROUP BY dept ORDER BY 1
SELECT DISTINCT salary > 2500, active FROM emp ORDER BY 1, 2
SELECT DISTINCT tags[1] FROM emp ORDER BY 1
SELECT DISTINCT n FROM kinds ORDER BY n
SELECT DISTINCT f8 FROM kinds ORDER BY f8
-- order
SELECT id, salary FROM emp ORDER BY salary NULLS FIRST, id LIMIT 40
SELECT id, salary FROM emp ORDER BY salary DESC NULLS LAST, id LIMIT 10 OFFSET 5
SELECT id, salary FROM emp ORDER BY salary DESC, id LIMIT 50
SELECT id FROM emp ORDER BY mood, dept DESC, id
SELECT id AS x FROM dept ORDER BY -id
SELECT id, name FROM dept ORDER BY 2, 1
SELECT name AS id, id AS name FROM dept ORDER BY id
SELECT t FROM kinds ORDER BY t
SELECT id FROM kinds ORDER BY f8, id
SELECT id FROM kinds ORDER BY n DESC, id
SELECT id FROM kinds ORDER BY iv, id
SELECT id FROM kinds ORDER BY jb, id
SELECT id FROM kinds ORDER BY ta, id
SELECT id FROM kinds ORDER BY r, id
SELECT id FROM kinds ORDER BY u, id
SELECT id FROM kinds ORDER BY by, id
SELECT id FROM kinds ORDER BY p, id
SELECT id FROM kinds ORDER BY bt DESC, ip, id
SELECT id FROM kinds ORDER BY ts DESC, tsz, id
SELECT id FROM emp ORDER BY id FETCH FIRST 3 ROWS ONLY
SELECT dept FROM emp ORDER BY dept FETCH FIRST 5 ROWS WITH TIES
SELECT id % 3 AS m FROM dept ORDER BY m FETCH NEXT 2 ROWS WITH TIES
SELECT id FROM dept ORDER BY id OFFSET 10
SELECT id FROM dept ORDER BY id LIMIT ALL OFFSET 11 ROWS
SELECT id FROM dept ORDER BY id LIMIT NULL
SELECT id FROM dept ORDER BY id LIMIT 0
SELECT id FROM dept ORDER BY id LIMIT (SELECT 2)
SELECT id FROM dept ORDER BY name USING >
SELECT id FROM dept ORDER BY name COLLATE "C" DESC
SELECT id FROM dept LIMIT -1
SELECT id FROM dept ORDER BY city NULLS FIRST, id DESC
SELECT id FROM emp ORDER BY (salary * 2) DESC NULLS LAST, id LIMIT 7
SELECT row(dept, id) FROM emp ORDER BY row(dept, id) LIMIT 10
-- window
SELECT id, row_number() OVER (ORDER BY id DESC) FROM dept ORDER BY id
SELECT id, dept, rank() OVER (PARTITION BY dept ORDER BY mood), dense_rank() OVER (PARTITION BY dept ORDER BY mood) FROM emp ORDER BY id
SELECT id, sum(salary) OVER (PARTITION BY dept ORDER BY id) FROM emp ORDER BY id
SELECT id, avg(salary) OVER (PARTITION BY dept) FROM emp ORDER BY id
SELECT id, count(*) OVER () FROM dept ORDER BY id
SELECT id, lag(id) OVER w, lead(id, 2) OVER w, lead(id, 1, -1) OVER w, first_value(id) OVER w, last_value(id) OVER w, nth_value(id, 3) OVER w FROM dept WINDOW w AS (ORDER BY id) ORDER BY id
SELECT id, ntile(5) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM dept ORDER BY id
SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) FROM dept ORDER BY id
SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM dept ORDER BY id
SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM dept ORDER BY id
SELECT id, array_agg(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM dept ORDER BY id
SELECT id, count(*) OVER (ORDER BY salary RANGE BETWEEN 100 PRECEDING AND 100 FOLLOWING) FROM emp ORDER BY id
SELECT id, count(*) OVER (ORDER BY hired RANGE BETWEEN interval '1 month' PRECEDING AND CURRENT ROW) FROM emp ORDER BY id
SELECT id, count(*) OVER (ORDER BY dept GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM emp ORDER BY id
SELECT id, sum(id) OVER (ORDER BY dept GROUPS CURRENT ROW EXCLUDE TIES) FROM emp ORDER BY id
SELECT id, sum(id) OVER (ORDER BY dept EXCLUDE GROUP) FROM emp ORDER BY id
SELECT id, min(salary) OVER (PARTITION BY dept ORDER BY id ROWS 3 PRECEDING), max(salary) OVER (PARTITION BY dept ORDER BY id ROWS 3 PRECEDING) FROM emp ORDER BY id
SELECT dept, sum(sum(salary)) OVER (ORDER BY dept) FROM emp GROUP BY dept ORDER BY dept
SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY dept ORDER BY salary DESC NULLS LAST, id) rn FROM emp) s WHERE rn = 1 ORDER BY id
SELECT id, sum(id) FILTER (WHERE id % 2 = 0) OVER (ORDER BY id) FROM dept ORDER BY id
SELECT id, string_agg(name, ',') OVER (ORDER BY id) FROM dept ORDER BY id LIMIT 4
SELECT id, lag(name, 1, 'none') OVER (ORDER BY id) FROM dept ORDER BY id
SELECT id, sum(id) OVER w1, sum(id) OVER w2 FROM dept WINDOW w1 AS (PARTITION BY city), w2 AS (w1 ORDER BY id) ORDER BY id
SELECT id, first_value(name) OVER (PARTITION BY city ORDER BY id DESC) FROM dept ORDER BY id
SELECT id, row_number() OVER (ORDER BY id) + rank() OVER (ORDER BY -id) FROM dept ORDER BY id
SELECT rank() OVER (ORDER BY count(*) DESC), dept, count(*) FROM emp GROUP BY dept ORDER BY dept
-- expressions
SELECT CASE id WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'many' END FROM dept ORDER BY id
SELECT CASE WHEN salary > 4000 THEN 'a' WHEN salary > 2000 THEN 'b' END, count(*) FROM emp GROUP BY 1 ORDER BY 1
SELECT COALESCE(city, 'none'), NULLIF(id, 3), GREATEST(id, 5, NULL), LEAST(id, 5) FROM dept ORDER BY id
SELECT id IS NULL, city IS NOT NULL, city IS DISTINCT FROM 'Oslo', NOT (id > 3) FROM dept ORDER BY id
SELECT active IS TRUE, active IS NOT TRUE, active IS FALSE, active IS UNKNOWN, active AND NULL, active OR NULL FROM emp WHERE id < 12 ORDER BY id
SELECT id BETWEEN 3 AND 5, id NOT BETWEEN 3 AND 5, id BETWEEN SYMMETRIC 5 AND 3, id IN (1, 2, NULL), id NOT IN (1, 2) FROM dept ORDER BY id
SELECT 1 + 1, 7 / 2, 7 % 3, -7 / 2, -7 % 3, 7.0 / 2, 2 ^ 10, |/ 16.0, ||/ 27.0, @ -5, 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 4, 256 >> 2
SELECT 1.5 + 2, 1.50 * 2.0, 10 / 3.0, 10.0 % 3, 1e10, 0.1 + 0.2, 0.1::float8 + 0.2::float8, 1::float4 / 3
SELECT 'a' || 'b', 'a' || 1, 1 || 'a', 'a' || NULL, ARRAY[1] || 2, ARRAY[1] || ARRAY[2, 3], 0 || ARRAY[1]
SELECT 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'abc' NOT LIKE '%d', 'ABC' ILIKE 'abc', 'a%c' LIKE 'a\%c', 'a%c' LIKE 'a!%c' ESCAPE '!'
SELECT 'abc' ~ 'b', 'abc' ~* 'B', 'abc' !~ 'b', 'abc' !~* 'z', 'abc' SIMILAR TO '(a|b)%', regexp_replace('foobar', 'o+', 'X'), regexp_matches('a1b2', '\d', 'g')
SELECT ARRAY[1, 2, 3], ARRAY[[1, 2], [3, 4]], ARRAY[]::int[], (ARRAY[1, 2, 3])[2], (ARRAY[1, 2, 3])[2:3], (ARRAY[[1, 2], [3, 4]])[2][1], (ARRAY[1, 2, 3])[5]
SELECT ia[1], ia[1:2], ta[2], array_length(ia, 1), cardinality(ia), array_dims(ia), array_lower(ia, 1), array_upper(ia, 1) FROM kinds ORDER BY id
SELECT 2 = ANY (ia), 2 = ALL (ia), ia @> ARRAY[1], ia <@ ARRAY[1, 2, 3, 4], ia && ARRAY[3] FROM kinds ORDER BY id
SELECT ROW(1, 'a', NULL), ROW(1, 2) < ROW(1, 3), ROW(1, 2) = ROW(1, 2), (1, NULL) IS NULL, ROW(NULL, NULL) IS NULL
SELECT (p).x, (p).y, p FROM kinds ORDER BY id
SELECT (d).name, d FROM dept d ORDER BY id
SELECT d.* FROM dept d WHERE d = ROW(1, 'dept 1', 'Oslo', 1234.56, NULL)::dept
SELECT ctid, tableoid::regclass, id FROM dept WHERE ctid = '(0,3)'
SELECT tableoid::regclass::text, count(*) FROM part GROUP BY 1 ORDER BY 1
SELECT tableoid::regclass, * FROM animal ORDER BY id
SELECT * FROM ONLY animal ORDER BY id
SELECT '12'::int, '1.5'::numeric, 'true'::bool, '2024-01-01'::date, '{1,2}'::int[], 'ok'::mood, '(1,x)'::pair, '5'::posint
SELECT CAST(1.5 AS int), CAST(2.5 AS int), 2.5::float8::int, '1'::text::int, 1::text, 1::bool, true::int, 65::"char", 3.7::int2
SELECT 1::numeric(5, 2), 1.005::numeric(5, 2), 'abc'::char(5) || 'x', 'abcdef'::varchar(3), '101'::bit(5), 12345.678::numeric(10, 0)
SELECT interval '1 day' * 2, interval '1 month' + interval '1 day', date '2024-01-31' + interval '1 month', date '2024-03-01' - date '2024-02-01', now() - now()
SELECT date '2024-01-01' + 5, timestamp '2024-01-01 12:00' - timestamp '2023-01-01', time '12:00' + interval '1 hour', '2024-01-01'::timestamptz AT TIME ZONE 'America/New_York'
SELECT extract(epoch FROM interval '1 day 2 hours'), extract(dow FROM date '2024-02-29'), date_part('week', date '2024-12-30'), date_trunc('hour', timestamp '2024-02-29 12:34:56'), extract(quarter FROM timestamp '2024-05-05')
SELECT to_char(1234.5, 'FM9,999.00'), to_char(date '2024-02-29', 'YYYY-MM-DD Day Mon DDD'), to_date('29 Feb 2024', 'DD Mon YYYY'), to_number('1,234.5', '9G999D9'), to_timestamp(0)
SELECT upper('abc'), lower('ABC'), initcap('hello world'), length('日本'), octet_length('日本'), substr('hello', 2, 3), substring('hello' FROM 2 FOR 2), position('l' IN 'hello'), strpos('hello', 'lo'), left('hello', 2), right('hello', 2), reverse('abc'), repeat('ab', 3), lpad('x', 3, '-'), rpad('x', 3), trim('  x '), ltrim('xxa', 'x'), btrim('xax', 'x'), replace('aXa', 'X', 'b'), translate('abc', 'ab', 'xy'), split_part('a,b,c', ',', 2), ascii('a'), chr(97), md5('x'), concat('a', NULL, 1), concat_ws(',', 'a', NULL, 'b'), format('%s %I %L', 'a', 'B c', 'd''e'), quote_ident('A'), quote_literal('x''y'), starts_with('abc', 'ab')
SELECT abs(-5), ceil(1.2), floor(-1.2), round(2.5), round(-2.5), round(1.2345, 2), trunc(1.99), sign(-3), sqrt(2.0), exp(1.0), ln(2.0), log(100.0), power(2, 0.5), mod(7, 3), gcd(12, 18), lcm(4, 6), div(7, 2), width_bucket(5, 0, 10, 5), factorial(5), pi(), degrees(pi()), sin(0.5), atan2(1, 2)
SELECT '{"a": {"b": [1, 2]}}'::jsonb -> 'a' -> 'b' ->> 0, '{"a": 1}'::json ->> 'a', '{"a": {"b": 1}}'::jsonb #> '{a,b}', '{"a": 1}'::jsonb @> '{"a": 1}', '{"a": 1}'::jsonb ? 'a', '{"a": 1, "b": 2}'::jsonb - 'a', '[1, 2]'::jsonb || '3', jsonb_typeof('[1]'), jsonb_array_length('[1, 2]'), jsonb_set('{"a": 1}', '{a}', '2')
SELECT jb, jb -> 'b', jb ->> 'a', jsonb_pretty(jb), jb::text FROM kinds ORDER BY id
SELECT jsonb_build_object('a', 1, 'b', ARRAY[1, 2]), json_build_array(1, 'a', NULL), to_jsonb(ROW(1, 'a')), row_to_json(d) FROM dept d WHERE id = 1
SELECT jsonb_path_query('{"a": [1, 2, 3]}', '$.a[*] ? (@ > 1)'), '{"a": 5}'::jsonb @? '$.a', '{"a": 5}'::jsonb @@ '$.a > 3'
SELECT r, r @> 5, lower(r), upper(r), isempty(r), r && int4range(5, 6), r * int4range(2, 4) FROM kinds ORDER BY id
SELECT int4range(1, 5) + int4range(3, 9), int4multirange(int4range(1, 2), int4range(5, 6)), '[1,3)'::int4range << '[5,6)', int4range(1, 10) - int4range(5, 20)
SELECT ip, host(ip), masklen(ip), network(ip), family(ip), ip << '10.0.0.0/8', cd FROM kinds ORDER BY id
SELECT by, encode(by, 'hex'), encode(by, 'base64'), length(by), get_byte('\x0102', 1), decode('ff', 'hex'), sha256('abc') FROM kinds ORDER BY id
SELECT bt, vb, bt & B'1100', ~bt, length(vb), bt::int, B'101'::int FROM kinds WHERE id < 5 ORDER BY id
SELECT e, e > 'sad', enum_range(NULL::mood), enum_first(NULL::mood), e::text FROM kinds ORDER BY id
SELECT greatest('a', 'b'), coalesce(NULL, NULL, 3), nullif('a', 'a'), num_nulls(1, NULL), num_nonnulls(1, NULL)
SELECT generate_series(1, 3), generate_series(10, 12)
SELECT generate_series(1, 3), generate_series(1, 2)
SELECT unnest(ARRAY[1, 2]), unnest(ARRAY['a', 'b', 'c'])
SELECT id, unnest(tags) FROM emp WHERE id < 12 ORDER BY id, 2
SELECT current_user, session_user, current_database(), current_schema(), version() LIKE 'PostgreSQL %'
SELECT pg_typeof(1), pg_typeof(1.5), pg_typeof('x'), pg_typeof(now()), pg_typeof(ARRAY[1]), pg_typeof(NULL), pg_typeof(ROW(1))
SELECT add1(5), add1(id), deflt(1), deflt(1, 2), deflt(1, c => 'k'), deflt(a => 3) FROM dept ORDER BY id
SELECT count(*) FROM emps_of(3)
SELECT e.name, d.id FROM dept d, emps_of(d.id) e WHERE d.id < 3 ORDER BY 1
SELECT * FROM kinds ORDER BY id
SELECT * FROM emp ORDER BY id LIMIT 20
SELECT * FROM gen ORDER BY a
SELECT NULL, NULL::int, 'x', 1, 1.0, 1e0, true, B'1', X'1F', E'\n', U&'\0061', $$q$$
SELECT 0x1F, 0o17, 0b11, 1_000_000, 9223372036854775807, 9223372036854775808, .5, 1.
SELECT -32768::int2, (-32768)::int2, 2147483648, -2147483648
SELECT overlay('abcdef' PLACING 'XX' FROM 2 FOR 3), substring('foobar' FROM 'o(.)b'), trim(BOTH 'x' FROM 'xax'), ('a', 'b') OVERLAPS ('c', 'd') WHERE false
SELECT (DATE '2024-01-01', DATE '2024-02-01') OVERLAPS (DATE '2024-01-15', DATE '2024-03-01'), age(timestamp '2024-03-01', timestamp '2023-01-15'), make_date(2024, 2, 29), make_interval(days => 3), justify_hours(interval '27 hours'), date_bin('15 minutes', timestamp '2024-01-01 12:34', timestamp '2024-01-01')
SELECT string_to_array('a,b,,c', ','), array_to_string(ARRAY[1, NULL, 3], ',', '*'), array_append(ARRAY[1], 2), array_prepend(0, ARRAY[1]), array_cat(ARRAY[1], ARRAY[2]), array_remove(ARRAY[1, 2, 1], 1), array_replace(ARRAY[1, 2], 1, 9), array_position(ARRAY['a', 'b'], 'b'), array_positions(ARRAY[1, 2, 1], 1), array_fill(0, ARRAY[2])
SELECT a.x IS NULL FROM (SELECT NULL::pair AS x) a
SELECT m, m * 2, m + '1.00'::money, m::numeric FROM kinds WHERE id <> 4 ORDER BY id
SELECT pt, pt <-> point(0, 0), pt + point(1, 1), box(point(0, 0), point(1, 1)) @> pt FROM kinds WHERE id < 5 ORDER BY id
SELECT n, n::float8, n::int8 FROM kinds WHERE id IN (1, 2, 5) ORDER BY id
SELECT CASE WHEN id > 0 THEN 1 ELSE 1 / 0 END FROM dept WHERE id = 1
SELECT timezone('UTC', tsz), tsz AT TIME ZONE 'Asia/Tokyo', ts AT TIME ZONE 'Europe/Paris' FROM kinds WHERE id IN (1, 2) ORDER BY id
-- from
SELECT * FROM generate_series(1, 5)
SELECT * FROM generate_series(1, 10, 3) AS g(n)
SELECT * FROM generate_series(timestamp '2024-01-01', '2024-01-03', '12 hours')
SELECT * FROM generate_series(1.0, 2.0, 0.25)
SELECT * FROM generate_series(5, 1, -2) WITH ORDINALITY
SELECT * FROM unnest(ARRAY[1, 2, 3], ARRAY['a', 'b']) AS u(x, y)
SELECT * FROM unnest(ARRAY[3, 1, 2]) WITH ORDINALITY AS t(v, o) ORDER BY v
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a', 'b', 'c'])) WITH ORDINALITY AS x(a, b, o)
SELECT * FROM json_each('{"a": 1, "b": [2]}')
SELECT * FROM jsonb_each_text('{"a": 1, "b": null}')
SELECT * FROM jsonb_array_elements('[1, {"a": 2}, null]')
SELECT * FROM json_array_elements_text('["x", 1]')
SELECT * FROM json_to_recordset('[{"a": 1, "b": "x"}, {"a": 2}]') AS x(a int, b text)
SELECT * FROM jsonb_to_record('{"a": 1, "b": [1, 2]}') AS x(a int, b int[])
SELECT * FROM json_populate_record(NULL::pair, '{"x": 1, "y": "q"}')
SELECT * FROM jsonb_object_keys('{"b": 1, "a": 2}')
SELECT * FROM regexp_split_to_table('a,b;c', '[,;]')
SELECT * FROM string_to_table('a-b-c', '-')
SELECT * FROM regexp_matches('ab12cd34', '([a-z]+)(\d+)', 'g')
SELECT * FROM emps_of(2) WHERE salary > 3000 ORDER BY id
SELECT * FROM add1(3)
SELECT * FROM current_database()
SELECT x FROM (VALUES (1), (2)) AS v(x) ORDER BY x
VALUES (1, 'a'), (2, 'b')
VALUES (1), (2.5), (NULL)
TABLE dept
SELECT * FROM empty
SELECT FROM dept
SELECT
SELECT * FROM rich WHERE salary > 4500 ORDER BY id
SELECT * FROM per_dept ORDER BY dept
SELECT * FROM nested ORDER BY dept
SELECT * FROM mat ORDER BY status
SELECT * FROM nested n JOIN rich r ON r.dept = 'dept ' || n.dept WHERE r.salary > 4700 ORDER BY r.id
SELECT relname FROM pg_class WHERE relname = 'emp'
SELECT d.name FROM public.dept AS d WHERE d.id = 3
SELECT public.dept.name FROM public.dept WHERE public.dept.id = 3
SELECT subscripts FROM generate_subscripts(ARRAY[4, 5, 6], 1) subscripts
-- partitions
SELECT count(*), sum(amount) FROM part
SELECT * FROM part WHERE day = '2024-03-15'
SELECT count(*) FROM part WHERE day BETWEEN '2023-12-01' AND '2024-01-31'
SELECT region, count(*) FROM part WHERE day >= '2024-01-01' AND day < '2025-01-01' GROUP BY region ORDER BY 1
SELECT * FROM part WHERE region = 'north' AND day > '2024-06-01' ORDER BY id
SELECT count(*) FROM part WHERE day < '2023-01-01' OR day > '2025-01-01'
SELECT id FROM part_2024 WHERE region IN ('north', 'west') ORDER BY id
SELECT * FROM hpart WHERE id = 7
SELECT count(*) FROM hpart
SELECT p.id, e.name FROM part p JOIN emp e ON e.id = p.id WHERE p.day < '2023-02-01' ORDER BY 1
SELECT max(day), min(amount) FROM part
SELECT id FROM part ORDER BY day DESC LIMIT 3
SELECT id FROM part WHERE day IS NULL
SELECT count(*) FROM part a JOIN part b USING (day, region)
SELECT * FROM animal WHERE id > 1 ORDER BY id
SELECT a.name, d.breed FROM animal a LEFT JOIN dog d ON a.id = d.id ORDER BY a.id
-- indexes
SELECT * FROM emp WHERE id = 77
SELECT id FROM emp WHERE id IN (5, 3, 900, 3) ORDER BY id
SELECT id FROM emp WHERE dept = 3 AND salary > 4000 ORDER BY salary DESC
SELECT id FROM emp WHERE dept IS NULL ORDER BY id
SELECT id FROM emp WHERE id BETWEEN 100 AND 110 ORDER BY id DESC
SELECT id, no FROM lines WHERE ord = 17 ORDER BY no
SELECT * FROM lines WHERE (ord, no) > (399, 1) ORDER BY ord, no
SELECT max(id), min(id) FROM emp
SELECT name FROM emp WHERE name LIKE 'emp12%' ORDER BY 1
SELECT id FROM emp WHERE hired > '2022-12-01' AND active ORDER BY hired DESC, id LIMIT 5
SELECT count(*) FROM emp WHERE id > 490 OR id < 5 OR dept = 2
SELECT ord FROM lines WHERE ord < 10 ORDER BY ord, no
SELECT o.* FROM orders o WHERE o.id = (SELECT max(ord) FROM lines)
SELECT id FROM emp WHERE ctid = ANY (ARRAY['(0,1)', '(1,2)']::tid[]) ORDER BY id
SELECT id FROM emp WHERE id = 5 OR 7 = id OR id = NULL ORDER BY id DESC
SELECT id FROM emp WHERE id < 3 OR id < 5
SELECT d.id, (SELECT count(*) FROM emp WHERE emp.id = d.id OR emp.id = d.id * 2) FROM dept d ORDER BY 1
SELECT d.id, emp.id FROM dept d JOIN emp ON emp.id = d.id OR emp.id = d.id + 1 ORDER BY 1, 2
SELECT d.id, l.x FROM dept d CROSS JOIN LATERAL (SELECT m.ord AS x FROM lines m WHERE m.ord = d.id AND m.no = ANY (ARRAY[1, 4, NULL])) l ORDER BY 1, 2
SELECT ord, no FROM lines WHERE ord = ANY (ARRAY[2, 3, 4]) AND ord IN (1, 2, 3) AND no IN (1, 2) ORDER BY 1, 2
SELECT ord, no FROM lines WHERE no IN (1, 2, 3) ORDER BY ord DESC, no DESC LIMIT 7
SELECT d.id, 100.25 / 4 - strpos(d.city, 'e') FROM dept d WHERE d.boss::float8 <> 0.5 ORDER BY 1
-- errors
SELECT nope FROM dept
SELECT dept.nope FROM dept
SELECT * FROM nope
SELECT * FROM nope.dept
SELECT nofunc(1)
SELECT upper(1, 2)
SELECT 1 + 'a'
SELECT 1 + true
SELECT 'a' + 'b'
SELECT 1 / 0
SELECT 1 % 0
SELECT 1.0 / 0
SELECT 1::float8 / 0
SELECT 2147483647 + 1
SELECT 9223372036854775807 + 1
SELECT 32767::int2 + 1::int2
SELECT 'x'::int
SELECT '2024-02-30'::date
SELECT 'nope'::mood
SELECT 99999999999::int
SELECT id FROM dept, emp
SELECT d.id FROM dept d, emp d
SELECT name FROM dept GROUP BY city
SELECT sum(id) FROM dept WHERE sum(id) > 1
SELECT count(*) FROM dept GROUP BY nope
SELECT id FROM dept ORDER BY 5
SELECT 1 UNION SELECT 'a'
SELECT 1 UNION SELECT 1, 2
SELECT * FROM dept WHERE id
SELECT * FROM dept WHERE name = 1
SELECT CASE WHEN 1 THEN 2 END
SELECT DISTINCT ON (id) id FROM dept ORDER BY name
SELECT sqrt(-1)
SELECT ln(0)
SELECT log(-1::numeric)
SELECT (SELECT 1, 2)
SELECT row_number() FROM dept
SELECT id FROM dept WHERE row_number() OVER () = 1
SELECT 'abc'::varchar(2)::int
SELECT '-1'::posint
SELECT 0::posint
SELECT substring('abc', 1, -1)
SELECT repeat('x', 2000000000)
SELECT chr(0)
SELECT '{1,2'::int[]
SELECT '{"a":}'::json
SELECT to_date('x', 'YYYY')
SELECT ARRAY[1, 'a']
SELECT ARRAY[[1], [1, 2]]
SELECT x.y FROM dept x
SELECT $1
SELEC 1
SELECT 1 FROM
SELECT (1
SELECT 'abc
SELECT 1 WHERE 'x'
SELECT count(*) OVER (ORDER BY 1 ROWS -1 PRECEDING)
SELECT generate_series(1, 3) FROM dept WHERE generate_series(1, 3) > 1
SELECT max(max(id)) FROM dept
SELECT * FROM dept JOIN emp USING (nope)
SELECT name FROM dept JOIN emp ON true WHERE name = 'x'
WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM u) SELECT * FROM t
WITH t AS (SELECT 1), t AS (SELECT 2) SELECT * FROM t
SELECT interval 'x'
SELECT date 'infinity' - date '-infinity'
SELECT 1e400::float8
SELECT 10 ^ 400.0
SELECT '\xzz'::bytea
SELECT 'a' ~ '('
SELECT format('%q', 1)
SELECT to_number('x', '9')
SELECT extract(nope FROM now())
SELECT '1' COLLATE "nope"
SELECT a FROM dup LIMIT 'x'
SELECT decode('zz', 'hex')
SELECT 5::bit(3)::int::money::nope
SELECT (ARRAY[1, 2]).x
SELECT (1).x
SELECT timestamp '2024-01-01 25:00'
SELECT current_setting('nope.nope')
SELECT lead(1)
SELECT string_agg(id, ',') FROM dept
SELECT id, count(*) FROM dept
WITH RECURSIVE grow(n) AS (SELECT k FROM seed UNION ALL SELECT n + 2 FROM grow WHERE n < 9), seed(k) AS (VALUES (1)) SELECT * FROM grow
WITH RECURSIVE seed(k) AS (SELECT id FROM dept WHERE id < 3), grow(n) AS (SELECT k FROM seed UNION SELECT n + 1 FROM grow WHERE n < 6) SELECT * FROM grow ORDER BY 1
WITH a AS (SELECT id, (SELECT boss) AS b FROM dept), c AS (SELECT id, row_number() OVER (PARTITION BY b) AS r FROM a) SELECT a.id, ARRAY(SELECT c.r FROM c WHERE c.id = a.id) FROM a ORDER BY 1
SELECT (SELECT found) FROM (SELECT EXISTS (SELECT 1 FROM emp WHERE emp.dept = d.boss) AS found, 3 AS pick FROM dept d) s JOIN dept x ON x.id = pick
SELECT d.id, count(s.*), count(s) FROM dept d LEFT JOIN (SELECT * FROM emp WHERE active) s ON s.dept = d.id + 5 GROUP BY d.id ORDER BY 1
SELECT d.id, s FROM dept d LEFT JOIN (SELECT id AS k, name FROM dept) s ON s.k = d.boss + 6 ORDER BY 1
SELECT d.id, s.id FROM dept d FULL JOIN (SELECT id FROM emp WHERE id < 4) s ON false ORDER BY 1, 2
SELECT d.id, s.id FROM dept d FULL JOIN (SELECT id FROM emp WHERE id < 4) s ON true ORDER BY 1, 2
SELECT d.id, s.id FROM dept d FULL JOIN (SELECT id FROM emp WHERE id < 0) s ON true ORDER BY 1, 2
SELECT 7 FROM emp HAVING true
SELECT 7 FROM emp HAVING 1 > 2
SELECT city, generate_series(1, 2) AS g FROM dept GROUP BY city ORDER BY city, g
SELECT max(id), generate_series(1, 3) AS g FROM dept ORDER BY g DESC
SELECT generate_series(1, count(*)) FROM dept WHERE id < 4
SELECT sum(id), id % 3 AS m, generate_series(1, 2) * 10 AS g FROM dept GROUP BY id % 3 ORDER BY m, g
SELECT id, row_number() OVER (ORDER BY id DESC), generate_series(1, 2) AS g FROM dept ORDER BY 1, 3
SELECT id FROM dept WHERE (id, id) IN (SELECT id, generate_series(1, 30) / 5 FROM dept GROUP BY id) ORDER BY 1
SELECT row_to_json(q) FROM (SELECT id AS x, name AS y FROM dept WHERE id = 2 OFFSET 0) q(a, b)
SELECT row_to_json(q) FROM (VALUES (1, 'one'), (2, 'two')) q(num, word)
SELECT row_to_json(row(1, 'a')::pair)
SELECT d.id, x.id FROM dept d LEFT JOIN dept x ON d.id = x.id + 5 WHERE coalesce(x.id, 3) = 3 ORDER BY 1
SELECT id FROM (SELECT id, (SELECT e.id FROM emp e WHERE e.dept = d.id) AS many FROM dept d) s ORDER BY 1
SELECT * FROM json_populate_recordset(row(5::int, 6::int), '[{"b": "2"}]') q (a text, b text)
SELECT * FROM json_populate_recordset(row(5::int, 6::int, 7), '[{"b": "2"}]') q (a text, b text)
SELECT 'abadef' ~ '^((.)\2|..)\2', 'aabbb' ~ '^((.)\2|..)b\2', 'xyxyz' ~ '^(..)\1z'
SELECT a.id, ss.* FROM dept a, LATERAL (SELECT b.id AS k, c.id AS m FROM dept b LEFT JOIN emp c ON b.id = c.dept AND a.id = c.id) ss WHERE a.id < 4 ORDER BY 1, 2, 3
SELECT * FROM (SELECT generate_series(1, id) AS g, count(*) FROM dept GROUP BY 1) s WHERE s.g = 2
SELECT generate_series(1, id) AS g, count(*), generate_series(1, 2) FROM dept GROUP BY 1 ORDER BY 1, 3
SELECT sum(count(*)) OVER (PARTITION BY generate_series(1, 3)), generate_series(1, 3) AS g FROM dept GROUP BY g ORDER BY g
SELECT count(*) FROM pg_class a JOIN pg_class b ON a.relname || '' = b.relname || '' WHERE b.relnatts > 25
SELECT count(*) FROM pg_proc a JOIN (SELECT proname || 'x' AS r FROM pg_proc WHERE oid < 50) b ON a.proname || 'x' = b.r
SELECT count(*) FROM (VALUES ('pg_class'), ('b')) a(x) JOIN pg_class b ON a.x = b.relname::text
select not a from (values(true)) t(a) group by rollup(not a) having not not a
select a<b, not (a<b), count(*) from (values(1,2),(3,2)) t(a,b) group by rollup(a<b) order by 1,2
select format('%1$s %12$s', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
-- errors of constants
SELECT 1 / 0 FROM empty
SELECT CASE WHEN a IS NULL THEN 0 ELSE 1 / 0 END FROM empty
SELECT * FROM empty WHERE a > 1 / 0
SELECT * FROM empty WHERE false AND a > 1 / 0
SELECT * FROM empty WHERE a > 1 / 0 AND false
SELECT coalesce(1, 1 / 0) FROM empty
SELECT coalesce(a, 1 / 0) FROM empty
SELECT a FROM (SELECT 1 / 0 AS x, a FROM empty) q
SELECT a FROM (SELECT 1 / 0 AS x, a FROM empty OFFSET 0) q
WITH c AS (SELECT 1 / 0) SELECT 1
SELECT (SELECT sqrt(-1) FROM empty) FROM empty
SELECT jsonb_set('[1]', '{a}', '5') FROM empty
SELECT 'x'::text::int FROM empty
SELECT 1 WHERE NULL::int > 1 / 0
-- explain options
EXPLAIN (COSTS yes) SELECT 1
EXPLAIN (COSTS '0') SELECT 1
EXPLAIN (COSTS 0) SELECT 1
EXPLAIN (COSTS off, FORMAT) SELECT 1
EXPLAIN (FORMAT nothing) SELECT 1
-- errors by row
SELECT 10 / (id - 5) FROM tree ORDER BY id LIMIT 4
SELECT * FROM (SELECT 10 / (id - 7) AS q, id FROM tree OFFSET 0) x LIMIT 2
SELECT label::int, id / (id - 3) FROM tree ORDER BY id
SELECT id / (id - 1), label::int FROM tree ORDER BY id
SELECT sum(1 / (id - 3)), max(label::int) FROM tree
SELECT generate_series(1, 2), 1 / (id - 3) FROM tree LIMIT 2
SELECT id FROM tree WHERE false INTERSECT SELECT 1 / (id - 3) FROM tree
-- grouping by constants
SELECT 'x' AS k, count(*) FROM tree GROUP BY ROLLUP (1)
SELECT 1 + 1 AS b, (1 + 1) * parent, count(*) FROM tree GROUP BY GROUPING SETS ((1), (parent), (parent, 1))
SELECT a, a IS NULL, a + 1, count(*) FROM (SELECT 5 AS a, parent FROM tree) q GROUP BY ROLLUP (a) ORDER BY 1
SELECT DISTINCT 5 AS a, count(*) OVER () FROM tree GROUP BY ROLLUP (1)
SELECT parent AS a, parent AS b, count(*) FROM tree GROUP BY GROUPING SETS ((1, 2), (1), ())
SELECT id, parent IN (SELECT parent FROM tree WHERE id < 9), parent NOT IN (SELECT parent FROM tree WHERE id > 9) FROM tree ORDER BY id
SELECT a.id, b.id FROM tree a JOIN tree b ON (a.parent = 1 AND b.parent = 2) OR (a.parent = 3 AND b.parent = 4)
