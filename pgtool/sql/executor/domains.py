"""Domain constraints: NOT NULL and CHECK of a domain and of the domains below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pgtool.errors import SqlError
from pgtool.nodes.text import text_to_node

if TYPE_CHECKING:
    from pgtool.sql.executor.scalar import ScalarCompiler

__all__ = ["check_domain", "domain_checks"]


def domain_checks(c: ScalarCompiler, typid: int, cell: list[Any]) -> list[Callable[[Any], None]]:
    """The checks of a domain, the base's first; they look at the value in ``cell``."""
    session = c.env.session
    chain = []
    row = session.cache.type(typid)
    while row is not None and row.typtype == "d":
        chain.append(row)
        row = session.cache.type(row.typbasetype)
    out: list[Callable[[Any], None]] = []
    outer, c.domain_cell = c.domain_cell, cell
    try:
        name = c.env.registry.format_type(typid)
        for domain in reversed(chain):
            if domain.typnotnull:
                out.append(_not_null(name, cell))
            found = session.cache.lookup("pg_constraint", "contypid", domain.oid)
            for constraint in sorted(found, key=lambda r: r.conname):
                if constraint.contype == "c":
                    expression = c.compile(text_to_node(constraint.conbin, session.cache.major))
                    out.append(_check(name, constraint.conname, expression))
    finally:
        c.domain_cell = outer
    return out


def _not_null(name: str, cell: list[Any]) -> Callable[[Any], None]:
    def check(ctx: Any) -> None:
        if cell[0] is None:
            raise SqlError(f"domain {name} does not allow null values", "23502")

    return check


def _check(name: str, constraint: str, expression: Any) -> Callable[[Any], None]:
    def check(ctx: Any) -> None:
        if expression((), ctx) is False:
            raise SqlError(
                f'value for domain {name} violates check constraint "{constraint}"', "23514"
            )

    return check


def check_domain(session: Any, typid: int, value: Any) -> None:
    """Check one value that no expression of the query coerces to the domain."""
    from pgtool.sql.executor.context import Context
    from pgtool.sql.executor.scalar import ScalarCompiler
    from pgtool.sql.executor.scope import Env, Scope

    known = session.__dict__.setdefault("_domain_checks", {})
    if typid not in known:
        cell: list[Any] = [None]
        known[typid] = cell, domain_checks(ScalarCompiler(Env(session), Scope()), typid, cell)
    cell, checks = known[typid]
    cell[0] = value
    ctx = Context(session)
    for one in checks:
        one(ctx)
