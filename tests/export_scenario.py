# ruff: noqa: E501
"""A database with everything that makes reading rows hard; used by the export tests.

:func:`fill` runs against a live server (wide rows, TOAST by every strategy and method,
added and dropped columns, partitions, all row states) and leaves transactions behind:
prepared ones, and one that is cut off when the server is stopped immediately.
"""

from __future__ import annotations

from typing import Any

TYPES = """
create type mood as enum ('sad', 'ok', 'ha''ppy', 'with "quotes"');
create type pair as (a int, b text, c numeric);
create domain posint as int check (value > 0);
create domain short as varchar(20) default 'x';
create type frange as range (subtype = float8);
create table every_type (
  id serial, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric,
  n2 numeric(12,2), m money, c "char", bp char(7), vc varchar(30), t text, nm name, by bytea,
  d date, tm time, tz timetz, ts timestamp, tsz timestamptz, iv interval, u uuid, j json,
  jb jsonb, x xml_or_text, ia int[], ta text[], ja jsonb[], na numeric[], mo mood, moa mood[],
  p pair, pa pair[], po posint, sh short, ir int4range, nr numrange, tr tstzrange, dr daterange,
  fr frange, imr int4multirange, bi bit(5), vb varbit, ip inet, ci cidr, ma macaddr,
  ma8 macaddr8, pt point, ls lseg, bx box, pth path, poly polygon, cir circle, ln line,
  tv tsvector, tq tsquery, lsn pg_lsn, xi xid, x8 xid8, cd cid, td tid, o oid, rc regclass,
  rp regproc, rt regtype, rn regnamespace, rr regrole, jp jsonpath, sn pg_snapshot);
insert into every_type (b) values (null);
insert into every_type values (default, true, -32768, -2147483648, -9223372036854775808, 1.5e-30,
  -1.7976931348623157e308, 'NaN', 1234567890.12, '-$1,234.50', 'a', 'ab', 'varchar',
  E'tab\\tnewline\\nback\\\\slash\\r\\b\\f\\v', 'name', '\\x00010203ff', '0044-03-15 BC', '23:59:59.999999',
  '24:00:00-15:59', '294276-12-31 23:59:59.999999', '4713-01-01 00:00:00 BC',
  '1 year 2 mons -3 days 04:05:06.789', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  '{"a": [1, 2, {"b": null}]}', '{"z": 1.50, "a": [true, false, null, "s\\u00e9"], "": {}}', '<a>x</a>',
  '{1,NULL,-3}', '{"a b",NULL,"q\\"uote","back\\\\slash",""}', array['{"k":1}'::jsonb, null],
  '[2:3][0:1]={{1.0,2.50},{NaN,-0.001}}', 'with "quotes"', array['sad','ha''ppy']::mood[],
  row(1, 'a,b "c" (d)', 1.10), array[row(1,null,2)::pair, null], 7, 'sh', '[1,10)', '(,5.5]',
  '["2020-01-01 00:00:00+00",infinity)', 'empty', '[1.5,2.5]', '{[1,3),[5,8)}', B'10101', B'1',
  '192.168.1.5/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '(1.5,-2)',
  '[(0,0),(1,1)]', '((2,2),(0,0))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>',
  '{1,2,3}', '''quick'':1A,5B brown:2C fox', 'a & !b:*C | (c <-> d)', '16/B374D848', '4000000000',
  '12345678901', '5', '(7,3)', 4294967295, 'pg_class', 'now', 'int4[]', 'pg_catalog', 'postgres',
  '$.a[*] ? (@.b > 1)', '10:20:10,14,15');
insert into every_type values (default, false, 0, 0, 0, 'NaN', '-Infinity', '-Infinity_or_zero', -0.01, '0',
  '', '', '', '', '', '', 'infinity', '00:00', '00:00+00', '-infinity', 'infinity', '-1 mons +1 day',
  '00000000-0000-0000-0000-000000000000', '[]', '"scalar"', '', '{}', '{}', '{}', '{}', 'sad', '{}',
  row(null,null,null), '{}', 1, '', 'empty', 'empty', '(,)', '[2020-01-01,2020-01-05]', 'empty', '{}',
  B'00000', B'', '::1', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '(0,0)', '((0,0),(0,0))',
  '((0,0),(0,0))', '((0,0))', '((0,0))', '<(0,0),0>', '{1,0,0}', '', '', '0/0', '0', '0', '0',
  '(0,0)', 0, '-', '-', '-', 'public', 'postgres', 'strict $', '1:1:');
insert into every_type (i4, n, f8, f4, t, ts, tsz, d, iv, n2)
  select g, (g * 1234567.891)::numeric / (g % 7 + 1), g * 0.1, g * 1e10, repeat(chr(32 + g % 90), g % 50),
    timestamp '2000-01-01' + g * interval '1 day 1.000001 sec', timestamptz '1999-01-01 00:00+00' + g * interval '37 min',
    date '1900-01-01' + g, g * interval '1 hour 3 days', g * 0.37 from generate_series(1, 3000) g;
"""
TABLES = """
create table toasted (id int, plain text, ext text, ext2 text, main text, b bytea, j jsonb, a text[]);
alter table toasted alter plain set storage plain, alter ext set storage external,
  alter ext2 set storage extended, alter main set storage main;
insert into toasted select g, repeat('p', g * 20), repeat(md5(g::text), g * 11),
  repeat('compress me ' || g, g * 300), repeat('main ', g * 400),
  decode(repeat(md5((g*7)::text), g * 40), 'hex'),
  jsonb_build_object('k', repeat('v' || g, g * 500), 'n', g), array_fill(md5(g::text), array[g * 20])
  from generate_series(0, 60) g;
insert into toasted values (1000, null, repeat('x', 300000), repeat('abcdefghij', 30000), null, null, null, null);
update toasted set id = id + 1 where id % 3 = 0;
delete from toasted where id % 10 = 7;
create table added (a int, b text);
insert into added select g, 'old ' || g from generate_series(1, 1000) g;
alter table added add c int default 42, add d text default repeat('dflt', 10), add e timestamptz default '2020-02-02 02:02:02+00';
insert into added (a, b) select g, null from generate_series(1001, 1200) g;
alter table added drop column b;
alter table added add f numeric default 3.1400, add g int[] default '{1,2}', add h text;
insert into added (a) select g from generate_series(1201, 1300) g;
update added set d = null, c = null where a % 50 = 0;
create table dropped_all (a int);
insert into dropped_all values (1), (2);
alter table dropped_all drop column a;
create table empty_table (a int, b text);
create table one_text (t text);
insert into one_text values (''), (null), ('\\.'), (E'\\\\.'), ('a,b'), ('"'), (E'\\n'), (E'\\r'), ('plain'), (E'\\x01\\x02\\x1f');
create table many_nulls (a int, b text, c int8, d text, e bool, f float8, g text, h int2, i text, j text);
insert into many_nulls select case when g & 1 > 0 then g end, case when g & 2 > 0 then 't' || g end,
  case when g & 4 > 0 then g end, case when g & 8 > 0 then repeat('x', g % 200) end, case when g & 16 > 0 then g % 3 = 0 end,
  case when g & 32 > 0 then g / 7.0 end, case when g & 64 > 0 then '' end, case when g & 128 > 0 then g % 100 end,
  case when g & 256 > 0 then 'i' end, case when g & 512 > 0 then 'last' end from generate_series(0, 4095) g;
create table wide_row (k int);
do $$ begin for i in 1..400 loop execute format('alter table wide_row add c%s %s', i,
  (array['int','text','int8','bool','numeric','timestamptz'])[i % 6 + 1]); end loop; end $$;
insert into wide_row select 1; insert into wide_row (k, c1, c2, c6, c400) values (2, 'x', 5, 7, 1), (3, null, null, 9, null);
create table parent (id int, region text, v numeric) partition by list (region);
create table part_a partition of parent for values in ('a');
create table part_b (v numeric, dead int, region text, id int);
alter table part_b drop column dead;
alter table parent attach partition part_b for values in ('b');
create table part_c partition of parent for values in ('c') partition by range (id);
create table part_c1 partition of part_c for values from (0) to (100);
insert into parent select g, (array['a','b','c'])[g % 3 + 1], g / 8.0 from generate_series(1, 90) g;
create table inh_parent (a int, b text);
create table inh_child (c int) inherits (inh_parent);
insert into inh_parent values (1, 'p'); insert into inh_child values (2, 'c', 3);
create table gen (a int, b int generated always as (a * 2) stored, c text);
insert into gen (a, c) values (1, 'x'), (null, 'y');
create table ident (id int generated always as identity, t text);
insert into ident (t) values ('a'), ('b''c');
create schema "Odd Schema"; create table "Odd Schema"."Ta/b.le" ("Col 1" int, "sel""ect" text);
insert into "Odd Schema"."Ta/b.le" values (1, 'v');
create unlogged table unlogged (a int); insert into unlogged values (1);
create materialized view matview as select id, t from every_type where id < 10;
create table "all" (a int, "user" text, b bit(3), c bool, d float8, e numeric);
insert into "all" values (1, 'it''s', B'101', true, 'NaN', 'NaN'), (null, E'a\\\\b\\n', null, false, 1e-5, -1.50), (-5, '', B'000', null, '-Infinity', 0);
create function a_function(int) returns int language sql as 'select 1';
create table names (p regproc, t regtype, i int2vector, o oidvector);
insert into names values ('a_function', 'mood', '1 -2', '1 2'), ('now', 'int4', '', ''), (null, null, null, null);
create statistics st (dependencies, ndistinct, mcv) on i4, b from every_type;
analyze;
"""
ROW_STATES = """
create table states (id int primary key, v text);
insert into states select g, 'v' || g from generate_series(1, 2000) g;
update states set v = v || ' upd' where id % 5 = 0;
delete from states where id % 7 = 0;
begin; insert into states values (9001, 'aborted insert'); delete from states where id = 1;
update states set v = 'aborted update' where id between 10 and 20; rollback;
begin; insert into states values (9100, 'before savepoint'); savepoint s;
insert into states values (9101, 'rolled back'); update states set v = 'sub aborted' where id = 22; rollback to s;
savepoint s2; insert into states values (9102, 'sub committed'); delete from states where id = 23; release s2;
savepoint s3; update states set v = 'sub updated' where id = 24; savepoint s4; delete from states where id = 25; commit;
create table frozen_rows as select g as id, 'f' || g as v from generate_series(1, 1000) g;
vacuum freeze frozen_rows;
delete from frozen_rows where id % 100 = 0;
create table unhinted as select g as id, 'u' || g as v from generate_series(1, 1000) g;
create table hot (id int primary key, n int) with (fillfactor = 50);
insert into hot select g, 0 from generate_series(1, 100) g;
update hot set n = 1; update hot set n = 2 where id % 2 = 0; update hot set n = 3; vacuum hot; update hot set n = n + 1;
create table locked (id int primary key, v text);
insert into locked select g, 'l' || g from generate_series(1, 60) g;
create table child (id int references locked);
"""


