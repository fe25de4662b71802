# ruff: noqa: E501
"""Tables and queries on which the executor is held against a real server."""

from __future__ import annotations

SETUP = """
create table accounts(aid int, bid int, abalance int, filler char(84));
insert into accounts select i, (i-1)/3000+1, ((i*7919::bigint)%20011-10000)::int, '' from generate_series(1,30000) i;
create table history(tid int, bid int, aid int, delta int, mtime timestamp);
insert into history select i%100, i%10+1, (i*104729::bigint)%30000+1, i%5000-2500, timestamp '2024-01-01'+ i*interval '1 second' from generate_series(1,8000) i;
create table wide(i int, b bigint, f float8, ts timestamptz, t text, n numeric(12,2), bo bool, u uuid, j jsonb);
insert into wide select i, i*1000003::bigint, case when i%17=0 then null else sqrt(i) end, timestamptz '2024-01-01'+ i*interval '37 second', case when i%13=0 then null else 'txt'||(i%550) end, case when i%11=0 then null else (i%100000)/100.0 end, i%3=0, md5(i::text)::uuid, jsonb_build_object('a',i,'b',i%7) from generate_series(1,12000) i;
create table emp(id int primary key, name text, dept int, sal numeric, hired date, boss int, tags text[]);
insert into emp select i, 'n'||i, case when i%7=0 then null else i%5 end, (i*37%1000)+0.5, date '2020-01-01'+i, nullif(i/3,0), array['a'||i%3,'b'] from generate_series(1,60) i;
create table dept(id int primary key, dname text, loc text);
insert into dept values (0,'zero','x'),(1,'one','y'),(2,'two','x'),(3,'three',null),(9,'nine','z');
create type mood as enum ('sad','ok','happy');
create table kinds(k mood, v interval, r int4range, bt bytea, tm time, ttz timetz, bp char(5), d float4, s smallint, nm name);
insert into kinds select (array['sad','ok','happy']::mood[])[i%3+1], make_interval(days=>i%10, hours=>i*5%48), int4range(i%5,i%5+3), decode(md5((i%6)::text),'hex'), time '00:00'+i*interval '1 min', timetz '01:00+02'+i*interval '1 min', 'k'||i%4, case when i%9=0 then 'NaN' else i/3.0 end, i%6, 'nm'||i%7 from generate_series(1,50) i;

create table hot(id int primary key, v int, w text) with (fillfactor = 60);
insert into hot select i, i, 'w' || i from generate_series(1,600) i;
update hot set v = v + 1000 where id % 3 = 0;
update hot set v = v + 1000 where id % 6 = 0;
begin; update hot set v = -1 where id % 5 = 0; rollback;
update hot set v = v + 5 where id % 7 = 0;
select count(*) from hot where id > 0;
delete from hot where id % 11 = 0;
update hot set id = id + 1000 where id % 13 = 0;
update hot set v = v + 1 where id % 2 = 0;
begin; update hot set v = -2 where id % 4 = 0; rollback;
alter table accounts add primary key (aid);
create index on accounts (bid, aid);
create index on wide (t, i);
create index on wide (b desc);
create index on wide (n nulls first);
create index on wide (u);
create index on wide (ts desc nulls last);
create index on kinds (nm);
create index on kinds (k);
create index on kinds (d);
vacuum analyze accounts; vacuum analyze wide; analyze;
"""

