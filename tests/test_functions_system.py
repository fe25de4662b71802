"""Functions over the catalogs whose answers are facts of a major or of stored statistics."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pgtool.functions import registry

#: Words of pg_get_keywords by major, as the servers count them.
WORDS = {14: 457, 15: 460, 16: 471, 17: 491, 18: 494}


def _call(major: int) -> Any:
    database: Any = SimpleNamespace(_statistics=({}, {}))
    session: Any = SimpleNamespace(settings=SimpleNamespace(major=major), database=database)
    return registry.Call((), 2249, 0, session)


@pytest.mark.parametrize("major", WORDS)
def test_keywords(major: int) -> None:
    """Every major has its own words, in order."""
    found = list(registry.find("pg_get_keywords").scalar(_call(major)))
    words = [row[0] for row in found]
    assert len(words) == WORDS[major] and words == sorted(words)
    assert ("select", "R", True, "reserved", "can be bare label") in found
    assert ("as", "R", False, "reserved", "requires AS") in found


@pytest.mark.parametrize(("major", "rows", "width"), [(16, 30, 18), (17, 35, 18), (18, 79, 20)])
def test_io_without_statistics(major: int, rows: int, width: int) -> None:
    """Without a statistics file everything that is counted is zero."""
    found = list(registry.find("pg_stat_get_io").scalar(_call(major)))
    assert len(found) == rows and {len(row) for row in found} == {width}
    assert {value for row in found for value in row[3:]} <= {0, None, 8192}
