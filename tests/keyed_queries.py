"""Tables and statements whose answers depend on keys of every type being found equal.

Values of one type are written in several ways (scales of numeric, zeros of both
signs, padded bpchar), have very different lengths, come in many batches, and
some are NULL, so that a join, a group or a set that is right for a few short
values and wrong for many long ones shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["KEYS", "SETTINGS", "schema", "statements"]

#: Column, type, and its value for the whole number ``v`` of the row ``i``.
KEYS: dict[str, tuple[str, str]] = {
    "t": (
        "text",
        "case v % 9 when 0 then repeat(md5(v::text), case v % 700 when 0 then 200 else v % 30 end)"
        " when 1 then v::text"
        " when 2 then repeat('x', v % 300) when 3 then 'é' || v when 4 then v || repeat(' ', v % 5)"
        " when 5 then repeat('ab', v % 17) || v when 6 then repeat('prefix', 40) || v"
        " when 7 then chr(1 + v % 30) || repeat(chr(1), v % 12) else 'k' || v % 100 end",
    ),
    "vc": ("varchar(400)", "case v % 3 when 0 then v::text else repeat('ab', v % 170) || v end"),
    "bp": ("char(40)", "case v % 3 when 0 then v::text else repeat('b', v % 30) || v % 900 end"),
    "nm": ("name", "case v % 3 when 0 then v::text else repeat('n', v % 55) || v % 900 end"),
    "by": ("bytea", "decode(repeat('00', v % 20) || md5((v / 3)::text), 'hex')"),
    "nu": (
        "numeric",
        "case when v % 500 = 7 then 'NaN' when v % 500 = 8 then 'Infinity'"
        " when v % 11 = 3 then (v || repeat('0', v % 40))::numeric"
        " when v % 11 = 5 then (repeat('7', 36) || v % 1000 || '.500' || repeat('0', i % 3))"
        "::numeric"
        " when v % 11 = 4 then -round(v / 8.0, 3 + i % 9)"
        " else round(v / 8.0, 3 + i % 9) end",
    ),
    "f8": (
        "float8",
        "case when v % 500 = 7 then 'NaN' when v % 500 = 8 then '-Infinity'"
        " when v % 500 = 9 then '-0' when v % 500 = 10 then 0 else v / 8.0 end",
    ),
    "f4": (
        "float4",
        "case when v % 500 = 7 then 'NaN' when v % 500 < 3 then '-0' else v / 4.0 end",
    ),
    "i2": ("int2", "v - 6000"),
    "i4": ("int4", "v - 6000"),
    "i8": ("int8", "case v % 13 when 1 then v::int8 << 40 else v - 6000 end"),
    "dt": ("date", "case when v % 900 = 1 then 'infinity' else date '1999-01-01' + v end"),
    "ts": ("timestamp", "timestamp '1999-01-01' + v * interval '6 hours'"),
    "tz": ("timestamptz", "timestamptz '1999-01-01' + v * interval '6 hours'"),
    "iv": ("interval", "case i % 2 when 0 then v * interval '1 day' else v * interval '24 h' end"),
    "uu": ("uuid", "md5(v::text)::uuid"),
    "bo": ("bool", "v % 2 = 0"),
    "ar": ("int[]", "(array[v % 7, v / 3, null, v % 2, v])[:v % 6]"),
    "ta": ("text[]", "array[repeat('z', v % 40), (v % 300)::text]"),
    "jb": (
        "jsonb",
        "case v % 4 when 0 then to_jsonb(round(v / 8.0, 3 + i % 5)) when 1 then to_jsonb(v::text)"
        " when 2 then jsonb_build_object('a', v % 500, repeat('k', v % 30), null)"
        " else jsonb_build_array(v % 300, null, true) end",
    ),
    "rg": ("int4range", "int4range(v % 500, v % 500 + v % 3)"),
    "nt": (
        "inet",
        "('10.' || v % 7 || '.' || v % 200 || '.' || v % 250 || '/' || 24 + v % 2)::inet",
    ),
}
#: Comparisons between types.
CROSS = (
    ("i2", "i4"), ("i4", "i8"), ("i2", "i8"), ("i4", "nu"), ("i8", "nu"), ("i4", "f8"),
    ("f4", "f8"), ("nu", "f8"), ("t", "vc"), ("t", "nm"), ("vc", "bp"), ("t", "bp"), ("dt", "ts"),
    ("dt", "tz"), ("ts", "tz"), ("nm", "bp"), ("i2", "nu"),
)  # fmt: skip
_TIMES = ("dt", "ts", "tz")
#: What one statement is run under: each way of joining and of grouping, little memory.
SETTINGS = (
    {},
    {"work_mem": "64kB"},
    {"enable_hashjoin": "off", "enable_hashagg": "off"},
    {"enable_hashjoin": "off", "enable_hashagg": "off", "work_mem": "64kB"},
    {"enable_mergejoin": "off", "enable_sort": "off", "work_mem": "64kB"},
    {"enable_hashjoin": "off", "enable_mergejoin": "off"},
)
_SUM = "count(*), count(a.id), count(b.id), sum(a.id), sum(b.id), sum(a.id::int8 * b.id % 10007)"
_ONE = "count(*), sum(id), sum(id::int8 * id % 10007)"


def schema(rows: int, spread: int) -> Iterator[str]:
    """The tables ``a`` and ``b`` of many rows, and their first few as ``sa`` and ``sb``."""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in KEYS.items())
    values = ", ".join(
        f"case when (v + i) % {19 + n} = 0 then null else ({value})::{kind} end"
        for n, (kind, value) in enumerate(KEYS.values())
    )
    for table, factor, offset in (("a", 7919, 0), ("b", 104729, spread // 3)):
        yield f"create table {table} (id int, {columns})"
        yield (
            f"insert into {table} select i, {values} from (select i,"
            f" ((i::int8 * {factor} + i % 17 * 31) % {spread} + {offset})::int as v"
            f" from generate_series(1, {rows}) i) s"
        )
        yield f"create table s{table} as select * from {table} where id <= 150"
        yield f"analyze {table}, s{table}"


def _joins(left: str, right: str, a: str, b: str) -> Iterator[str]:
    on = f"a.{left} = b.{right}"
    for kind in ("join", "left join", "right join", "full join"):
        yield f"select {_SUM} from {a} a {kind} {b} b on {on}"
    yield f"select {_SUM} from {a} a left join {b} b on {on} and a.id % 3 = b.id % 3"
    for test in ("exists", "not exists"):
        yield f"select {_ONE} from {a} a where {test} (select 1 from {b} b where {on})"
    yield f"select {_ONE} from {a} a where {left} in (select {right} from {b})"
    yield (
        f"select {_ONE} from {a} a where {left} not in"
        f" (select {right} from {b} where {right} is not null and id % 2 = 0)"
    )
    yield (
        f"select {_ONE} from {a} a where (a.id % 2, {left}) in (select id % 2, {right} from {b})"
    )


def _groups(key: str, a: str, b: str) -> Iterator[str]:
    whole = "count(*), sum(n), sum(n * n), sum(m), sum(m::int8 * n)"
    yield (
        f"select {whole} from (select {key}, count(*) n, min(id) m from {a} group by {key}) s"
    )
    yield (
        f"select {whole} from (select {key}, bo, count(*) n, max(id) m from {a}"
        f" group by {key}, bo) s"
    )
    yield f"select count(*), count({key}) from (select distinct {key} from {a}) s"
    yield f"select count(distinct {key}) from {a}"
    yield (
        f"select count(*), sum(id) from"
        f" (select distinct on ({key}) id from {a} order by {key}, id) s"
    )
    for word in ("union", "intersect", "except", "intersect all", "except all"):
        yield (
            f"select count(*), count({key}) from"
            f" (select {key} from {a} {word} select {key} from {b}) s"
        )
    yield (
        f"select sum(r), sum(n), sum(r * id % 10007), sum(d) from (select id,"
        f" row_number() over (partition by {key} order by id) r, count(*) over (partition by {key})"
        f" n, dense_rank() over (order by {key}) d from {a}) s"
    )
    yield f"select {key}, id from {a} order by {key} desc, id limit 20 offset 1000"
    yield f"select {key}, id from {a} where {key} is not null order by {key}, id limit 20"


def statements(seed: int, size: int) -> list[tuple[str, dict[str, str]]]:
    """``size`` statements of that seed, each with the settings it is run under."""
    out: list[tuple[str, dict[str, str]]] = []
    pairs = [(key, key) for key in KEYS] + list(CROSS) + [(y, x) for x, y in CROSS]
    for settings in SETTINGS:
        nested = "enable_mergejoin" in settings and "enable_hashjoin" in settings
        a, b = ("sa", "sb") if nested else ("a", "b")
        for left, right in pairs:
            # Without a merge join, times of two types are compared pair by pair.
            slow = left != right and left in _TIMES and "enable_mergejoin" in settings
            if nested or (left != "bo" and not slow):
                out += [(text, settings) for text in _joins(left, right, a, b)]
        if not nested:
            for key in KEYS:
                out += [(text, settings) for text in _groups(key, a, b)]
    random.Random(seed).shuffle(out)
    return out[:size]
