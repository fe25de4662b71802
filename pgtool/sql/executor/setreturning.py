"""Calls of set-returning functions: the values that one call gives, one after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pgtool.errors import Unsupported
from pgtool.functions.values import RecordValue
from pgtool.sql.executor.scalar import ScalarCompiler

__all__ = ["set_caller"]

SetCall = Callable[[Any, Any], Iterable[Any]]


def set_caller(
    c: ScalarCompiler, node: Any, columns: tuple[tuple[str, int, int], ...] = ()
) -> SetCall:
    """The rows of a FuncExpr or OpExpr that returns a set (or, of another node, one row).

    ``columns``: of a column definition list, which a function of that kind is told.
    """
    kind = type(node).__name__
    if kind == "FuncExpr" and (node.funcretset or columns):
        funcid, rettype, variadic = node.funcid, node.funcresulttype, node.funcvariadic
    elif kind == "OpExpr" and node.opretset:
        funcid, rettype, variadic = c.opfunc(node), node.opresulttype, False
    else:
        single = c.compile(node)
        return lambda row, ctx: iter([single(row, ctx)])
    try:
        run, strict = c.bound(funcid, node.args, rettype, node.inputcollid, variadic)
    except Unsupported as problem:
        return _failing(problem)
    if columns and isinstance(run, functools.partial):
        run.args[0].columns = columns
    args = c.many(node.args)
    is_set = kind != "FuncExpr" or node.funcretset

    def call(row: Any, ctx: Any) -> Iterable[Any]:
        values = [a(row, ctx) for a in args]
        if strict and None in values:
            return iter(() if is_set else (None,))
        made = run(*values) if is_set else (run(*values),)
        return made if isinstance(made, range) else iter(made)

    return call


def _failing(problem: Exception) -> SetCall:
    def fail(row: Any, ctx: Any) -> Iterator[Any]:
        raise problem

    return fail


def fields_of(value: Any, width: int) -> tuple[Any, ...]:
    """A composite result as its columns."""
    if value is None:
        return (None,) * width
    if isinstance(value, RecordValue):
        return value.fields
    return value if isinstance(value, tuple) else (value,)
