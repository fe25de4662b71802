select nope
select t1.nope from t1
select x.a from t1
select t1.a from t1 x
select * from nope
select * from s1.nope
select * from noschema.t
select a from t1, t2
select * from t1, t1
select * from t1 x join t2 x on true
select a from t1 join t2 using (zz)
select a from t1 join t2 using (a, a)
select * from t1 join t2 on t1.a
select * from t1 where a
select * from t1 where 'x'
select * from t1 where b
select 1 + 'x'
select 1 + true
select 'a' + 'b'
select a + b from t1
select - b from t1
select not 1
select true and 1
select upper(1)
select nofunc(1)
select nofunc(a, 'x') from t1
select s1.nofunc()
select noschema.f()
select f_def()
select f_def(1, d => 2)
select f_def(a => 1, a => 2)
select f_def(a => 1, 2)
select count()
select sum(*) from t1
select sum(a, b) from t1
select sum(sum(a)) from t1
select a, count(*) from t1
select b, count(*) from t1 group by a % 2
select count(*) from t1 where count(*) > 1
select count(*) from t1 group by count(*)
select a from t1 having b > 'x'
select * from t1 group by b
select sum(a) over (order by count(*)) from t1
select rank() from t1
select rank() over w from t1
select upper(b) over () from t1
select count(*) from t1 where rank() over () > 1
select sum(rank() over ()) from t1
select rank() over (order by rank() over ()) from t1
select sum(a) over (rows 'x' preceding) from t1
select sum(a) over (order by a rows between current row and 1 preceding) from t1
select sum(a) over (range 1 preceding) from t1
select sum(a) over (order by b range 1 preceding) from t1
select sum(a) over (groups 1 preceding) from t1
select sum(a) over (order by a rows a preceding) from t1
select sum(a) over (w partition by a) from t1 window w as (order by b)
select sum(a) over (w order by a) from t1 window w as (order by b)
select sum(a) over (w) from t1 window w as (rows 1 preceding)
select 1 from t1 window w as (order by a), w as (order by b)
select percentile_cont(0.5) from t1
select percentile_cont(0.5) within group (order by a, b) from t1
select sum(a) within group (order by a) from t1
select distinct a from t1 order by b
select distinct on (a) a from t1 order by b
select a from t1 order by 3
select a from t1 order by 'x'
select a from t1 order by 1.5
select a, b as a from t1 order by a
select a from t1 group by 5
select a from t1 limit 'x'
select a from t1 limit a
select a from t1 limit b'1'
select a from t1 offset -'x'
select * from
select from where
select a b c from t1
select 'abc
select 1 union select 'a'
select 1, 2 union select 3
select a from t1 union select b from t1
select a from t1 union select a from t2 order by b
select a from t1 union select a from t2 order by a + 1
select 1::nope
select 1::s1.nope
select 'x'::int
select '1.5'::int
select '99999999999'::int
select 'x'::bool
select '2020-13-01'::date
select 'x'::timestamp
select '{1,2'::int[]
select '{1,x}'::int[]
select '{bad'::json
select '{bad'::jsonb
select 'nope'::mood
select 'x'::uuid
select '[1,2'::int4range
select '(1)'::pair
select 'x'::regclass
select 'nope'::regtype
select 'nofn'::regproc
select 1::date
select true::date
select a::uuid from t1
select e::int from t1
select cast(f as int4range) from t1
select array[1, 'x']
select array[1, true]
select array[]
select array[array[1], 2]
select (array[1])['x']
select a[1] from t1
select f[1:2] from t1
select e[1][true] from t1
select (a).x from t1
select (t1).nope from t1
select (p).nope from t3
select (row(1,2)).nope
select t1.a.b from t1
select a.b.c.d.e from t1
select other.public.t1.a from t1
select * from other.public.t1
select (1).*
select a.* from t1
select *
select count(*), * from t1
select row(1,2) = row(1,2,3)
select (1,2) = (1,'x')
select row() = row()
select (1, 2) < (1, true)
select 1 = (select 1, 2)
select (select a, b from t1)
select 1 in (select 1, 2)
select (1, 2) in (select 1)
select 1 in ('x')
select 1 in (true)
select a = any (b) from t1
select a = any (5) from t1
select a + any (array[1]) from t1
select 1 = any (array['x'])
select a from t1 where a like 5
select case when 1 then 2 end
select case 1 when 'x' then 2 end
select case when true then 1 else 'x' end
select case when true then 1 else true end
select coalesce(1, 'x')
select coalesce(1, true)
select nullif(1, true)
select greatest(1, true)
select 1 is true
select 1 is distinct from true
select exists (select 1, nope)
select collation for (1)
select 1 collate "C"
select b collate "nope" from t1
select b collate "C" = b collate "POSIX" from t1
select b < e.e from t1, t4 e order by b || e.e
select b || e.e from t1, t4 e order by 1
select extract(foo from now())
select extract(year from 5)
select date '2020-01-01' + date '2020-01-01'
select now() + 1
select now() - '1 day'
select interval '1 foo'
select '1 day'::interval(9)
select 1::numeric(1001)
select 1::numeric(5, 2000)
select 1::numeric(0)
select 'x'::varchar(0)
select 'x'::varchar(99999999)
select 'x'::int(5)
select 'x'::text(5)
select 1::bit(0)
select now()::timestamp(-1)
select 123.45::numeric(3, 2)
select 1 operator(nosch.+) 2
select 1 @@@ 2
select 1 === 'x'
select @#@ 1
select unnest(1)
select * from unnest(1)
select * from generate_series(1, 'x')
select * from generate_series(1, 2) g(a, b)
select * from t1 x(a, b, c, d, e, f, g, h)
select * from (select 1) x(a, b)
select * from f_rec()
select * from f_set(1) as (a int)
select * from upper('x') as (a int)
select a from t1 where unnest(e) = 1
select case when true then unnest(e) end from t1
select coalesce(unnest(e), 1) from t1
select sum(unnest(e)) from t1
select a from t1 limit unnest(array[1])
select * from t1, (select t1.a) s
select * from t1, (select a from t1 where x.a = 1) x
select * from t1 left join lateral (select t2.a) s on true
select * from t1 right join lateral (select t1.a) s on true
select * from t1 join t2 on t3.a = 1
select * from t1 a join (t2 b join t3 c on a.a = b.a) on true
select * from (t1 join t2 using (a)) j where t1.a = 1
with q as (select 1) select * from q, r
with q as (select 1), q as (select 2) select 1
with q(a, b) as (select 1) select * from q
with q as (select * from r), r as (select 1) select * from q
with recursive q as (select * from q) select * from q
with recursive q as (select 1 union all select * from q, q x) select * from q
with recursive q as (select 1 union all select sum(n) from q) select * from q
with recursive q(n) as (select 1 union all select n + 1.5 from q) select * from q
with recursive q(n) as (select n from q union all select 1) select * from q
with recursive q(n) as (select 1 union all select n from (select 1) s left join q on true) select * from q
with recursive q(n) as (select 1 union all select 1 where exists (select 1 from q)) select * from q
with recursive q(n) as (select 1 union all select n + 1 from q order by 1) select * from q
with recursive q(n) as (select 1 union all select n + 1 from q limit 1) select * from q
with recursive q(n) as (select 1 intersect select n + 1 from q) select * from q
with recursive a as (select * from b), b as (select * from a) select * from a
values (1, 2), (3)
values (1), ('x')
select * from (values (1), (true)) v
select * from t1 for update of t2
select * from t1 for update of public.t1
select count(*) from t1 for update
select distinct a from t1 for update
select a from t1 union select 1 for update
select * from (values (1)) v for update of v
select $1
select $1 + 1
select $0
select a from t1 where a = $1 and b = $1
select current_date(5)
select nextval('nosq')
select pg_typeof()
select pr(1)
select t1_pkey from t1
select * from t1_pkey
select * from pair
select grouping(a) from t1
select a, grouping(b) from t1 group by a
select a, b from t1 group by rollup (a)
select a from t1 group by cube (a, b, c, d, e, f, g, a+1, a+2, a+3, a+4, a+5, a+6)
select xmin, nope from t1
select oid from t1
select ctid from vw
select aa from t1
select usr_name from pg_authid
select relnam from pg_class
select t1.bb from t1
select a from t1 order by zz
select a from t1 group by zz
select a from t1 where (select count(*) from t2 where t1.zz = 1) > 0
select max(a) filter (where count(*) > 1) from t1
select max(a) filter (where 1) from t1
select upper(b) filter (where true) from t1
select upper(distinct b) from t1
select upper(b order by a) from t1
select upper(*) from t1
select count(distinct *) from t1
select array_agg(distinct f order by a) from t1
select string_agg(distinct b, ',' order by a) from t1
select max(f) from t1
select max(pt) from t6
select j from t6 group by j
select distinct j from t6
select j from t6 order by j
select pt from t6 union select pt from t6
select count(distinct j) from t6
select pt = pt, x = x from t6
select min(x) from t6
select a from t1 order by a using &&
select a from t1 order by a using <>
select a from t1 natural join t4
select * from t1 x natural join (select 1 as a, 2 as a) y
select to_char(1)
select lower(1, 2)
select int4('x')
select text(1, 2)
select shadow(true)
select shadow('x'::name, 1)
select f_poly(1, 'x'::text)
select f_poly(null, null)
select array_append(1, 2)
select array_append(array[1], 'x'::text)
select array_cat(array[1], array['x'::text])
select int4range(1, 2) && 5
select 'a' similar to 5
select overlay('x' placing 1 from 2)
select 1 between 2 and 'x'
select 'abc' between 1 and 2
select make_interval(foo => 1)
select format()
select concat()
select variadic array[1]
select f_var(variadic 1)
select f_any(variadic 5)
select sum(a) filter (where b) over () from t1
select 1 as x, x + 1
select * from t1 tablesample system (10) where
insert into t1 select 1 returning
select (select a into x from t1)
select system_user()
select null::int[]::text[]::nope
select xmlelement(name)
table nope
select * from only (nope)
select 1 from t1 where a = all (select a, b from t2)
select 1 from t1 where (a, b) = all (select a from t2)
select sum(x.a) from t1 x group by x.b having x.a > 1
select (select a from t2 group by b) from t1
select (select t1.a from t2 group by t2.b), count(*) from t1 group by t1.b
select (1).text
select (a).text from t1
select (a).nope from t1
select (t1).text from t1
select t1.text from t1
select t1.upper from t1
select t1.row_to_json from t1
select (b).upper from t1
select b.upper from t1
select a.b from t1
select nope.* from t1
select t1.*.a from t1
select (t1.*).nope from t1
select count(t1.nope) from t1
select public.t1.nope from t1
select s1.t1.z from t1
select nosch.t1.z from t1
select t1.a from public.t1 x
select x.t1 from t1 x
select row(t1.nope) from t1
select array[nope]
select abs(unnest(array[1])) from generate_series(1, unnest(array[2]))
select * from abs(unnest(array[1]))
select case when abs(unnest(e)) = 1 then 1 end from t1
select generate_series(1, generate_series(1, 2))
select sum(generate_series(1, a)) over () from t1
select count(*) over (order by generate_series(1, 2)) from t1
select 1 from t1 having unnest(e) = 1
select 1 from t1 group by unnest(e)
select (select unnest(e) limit 1) from t1
select count(*) filter (where unnest(e) = 1) from t1
values (unnest(array[1]))
values (1), (unnest(array[1]))
select 1 limit unnest(array[1])
select a from t1 order by count(*)
select a from t1 order by sum(a)
select 1 from t1 order by a, count(*)
select count(*) from t1 order by a
select sum(a) from t1 order by b
select b from t1 group by b order by a
select b, a + 1 from t1 group by b, a + 2
select * from t1 group by a
select t2.* from t2 group by a
select (select t2.x from t2 where t2.a = t1.c) from t1 group by b
select max(a) over (partition by b) from t1 group by a % 2
select distinct on (b) a from t1 group by a
select exists (select 1 from t2 where t2.a = t1.a) from t1 group by b
select count(*) from t1, lateral (select count(t1.a)) s
select * from t1 join t2 on count(*) > 1
select * from t1 join t2 on rank() over () > 1
select * from generate_series(1, count(*))
select * from generate_series(1, rank() over ())
select rank() over (partition by rank() over ())
select 1 from t1 where sum(a) over () > 1
select sum(a) over (order by a range between '1 day' preceding and current row) from t1
select sum(a) over (order by a range between 1.5 preceding and current row) from t1
select sum(a) over (order by a, b range 1 preceding) from t1
select sum(a) over (order by d range 1 preceding) from t1
select sum(a) over (order by e range 1 preceding) from t1
select sum(a) over (rows 1.5 preceding) from t1
select sum(a) over (rows b preceding) from t1
select first_value(a) filter (where true) over () from t1
select count(distinct a) over () from t1
select lag(a) from t1
select array_agg(a order by b) over () from t1
select mode() over () from t1
select mode() within group (order by a) over () from t1
select mode(1) within group (order by a) from t1
select rank(1, 2) within group (order by a) from t1
select rank('x') within group (order by a) from t1
select percentile_cont(a) within group (order by a) from t1
select percentile_cont(distinct 0.5) within group (order by a) from t1
select percentile_cont('x') within group (order by a) from t1
select percentile_cont(0.5) within group (order by b) from t1
select array_agg() from t1
select array_agg(null) from t1
select array_agg('x')
select sum('x')
select sum(b) from t1
select avg(true)
select bool_and(1)
select max(true)
select max(row(1))
select count(1, 2)
select string_agg(b) from t1
select string_agg(a, ',') from t1
select json_agg(1, 2)
select 1 + null + 'x'
select null + null
select 'a' || null || 1
select 1 || 2
select a || b from t1
select a || 1 from t1
select now() || 1
select array[1] || 'x'
select array[1] || array['x']
select array[1] || array['x'::text]
select array[1] || 1.5
select '{1}' || '{2}'
select null || null
select true || 'x'
select true + 1
select 1 = true
select 1 = 'true'
select '1' = 1
select b = 1 from t1
select b = 1.5 from t1
select c = 'x' from t1
select d = 5 from t1
select d = 'x' from t1
select m = 'x' from t5
select m = 1 from t5
select m = 'ok'::text from t5
select z = 'x' from t4
select e = 'x' from t1
select e = array['x'] from t1
select f = 'x' from t1
select f -> true from t1
select f @> 5 from t1
select r @> 'x' from t5
select r = 5 from t5
select a in (1, 'x') from t1
select a in (1, true) from t1
select a in (1, 'x'::text) from t1
select a in (select b from t1) from t1
select (a, b) in (select a, x from t1, t2) from t1
select (a, b) in ((1, 'x'), (2)) from t1
select (a, b) = 1 from t1
select a = (1, 2) from t1
select not exists (select 1) = 'x'
select a between 'x' and 5 from t1
select a like 'x' from t1
select b like 1 from t1
select b similar to a from t1
select b ~ a from t1
select - 'x'
select + true
select @ 'x'
select ~ 1.5
select 5 !
select 2 ** 3
select 1 <> all (5)
select 1 < any ('x')
select 1 = any ('{x}')
select 1 = any (null)
select '1' = any (array[1])
select 1 = any (array[array[1]])
select a = any (select b from t1) from t1
select 1 + any (select 1)
select 1 = all (select 1, 2)
select cast(1 as bool), cast('x' as bool)
select cast(now() as int)
select cast(array[1] as int)
select cast(row(1, 2) as pair), cast(row(1) as pair)
select cast(row(1, 'x', 2) as pair)
select cast(row('a', 'b') as pair)
select cast(t1 as pair) from t1
select cast(1 as pair)
select 5::mood
select '5'::mood[]
select 'x'::posint
select 0::posint
select 'a'::vc5::int
select '1 2'::int
select ' 12 '::int
select '0x1g'::int
select '1e5'::int
select 'NaN'::int
select '1e400'::float8
select 'abc'::float8
select 'abc'::numeric
select ''::int
select '128'::"char"
select 'abc'::oid
select '-1'::oid
select '300000'::int2
select '25:00'::time
select '2020-02-30'::date
select '2020-01-01 25:00'::timestamp
select '1 dayy'::interval
select 'not json'::json
select '{"a":}'::jsonb
select 'zz'::bit(3)
select b'102'
select x'GG'
select '1.2.3.4.5'::inet
select '1.2.3.4/33'::cidr
select 'xx'::macaddr
select '(1,2'::point
select 'a b &'::tsquery
select '0/X'::pg_lsn
select '[1,0]'::int4range
select '[a,b]'::int4range
select '{[1,2]'::int4multirange
select '{1,2}'::int
select 'a'::bytea, '\xzz'::bytea
select '{"a"'::text[]
select '{{1,2},{3}}'::int[]
select '[1:2]={1}'::int[]
select 'nope'::regprocedure
select 'nope(int)'::regprocedure
select 'nope'::regnamespace
select 'nope'::regrole
select 'nope'::regconfig
select 'foo.bar'::regclass
select 'a b'::regclass
select interval 'x'
select interval '1' foo
select timestamp 'now x'
select date 'x'
select int 'x'
select nope 'x'
select pair '(1)'
select 'x'::int[]
select current_timestamp(-1)
select localtime(10)
select extract('nope' from interval '1 day')
select extract(year from 'x')
select extract(1 from now())
select substring(1 from 2)
select trim(1)
select trim(both from 1)
select position(1 in 'x')
select overlay(1 placing 2 from 3)
select normalize('x', foo)
select 'x' is foo normalized
select greatest()
select coalesce()
select least(1, array[1])
select nullif(1, 'x')
select nullif(1, array[1])
select nullif(1)
select row(1, 2) < row(1, 'x')
select row(1, 2) is distinct from row(1)
select row(1, '(1,1)'::point) = row(1, '(1,1)'::point)
select row(1, '(1,1)'::point) < row(1, '(1,1)'::point)
select (1, 2) + (3, 4)
select row(1, 2) || 'x'
select (1, 2)::text::pair
select array[1, 2][1]
select (array[1, 2])[1:'x']
select (array[1, 2])[now()]
select ('{1}'::text)[1]
select f['a']['b':'c'] from t1
select f[now()] from t1
select f[1.5] from t1
select (e[1])[2] from t1
select e[1][2][3][4][5][6][7] from t1
select p.x from t3
select (p).x.y from t3
select (q).x from t3
select q.x from t3
select (q[1]).nope from t3
select xmin + 1 from t1
select t1.cmin.x from t1
select ctid = 5 from t1
select tableoid = 'x' from t1
