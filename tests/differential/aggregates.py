"""Every registered aggregate beside the server's, one group at a time and by columns.

The rows are drawn from the pools of their types, NULL among them, from none to a dozen.
Strict transition functions do not see rows with NULL; ordered sets get their rows sorted.
"""

from __future__ import annotations

import functools
import random
import re
from typing import Any, NamedTuple

import numpy as np

from pgtool.errors import SqlError, Unsupported
from pgtool.functions import registry
from pgtool.functions.codec import codec_of
from pgtool.functions.compare_containers import element_cmp
from pgtool.sql.executor.vcalls import integers_of, numeric_argument
from tests.differential.functions import Differential, Function, Outcome
from tests.differential.pools import ANY_TYPES, POOLS

_ROWS = """
SELECT a.oid::int8, t.prosrc, coalesce(f.prosrc, ''), a.proname, t.proisstrict, aggkind::text,
       aggnumdirectargs, a.prorettype::int8, a.proargtypes::oid[]::int8[], a.provariadic::int8
FROM pg_aggregate g JOIN pg_proc a ON a.oid = aggfnoid JOIN pg_proc t ON t.oid = aggtransfn
LEFT JOIN pg_proc f ON f.oid = nullif(aggfinalfn::oid, 0)
WHERE a.pronamespace = 'pg_catalog'::regnamespace ORDER BY 1
"""
#: Argument pools of direct arguments and others that the type's own does not suit.
DIRECT = {"float8": ["0", "0.5", "1", "0.25", "0.99", "-1", "2"],
          "_float8": ["{0,0.5,1}", "{0.25,NULL,0.75}", "{}", "{2}", "{{0.1,0.2},{0.3,0.4}}"]}


#: Without values that are equal and look different: which comes first is not defined.
SORTED = {"interval": ["0", "1 day", "-1 day", "1 month", "24:00:01", "-1 year"],
          "numeric": ["0", "1", "-1", "2.5", "NaN", "100"], "float8": ["0", "1", "-2.5", "NaN"]}


class AggregateRow(NamedTuple):
    """A row of pg_aggregate."""

    oid: int
    transition: str
    final: str
    name: str
    strict: bool
    kind: str
    direct: int
    rettype: int
    argtypes: tuple[int, ...]
    variadic: int


def run(diff: Differential, only: str = "", cases: int = 30) -> Outcome:
    """Compare every aggregate that is registered."""
    registry.load()
    out = Outcome()
    for raw in diff.conn.execute(_ROWS).fetchall():
        row = AggregateRow(*raw[:8], tuple(raw[8]), raw[9])
        key = (row.transition, row.final)
        if key not in registry.AGGREGATES or not re.search(only, row.name + row.transition):
            continue
        function = Function(row.oid, row.transition, row.name, row.strict, False, row.variadic,
                            row.rettype, row.argtypes, "i")  # fmt: skip
        for bound in diff.bind(function):
            _compare(diff, row, bound.args, bound.result, cases, out)
    return out


def _pool(name: str, direct: bool) -> list[str]:
    return (DIRECT.get(name) if direct else None) or POOLS[name]


def _sample(rng: random.Random, name: str, kind: str) -> list[str]:
    pool = (SORTED.get(name) if kind != "n" else None) or POOLS[name]
    return rng.sample(pool, min(len(pool), rng.randint(1, 6)))


def _compare(
    diff: Differential, row: AggregateRow, args: tuple[str, ...], result: str, cases: int,
    out: Outcome,
) -> None:  # fmt: skip
    rng = random.Random(f"{diff.seed} {row.name} {args}")
    queries, tried = [], []
    for case in range(cases):
        types = list(args)
        if row.kind == "h":
            types = [rng.choice(ANY_TYPES[:6]) for _ in range(rng.randint(1, 2))]
            types += types
        elif "any" in types:
            types = [rng.choice(ANY_TYPES) if t == "any" else t for t in types]
        ndirect = len(types) // 2 if row.kind == "h" else row.direct
        direct = [rng.choice(_pool(t, True)) for t in types[:ndirect]]
        few = rng.choice([0, 1, 2, 3, 5, 12]) if case else 0
        some = {t: _sample(rng, t, row.kind) for t in types[ndirect:]}
        rows = [
            tuple(None if rng.random() < 0.15 else rng.choice(some[t]) for t in types[ndirect:])
            for _ in range(few)
        ]
        tried.append((types, ndirect, direct, rows))
        queries.append(_query(diff, row, types, ndirect, direct, rows))
    for query, answer, case_ in zip(queries, diff.theirs(queries), tried):
        for ours in (_ours, _grouped, _scaled):
            try:
                mine = ours(diff, row, result, *case_)
            except SqlError as error:
                mine = f"E{error.sqlstate} {error.message}"
            except Unsupported as error:
                out.refused[f"{row.name}: {error}"] = 1
                continue
            except Exception as error:  # any traceback is a finding
                mine = f"!{type(error).__name__} {error}"
            if mine is None:
                continue
            out.cases += 1
            if mine != answer and not (mine[:1] == answer[:1] == "E" and mine[:6] == answer[:6]):
                out.wrong_functions.add(row.name)
                out.wrong.append(f"{row.name}{ours.__name__}: {query}\n    server {answer!r}\n"
                                 f"    ours   {mine!r}")  # fmt: skip
    out.functions.add(row.oid)


