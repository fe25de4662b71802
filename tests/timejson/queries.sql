select json_agg(id order by id) from ev where id < 5
select json_agg(j order by id) from ev where id < 4
select jsonb_agg(j order by id) from ev where id > 98
select json_agg(ev order by id) from ev where id in (3,101,102)
select jsonb_agg(ev order by id) from ev where id in (3,101,102)
select json_object_agg(id, d order by id) from ev where id < 5
select jsonb_object_agg(id, ts order by id) from ev where id < 5
select jsonb_object_agg(id % 3, ts order by id) from ev where id < 9
select json_object_agg_unique(id % 3, ts) from ev
select jsonb_object_agg_unique(id % 3, ts) from ev
select json_object_agg_strict(id, t order by id) from ev where id > 98
select jsonb_object_agg_strict(id, t order by id) from ev where id > 98
select json_object_agg_unique_strict(id, t order by id) from ev where id > 98
select jsonb_object_agg_unique_strict(id, t order by id) from ev where id > 98
select json_agg_strict(t order by id) from ev where id > 98
select jsonb_agg_strict(t order by id) from ev where id > 98
select json_agg(id) from ev where false
select json_agg(array[id, 2] order by id) from ev where id < 4
select json_object_agg(null, 1)
select jsonb_object_agg(null, 1)
select j['a'], j['b'][1], j['b'][-1], j['zz']['q'] from ev where id = 7
select j->'b'->>0, j #>> '{b,1}', j->>'a' from ev where id = 9
select count(*) from ev where j @> '{"n": 3}'
select count(*) from ev where j @? '$.b[*] ? (@ > 50)'
select count(*) from ev where j @@ '$.a > 50'
select count(*) from ev where j->>'a' = '5' or (j->'a')::int = 6
select (j->'n')::int, count(*) from ev group by 1 order by 1
select j->'n' as n, count(*) from ev group by j->'n' order by j->'n'
select distinct j->'n' from ev order by 1
select * from jsonb_each('{"a": 1, "b": [1,2]}')
select * from json_each_text('{"a": 1, "b": [1,2], "c": null}')
select key, value from ev, jsonb_each_text(j) where id = 3
select jsonb_each('{"a": 1}')
select (jsonb_each('{"a": 1}')).*
select * from jsonb_array_elements('[1, {"a": 2}]') with ordinality
select jsonb_array_elements_text('["x", null]')
select json_array_elements('[1, {"a": 2}]'), generate_series(1,3)
select * from json_to_record('{"a":1,"b":[1,2,3],"c":"foo","d":{"x":5}}') as x(a int, b int[], c text, d jsonb, e date)
select * from jsonb_to_record('{"a":1,"b":[1,2,3],"c":"foo","d":{"x":5}}') as x(a int, b text, c varchar(2), d jsonb, e date)
select * from json_to_recordset('[{"a":1,"b":"foo"}, {"a":"2","c":"bar"}]') as x(a int, b text)
select * from jsonb_to_recordset('[{"a":1,"b":"foo"}, {"a":"2","c":"bar"}]') as x(a int, b text)
select * from jsonb_populate_record(null::rec, '{"a": 1, "b": "t", "p": {"x": 1, "y": 2.50}, "arr": [1,2], "m": {"q": 1}, "d": "2024-01-01"}')
select * from json_populate_record(null::rec, '{"a": 1, "b": {"z" : 1}, "p": "(1,2)", "arr": "{1,2}", "m": "str", "d": null}')
select jsonb_populate_record(row(1,'x',null,null,null,null)::rec, '{"b": "new"}')
select * from jsonb_populate_recordset(null::rec, '[{"a": 1}, {"b": "x", "arr": [[1,2],[3,4]]}]')
select * from json_populate_recordset(row(9,'x',null,null,null,null)::rec, '[{"a": 1}, {"b": "x"}]')
select * from jsonb_populate_record(null::dd, '{"p": 1, "n": "x"}')
select * from jsonb_populate_record(null::dd, '{"p": -1, "n": "x"}')
select * from jsonb_populate_record(null::dd, '{"p": 1}')
select jsonb_populate_record_valid(null::rec, '{"a": "x"}'), jsonb_populate_record_valid(null::rec, '{"a": "1"}')
select jsonb_populate_record(null::rec, '{"arr": [[1,2],[3]]}')
select jsonb_populate_record(null::rec, '{"arr": 1}')
select json_to_record('{"a": 1}')
select jsonb_path_query(j, '$.b[*] ? (@ != null)') from ev where id = 8
select * from jsonb_path_query('[1,2,3]', '$[*] ? (@ > $x)', '{"x": 1}')
select jsonb_path_query_array('{"a": [1,2,3]}', '$.a[*] ? (@ >= 2)')
select jsonb_path_exists_tz('["2024-01-01 00:00:00+00"]', '$[*].timestamp_tz() ? (@ > "2023-01-01".timestamp())')
select row_to_json(ev) from ev where id = 4
select row_to_json(r, true) from (select 1 as a, 'x' as b) r
select to_jsonb(ev) from ev where id = 4
select to_json(tz), to_jsonb(ts), to_json(d), to_json(i), to_json(t) from ev where id = 40
select json_build_object('a', 1, 'b', array[1,2], 'c', row(1,'x'), 'd', null, 'e', now() is not null)
select jsonb_build_object('k', d, 'v', tz) from ev where id = 5
select jsonb_set(j, '{b,1}', '"new"') from ev where id = 3
select j - 'a', j - '{a,n}'::text[], j #- '{b,0}' from ev where id = 3
select j || '{"z": 1}' from ev where id = 3
select jsonb_pretty(j) from ev where id = 3
select date_trunc('month', ts), count(*) from ev group by 1 order by 1
select date_trunc('day', tz), count(*) from ev group by 1 order by 1
select date_trunc('week', d), extract(isodow from d) from ev where id < 10 order by id
select extract(year from ts), extract(month from ts), extract(epoch from tz), date_part('hour', tz) from ev order by id
select extract(day from d), extract(dow from d), extract(quarter from d) from ev order by id
select extract(hour from t), extract(second from ts), extract(epoch from i) from ev order by id
select ts + interval '1 day', ts - interval '1 month', tz + interval '1 day', tz - interval '3 hours' from ev order by id
select d + 1, d - 1, d - date '2024-01-01', d + interval '1 hour', d + t from ev where id < 101 order by id
select ts - timestamp '2024-01-01', tz - timestamptz '2024-01-01 00:00+00' from ev where id < 101 order by id
select age(ts), age(ts, timestamp '2020-02-29') from ev where id < 5 order by id
select age(timestamp '2024-03-31', timestamp '2024-02-29'), age(timestamp '2024-02-29', timestamp '2024-03-31')
select ts::date, ts::time, tz::date, tz::time, tz::timetz, d::timestamp, d::timestamptz, ts::timestamptz, tz::timestamp from ev where id in (1,50,101) order by id
select ts::timestamp(0), tz::timestamptz(1), t::time(0), i::interval day to hour, i::interval(0) from ev where id in (1,50) order by id
select ts at time zone 'UTC', tz at time zone 'America/New_York', tz at time zone interval '02:00', t::timetz at time zone 'UTC' = t::timetz from ev where id in (1,50) order by id
select tz at local, ts at local from ev where id = 3
select count(*) from ev where ts > date '2024-01-05'
select count(*) from ev where ts > timestamptz '2024-01-05 00:00+00'
select count(*) from ev where d between '2024-01-01' and timestamp '2024-01-15 12:00'
select (date '2024-01-01', date '2024-02-01') overlaps (date '2024-01-15', interval '1 day')
select (timestamp '2024-01-01', interval '1 day') overlaps (timestamp '2024-01-02', timestamp '2024-01-03')
select (time '10:00', time '11:00') overlaps (time '10:30', interval '1 hour')
select * from generate_series(timestamp '2024-01-31', timestamp '2024-06-01', interval '1 month')
select * from generate_series(timestamptz '2024-03-30 00:00+01', timestamptz '2024-04-02 00:00+02', interval '1 day')
select * from generate_series(date '2024-01-01', date '2024-01-03', interval '12 hours')
select * from generate_series(timestamptz '2024-03-09', timestamptz '2024-03-11', interval '1 day', 'America/New_York')
select interval '1 day' * 1.5, 2 * interval '1 hour', interval '1 month' / 3, - interval '1 day', interval '1 day' + time '10:00'
select justify_interval(interval '1 mon -1 hour'), justify_days(interval '35 days'), justify_hours(interval '27 hours')
select sum(i), avg(i), min(i), max(i) from ev
select min(ts), max(ts), min(d), max(d), min(t), max(tz) from ev
select to_char(ts, 'YYYY-MM-DD HH24:MI:SS.MS Day'), to_char(tz, 'HH12:MI AM TZ OF'), to_char(i, 'DD HH24:MI') from ev where id < 5 order by id
select to_timestamp('2024-02-29 12:13:14.5', 'YYYY-MM-DD HH24:MI:SS.MS'), to_date('29 Feb 2024', 'DD Mon YYYY'), to_timestamp(1700000000.5)
select date_bin('15 minutes', ts, timestamp '2001-01-01'), date_bin('1 hour', tz, timestamptz '2001-01-01 00:00+00') from ev where id < 4 order by id
select make_date(2024,2,29), make_time(1,2,3.5), make_timestamp(2024,1,2,3,4,5.678), make_timestamptz(2024,7,2,3,4,5), make_timestamptz(2024,7,2,3,4,5,'UTC'), make_interval(days => 10, hours => 2)
select date_add(timestamptz '2024-03-30 12:00+01', interval '1 day'), date_subtract(timestamptz '2024-03-31 12:00+02', interval '1 day', 'UTC')
select isfinite(d), isfinite(ts), isfinite(i) from ev where id > 99 order by id
select id, sum(id) over (order by d range between interval '2 days' preceding and current row) from ev where id < 8 order by id
select id, count(*) over (order by ts range between interval '1 day' preceding and interval '7 hours' following) from ev where id < 12 order by id
select current_date = now()::date, current_timestamp = now(), localtimestamp = now()::timestamp, current_time = now()::timetz, localtime = now()::time
select statement_timestamp() <= clock_timestamp(), transaction_timestamp() = now()
select date '2024-01-31' + interval '1 month', timestamp '2024-01-31 10:00' + interval '1 month 1 day'
select extract(timezone from tz), extract(timezone_hour from tz), extract(isoyear from tz), extract(week from ts) from ev order by id
select date_part('epoch', ts), date_part('year', d), date_part('month', i) from ev order by id
select d = ts::date, d < ts, ts = d, ts >= tz from ev order by id
select i < interval '10 days', i = interval '26 hours' * id from ev order by id
select id from ev where i > interval '30 days' order by i desc limit 3
select t - time '01:00', t + interval '1 hour', t < '12:00' from ev where id < 100 order by id
select json_typeof(js), json_array_length('[1,2,3]'), js->>'k', js->'a', js#>>'{k}' from ev order by id
select json_strip_nulls('{"a":null,"b":[null,1]}'), jsonb_strip_nulls('{"a":null,"b":[null,1]}', true)
select json_object('{a,1,b,2}'), jsonb_object('{a,b}', '{1,2}'), json_object_keys('{"x":1,"y":2}')
select array_to_json(array[[1,2],[3,4]]), array_to_json(array['a','b'], true), to_json('x'::text), to_json(1.50), to_json(true)
select json_build_array(1, 'a', null, 2.5, array[1,2])
select j ? 'a', j ?| array['q','n'], j ?& array['a','b'] from ev where id = 5
select jsonb_typeof(j->'b'), jsonb_array_length(j->'b'), (j->'a')::numeric, (j->'a')::float8, (j->'a')::bigint from ev where id = 5
select max(j->>'a'), min((j->>'a')::int) from ev
select count(distinct j->'n') from ev
select a.id, b.id from ev a join ev b on a.j->'n' = b.j->'a' where a.id < 5 order by 1,2
select a.id, b.id from ev a join ev b on a.d = b.ts::date where b.id < 5 order by 1,2
select timezone('UTC', ts), timezone('UTC', tz) from ev where id=1
select date 'infinity' + 1, timestamp 'infinity' - interval '1 day', 'infinity'::timestamp - '-infinity'::timestamp
select timestamp 'infinity' - timestamp 'infinity'
select date '5874897-12-31' + 1
select extract(century from d), extract(decade from ts), extract(julian from ts), extract(milliseconds from t) from ev order by id
select extract(year from d) as y, count(*) from ev group by 1 order by 1
select extract(month from tz) as m, extract(hour from tz), count(*) from ev group by 1, 2 order by 1, 2
select to_char(d, 'YYYY-MM') as m, count(*) from ev group by 1 order by 1
select date_trunc('quarter', ts)::date, sum(id) from ev group by 1 order by 1 nulls first
select date_trunc('hour', tz), date_trunc('month', tz, 'America/New_York'), date_trunc('year', tz) from ev order by id
select ts + i, tz + i, d + i, ts - i from ev where id < 101 order by id
select ts + id * interval '1 hour', d + id, d - id from ev where id < 101 order by id
select d::text, ts::text, tz::text, t::text, i::text from ev order by id
select ts - d::timestamp, ts::time, tz - ts::timestamptz from ev where id < 101 order by id
select ts::date - d from ev where id < 101 order by id
select count(*) from ev where tz >= timestamp '2024-04-01' and tz < timestamp '2024-04-03'
select count(*) from ev where d >= current_date - interval '100 years'
select * from ev where j->'b'->0 = '5'
select id from ev where (j->>'a')::int % 10 = 0 order by (j->>'a')::int desc
select jsonb_object_keys(j) k, count(*) from ev where id < 101 group by 1 order by 1
select e.key, count(*) from ev, lateral jsonb_each(j) e where id < 101 group by 1 order by 1
select id, x from ev, jsonb_array_elements(j->'b') x where id < 4 order by id, x
select id, x.* from ev, jsonb_to_record(j) as x(a int, n int) where id < 4 order by id
select jsonb_path_query_first(j, '$.b[1]'), jsonb_path_exists(j, '$.n ? (@ == 3)') from ev where id < 9 order by id
select j #- '{b,0}', jsonb_insert(j, '{b,1}', '9'), jsonb_set_lax(j, '{a}', null, true, 'delete_key') from ev where id < 3 order by id
select array_agg(j->'a' order by j->'a' desc) from ev where id < 6
select j from ev where j = '{"a": 3, "b": [3, 0, null], "n": 3}'
select id from ev order by j desc nulls last limit 5
select row_to_json(x) from (select id, d, j from ev where id < 3 order by id) x
select to_jsonb(array[d, d + 1]) from ev where id = 1
select json_agg(x) from (select id, t from ev where id < 4 order by id) x
select json_build_object('items', (select json_agg(id) from ev where id < 4), 'n', count(*)) from ev
select coalesce(j->>'zz', 'none'), j ? 'a' from ev where id < 4
select (j->'b')[0], j['b'][2] from ev where id = 2
select max(ts) - min(ts), avg(tz - ts::timestamptz) from ev where id < 101
select percentile_cont(0.5) within group (order by i) from ev
select width_bucket(extract(epoch from ts)::float8, 1703500000, 1706000000, 5), count(*) from ev where id < 101 group by 1 order by 1
select lag(ts) over (order by id), ts - lag(ts) over (order by id) from ev where id < 6
select date_part('dow', d)::int as dow, count(*) filter (where extract(hour from tz) < 12) from ev group by 1 order by 1
select a.id, b.id from ev a left join ev b on b.d = a.d + 1 where a.id < 4 order by 1
select date '2024-01-01' + generate_series(0, 3)
select ts from ev where ts between '2024-01-01' and '2024-01-03' order by ts
select 'now'::timestamptz = now(), 'today'::date = current_date, 'tomorrow'::date - current_date
select timestamp '2024-03-31 02:30' at time zone 'Europe/Berlin', timestamptz '2024-10-27 02:30+01' at time zone 'Europe/Berlin'
select interval '1 year 2 months 3 days' - interval '3 days', interval '36 hours' = interval '1.5 days', interval '1 month' > interval '29 days'
select extract(epoch from interval '1 year 1 day'), extract(days from interval '40 days'), date_part('month', interval '14 months')
select make_interval(1,2,3,4,5,6,7.5), make_interval(secs => 1e10)
select '2024-01-01'::date::timestamptz, '2024-01-01 12:00:00+02'::timestamptz::date, '12:34:56.789'::time::interval
select to_char(interval '25 hours 3 minutes', 'HH24:MI:SS'), to_char(1234.5, '9,999.99'), to_char(now(), 'YYYY') = extract(year from now())::text
select '{"a":{"b":1}}'::jsonb #>> '{a,b}', '{"a":{"b":1}}'::json #> '{a}', '[1,2]'::jsonb || '3', '{"a":1}'::jsonb - 'a'
select '1'::jsonb = '1.0'::jsonb, '{"a":1}'::jsonb < '{"a":2}', '[1]'::jsonb > '{}'::jsonb, 'null'::jsonb < 'true'::jsonb
select '{"a": "x"}'::jsonb->>'a' like 'x%', jsonb '"a"' #>> '{}'
select cast('5' as jsonb)::int, cast('true' as jsonb)::bool, cast('null' as jsonb)::int, cast('"x"' as jsonb)::int
select jsonb_path_query('{"a": "2024-02-29"}', '$.a.datetime()'), jsonb_path_query('[3,1,2]', '$[*] ? (@ >= $m)', '{"m": 2}')
select jsonb_path_query('{"a": 1}', 'strict $.b')
