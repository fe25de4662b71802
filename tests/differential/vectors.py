"""Every vectorised form beside the scalar one of the same function.

Rows are drawn from the pools; a run has all-varying columns, or one column that is a
constant, as the executor hands it over. Where the scalar form raises for a row, the vectorised
one must raise too or decline.
"""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np

from pgtool.errors import SqlError, Unsupported
from pgtool.functions import registry
from pgtool.functions.codec import codec_of
from pgtool.functions.columns import MixedColumn
from pgtool.functions.mixed import over_mixed
from pgtool.sql.executor.batch import ConstColumn
from pgtool.sql.executor.vcalls import argument
from pgtool.types.column import FixedColumn
from tests.differential.functions import Bound, Differential, Outcome

ROWS = 50


def run(diff: Differential, only: str = "", rounds: int = 6) -> Outcome:
    """Compare every registered vectorised form."""
    out = Outcome()
    for function in diff.functions(only):
        if function.prosrc not in registry.VECTORS or function.retset:
            continue
        for bound in diff.bind(function):
            try:
                pools = [diff.pool(function.prosrc, i, t, function)
                         for i, t in enumerate(bound.args)]  # fmt: skip
            except LookupError:
                continue
            for number in range(rounds):
                _round(diff, bound, pools, number, out)
            out.functions.add(function.oid)
    return out


def _round(diff: Differential, bound: Bound, pools: list[Any], number: int, out: Outcome) -> None:
    prosrc = bound.function.prosrc
    rng = random.Random(f"{diff.seed} {bound} {number}")
    oids = [diff.oids[t] for t in bound.args]
    codecs = [codec_of(diff.types, oid) for oid in oids]
    columns: list[list[Any]] = []
    # Fewer values in later rounds, so that some rounds have no edge case in them.
    for position, (pool, oid, codec) in enumerate(zip(pools, oids, codecs)):
        few = rng.sample(pool, max(len(pool) // (number + 1), 1))
        if number % 3 == position + 1 and len(pools) > 1:
            few = few[:1]
        texts = [rng.choice(few) for _ in range(ROWS)]
        io = diff.types.io_of(oid)
        columns.append([codec.decode(io.input(t)) for t in texts if t is not None])
    call = registry.Call(tuple(oids), diff.oids[bound.result], 100, diff.session)
    args: list[Any] = []
    for position, (values, codec) in enumerate(zip(columns, codecs)):
        is_constant = number % 3 == position + 1 and len(pools) > 1
        column = ConstColumn(values[0], ROWS) if is_constant else codec.column(values)
        args.append(argument(column, codec))
    if any(a is NotImplemented for a in args):
        return
    out.cases += 1
    wanted = _scalars(prosrc, call, columns)
    try:
        found = _vector(diff, prosrc, call, args)
    except Exception as error:  # any traceback is a finding
        found = [repr(error)] * ROWS
    if found is None or (wanted is None and found == "error"):
        return
    shown = None if wanted is None else [diff.shown(v, call.rettype) for v in wanted]
    if found != shown:
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(found, shown or ["error"] * ROWS))
                 if a != b] if found != "error" else found  # fmt: skip
        out.wrong_functions.add(prosrc)
        out.wrong.append(f"{prosrc} {bound.args} round {number}: {str(pairs)[:300]} "
                         f"args {[c[:3] for c in columns]}")  # fmt: skip


def _scalars(prosrc: str, call: registry.Call, columns: list[list[Any]]) -> list[Any] | None:
    builtin = registry.BUILTINS[prosrc]
    scalar = functools.partial(builtin.scalar, call) if builtin.call else builtin.scalar
    try:
        return [scalar(*row) for row in zip(*columns)]
    except (SqlError, Unsupported):
        return None


def _vector(diff: Differential, prosrc: str, call: registry.Call, args: list[Any]) -> Any:
    """The texts of the results, "error", or None where it declines."""
    form: Any = registry.VECTORS[prosrc]
    if prosrc in registry.VECTOR_CALLS:
        form = functools.partial(form, call)
    mixed = any(isinstance(a, MixedColumn) for a in args)
    try:
        found = over_mixed(prosrc, form, args) if mixed else form(*args)
    except SqlError:
        return "error"
    except Unsupported:
        return None
    if found is NotImplemented:
        return None
    codec = codec_of(diff.types, call.rettype)
    if isinstance(found, np.ndarray):
        found = FixedColumn(found.astype(codec.dtype, copy=False))
    return [diff.shown(v, call.rettype) for v in codec.values(found)]
