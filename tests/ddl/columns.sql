create table t(a int, b text not null, c varchar(10) default 'x', d numeric(10,2) default 0,
    e timestamptz default now(), f int[] , g text collate "C", h bool default true not null,
    i char(3), j int default 1 + 2 check (j > 0), k float8 default 1.5, l jsonb default '{}',
    m text[] default array['a','b'], n date default current_date, o text default null);
create table nothing();
create table small(a int, b char(10), c varchar(20));
create table big(a char(1000), b varchar(600));
