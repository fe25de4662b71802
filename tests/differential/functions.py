"""Every registered built-in beside the server's: same value or same SQLSTATE.

    python -m tests.differential.functions [--only REGEX] [--cases N] [--show N]

For each pg_proc row whose prosrc is registered: argument tuples from
:mod:`tests.differential.pools`, evaluated by the server in one query a function (a
wrapper catches errors row by row) and here through codec and registry. What is compared
is the output text, or the SQLSTATE where there is an error.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pgtool.errors import SqlError, Unsupported
from pgtool.functions import registry
from pgtool.functions.codec import codec_of
from pgtool.functions.inout import INPUT
from pgtool.functions.values import RecordValue
from tests.differential.pools import ANY_TYPES, ARGUMENTS, BINDINGS, EXTRA, POOLS, SKIP

ROWS_OF_SET = 40
SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int4, b text);
CREATE FUNCTION dt_eval(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
  EXECUTE q INTO r;
  RETURN r;
EXCEPTION WHEN OTHERS OR query_canceled THEN
  RETURN 'E' || SQLSTATE || ' ' || SQLERRM;
END $$;
"""
_ROWS = """
SELECT p.oid::int8, prosrc, proname, proisstrict, proretset, provariadic::int8, prorettype::int8,
       proargtypes::oid[]::int8[], provolatile::text
FROM pg_proc p
WHERE prolang IN (12, 13) AND prokind = 'f' AND pronamespace = 'pg_catalog'::regnamespace
  AND NOT proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'trigger'::regtype]
  AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype)
ORDER BY prosrc, p.oid
"""
_ANY = 2276
_COMPARISON = re.compile(r"cmp(_|$)")


def _reads_state(prosrc: str) -> bool:
    """Whether it answers from the catalogs or the server's state, which has tests of its own."""
    module = getattr(registry.BUILTINS[prosrc].scalar, "__module__", "") or ""
    return module.startswith(("pgtool.functions.sysfuncs", "pgtool.functions.ruleutils"))


class Function(NamedTuple):
    """A pg_proc row."""

    oid: int
    prosrc: str
    proname: str
    strict: bool
    retset: bool
    variadic: int
    rettype: int
    argtypes: tuple[int, ...]
    volatile: str


class Bound(NamedTuple):
    """A function with its polymorphic types resolved, by typname."""

    function: Function
    args: tuple[str, ...]
    result: str


@dataclass
class Outcome:
    """What came of one run."""

    functions: set[int] = field(default_factory=set)
    cases: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    wrong_functions: set[str] = field(default_factory=set)


