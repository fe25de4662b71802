"""Statements that the engine runs for itself inside another one: what foreign keys do.

They see everything that has been done up to now, whatever snapshot the statement around
them reads by, and are planned once for a session as long as the catalogs stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pgtool.functions.user import acting_as
from pgtool.sql.executor.run import execute

__all__ = ["run_internal"]

_MAX_PLANS = 500


def run_internal(
    session: Any, text: str, types: list[int], values: Sequence[Any], relid: int
) -> int:
    """Run a statement with parameters as a table's owner; how many rows it gave or wrote."""
    if not session.is_superuser:
        with acting_as(session, session.cache.one("pg_class", "oid", relid).relowner):
            return _run(session, text, types, values)
    return _run(session, text, types, values)


def _run(session: Any, text: str, types: list[int], values: Sequence[Any]) -> int:
    planned = _planned(session, text, types)
    xact = session.xact
    xact.command_counter_increment()
    with session.database.cluster.read_latest():
        result = execute(planned, session, tuple(values))
        result.source.take_all()
        result.context.finish()
    if result.context.processed:
        return int(result.context.processed)
    return sum(batch.n for batch in result.source)


def _planned(session: Any, text: str, types: list[int]) -> Any:
    known: dict[Any, Any] = session.__dict__.setdefault("_internal_plans", {})
    key = (text, tuple(types), session.database.generation, session.gucs.generation)
    found = known.get(key)
    if found is None:
        from pgtool.sql.analyze.query import analyze_in
        from pgtool.sql.analyze.state import Shared
        from pgtool.sql.parse import parse
        from pgtool.sql.planner import plan
        from pgtool.sql.rewrite import rewrite

        shared = Shared(session, text, types)
        query = analyze_in(shared, parse(text)[0])
        if len(known) >= _MAX_PLANS:
            known.clear()
        found = known[key] = plan(rewrite(query, session), session)
    return found