def fill(connect: Any) -> None:
    """Create the scenario in one database; ``connect()`` gives an autocommit connection."""
    with connect() as c:
        version = c.info.server_version // 10000
        xml = "text"
        special = "-Infinity" if version >= 14 else "0"
        run(c, TYPES.replace("xml_or_text", xml).replace("-Infinity_or_zero", special))
        run(c, TABLES)
        if version >= 15:
            run(c, "create table lz (t text compression pglz); insert into lz values (repeat('abc', 3000));")
        try:
            run(c, "create table lz4 (t text compression lz4, u text compression lz4);")
            run(c, "insert into lz4 select repeat('lz4 ' || g, g * 100), repeat(md5(g::text), g) "
                   "from generate_series(1, 300) g;")  # fmt: skip
        except Exception:
            pass
        if version >= 18:
            run(c, "create table virt (a int, v int generated always as (a + 1) virtual, b text);"
                   "insert into virt (a, b) values (1, 'x');")  # fmt: skip
        run(c, ROW_STATES)
    multixacts(connect)
    prepared(connect)


def run(connection: Any, script: str) -> None:
    """Statement by statement, so that VACUUM and explicit transactions work."""
    for statement in split(script):
        connection.execute(statement)


def split(script: str) -> list[str]:
    """Cut a script at the semicolons that end a line or stand before a blank."""
    out, current, quoted = [], "", False
    i = 0
    while i < len(script):
        if script.startswith("$$", i):
            quoted = not quoted
        if script[i] == ";" and not quoted and current.count("'") % 2 == 0:
            out.append(current)
            current = ""
        else:
            current += script[i]
        i += 1
    return [s for s in [*out, current] if s.strip()]


