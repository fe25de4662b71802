create schema s; create table s.t(a serial primary key, b text unique check (b <> ''));
create table f(a int references s.t on delete cascade); create sequence q; create table u(a int default nextval('q'));
create index ui on u(a); create table gone(a int generated always as identity, b int default 1);
drop table gone; drop index ui; drop sequence q cascade; drop schema s cascade;
create table a(x int primary key); create table b(x int references a, y int default 3, z int);
drop table a cascade; drop table if exists nope, b; create table k(a int); create schema e; drop schema e;
