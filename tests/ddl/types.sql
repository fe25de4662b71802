create type color as enum ('red', 'green', 'blue'); create type empty as enum (); alter type color add value 'purple' after 'red'; alter type color rename value 'blue' to 'azure';
create type comp as (a int, b text collate "C", c color); create domain posint as int check (value > 0); create domain d2 as posint not null default 5;
create domain d3 as varchar(10) constraint short check (length(value) < 5) default 'x' || 'y'; create domain d4 as text collate "C" check (value <> '') constraint nn not null;
create table t(a color default 'red', b comp, c posint, d d2, e color[], f comp[], g d3 default 'q'); alter domain d3 set default 'z'; alter domain d3 drop constraint short; alter domain d2 drop not null;
alter domain d4 drop default; create domain d5 as int[]; create domain d6 as comp; create type t2 as (x int, y t); comment on type color is 'c'; comment on domain posint is 'd'; comment on constraint nn on domain d4 is 'e';
drop type empty; create type del as enum('a'); create table usesdel(a int, b del); drop type del cascade;
