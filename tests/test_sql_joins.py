"""Joins, groups and sets over keys of every type beside a real 18, by each way of joining.

``python -m tests.differential.joins`` runs every statement by every method; here each method
has its share, another one for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import need
from tests.differential.joins import METHODS_AND_SPILLS, SETUP, statements, with_method
from tests.differential.selects import both_sides, run
from tests.servers import cluster


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    need(18)
    with cluster(18) as server:
        yield both_sides(server, tmp_path_factory.mktemp("joins") / "data", text=SETUP)


@pytest.mark.parametrize("method", METHODS_AND_SPILLS)
def test_joins(sides: tuple[Any, Any], method: str) -> None:
    first = METHODS_AND_SPILLS.index(method)
    share = list(statements())[first :: len(METHODS_AND_SPILLS)]
    outcome = run(with_method(sides[0], method), sides[1], share)
    assert not outcome.failed, "\n".join(outcome.report())
    assert not outcome.refused, "\n".join(outcome.report())
