"""The planner beside a real server: the same rows, and mostly the same plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from pgtool.catalog.cluster import Cluster
from pgtool.errors import SqlError
from pgtool.functions.session import Session
from pgtool.sql.engine import Engine
from tests.servers import MissingServer, cluster

pytestmark = pytest.mark.server

SCHEMA = """
create table cust(id int primary key, name text not null, city text);
create table ord(id int primary key, cust int not null references cust(id), day date not null,
                 status text, total numeric(10,2));
create index ord_cust on ord(cust);
create index ord_day on ord(day);
create table item(ord int not null references ord(id), line int, prod int, primary key(ord, line));
create table part(id int, k int) partition by range(k);
create table part1 partition of part for values from (0) to (100);
create table part2 partition of part for values from (100) to (200);
create index part_k on part(k);
create table hot(id int primary key, v int) with (fillfactor = 50);
insert into cust select i, 'c' || i, 'city' || i % 50 from generate_series(1, 2000) i;
insert into ord select i, 1 + i * 7919 % 2000, date '2020-01-01' + i / 20,
  (array['new', 'paid', 'sent'])[1 + i % 3], i % 1000 / 7.0 from generate_series(1, 10000) i;
insert into item select i / 3, i % 3, i % 100 from generate_series(3, 30002) i;
insert into part select i, i % 200 from generate_series(1, 4000) i;
insert into hot select i, i from generate_series(1, 1000) i;
vacuum analyze;
update hot set v = v + 1 where id % 3 = 0;
update hot set v = v + 1 where id % 6 = 0;
checkpoint;
"""
QUERIES = """
select * from ord where id = 5
select * from ord where id < 20 order by id
select * from ord where cust in (5, 6) order by id
select * from ord where cust = 5 or day = '2020-05-05' order by id
select * from ord order by id desc limit 3
select status, count(*), sum(total) from ord group by status order by status
select max(day), min(id) from ord
select c.name, o.id from cust c join ord o on o.cust = c.id where c.id < 5 order by 2
select c.id, o.id from cust c left join ord o on o.cust = c.id and o.total > 140 order by 1, 2
select id from cust c where not exists (select 1 from ord o where o.cust = c.id) order by 1
select id from cust where id in (select cust from ord where day = '2020-03-03') order by 1
select c.id, (select count(*) from ord o where o.cust = c.id) from cust c where id < 5 order by 1
select city, count(*) from cust group by city having count(*) > 39 order by city limit 4
select distinct status from ord order by 1
select count(*) from cust where id < 0 group by ()
select status, count(*), grouping(status) from ord group by rollup(status) order by 1 nulls last
select status, cust % 3 as c, count(*), grouping(status, cust % 3) from ord
  group by cube(status, cust % 3) having count(*) > 1500 order by 4, 1, 2
select status, count(*) from ord where status = 'new' group by rollup(status) order by status
select c.id, o.cust, count(*) from cust c join ord o on o.cust = c.id where c.id < 5
  group by cube(c.id, o.cust) order by 1, 2, 3
select status, day, max(total) from ord where id < 90 group by grouping sets ((status), (day), ())
  order by 1, 2
select k, count(*) from part where k in (5, 150) group by k order by k
select * from part where k = 150 order by id limit 3
select id, v from hot where id between 3 and 20 order by id
select id, row_number() over (partition by status order by id) from ord where id < 9 order by 1
with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r
select id from cust where id < 4 union select cust from ord where id < 4 order by 1
select id from cust where id < 9 except select cust from ord where total > 50 order by 1
select o.id, i.line from ord o join item i on i.ord = o.id where o.cust = 7 order by 1, 2
select c.id, l.id from cust c, lateral (select id from ord o where o.cust = c.id
  order by id desc limit 1) l where c.id < 4 order by 1
