create table t(a int, b text, c numeric, d varchar(10), e name);
create index on t(a); create unique index ui on t(b desc nulls last, a);
create index on t(lower(b)); create index on t((a + 1), (a * 2)); create index pi on t(a) where b is not null;
create index inc on t(a) include (b, c); create index ops on t(b text_pattern_ops, d collate "C");
create index ff on t(a) with (fillfactor = 70); create index on t(e); create index on t(c, a, a);
create unique index nnd on t(c) nulls not distinct;
