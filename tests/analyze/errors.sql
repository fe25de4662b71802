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
