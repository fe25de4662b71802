create table bi (id int, a int, t text);
create unique index bi_part on bi (a) where id % 2 = 0;
create unique index bi_expr on bi (lower(t), (100 / (id - 50)));
create index bi_x on bi ((a * 2)) include (t) where a > 10;
insert into bi select g, g, 'T' || g from generate_series(1, 49) g;
insert into bi select g, g, 'T' || g from generate_series(51, 120) g;
insert into bi select g, g, 'U' || g from generate_series(30, 100) g;
insert into bi select g, g - 300, 't' || g from generate_series(300, 400) g;
insert into bi select g, g - 500, 'n' || g from generate_series(500, 560) g;
insert into bi select g, -g, 'T' || (g % 40) from generate_series(601, 699) g where g % 2 = 1;
insert into bi select g, -g, 'q' || (g / 2) from generate_series(20001, 20099) g;
select count(*), sum(a), sum(id) from bi;
copy bi from stdin;
1001	1001	c1
1002	1002	c2
1003	1003	c3
1004	1002	c4
\.!
set enable_seqscan = off;
select count(*) from bi where a > 10 and a * 2 between 20 and 100;
select id from bi where a = 20 and id % 2 = 0;
select id from bi where lower(t) = 't30' and 100 / (id - 50) = -5;
create table bp (k int, v text) partition by range (k);
create table bp1 partition of bp for values from (0) to (1000);
create unique index on bp1 (upper(v)) where k > 5;
insert into bp1 select g, 'v' || g % 60 from generate_series(1, 60) g;
insert into bp1 select g, 'V' || g % 60 from generate_series(61, 120) g;
insert into bp1 select g % 6, 'V' || g % 60 from generate_series(61, 120) g;
