"""Joins over keys of every kind, by every method, of every join type.

Each pair of columns holds equal, unequal, repeated and NULL keys; of texts also ones which
are far longer than the others beside them. A statement counts what a join gives; it runs
with each join method alone allowed and, for spilling, with very little memory.

``python -m tests.differential.joins [--major N]``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

__all__ = ["METHODS_AND_SPILLS", "SETUP", "statements", "with_method"]

#: Expressions over a number g from 0 to 60, some of them equal for different g.
KEYS = {
    "i2": "g::int2", "i4": "g % 40", "i8": "g::int8 * 2", "n": "(g / 2.0)::numeric",
    "nlong": "(10::numeric ^ 35 + g % 50)", "ntail": "1 + (g % 50) * 10::numeric ^ -32",
    "f4": "g::float4", "f8": "CASE WHEN g % 9 = 0 THEN 'NaN' ELSE g / 2.0 END::float8",
    "t": "repeat('x', g % 30) || g / 3", "tlong": "repeat('y', (g % 8) * 800) || g % 16",
    "vc": "('n' || g % 20)::varchar", "nm": "('n' || g)::name",
    "bp": "('n' || g % 33 || repeat(' ', g % 3))::bpchar", "bp9": "('n' || g)::char(9)",
    "ch": """chr(65 + g % 26)::"char\"""", "b": "g % 3 = 0", "o": "(g + 1)::oid",
    "d": "date '2020-01-01' + g % 40", "ts": "timestamp '2020-01-01' + g * interval '12 hours'",
    "tz": "timestamptz '2020-01-01 00:00Z' + g * interval '1 day'",
    "tm": "time '01:00' + g % 7 * interval '1 min'", "tt": "timetz '01:00+00' + g * interval '1 s'",
    "iv": "CASE WHEN g % 2 = 0 THEN interval '1 mon' ELSE interval '30 days' END * (g / 4)",
    "u": "md5((g % 31)::text)::uuid", "by": "decode(md5((g % 31)::text), 'hex')",
    "ia": "ARRAY[g % 7, g % 3]", "ta": "ARRAY['p' || g % 9, NULL]",
    "bpa": "ARRAY['a' || g % 9 || repeat(' ', g % 2)]::bpchar[]",
    "iva": "ARRAY[CASE WHEN g % 2 = 0 THEN interval '1 mon' ELSE interval '30 days' END * (g / 4)]",
    "na": "ARRAY[(g % 9)::numeric(9, 2), (g % 9)::numeric(9, 1)]",
    "r": "int4range(g % 11, g % 11 + 3)", "jb": "to_jsonb((g % 13)::numeric(5, 1))",
    "ip": "('10.0.0.' || g % 37)::inet", "m": "(g % 15)::money", "bt": "(g % 15)::bit(8)",
    "e": "('{aa,b,c}'::text[])[g % 3 + 1]::je", "x": "(g + 1)::text::xid",
}  # fmt: skip
_COLUMNS = ", ".join(f"CASE WHEN g % 17 = 16 THEN NULL ELSE {e} END AS {k}"
                     for k, e in KEYS.items())  # fmt: skip
SETUP = f"""
CREATE TYPE je AS ENUM ('c', 'aa', 'b');
CREATE TABLE j1 AS SELECT g AS id, {_COLUMNS} FROM generate_series(0, 60) g;
CREATE TABLE j2 AS SELECT g AS id, {_COLUMNS} FROM generate_series(60, 0, -3) g;
CREATE TABLE j3 AS SELECT g AS id, {_COLUMNS} FROM generate_series(5, 55, 5) g;
ANALYZE j1, j2, j3;
"""
#: Pairs of different types which an operator compares.
CROSSED = (
    ("i2", "i4"), ("i4", "i8"), ("i2", "i8"), ("f4", "f8"), ("nm", "t"), ("nm", "vc"), ("t", "vc"),
    ("bp", "bp9"), ("d", "ts"), ("d", "tz"), ("ts", "tz"), ("i4", "n"), ("n", "f8"), ("vc", "bp"),
    ("nm", "bp"), ("o", "i4"),
)  # fmt: skip
METHODS = ("hashjoin", "mergejoin", "nestloop")
METHODS_AND_SPILLS = (*METHODS, "spilling hashjoin")
_KINDS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


def _forms(condition: str, full: bool) -> Iterator[str]:
    for kind in _KINDS[: 4 if full else 3]:
        yield (f"SELECT count(*), sum(a.id), sum(b.id), sum(a.id * 7 + b.id) FROM j1 a {kind} j2 b "
               f"ON {condition}")
    for word in ("", "NOT "):
        yield (f"SELECT count(*), sum(a.id) FROM j1 a WHERE {word}EXISTS "
               f"(SELECT 1 FROM j2 b WHERE {condition})")


def statements() -> Iterator[tuple[str, str]]:
    """(kind of key, statement)."""
    pairs = [(k, k) for k in KEYS if k != "x"] + [*CROSSED] + [(b, a) for a, b in CROSSED]
    for x, y in pairs:
        full = (x, y) not in (("b", "b"),)
        for form in _forms(f"a.{x} = b.{y}", full):
            yield f"{x} = {y}", form
    multi = ("a.t = b.t AND a.i4 = b.i8", "a.nm = b.vc AND a.d = b.ts", "a.bp = b.bp AND a.n = b.n",
             "a.t = b.t AND a.nm = b.nm AND a.f8 = b.f4", "a.jb = b.jb AND a.iv = b.iv")
    for condition in multi:
        for form in _forms(condition, True):
            yield condition, form
    for k in KEYS:
        yield f"group {k}", (f"SELECT count(*), sum(c), sum(c * c) FROM (SELECT {k}, count(*) AS c "
                             f"FROM (SELECT {k} FROM j1 UNION ALL SELECT {k} FROM j2 UNION ALL "
                             f"SELECT {k} FROM j3) u GROUP BY {k}) s")  # fmt: skip
        yield f"in {k}", (f"SELECT count(*) FROM j1 WHERE {k} IN (SELECT {k} FROM j3 UNION ALL "
                          f"SELECT {k} FROM j2 WHERE id < 20)")  # fmt: skip
        yield f"set {k}", (f"SELECT count(*) FROM (SELECT {k} FROM j1 EXCEPT SELECT {k} FROM j3 "
                           f"UNION SELECT {k} FROM j2) s")  # fmt: skip
        yield f"out {k}", (f"SELECT count(*), sum(id) FROM j1 WHERE {k} NOT IN (SELECT {k} FROM j3 "
                           f"WHERE {k} IS NOT NULL)")  # fmt: skip


def with_method(engine: Any, method: str) -> Any:
    """The engine, set to one method of joining."""
    session = engine.session
    for one in METHODS:
        session.set(f"enable_{one}", "on" if method.endswith(one) else "off")
    session.set("work_mem", "64kB" if method.startswith("spilling") else "4MB")
    return engine


def main() -> None:
    """Every statement by every method."""
    import tempfile
    from pathlib import Path

    from tests.differential.selects import both_sides, run
    from tests.servers import cluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--major", type=int, default=18)
    major = parser.parse_args().major
    with cluster(major) as server, tempfile.TemporaryDirectory() as place:
        engine, connection = both_sides(server, Path(place) / "data", text=SETUP)
        for method in METHODS_AND_SPILLS:
            outcome = run(with_method(engine, method), connection, statements())
            print(method, *outcome.report(), sep="\n")


if __name__ == "__main__":
    main()
