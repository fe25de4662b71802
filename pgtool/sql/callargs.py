"""Calls as written → calls as run: named arguments put in place, defaults filled in."""

from __future__ import annotations

from typing import Any

from pgtool.errors import CorruptData
from pgtool.functions.session import Session
from pgtool.nodes.exprs import NamedArgExpr
from pgtool.nodes.text import text_to_node

__all__ = ["complete_arguments"]


def complete_arguments(session: Session, funcid: int, args: list[Any]) -> list[Any]:
    """All arguments of a call in the order of the function's parameters."""
    row = session.cache.proc(funcid)
    if row is None:
        raise CorruptData(f"function {funcid} is not in pg_proc", file="pg_proc")
    count = len(row.proargtypes)
    if len(args) >= count and not any(isinstance(arg, NamedArgExpr) for arg in args):
        return args
    placed: list[Any] = [None] * count
    for position, arg in enumerate(args):
        if isinstance(arg, NamedArgExpr):
            placed[arg.argnumber] = arg.arg
        elif position < count:
            placed[position] = arg
    missing = [number for number, arg in enumerate(placed) if arg is None]
    if missing:
        stored = text_to_node(row.proargdefaults, session.database.cluster.major)
        first = count - len(stored)
        for number in missing:
            placed[number] = stored[number - first]
    return placed
