"""The fixtures' pages as pageinspect, pg_visibility and pg_freespacemap saw them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pgtool.cli.render import text
from pgtool.inspect.functions import FUNCTIONS
from pgtool.inspect.rawpage import RawPage
from tests.fixtures import Scenario, pages, scenarios

#: They need the relation's attributes, which are in no fixture's file.
WITH_CATALOG = {"heap_page_item_attrs", "gist_page_items", "brin_page_items"}


def recorded(scenario: Scenario) -> Iterator[tuple[dict[str, Any], RawPage]]:
    """Every recorded answer that one of our functions can give, with the page it is about."""
    for entry in scenario.inspected():
        function = FUNCTIONS.get(entry["function"])
        if function is None or function.name in WITH_CATALOG or "rows" not in entry:
            continue
        block = entry["block"]
        fetch = pages(scenario.file(entry["file"])).__getitem__
        yield entry, RawPage(fetch(block), block, scenario.major, fetch=fetch)


@pytest.mark.parametrize("scenario", [s for s in scenarios() if s.commands("pageinspect")],
                         ids=str)
def test_functions(scenario: Scenario) -> None:
    count = 0
    for entry, page in recorded(scenario):
        function = FUNCTIONS[entry["function"]]
        rows = [[None if v is None else text(v) for v in row] for row in function.rows(page)]
        where = (entry["file"], entry["function"], entry["block"])
        columns = list(function.columns_of(scenario.major))
        assert columns == entry["columns"] or len(columns) == 1, where
        assert rows == entry["rows"], where
        count += 1
    assert count or scenario.name == "bloom"
