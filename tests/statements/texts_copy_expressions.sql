-- settings in texts of several statements, the order in which COPY looks, expressions
create schema part1;
set search_path = part1;
grant usage on schema part1 to r1;
create table t (a int);
grant all on schema public to r1;
set role r1; insert into t values (1); reset role;
show role;
set role r1; begin; insert into t values (1); reset role;
rollback;
show role;
set work_mem = '7MB'; commit; set work_mem = '8MB'; select 1/0;
show work_mem;
set work_mem = '9MB'; rollback;
show work_mem;
set work_mem = '10MB'; begin; rollback; select 1/0;
show work_mem;
set local work_mem = '11MB'; show work_mem;
show work_mem;
set local work_mem = '11MB';
set work_mem = '12MB'; begin; commit; select 1/0;
show work_mem;
set session characteristics as transaction isolation level serializable; select 1/0;
show default_transaction_isolation;
set time zone 'Europe/Paris'; select nope;
show timezone;
select 1; set transaction isolation level serializable;
set transaction isolation level serializable; select 1;
savepoint a; select 1;
select 1; savepoint a; select 1/0;
select 1; set constraints all deferred; select 2;
set transaction read only; insert into t values (1);
set transaction read only; select 1;
insert into t values (1); commit; insert into t values (2); set transaction isolation level serializable; select 1;
show transaction_isolation;
set transaction isolation level serializable; show transaction_isolation;
show transaction_isolation;
set local work_mem = '11MB'; begin; show work_mem;
show work_mem;
commit;
show work_mem;
set local work_mem = '11MB'; commit; show work_mem;
set local work_mem = '11MB'; rollback; show work_mem;
set work_mem = '13MB'; select 1/0;
show work_mem;
select count(*) from t;
insert into t values (5); select 1/0;
select count(*) from t;
reset search_path;
create schema part2;
set search_path = part2;
grant usage on schema part2 to r1;
create table t (a int, b text, g int generated always as (a) stored);
create view v as select 1 as a;
create materialized view mv as select 1 as a;
create sequence sq;
create table pt (a int) partition by list (a);
copy nosuch to stdout (format xml);
copy v to stdout (format xml);
copy v (x) to stdout (format xml);
copy t (nope) to stdout (format xml);
copy t (nope) to stdout (force_quote (b));
copy t (a) to stdout (format csv, force_quote (b));
copy nosuch from stdin (format xml);
\.!
copy v from stdin (format xml);
\.!
copy v (nope) from stdin;
\.!
copy v from stdin where nope;
\.!
copy v from '/nosuch/x';
copy t from '/nosuch/x' (format xml);
copy t (nope) from '/nosuch/x';
copy t (g) from stdin;
\.!
copy t from stdin (force_null (b));
\.!
copy t (a) from stdin (format csv, force_null (b));
\.!
copy t (nope) from stdin where 1/0 = 1;
\.!
copy t from stdin where nope > 1;
\.!
copy t from stdin where nope > 1;
\.!
copy t from stdin (format xml) where nope > 1;
\.!
copy (select nope) to stdout (format xml);
copy (select 1 as a) to stdout (format csv, force_quote (b));
copy (select nope) to stdout (format csv, force_quote (b));
copy (insert into t values (1)) to stdout (format xml);
copy t to '/nosuch/x';
copy t to 'rel';
copy v to 'rel';
copy t from 'rel';
copy sq from stdin;
\.!
copy mv from stdin;
\.!
copy sq to stdout;
copy mv to stdout;
copy pt to stdout;
begin read only;
copy t from stdin (format xml);
\.!
rollback;
begin read only;
copy v from stdin;
\.!
rollback;
begin read only;
copy nosuch from stdin;
\.!
rollback;
set role r1;
copy t from stdin (format xml);
\.!
copy t to stdout (format xml);
copy v from stdin;
\.!
copy v to stdout;
copy t from '/nosuch/x' (format xml);
copy t to '/nosuch/x' (format xml);
copy nosuch to '/nosuch/x' (format xml);
reset role;
reset search_path;
create schema part3;
set search_path = part3;
create table t (a int, b text, d date);
create table g (a int, c text generated always as ('x' || a) stored, d text generated always as (upper(b || a)) virtual, b text);
create table g2 (a date, c text generated always as ('x' || a) stored);
create index on t ((b || a));
create index on t ((b || d));
create index on t (a) where b || a > 'x';
create table p (a int, b text) partition by list ((b || a));
create table p1 partition of p for values in ('x1');
insert into p values (1, 'x') returning tableoid::regclass;
alter table t add column e text default 'y' || 5;
alter table t add column f text default 'y' || current_date;
select pg_get_partkeydef('p'::regclass);
create index on t ((a::text || 'z'));
create table p3 (a int, d date) partition by range ((lower(a::text)));
create table g4 (a int, c text generated always as (a::text) stored, n numeric generated always as (a::text::numeric) stored);
create table g5 (a timestamp, c text generated always as (a::text) stored);
create table g6 (a int[], c text generated always as (a::text) stored);
create table g7 (a int, c text generated always as (concat('x', a)) stored);
create table g8 (a int, c text generated always as (format('%s', a)) stored);
reset search_path;
create schema part4;
set search_path = part4;
grant usage on schema part4 to r1;
create type c as (x int, y numeric);
create domain d as c check ((value).x > 0);
create table t (a int, b int, c int, check (c > a), check (b > 0 and a < b));
alter table t add check (c + b > a);
create table n (a int not null no inherit, b int);
alter table n add primary key (a);
alter table n add constraint bb not null b not valid;
alter table n add primary key (b);
create table ts (a int, v tsvector, r int4range, m int4multirange, ar text[]);
insert into ts values (1, 'a b', '[1,3)', '{[1,3)}', '{a}'), (2, null, null, null, null), (3, null, null, null, null);
analyze ts;
create table rx (a int primary key, t text);
reindex table concurrently rx;
reindex (concurrently) index rx_pkey;
set role r1; create table zz (a int); reset role;
set role r1; create sequence zz; reset role;
set role r1; create view zz as select 1; reset role;
set role r1; create table zz as select 1; reset role;
set role r1; create type zz as (a int); reset role;
set role r1; create domain zz as int; reset role;
create table nosuch.t (a int);
create view nosuch.t as select 1;
create sequence nosuch.t;
create table nosuch.t as select 1;
revoke r1 from r2;
reset search_path;
create schema part5;
set search_path = part5;
create table m (id int primary key, big text, arr int[], js jsonb, compressed text compression pglz);
insert into m select g, repeat(md5(g::text), 200 + g), array(select generate_series(1, g)), jsonb_build_object('k', repeat('v', g * 100)), repeat('z', 10000) from generate_series(1, 7) g;
update m set js = js || '{"more": true}' where id % 2 = 1;
update m set big = big || 'tail' where id = 2 returning length(big);
insert into m select id + 100, big from m;
analyze m;
select attname, avg_width from pg_stats where tablename = 'm';
create table w (a int, t text storage external);
insert into w select g, repeat('abc', 2000) from generate_series(1, 3) g;
insert into w values (9, 'short');
alter table w add column n text default 'dd' not null;
analyze w;
select attname, avg_width from pg_stats where tablename = 'w';
reset search_path;