""".replace("\n  ", " ").strip().split("\n")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Engine, dict[str, Any], dict[str, list[str]]]]:
    try:
        with cluster(18, conf={"max_parallel_workers_per_gather": 0, "jit": "off"}) as server:
            server.psql(SCHEMA)
            rows, plans = {}, {}
            with server.connect() as con:
                for query in QUERIES:
                    found = con.pgconn.exec_(query.encode())
                    rows[query] = [
                        tuple(
                            None if (v := found.get_value(i, j)) is None else v.decode()
                            for j in range(found.nfields)
                        )
                        for i in range(found.ntuples)
                    ]
                    text = con.pgconn.exec_(b"explain (costs off) " + query.encode())
                    plans[query] = [text.get_value(i, 0).decode() for i in range(text.ntuples)]
            server.stop()
            yield Engine(Session.open(Cluster(str(server.data)), "postgres")), rows, plans
    except MissingServer as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("query", QUERIES)
def test_same_rows(both: Any, query: str) -> None:
    engine, rows, _ = both
    assert [tuple(r) for o in engine.run(query) for r in o.answer.texts()] == rows[query]


def _shape(lines: list[str]) -> list[str]:
    return [line for line in lines if re.match(r" *(->|\S)", line)
            and (line.lstrip().startswith("->") or not line.startswith(" "))]  # fmt: skip


def test_same_plans(both: Any) -> None:
    engine, _, plans = both
    different = []
    for query in QUERIES:
        mine = [r[0] for o in engine.run(f"explain (costs off) {query}")
                for r in o.answer.texts()]  # fmt: skip
        if _shape(mine) != _shape(plans[query]):
            different.append((query, mine, plans[query]))
    assert len(different) <= len(QUERIES) // 10, different


def test_for_update_is_refused(both: Any) -> None:
    with pytest.raises(SqlError) as found:
        list(both[0].run("begin read only; select * from cust for no key update"))
    list(both[0].run("rollback"))
    assert found.value.sqlstate == "25006"
    assert "cannot execute SELECT FOR NO KEY UPDATE in a read-only" in str(found.value)


def test_analyze_counts_pages(both: Any) -> None:
    """Searches, heap fetches and pages as PostgreSQL 18 counts them for the same files."""
    engine, _, _ = both

    def lines(query: str) -> str:
        (outcome,) = engine.run(f"explain (analyze, timing off, summary off, costs off) {query}")
        text = "\n".join(r[0] for r in outcome.answer.texts())
        return re.sub(r"hit=(\d+) read=(\d+)",
                      lambda m: f"pages={int(m[1]) + int(m[2])}",
                      re.sub(r"shared (?:hit|read)=(\d+)$", r"shared pages=\1", text, flags=re.M))

    text = lines("select * from ord where id = 5")
    assert "Index Searches: 1\n  Buffers: shared pages=3" in text
    text = lines("select id from ord where id < 500")
    assert "Heap Fetches: 0\n  Index Searches: 1\n  Buffers: shared pages=4" in text
    assert "Heap Fetches: 49" in lines("select id from hot where id < 50")
    text = lines("select * from ord where cust in (5, 6)")
    assert "Heap Blocks: exact=10\n  Buffers: shared pages=12" in text
    text = lines("select c.name, o.id from cust c join ord o on o.cust = c.id")
    assert "Buckets: 2048  Batches: 1  Memory Usage: 102kB" in text


def test_other_formats(both: Any) -> None:
    engine, _, _ = both
    query = "select city from cust where name <> 'a<\\' order by city"
    (xml,) = engine.run(f"explain (format xml, costs off) {query}")
    (yaml,) = engine.run(f"explain (format yaml, costs off) {query}")
    (text,), = xml.answer.texts()
    assert "          <Filter>(name &lt;&gt; 'a&lt;\\'::text)</Filter>" in text.split("\n")
    (text,), = yaml.answer.texts()
    assert text.startswith('- Plan: \n    Node Type: "Sort"\n    Parallel Aware: false\n')
    assert '    Sort Key: \n      - "city"\n    Plans: \n      - Node Type: "Seq Scan"' in text


def test_analyze_and_json(both: Any) -> None:
    import json

    engine, _, _ = both
    query = "select count(*) from ord where status = 'new'"
    (outcome,) = engine.run(f"explain (analyze, format json) {query}")
    ((text,),) = list(outcome.answer.texts())
    (plan,) = json.loads(text)
    assert plan["Plan"]["Node Type"] == "Aggregate"
    assert plan["Plan"]["Plans"][0]["Actual Loops"] == 1
    (outcome,) = engine.run(f"explain analyze {query}")
    lines = [r[0] for r in outcome.answer.texts()]
    assert any("Rows Removed by Filter" in line for line in lines)
    assert lines[-1].startswith("Execution Time: ")