def multixacts(connect: Any) -> None:
    """Rows locked and updated by several transactions at once."""
    with connect() as a, connect() as b, connect() as c:
        for connection in (a, b, c):
            connection.autocommit = False
        a.execute("select * from locked where id between 1 and 30 for key share")
        b.execute("select * from locked where id between 1 and 20 for share")
        c.execute("select * from locked where id between 11 and 30 for key share")
        b.rollback()
        c.execute("update locked set v = v || ' multi' where id between 15 and 25")
        a.execute("insert into child select id from locked where id between 26 and 30")
        c.execute("select * from locked where id between 40 and 50 for update")
        a.commit()
        c.commit()
        a.execute("select * from locked where id between 5 and 20 for key share")
        b.execute("update locked set v = 'aborted multi' where id between 5 and 10")
        a.execute("select * from locked where id between 31 and 39 for no key update")
        b.rollback()
        a.commit()
        c.execute("delete from locked where id = 60")
        c.execute("select * from locked where id = 59 for share")
        c.commit()


def prepared(connect: Any) -> None:
    """Prepared transactions that stay pending: an insert, a delete, a subtransaction."""
    with connect() as c:
        run(c, """
            create table pending as select g as id, 'p' || g as v from generate_series(1, 100) g;
            begin; insert into pending values (1001, 'prepared insert');
            delete from pending where id = 5; savepoint s; update pending set v = 'prep' where id = 6;
            prepare transaction 'pgtool_pending';
            begin; delete from pending where id = 7; prepare transaction 'pgtool_done';
            commit prepared 'pgtool_done';
        """)  # fmt: skip
