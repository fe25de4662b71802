create table p(a int primary key, b text unique, c int, unique(a, c));
create table f(a int references p, b text references p(b) on delete cascade on update set null,
   c int, constraint fk2 foreign key (a, c) references p(a, c) match full deferrable initially deferred);
create table self(id int primary key, up int references self on delete set default);
create table x(a bigint references p, b varchar(5) references p(b) on delete restrict on update cascade);
