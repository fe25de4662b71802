"""SELECTs beside a real 18 over the same files: rows, names, types, SQLSTATE.

The whole run is ``python -m tests.differential.selects``; here every hand-written statement
and a share of the generated ones. What is refused must be refused for a reason listed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import need
from tests.differential.generator import generate
from tests.differential.selects import both_sides, handwritten, run
from tests.servers import cluster

GENERATED = 600
#: Why statements may be refused, by the beginning of the reason.
REFUSALS = (
    "GROUPING SETS", "function ", "aggregate ", "TABLESAMPLE",
)  # fmt: skip

@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    need(18)
    with cluster(18) as server:
        yield both_sides(server, tmp_path_factory.mktemp("selects") / "data")


@pytest.mark.parametrize("source", ["handwritten", "generated"])
def test_selects(sides: tuple[Any, Any], source: str) -> None:
    items = handwritten() if source == "handwritten" else generate(GENERATED)
    outcome = run(*sides, items)
    different = [
        f"{statement}\n  ours   {mine}\n  theirs {other}"
        for rows in outcome.failed.values() for statement, mine, other in rows
    ]  # fmt: skip
    assert not different, "\n".join(different[:10])
    reasons = {reason for rows in outcome.refused.values() for _s, reason in rows}
    assert not [reason for reason in reasons if not reason.startswith(REFUSALS)]
    good, bad, refused = outcome.totals()
    assert refused <= 0.05 * (good + bad + refused)
