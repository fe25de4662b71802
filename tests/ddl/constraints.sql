create table p(a int primary key, b int unique, c int, d text,
    constraint cc check (c > 0 and d <> 'x'), check (c < 100), check (a <> b),
    unique (c, d), constraint u2 unique nulls not distinct (d, c) include (b));
create table q(a int constraint nn not null, b int, primary key (b, a),
    constraint nnb not null b, check (length('x') = 1));
create table dd(a int primary key deferrable initially deferred, b int unique deferrable);