class Differential:
    """A server that has run :data:`SETUP`, and a session over the same catalogs."""

    def __init__(self, conn: Any, session: Any, seed: int = 0) -> None:
        self.conn = conn
        self.session = session
        self.types = session.types
        self.seed = seed
        rows = conn.execute(
            "SELECT typname, t.oid::int8, format_type(t.oid, -1) FROM pg_type t"
            " WHERE typnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace)"
        ).fetchall()
        self.oids = {name: oid for name, oid, _ in rows}
        self.names = {oid: name for name, oid, _ in rows}
        self.spelled = {name: spelled for name, _, spelled in rows}
        self.spelled["bpchar"] = "pg_catalog.bpchar"
        self.spelled["bit"] = 'pg_catalog."bit"'

    # -- which functions ----------------------------------------------------------

    def functions(self, only: str = "") -> list[Function]:
        """The rows of pg_proc that are registered and can be compared."""
        registry.load()
        rows = [Function(*row[:7], tuple(row[7]), row[8]) for row in self.conn.execute(_ROWS)]
        return [
            f for f in rows
            if f.prosrc in registry.BUILTINS and f.prosrc not in SKIP
            and re.search(only, f.prosrc) and not _reads_state(f.prosrc)
        ]  # fmt: skip

    def bind(self, function: Function) -> Iterator[Bound]:
        """The ways to resolve a function's polymorphic types."""
        args = [self.names[t] for t in function.argtypes]
        result = self.names[function.rettype]
        used = {t for t in [*args, result] if t.startswith("any") and t != "any"}
        if not used:
            fixed = ["pair" if a == "record" else "_pair" if a == "_record" else a for a in args]
            yield Bound(function, tuple(fixed), "pair" if result == "record" and "record" in args
                        else result)
            return
        for bindings in BINDINGS.values():
            for binding in bindings:
                if used <= binding.keys():
                    yield Bound(function, tuple(binding.get(a, a) for a in args),
                                binding.get(result, result))

    def tuples(self, bound: Bound, cases: int) -> list[tuple[tuple[str, ...], Any]]:
        """(argument types, argument texts) to call a function with."""
        function, rng = bound.function, random.Random(f"{self.seed} {bound}")
        prosrc = function.prosrc
        types = list(bound.args)
        if function.variadic == _ANY:
            out = []
            for _ in range(cases):
                some = [rng.choice(ANY_TYPES) for _ in range(rng.randint(1, 3))]
                kinds = (*types[:-1], *some)
                pools = [self.pool(prosrc, i, t, function) for i, t in enumerate(kinds)]
                out.append((kinds, tuple(rng.choice(p) for p in pools)))
            return out
        types = [rng.choice(ANY_TYPES) if t == "any" else t for t in types]
        pools = [self.pool(prosrc, i, t, function) for i, t in enumerate(types)]
        size = 1
        for pool in pools:
            size *= len(pool)
        if size <= cases:
            found = list(itertools.product(*pools))
        else:
            found = [tuple(p[0] for p in pools)]
            widest = max((len(p) for p in pools), default=0)
            for i in range(widest):  # every value of every pool at least once
                found.append(tuple(p[i] if i < len(p) else rng.choice(p) for p in pools))
            while len(found) < cases:
                found.append(tuple(rng.choice(p) for p in pools))
            rng.shuffle(found)
            found = found[:cases]
        extra = [t for t in EXTRA.get(prosrc, []) if len(t) == len(types)]
        return [(tuple(types), values) for values in [*extra, *found]]

    def texts_in(self, function: Function, number: int) -> list[Any]:
        """What an input function is tried with: texts of its type, and others."""
        if number == 0:
            own = POOLS.get(self.names[function.rettype], [])
            return [*own, "", " 1 ", "x", "1e3", "{", "NaN", "t", "0x1F", "1_000", "(1,2)"]
        return ["-1"] if number == 2 else ["0"]

    def pool(self, prosrc: str, number: int, typname: str, function: Function) -> list[Any]:
        """The texts to try for one argument."""
        if prosrc in INPUT and (prosrc, number) not in ARGUMENTS:
            return self.texts_in(function, number)
        found: list[Any] = list(
            ARGUMENTS.get((prosrc, number)) or POOLS.get(typname) or ()
        )
        if not found:
            raise LookupError(typname)
        return found if function.strict else [*found, None]

    # -- both sides ---------------------------------------------------------------

    def query(self, bound: Bound, types: tuple[str, ...], values: Iterable[Any]) -> str:
        """The statement that gives 'N' or 'V' and the text."""
        literals = []
        for typname, value in zip(types, values):
            quoted = "NULL" if value is None else self.quote(value)
            literals.append(f"{quoted}::{self.spelled[typname]}")
        function = bound.function
        if function.variadic and function.variadic != _ANY:
            literals[-1] = f"VARIADIC {literals[-1]}"
        call = f'pg_catalog."{function.proname}"({", ".join(literals)})'
        shown = "CASE WHEN num_nulls(v) = 1 THEN 'N' ELSE 'V' || concat(v) END"
        if function.retset:
            return (f"SELECT string_agg({shown}, '|') FROM (SELECT {call} AS v"
                    f" LIMIT {ROWS_OF_SET}) s")  # fmt: skip
        return f"SELECT {shown} FROM (SELECT {call} AS v OFFSET 0) s"

    @staticmethod
    def quote(text: str) -> str:
        doubled = text.replace("'", "''")
        return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"

    def theirs(self, queries: list[str]) -> list[str]:
        """The server's answers."""
        rows = self.conn.execute(
            "SELECT convert_to(coalesce(dt_eval(q), ''), 'UTF8')"
            " FROM unnest(%s::text[]) WITH ORDINALITY u(q, n) ORDER BY n", [queries],
        ).fetchall()  # fmt: skip
        return [row[0].decode("utf-8", "surrogateescape") for row in rows]

    def ours(self, bound: Bound, types: tuple[str, ...], values: Iterable[Any]) -> str:
        """Our answer in the server's form."""
        function = bound.function
        builtin = registry.BUILTINS[function.prosrc]
        oids = tuple(self.oids[t] for t in types)
        result = self.oids[bound.result]
        try:
            args: list[Any] = []
            for oid, value in zip(oids, values):
                if value is None:
                    args.append(None)
                else:
                    datum = self.types.io_of(oid).input(value)
                    args.append(codec_of(self.types, oid).decode(datum))
            variadic = bool(function.variadic) and function.variadic != _ANY
            call = registry.Call(oids, result, 100, self.session, variadic)
            given = (call, *args) if builtin.call else tuple(args)
            if function.retset:
                made = itertools.islice(builtin.scalar(*given), ROWS_OF_SET)
                return "|".join(self.shown(v, result, function) for v in made)
            return self.shown(builtin.scalar(*given), result, function)
        except SqlError as error:
            return f"E{error.sqlstate} {error.message}"
        except Unsupported as error:
            return f"U {error}"

    def out_types(self, function: Function) -> tuple[int, ...]:
        """The types of a function's OUT arguments."""
        row = self.session.cache.proc(function.oid)
        types, modes = row.proallargtypes, row.proargmodes
        return tuple(t for t, mode in zip(types, modes) if mode in ("o", "b", "t"))

    def shown(self, value: Any, result: int, function: Function | None = None) -> str:
        if value is None:
            return "N"
        if isinstance(value, tuple) and self.names[result] == "record":
            value = RecordValue(result, self.out_types(function), value)
        codec = codec_of(self.types, result)
        datum = codec.encode(value)
        if codec.is_name:
            datum = datum.ljust(64, b"\0")
        return "V" + self.types.io_of(result).output(datum)

    # -- the run --------------------------------------------------------------------

    def run(self, only: str = "", cases: int = 40) -> Outcome:
        """Compare; ``cases`` argument tuples a function and binding."""
        out = Outcome()
        for function in self.functions(only):
            for bound in self.bind(function):
                try:
                    tried = self.tuples(bound, cases)
                except LookupError as missing:
                    key = f"no values of type {missing}"
                    out.refused[key] = out.refused.get(key, 0) + 1
                    continue
                self._compare(bound, tried, out)
        return out

    def _compare(self, bound: Bound, tried: list[Any], out: Outcome) -> None:
        prosrc = bound.function.prosrc
        queries = [self.query(bound, types, values) for types, values in tried]
        refused = 0
        for query, answer, (types, values) in zip(queries, self.theirs(queries), tried):
            try:
                mine = self.ours(bound, types, values)
            except Exception as error:  # any traceback is a finding
                mine = f"!{type(error).__name__} {error}"
            out.cases += 1
            if mine.startswith("U "):
                refused += 1
                key = f"{prosrc}: {mine[2:]}"
                out.refused[key] = out.refused.get(key, 0) + 1
            elif not same(prosrc, mine, answer):
                out.wrong_functions.add(prosrc)
                out.wrong.append(f"{prosrc}: {query}\n    server {answer!r}\n    ours   {mine!r}")
        if refused < len(tried):
            out.functions.add(bound.function.oid)