#: Every clause; run with every join method, aggregation and memory size.
QUERIES = """
select 1
select count(*) from accounts
select sum(abalance) from accounts where aid % 7 = 0
select bid, avg(abalance), count(*), min(aid), max(aid) from accounts group by bid
select t, count(*), sum(i) from wide group by t order by t nulls first limit 20
select count(*) from (select distinct t from wide) x
select sum(n), avg(n), min(n), max(n), count(n) from wide
select sum(f), avg(f), min(f), max(f), count(f) from wide
select sum(b), avg(b), min(ts), max(ts) from wide
select aid, abalance from accounts order by abalance desc, aid limit 10
select aid, abalance from accounts order by abalance, aid offset 29990
select count(*), sum(a.abalance) from history h join accounts a on a.aid = h.aid
select h.tid, count(*), sum(a.abalance) from history h join accounts a on a.aid = h.aid group by h.tid order by 1
select e.name, d.dname from emp e join dept d on e.dept = d.id order by e.id
select e.name, d.dname from emp e left join dept d on e.dept = d.id order by e.id
select e.name, d.dname from emp e right join dept d on e.dept = d.id order by e.id, d.id
select e.name, d.dname from emp e full join dept d on e.dept = d.id order by e.id, d.id
select e.name, d.dname from emp e left join dept d on e.dept = d.id and d.loc = 'x' where e.sal > 300 order by e.id
select e.name, d.dname from emp e cross join dept d order by e.id, d.id
select name from emp where dept in (select id from dept where loc = 'x') order by id
select name from emp where dept not in (select id from dept where loc = 'x') order by id
select name from emp where exists (select 1 from dept where dept.id = emp.dept and loc is null) order by id
select name, (select dname from dept where dept.id = emp.dept) from emp order by id
select name, (select count(*) from emp e2 where e2.boss = emp.id) from emp order by id
select array(select id from dept order by id)
select name from emp where sal > all (select sal from emp where dept = 1) order by id
select name from emp where (dept, sal) in (select dept, max(sal) from emp group by dept) order by id
select dept, count(*), sum(sal), avg(sal) from emp group by dept order by dept
select dept, count(*) filter (where sal > 500), count(distinct tags) from emp group by dept having count(*) > 5 order by dept
select count(distinct dept), sum(distinct dept) from emp
select case when sal > 500 then 'hi' when sal > 100 then name else null end from emp order by id
select case dept when 1 then 'one' when 2 then 'two' else 'x' end from emp order by id
select case when id > 0 then 1 else 1/(id-id) end from emp
select coalesce(dept, -1), nullif(dept, 2), dept is null, dept is distinct from 3 from emp order by id
select id from emp where dept = any (array[1,3]) order by id
select id from emp where dept <> all (array[1,3]) order by id
select id from emp where not (dept = 1 or sal > 500) order by id
select (dept = 1) is true, (dept = 1) is not false, (dept=1) is unknown from emp order by id
select tags[1], tags[1:1], array[id, dept], row(id, name) from emp order by id
select distinct dept from emp order by 1
select distinct on (dept) dept, name from emp order by dept, sal desc
select dept from emp union select id from dept order by 1
select dept from emp union all select id from dept order by 1
select dept from emp intersect select id from dept order by 1
select id from dept except select dept from emp order by 1
select dept from emp except all select id from dept order by 1
select dept from emp intersect all select dept from emp where id < 20 order by 1
with c as (select dept, sum(sal) s from emp group by dept) select * from c a, c b where a.dept = b.dept order by a.dept
with recursive t(n) as (select 1 union all select n+1 from t where n < 100) select sum(n) from t
with recursive t(n) as (select 1 union all select n+1 from t) select n from t limit 5
with recursive r(id, boss, depth) as (select id, boss, 0 from emp where boss is null union all select e.id, e.boss, r.depth+1 from emp e join r on e.boss = r.id) select depth, count(*) from r group by depth order by depth
with recursive t(n) as (select 1 union select (n*2)%7 from t) select n from t order by n
values (1,'a'),(2,null)
select * from (values (1,'a'),(2,'b')) v(x,y) where x > 1
select ctid, tableoid::int8 > 0, xmin::text <> '0' , name from emp where id < 4 order by id
select e from dept e order by id
select count(e) from emp e
select * from emp order by sal desc nulls last, id limit 7
select id, dept from emp order by dept desc, id
select id, dept from emp order by dept desc nulls last, id fetch first 9 rows with ties
select dept from emp order by dept fetch first 3 rows with ties
select k, count(*) from kinds group by k order by k
select v, count(*) from kinds group by v order by v
select r, count(*) from kinds group by r order by 2,1
select bt, count(*) from kinds group by bt order by bt
select bp, count(*), min(s), max(d) from kinds group by bp order by bp
select d, s from kinds order by d desc, s limit 12
select nm, count(*) from kinds group by nm order by nm
select ttz from kinds order by ttz limit 3
select tm from kinds order by tm desc limit 3
select bo, count(*) from wide group by bo order by bo
select u from wide order by u limit 5
select j, count(*) from (select jsonb_build_object('b', i%7) j from wide) x group by j order by 2 desc, 1 limit 3
select n from wide order by n desc nulls last, i limit 4
select t from wide where t = 'txt77' limit 3
select count(*) from wide where t = 'txt77' and n > 100
select sum(i) from wide where t like 'txt7%'
select e1.id, x.n from emp e1, lateral (select count(*) n from emp e2 where e2.boss = e1.id) x order by 1 limit 5
select generate_series(1,3), name from emp where id < 3
select * from generate_series(1,5) g
select * from generate_series(1,3) with ordinality g(a,b)
select * from rows from (generate_series(1,3), generate_series(10,11)) as g(a,b)
select id, rank() over (partition by dept order by sal), row_number() over (order by id), sum(sal) over (partition by dept order by id) from emp order by id
select id, lag(sal) over w, lead(sal,2,0.0) over w, first_value(id) over w, last_value(id) over w, nth_value(id,2) over w from emp window w as (partition by dept order by id) order by id
select id, sum(id) over (order by id rows between 2 preceding and 1 following), sum(id) over (order by id rows between 2 preceding and 1 following exclude current row) from emp order by id
select id, dept, sum(id) over (order by dept groups between 1 preceding and current row), count(*) over (order by dept range between 1 preceding and 1 following) from emp order by id
select id, count(*) over (order by dept range between unbounded preceding and current row exclude ties), sum(id) over (order by dept exclude group) from emp order by id
select dept, sum(sum(sal)) over (order by dept) from emp group by dept order by dept
select id, dense_rank() over (order by dept), ntile(4) over (order by id), percent_rank() over (order by dept), cume_dist() over (order by dept) from emp order by id
select max(name) over (order by id rows 3 preceding), count(*) filter (where sal>500) over (partition by dept) from emp order by id
select string_agg(name, ',' order by id desc) from emp where id < 6
select array_agg(id order by sal) from emp where id < 6
select percentile_cont(0.5) within group (order by sal) from emp
select mode() within group (order by dept) from emp
select 1/0
select id/(id-5) from emp
select (select id from emp)
select 2147483647 + 1
select max(sal), min(name), bool_and(id > 0) from emp
select sum(delta) from history where aid in (select aid from accounts where bid = 3)
select h.bid, d.dname, count(*) from history h left join dept d on d.id = h.bid group by 1, 2 order by 1
select filler, count(*) from accounts group by filler
select tid, bid, count(*), sum(delta) from history group by tid, bid order by 1,2 limit 10
select aid, count(*) from history group by aid order by 2 desc, 1 limit 5
select i, n*2, n+b, f*2, t||'x', upper(t), ts, -i from wide where i < 20 order by i
"""

