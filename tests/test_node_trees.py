"""Stored trees: whatever a real server stores is read; for 18 the text comes back the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from formats.errors import CorruptData
from pgtool.nodes.base import walk
from pgtool.nodes.query import Query
from pgtool.nodes.text import node_to_text, text_to_node

OBJECTS = """
create table base (a int primary key default 7, b text default 'x''y ("q")' || 'z',
    c numeric check (c > -1.5 and c is not null), d timestamptz default now(),
    e int[] default '{1,2}', f jsonb default '{"a": [1]}', g text collate "C",
    h int generated always as (a * 2) stored, i bool default true,
    check (case when a > 1 then b like 'a%' else coalesce(g, '') <> '' end));
create index on base ((lower(b)), (a + 1)) where c between 1 and 2 or e is null;
create type pair as (x int, y text);
create domain posint as int check (value > 0);
create table parts (k int, v text) partition by range (k, (length(v)));
create table parts1 partition of parts for values from (minvalue, minvalue) to (10, maxvalue);
create table lparts (k text) partition by list (k);
create table lparts1 partition of lparts for values in ('a', null);
create table hparts (k text) partition by hash (k);
create table hparts1 partition of hparts for values with (modulus 3, remainder 1);
create view v1 as select b.a, count(*) filter (where b.c > 1) as n, sum(distinct b.c) s,
    string_agg(b.b, ',' order by b.a desc nulls last) t
  from base b left join parts p on p.k = b.a and b.i group by b.a having count(*) > 0
  order by 2 desc limit 10 offset 1;
create view v2 as with recursive r(n) as (select 1 union all select n + 1 from r where n < 5)
    search depth first by n set o
  select n, rank() over w,
    sum(n) over (order by n rows between 1 preceding and current row exclude ties)
  from r window w as (partition by n % 2 order by n);
create view v3 as select row(1, 'a')::pair as p, (row(1, 'a')::pair).x,
    (array[1, 2, 3])[2:3] as sl,
    (1, 2) < (3, 4) as rc, exists (select from base) ex, a = any (array[1, 2]) an,
    a in (select k from parts) isub, nullif(a, 1), greatest(a, 2), a is distinct from 3 as idf,
    current_date, current_user, b::varchar(5), (a::text)::posint::int,
    ctid, tableoid::regclass, b is json j
  from base;
create view v4 as select * from generate_series(1, 3) with ordinality g(a, o),
    lateral (select g.a * 2 as d) l, rows from (unnest(array[1]), unnest(array['x'])) as u(p, q),
    (values (1, 'a'), (2, null)) as vv(m, n);
create view v5 as select grouping(a, b), a, b, count(*) from base
  group by grouping sets ((a), (b), ());
create view v6 as select a from base union all select k from parts except select 1 order by 1;
create view v7 as select * from base tablesample bernoulli (10) repeatable (1);
create view v8 as select a from base for update of base skip locked;
create rule r1 as on insert to v1 do instead insert into parts values (new.a, 'x')
  returning k, 1::bigint, 1::numeric, v;
create rule r2 as on update to v6 do instead (update parts set v = 'z' where k = old.a; notify foo);
create rule r3 as on delete to v6 do also delete from base using parts where base.a = parts.k;
create rule r4 as on delete to v3 do instead insert into base (b) values (old.b)
  on conflict (a) do update set b = excluded.b where base.c > 0;
create function sqlf(x int, variadic y int[]) returns int begin atomic select x + y[1]; end;
create function sqlr(x int) returns int return x + 1;
create policy pol on base using (a = 1);
create function tf() returns trigger language plpgsql as 'begin return new; end';
create trigger tg before update on base for each row
  when (old.a is distinct from new.a) execute function tf();
create statistics st on (a + 1), b from base;
"""
COLUMNS = [
    ("pg_rewrite", "ev_action"), ("pg_rewrite", "ev_qual"), ("pg_attrdef", "adbin"),
    ("pg_constraint", "conbin"), ("pg_index", "indexprs"), ("pg_index", "indpred"),
    ("pg_proc", "prosqlbody"), ("pg_proc", "proargdefaults"), ("pg_type", "typdefaultbin"),
    ("pg_class", "relpartbound"), ("pg_partitioned_table", "partexprs"),
    ("pg_policy", "polqual"), ("pg_trigger", "tgqual"), ("pg_statistic_ext", "stxexprs"),
]  # fmt: skip
#: Statements of the script that a major's grammar does not have yet.
SINCE = {"is json": (16, ", b is json j", "")}


def _trees(server: Any) -> list[tuple[str, str]]:
    script = OBJECTS
    for major, old, new in SINCE.values():
        if server.major < major:
            script = script.replace(old, new)
    with server.connect() as session:
        session.execute("drop database if exists trees")
        session.execute("create database trees")
    with server.connect("trees") as session:
        session.execute(script)
        found = []
        for table, column in COLUMNS:
            rows = session.execute(f"select {column}::text from {table} where {column} is not null")
            found += [(f"{table}.{column}", text) for (text,) in rows]
    return found


@pytest.mark.server
def test_every_stored_tree_is_read(shared_server: Callable[[int], Any], major: int) -> None:
    found = _trees(shared_server(major))
    assert len(found) > 150
    seen: set[str] = set()
    for where, text in found:
        tree = text_to_node(text, major)
        seen |= {type(node).__name__ for node in walk(tree)}
        if major == 18:
            assert node_to_text(tree) == text, where
        else:
            again = text_to_node(node_to_text(tree), 18)
            assert again == tree, where
    wanted = {"Query", "RangeTblEntry", "Aggref", "WindowFunc", "SubLink", "RowCompareExpr",
              "CaseExpr", "CoerceToDomain", "SQLValueFunction", "PartitionBoundSpec",
              "SetOperationStmt", "CommonTableExpr", "OnConflictExpr", "RTEPermissionInfo",
              "SubscriptingRef", "GroupingFunc", "NotifyStmt"}  # fmt: skip
    assert wanted <= seen, wanted - seen


def test_damage_is_named() -> None:
    for text in ("{VAR :varno", "(", "{VAR :varno x}", ")", "{QUERY :rtable (i 1 z)}", "{CONST "
                 ":constvalue 4 [ 1 2 ]}", "((((", "{VAR varno 1}"):  # fmt: skip
        with pytest.raises(CorruptData):
            text_to_node(text)


def test_nodes_compare_by_structure() -> None:
    one = text_to_node("{VAR :varno 1 :varattno 2 :location 5}")
    two = text_to_node("{VAR :varno 1 :varattno 2 :location -1}")
    assert one == two
    assert one != text_to_node("{VAR :varno 1 :varattno 3}")
    assert Query() == Query()
    assert Query().rtable is not Query().rtable
