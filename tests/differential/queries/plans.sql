-- scans
SELECT * FROM big
SELECT * FROM big WHERE id = 5
SELECT * FROM big WHERE id < 100
SELECT * FROM big WHERE id < 15000
SELECT * FROM big WHERE id IN (1, 5, 9)
SELECT id FROM big WHERE id BETWEEN 10 AND 20
SELECT id FROM big WHERE id = 77
SELECT * FROM big WHERE k = 3
SELECT * FROM big WHERE k = 3 AND v > 0.99
SELECT * FROM big WHERE k < 2 OR id < 10
SELECT * FROM big WHERE k = 5 ORDER BY id LIMIT 3
SELECT * FROM big ORDER BY id LIMIT 10
SELECT * FROM big ORDER BY id DESC LIMIT 10
SELECT * FROM big ORDER BY v LIMIT 10
SELECT * FROM big ORDER BY v
SELECT * FROM big WHERE t = 'text 500'
SELECT * FROM big WHERE t LIKE 'text 50%'
SELECT * FROM big WHERE t LIKE '%50'
SELECT count(*) FROM big WHERE id > 19000
SELECT max(id) FROM big
SELECT min(id), max(id) FROM big
SELECT * FROM big WHERE id = 5 AND k = 5
SELECT * FROM small WHERE id = 5
SELECT * FROM small
SELECT * FROM big WHERE v IS NULL
SELECT * FROM big WHERE false
SELECT * FROM big WHERE ctid = '(0,1)'
SELECT 1
SELECT * FROM generate_series(1, 10)
SELECT * FROM (VALUES (1), (2)) v(x)
-- joins
SELECT * FROM big b JOIN small s ON s.id = b.k
SELECT * FROM big b JOIN small s ON s.id = b.k WHERE b.id = 10
SELECT * FROM big b JOIN small s ON s.id = b.k WHERE b.id < 20
SELECT * FROM big a JOIN big b ON a.id = b.id
SELECT * FROM big a JOIN big b ON a.id = b.id WHERE a.k = 3
SELECT * FROM big a JOIN big b ON a.id = b.id ORDER BY a.id
SELECT * FROM big b LEFT JOIN small s ON s.id = b.k
SELECT * FROM small s LEFT JOIN big b ON s.id = b.id
SELECT * FROM small a, small b
SELECT * FROM small a JOIN small b ON a.id < b.id
SELECT * FROM small s WHERE EXISTS (SELECT 1 FROM big b WHERE b.k = s.id)
SELECT * FROM small s WHERE NOT EXISTS (SELECT 1 FROM big b WHERE b.k = s.id)
SELECT * FROM big WHERE k IN (SELECT id FROM small WHERE n > 90)
SELECT * FROM big b JOIN small s ON s.id = b.k JOIN mid m ON m.id = b.id
SELECT * FROM big b FULL JOIN small s ON s.id = b.k
SELECT b.id, (SELECT n FROM small s WHERE s.id = b.k) FROM big b WHERE b.id < 50
SELECT * FROM mid m JOIN big b ON b.id = m.id WHERE m.id < 200
SELECT * FROM mid m JOIN big b ON b.k = m.k WHERE m.id = 3
-- aggregates
SELECT count(*) FROM big
SELECT k, count(*) FROM big GROUP BY k
SELECT k, count(*) FROM big GROUP BY k ORDER BY k
SELECT id, count(*) FROM big GROUP BY id
SELECT DISTINCT k FROM big
SELECT DISTINCT ON (k) k, id FROM big ORDER BY k, id
SELECT k, sum(v) FROM big GROUP BY k HAVING sum(v) > 100
SELECT s.n, count(*) FROM big b JOIN small s ON s.id = b.k GROUP BY s.n
SELECT id, row_number() OVER (PARTITION BY k ORDER BY id) FROM big
SELECT id FROM small UNION SELECT id FROM mid
SELECT id FROM small UNION ALL SELECT id FROM mid
SELECT id FROM small INTERSECT SELECT id FROM mid
WITH c AS (SELECT k, count(*) n FROM big GROUP BY k) SELECT * FROM c a JOIN c b ON a.n = b.n
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r
SELECT * FROM big WHERE id = (SELECT max(id) FROM mid)
