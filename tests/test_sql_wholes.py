"""TPC-H's queries, DBA's queries, system views and plans, beside real servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import need
from tests.differential import plans, tpch, views
from tests.differential.selects import both_sides, difference, handwritten, ours, run, theirs
from tests.servers import cluster

SCALE = 0.003
#: Of the queries in plans.sql, how many must have the server's plan shape.
SAME_SHAPE = 59
#: Views that may refuse or differ, by the beginning of the name, with the reason.
OPEN_VIEWS = {
    "pg_catalog.pg_prepared_xacts": "prepared transactions as rows",
}  # fmt: skip


def test_tpch(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        engine, connection = both_sides(server, tmp_path / "data", text=tpch.schema(SCALE))
        different = {}
        for number, query in tpch.QUERIES.items():
            found = difference(query, ours(engine, query), theirs(connection, query))
            if found is not None:
                different[number] = found
    assert not different


def test_plan_shapes(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        found = plans.compare(*both_sides(server, tmp_path / "data", text=plans.SETUP))
    different = [f"{f[0]}\n{f[3]}\n{f[4]}" for f in found if not f[1]]
    assert len(found) - len(different) >= SAME_SHAPE, "\n".join(different)


def test_dba_queries(tmp_path: Path) -> None:
    need(18)
    with cluster(18) as server:
        outcome = run(*both_sides(server, tmp_path / "data"), handwritten("dba.sql"))
    assert not outcome.failed, "\n".join(map(str, outcome.failed.values()))
    reasons = [reason for rows in outcome.refused.values() for _s, reason in rows]
    assert all(reason.startswith(("function ", "aggregate ")) for reason in reasons), reasons


@pytest.mark.parametrize("major", [18, 15])
def test_system_views(tmp_path: Path, major: int) -> None:
    need(major)
    with cluster(major) as server:
        found: dict[str, Any] = views.check(
            *both_sides(server, tmp_path / "data", text=views.SETUP)
        )
    wrong = {
        view: problem for view, problem in found.items()
        if problem and not problem.startswith("refused") and view not in OPEN_VIEWS
    }  # fmt: skip
    assert not wrong
