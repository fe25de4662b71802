lpad('x', 4)
'[' || rpad('x', 4) || ']'
timestamptz('2024-02-03'::date, '10:11'::time)
obj_description('t'::regclass, 'pg_class')
obj_description('t'::regclass)
col_description('t'::regclass, 1)
shobj_description(5, 'pg_database')
quote_literal(5)
quote_nullable(null::int)
quote_nullable(1.5)
'10:00'::time + '2024-01-01'::date
'10:00+02'::timetz + '2024-01-01'::date
('2024-01-01'::timestamptz, '1 day'::interval) overlaps ('2024-01-01 12:00'::timestamptz, '1 day'::interval)
('2024-01-01'::timestamptz, '2024-01-02'::timestamptz) overlaps ('2024-01-01 12:00'::timestamptz, '1 day'::interval)
('2024-01-01'::timestamptz, '1 d'::interval) overlaps ('2024-01-02 12:00'::timestamptz, '2025-01-01'::timestamptz)
('10:00'::time, '1 h'::interval) overlaps ('10:30'::time, '1h'::interval)
('10:00'::time, '11:00'::time) overlaps ('10:30'::time, '1h'::interval)
('10:00'::time, '1h'::interval) overlaps ('11:30'::time, '12:00'::time)
('2024-01-01'::timestamp, '1 day'::interval) overlaps ('2024-01-01'::timestamp, '1 day'::interval)
('2024-01-01'::timestamp, '2024-01-02'::timestamp) overlaps ('2024-01-03'::timestamp, '1 day'::interval)
('2024-01-01'::timestamp, '1 d'::interval) overlaps ('2024-01-02'::timestamp, '2024-01-09'::timestamp)
date_part('year', '2024-05-06'::date)
age(current_date::timestamptz - interval '3 years 2 days')
age(current_date::timestamp - interval '1 month')
path_contain_pt('((0,0),(1,1),(2,0))'::path, '(1,0.5)'::point)
log10(1000)
log(100::numeric)
polygon('<(0,0),1>'::circle)
round(2.567)
trunc(-2.7)
bit_length('abc'::bytea)
bit_length('äb'::text)
bit_length(B'101')
'1 h'::interval + '10:00'::time
'a'::text || 5
5 || 'a'::text
substring('foobar', '%#"o_b#"%', '#')
pg_relation_size('t')
'1 d'::interval + '2024-01-01'::date
'1 h'::interval + '10:00+02'::timetz
'1 d'::interval + '2024-01-01'::timestamp
'1 d'::interval + '2024-01-01'::timestamptz
5 + '2024-01-01'::date
10::bigint + '10.0.0.1'::inet
pg_sleep_for('0 s')
pg_sleep_until(now())
5::numeric + '0/10'::pg_lsn
(select string_agg(d::text, ';') from ts_debug('simple', 'The 2 quick-brown http://foo.bar/x') d)
(select count(*) from ts_debug('a b'))
jsonb_set('{"a":1}', '{b}', '2')
jsonb_insert('{"a":[1]}', '{a,0}', '9')
make_interval(days => 3)
make_interval(secs => 1.5)
parse_ident('a.b')
json_strip_nulls('{"a":null}')
normalize('ä')
'ä' is normalized
jsonb_path_query_array('[1,2]', '$[*]')
(select random_normal() between -100 and 100)
pg_terminate_backend(0)
json_populate_record(null::pg_am, '{"amname":"x"}')
jsonb_set_lax('{"a":1}', '{a}', null)
has_table_privilege('alice', 'pg_class', 'select')
has_table_privilege('alice', 'pg_statistic', 'select')
has_column_privilege('alice', 'pg_subscription', 'subconninfo', 'select')
has_function_privilege('alice', 'pg_read_file(text)', 'execute')
has_schema_privilege('alice', 'public', 'create')
has_language_privilege('alice', 'plpgsql', 'usage')
to_tsvector('english', 'The quick foxes jumped over lazy dogs')
to_tsvector('russian', 'quick foxes и лисы прыгали')
to_tsquery('german', 'Häuser & gehend')
to_tsvector('a cat''s tails')