def same(prosrc: str, mine: str, theirs: str) -> bool:
    """Whether two answers agree: of errors the SQLSTATE counts, of comparisons the sign."""
    if mine == theirs:
        return True
    if mine[:1] == theirs[:1] == "E":
        return mine[:6] == theirs[:6]
    if _COMPARISON.search(prosrc) and mine[:1] == theirs[:1] == "V":
        a, b = int(mine[1:]), int(theirs[1:])
        return (a > 0) - (a < 0) == (b > 0) - (b < 0)
    return False


def open_session(data: str, dbname: str) -> Any:
    """A session over the files of a server that has just made a checkpoint."""
    from pgtool.catalog.cluster import Cluster
    from pgtool.catalog.lookups import CatalogLookups
    from pgtool.catalog.settings import session_settings
    from pgtool.functions.session import Session
    from pgtool.types.registry import TypeRegistry

    database = Cluster(data, inconsistent=True).database(dbname)
    types = TypeRegistry(session_settings(database), CatalogLookups(database))
    types.settings.timezone = "UTC"
    return Session(database, types)


def prepare(server: Any, dbname: str = "differential") -> Differential:
    """A database of its own on a running server, and both sides opened."""
    server.psql(f"DROP DATABASE IF EXISTS {dbname}; CREATE DATABASE {dbname}")
    server.psql(SETUP, dbname)
    server.psql("CHECKPOINT")
    conn = server.connect(dbname, client_encoding="utf8")
    conn.execute("SET timezone = 'UTC'; SET statement_timeout = '60s'; SET jit = off")
    return Differential(conn, open_session(str(server.data), dbname))


def main() -> None:
    """Run against a fresh server and print what differs."""
    from tests.servers import cluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression on prosrc")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--show", type=int, default=40)
    parser.add_argument("--major", type=int, default=18)
    options = parser.parse_args()
    with cluster(options.major) as server:
        outcome = prepare(server).run(options.only, options.cases)
    for line in outcome.wrong[: options.show]:
        print(line)
    for reason, count in sorted(outcome.refused.items()):
        print(f"refused {count}: {reason}")
    print(f"{len(outcome.functions)} functions, {outcome.cases} cases, {len(outcome.wrong)} wrong"
          f" in {len(outcome.wrong_functions)}: {' '.join(sorted(outcome.wrong_functions))}")


if __name__ == "__main__":
    main()