#: Conditions that an index serves.
INDEXED = """
select * from hot where id = 6
select * from hot where id = 77
select * from hot where id between 1 and 60
select count(*), sum(v), min(id), max(id) from hot where id > 0
select h from hot h where id in (13, 1013, 26, 1026, 30)
select * from emp where id = 7
select id, name from emp where id >= 10 and id < 15
select id from emp where id in (3,9,50,77,9)
select aid, abalance from accounts where aid = 15000
select count(*), sum(abalance) from accounts where aid between 1000 and 250000
select count(*) from accounts where bid = 3 and aid > 290000
select count(*), min(i), max(i) from wide where t = 'txt77'
select count(*), sum(i) from wide where t > 'txt77' and t <= 'txt99'
select count(*) from wide where t is null
select count(*) from wide where t is not null and t < 'txt2'
select count(*), sum(i) from wide where b > 299000000000
select count(*), sum(i) from wide where b <= 1000003000 and b >= 50
select count(*) from wide where n = 5.50
select count(*), sum(i) from wide where n < 1.00
select count(*) from wide where n is null
select count(*) from wide where u < '10000000-0000-0000-0000-000000000000'
select i, ts from wide where ts = '2024-01-01 00:10:29+00'
select e from emp e where id < 3
select nm, s from kinds where nm = 'nm3'
select k, s from kinds where k > 'sad'
select d, s from kinds where d >= 10
select count(*) from accounts where aid = any (array[5,900000,900000,2000000,null])
select count(*) from accounts where aid > 999999999
"""