def _query(
    diff: Differential, row: AggregateRow, types: list[str], ndirect: int, direct: list[str],
    rows: list[tuple[Any, ...]],
) -> str:  # fmt: skip
    def literal(value: Any, typname: str) -> str:
        text = "NULL" if value is None else diff.quote(value)
        return f"{text}::{diff.spelled[typname]}"

    names = [f"c{i}" for i in range(len(types) - ndirect)]
    first = ", ".join(literal(v, t) for v, t in zip(direct, types))
    if row.kind == "n":
        call = f"{row.name}({', '.join(names) or '*'})"
    else:
        call = f"{row.name}({first}) WITHIN GROUP (ORDER BY {', '.join(names)})"
    shown = f"CASE WHEN num_nulls(v) = 1 THEN 'N' ELSE 'V' || concat(v) END FROM (SELECT {call} v"
    kinds = types[ndirect:]
    blank = ", ".join(literal(None, t) for t in kinds) or "1"
    body = [f"({', '.join(literal(v, t) for v, t in zip(r, kinds)) or 1})" for r in rows]
    values = f"(VALUES ({blank}){''.join(', ' + b for b in body)} OFFSET 1)"
    return f"SELECT {shown} FROM {values} t({', '.join(names) or 'x'})) s"


def _values(diff: Differential, typname: str, text: str | None) -> Any:
    if text is None:
        return None
    oid = diff.oids[typname]
    return codec_of(diff.types, oid).decode(diff.types.io_of(oid).input(text))


def _call(diff: Differential, types: list[str], result: str) -> registry.Call:
    return registry.Call(tuple(diff.oids[t] for t in types), diff.oids[result], 100, diff.session)


def _ours(
    diff: Differential, row: AggregateRow, result: str, types: list[str], ndirect: int,
    direct: list[str], texts: list[tuple[Any, ...]],
) -> str | None:  # fmt: skip
    state: Any = registry.AGGREGATES[row.transition, row.final](_call(diff, types, result))
    kinds = types[ndirect:]
    rows = [tuple(_values(diff, t, v) for t, v in zip(kinds, one)) for one in texts]
    if row.kind != "n":
        state.direct = tuple(_values(diff, t, v) for t, v in zip(types, direct))
        compares = [element_cmp(diff.session, diff.oids[t], 100) for t in kinds]

        def order(a: Any, b: Any) -> int:
            for x, y, compare in zip(a, b, compares):
                missing = x is None or y is None
                found = (x is None) - (y is None) if missing else compare(x, y)
                if found:
                    return found
            return 0

        rows.sort(key=functools.cmp_to_key(order))
    for one in rows:
        if not (row.strict and None in one):
            state.step(*one)
    return diff.shown(state.final(), diff.oids[result])


def _scaled(*args: Any) -> str | None:
    return _grouped(*args, scaled=True)


def _grouped(
    diff: Differential, row: AggregateRow, result: str, types: list[str], ndirect: int,
    direct: list[str], texts: list[tuple[Any, ...]], scaled: bool = False,
) -> str | None:  # fmt: skip
    """By columns without NULLs, as the executor gives them; all in the second of two groups."""
    kind = registry.GROUPED.get((row.transition, row.final))
    if kind is None:
        return None
    state = kind(_call(diff, types, result))
    rows = [tuple(_values(diff, t, v) for t, v in zip(types, one)) for one in texts]
    rows = [one for one in rows if None not in one]
    codecs = [codec_of(diff.types, diff.oids[t]) for t in types]
    columns: list[Any] = [c.column(list(v)) for c, v in zip(codecs, zip(*rows))]
    if scaled:
        integers = integers_of if kind.mixed else numeric_argument
        columns = [c if not x.is_numeric or (found := integers(c, x)) is NotImplemented else found
                   for x, c in zip(codecs, columns)]  # fmt: skip
    if len(rows) and not state.step(np.ones(len(rows), np.int64), 2, *columns):
        return None
    found = state.final(2)
    if not isinstance(found, list):
        found = codec_of(diff.types, diff.oids[result]).values(found)
    return diff.shown(found[1], diff.oids[result])
