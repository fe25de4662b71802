create table ev(id int, ts timestamp, tz timestamptz, d date, t time, i interval, j jsonb, js json);
insert into ev select g, timestamp '2023-12-25' + g * interval '7 hours 13 min 1.5 s', timestamptz '2024-03-25 UTC' + g * interval '5 hours', date '2023-12-25' + g, time '00:00' + g * interval '37 min', g * interval '1 day 2 hours', jsonb_build_object('a', g, 'b', jsonb_build_array(g, g%3, null), 'n', g%5), json_build_object('a', g, 'k', 'x'||g) from generate_series(1,100) g;
insert into ev values (101,'infinity','-infinity','infinity',null,null,'null','null'), (102,null,null,null,'24:00',interval '1 mon -1 day',null,null);
create type pt as (x int, y numeric);
create type rec as (a int, b text, p pt, arr int[], m jsonb, d date);
create domain posint as int check (value > 0);
create domain nn as text not null;
create type dd as (p posint, n nn);
