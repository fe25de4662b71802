create table cp (a int primary key, b text default 'dd', c numeric(5,2), d date, e bool, f int[] , g int generated always as (a + 1) stored, check (c < 500));
copy cp (a, b, c) from stdin;
1	one	1.5
2	two\ttab\\n	\N
3	\N	2.255
\.!
copy cp (a, b, c) from stdin;
4	x	1.5
4	y	1.5
\.!
copy cp (a, b, c) from stdin;
5	x	abc
\.!
copy cp (a, b, c) from stdin;
5	x
\.!
copy cp (a, b, c) from stdin;
5	x	1	2
\.!
copy cp (a, b, c) from stdin;
5	x	999
\.!
copy cp (a, b, c) from stdin;
5	x	9999
\.!
copy cp (a, b, c) from stdin;

\.!
copy cp (a, b, c) from stdin;
6	ok	1
\.
7	after	2
\.!
copy cp (a, b, c) from stdin;
\N	ok	1
\.!
copy cp from stdin;
1	a	1	2020-01-01	t	{1}	5
\.!
copy cp (g) from stdin;
1
\.!
copy cp (nope) from stdin;
1
\.!
copy cp (a, a) from stdin;
1	2
\.!
copy nope from stdin;
\.!
copy cp from stdin;
20	a	1	2020-13-01	t	{1}
\.!
copy cp from stdin;
20	a	1	2020-12-01	maybe	{1}
\.!
copy cp from stdin;
20	a	1	2020-12-01	y	{1
\.!
copy cp from stdin;
20	a	1	2020-12-01	y	{1,2}
21	\101\x42\b\f\v\q	1	epoch	off	{}
\.!
copy cp (a, b) from stdin with (format csv, header);
a,b
30,"quo""ted"
31,
32,""
33,"multi
line"
\.!
copy cp (a, b) from stdin with (format csv, header match);
a,c
34,x
\.!
copy cp (a, b) from stdin with (format csv, header match);
a
34
\.!
copy cp (a, b) from stdin with (format csv, header match);
a,b,c
34,x,y
\.!
copy cp (a, b) from stdin with (format csv, delimiter ';', quote '''', escape '\', null 'nil', force_not_null (b));
35;'it\'s'
36;nil
\.!
copy cp (a, b) from stdin with (format csv, force_null (b));
37,""
\.!
copy cp (a, b) from stdin with (format csv, force_null *, force_not_null *);
38,""
39,
\.!
copy cp (a, b) from stdin csv;
40,"unterminated
\.!
copy cp (a, b) from stdin csv;
40,x,y
\.!
copy cp (a, b) from stdin csv;
40
\.!
copy cp (a, b) from stdin with (format csv, on_error ignore);
41,x
zz,y
42,z
\.!
copy cp (a, b, c) from stdin with (on_error ignore, log_verbosity verbose);
43	x	1
44	y	bad
x45	z	3
46	q	12345
47	q	1
\.!
copy cp (a, b, c) from stdin with (on_error ignore, log_verbosity silent);
48	x	1
49	y	bad
\.!
copy cp (a, b, c) from stdin with (on_error ignore, reject_limit 1);
50	x	1
51	y	bad
52	y	bad
\.!
copy cp (a, b, c) from stdin with (on_error ignore, reject_limit 0);
\.!
copy cp (a, b, c) from stdin with (on_error nope);
\.!
copy cp (a, b, c) from stdin with (reject_limit 5);
\.!
copy cp (a, b, c) from stdin with (format nope);
\.!
copy cp (a, b, c) from stdin with (format binary, delimiter ',');
\.!
copy cp (a, b, c) from stdin with (delimiter ',,');
\.!
copy cp (a, b, c) from stdin with (delimiter 'a');
\.!
copy cp (a, b, c) from stdin with (delimiter E'\n');
\.!
copy cp (a, b, c) from stdin with (null E'a\nb');
\.!
copy cp (a, b, c) from stdin with (quote 'a');
\.!
copy cp (a, b, c) from stdin with (format csv, quote ',');
\.!
copy cp (a, b, c) from stdin with (format csv, quote 'ab');
\.!
copy cp (a, b, c) from stdin with (format csv, escape 'ab');
\.!
copy cp (a, b, c) from stdin with (escape 'a');
\.!
copy cp (a, b, c) from stdin with (format csv, null 'a"b');
\.!
copy cp (a, b, c) from stdin with (null 'a,b', delimiter ',');
\.!
copy cp (a, b, c) from stdin with (force_quote *);
\.!
copy cp (a, b, c) from stdin with (format csv, force_quote *);
\.!
copy cp (a, b, c) from stdin with (force_not_null (a));
\.!
copy cp (a, b) from stdin with (format csv, force_not_null (c));
\.!
copy cp (a, b) from stdin with (format csv, force_null (c));
\.!
copy cp (a, b) from stdin with (format csv, format csv);
\.!
copy cp (a, b) from stdin with (nope 1);
\.!
copy cp (a, b) from stdin with (header 5);
\.!
copy cp (a, b) from stdin with (header maybe);
\.!
copy cp (a, b) from stdin with (format binary, header);
\.!
copy cp (a, b) from stdin with (encoding 'nope');
\.!
copy cp (a, b) from stdin with (default 'DEF');
60	DEF
61	x
\.!
copy cp (a, b) from stdin with (default 'D', null 'D');
\.!
copy cp (a, b, c) from stdin with (default 'DEF');
62	DEF	DEF
DEF	x	1
\.!
copy cp (a, b) from stdin where a > 71;
70	DEF
71	x
72	y
73	z
\.!
copy cp (a, b) from stdin where nope > 71;
\.!
copy cp (a, b) from stdin where g > 71;
\.!
copy cp (a, b) from stdin where sum(a) > 71;
\.!
copy cp (a, b) from stdin where a;
\.!
copy cp (a, b) from stdin binary;
xyz
\.!
copy cp to stdout;
copy cp (g) to stdout;
copy cp (a, b, c) to stdout csv header;
copy (select a, b, c, d, e, f from cp where a in (1, 2, 3, 21) order by a) to stdout (format csv, delimiter '|', null '~', force_quote (b), header true);
copy (select a, b from cp order by a limit 4) to stdout (format csv, force_quote *);
copy (select a, b from cp order by a limit 4) to stdout (format csv, force_quote (nope));
copy (select a, b from cp order by a limit 4) to stdout (format binary);
copy (select 1, null::text, 'x'::bytea, 1.5::numeric, '2020-01-01'::timestamptz, array[1,2], '{"a":1}'::jsonb, true, 'a'::"char", '00000000-0000-0000-0000-000000000001'::uuid, '1 day'::interval) to stdout (format binary);
copy (insert into cp (a) values (90), (91) returning a, g) to stdout;
copy (update cp set b = 'upd' where a = 90) to stdout;
copy (delete from cp where a = 91 returning *) to stdout with (header);
copy (select 1; select 2) to stdout;
copy (select 1 into x) to stdout;
copy cp to stdout where a > 1;
copy cp to stdout (freeze);
copy cp to stdout (on_error ignore);
copy cp to stdout (default 'x');
copy cp to stdout (force_null (a), format csv);
copy cp to stdout (header match);
copy cp from '/nonexistent/file';
copy cp to 'relative';
copy cp from 'relative';
create view cpv as select a, b from cp;
copy cpv to stdout;
copy cpv from stdin;
\.!
create sequence cps;
copy cps to stdout;
copy cps from stdin;
\.!
create materialized view cpm as select a from cp where a < 3;
copy cpm to stdout;
copy cpm from stdin;
\.!
create table cpp (k int, v text) partition by list (k);
create table cpp1 partition of cpp for values in (1, 2);
create table cpp2 (v text, k int);
alter table cpp attach partition cpp2 for values in (3);
copy cpp from stdin;
1	a
3	b
2	c
\.!
copy cpp from stdin;
1	a
4	b
\.!
copy cpp to stdout;
copy cpp1 to stdout;
copy cpp1 from stdin;
3	q
\.!
copy (select * from cpp order by k) to stdout;
create table ct (a text, b text);
copy ct from stdin;
\\.	x
a\
b	c
\u00e9	\x4142
\.!
copy ct from stdin csv;
\.
"\.",x
a"b"c,d""e
 sp , x 
\.!
select * from ct;
copy ct to stdout;
copy ct to stdout csv;
copy ct (b, a) from stdin csv delimiter E'\t' quote '"' null 'NULL';
NULL	"NULL"
\.!
copy ct from stdin delimiter '|' null as '';
|x
y|
\.!
select a is null, b is null, * from ct;
copy ct from stdin with (header false, format 'csv', encoding utf8);
a,b
\.!
create domain cpd as int check (value > 0);
create table cpx (d cpd, t varchar(3), n numeric(3,1), ts timestamptz, u uuid, j jsonb, i inet, iv interval, bb bytea, c "char", m money, r int4range, x bit(3));
copy cpx from stdin;
1	abc	1.5	2020-01-01 00:00:00+00	00000000-0000-0000-0000-000000000001	{"a": [1]}	10.0.0.1/8	1 mon	\\x0102	q	$1.50	[1,5)	101
\.!
copy cpx (d) from stdin;
0
\.!
copy cpx (t) from stdin;
abcd
\.!
copy cpx (n) from stdin;
100
\.!
copy cpx (ts) from stdin;
2020-01-01 25:00
\.!
copy cpx (u) from stdin;
zz
\.!
copy cpx (i) from stdin;
10.0.0.300
\.!
copy cpx (iv) from stdin;
1 moon
\.!
copy cpx (bb) from stdin;
\\x0
\.!
copy cpx (bb) from stdin;
\\x0g
\.!
copy cpx (m) from stdin;
x
\.!
copy cpx (r) from stdin;
[5,1)
\.!
copy cpx (x) from stdin;
1010
\.!
copy cpx (d) from stdin (on_error ignore);
1
0
x
\.!
copy cpx to stdout;
copy cpx to stdout csv;
copy cpx to stdout binary;
-- savepoints inside errors
create table sp (a int primary key, b text);
begin;
insert into sp values (1, 'a');
savepoint s1;
insert into sp values (1, 'dup');
select * from sp;
savepoint s2;
release s1;
rollback to nope;
rollback to s1;
insert into sp values (2, 'b');
savepoint s2;
create table spx (q int);
insert into spx values (1);
savepoint s1;
insert into sp values (3, 'c');
rollback to s1;
insert into sp values (4, 'd');
release s1;
rollback to s2;
select to_regclass('spx');
release s2;
release s2;
commit;
select * from sp;
savepoint x;
release x;
rollback to x;
begin;
begin;
commit and chain;
insert into sp values (10, 'chain');
rollback and chain;
insert into sp values (11, 'chain');
commit;
commit;
rollback;
commit and chain;
begin isolation level serializable, read only, deferrable;
insert into sp values (12, 'ro');
rollback;
begin read only;
create table ro (a int);
rollback;
begin transaction isolation level repeatable read;
select 1;
set transaction isolation level read committed;
rollback;
start transaction read write;
set transaction read only;
update sp set b = 'x';
end;
abort;
begin;
drop table sp;
select * from sp;
rollback;
begin;
alter table sp add column c int default 3;
savepoint a;
update sp set c = 4 where a = 1;
alter table sp drop column b;
select * from sp;
rollback to a;
select * from sp order by a;
rollback;
select * from sp order by a;
begin;
create index spi on sp (b);
savepoint a;
drop index spi;
rollback to a;
insert into sp values (20, 'idx');
truncate sp;
rollback to a;
select count(*) from sp;
commit;
