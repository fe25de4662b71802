"""Built-ins held against the real server; the whole depth with PGTOOL_FUNCTION_CASES=400."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.differential import aggregates, vectors
from tests.differential.functions import prepare

CASES = int(os.environ.get("PGTOOL_FUNCTION_CASES", "24"))
#: prosrc → why it may differ; nothing else may.
KNOWN_DIFFERENCES: dict[str, str] = {}


@pytest.mark.server
def test_functions_agree_with_the_server(shared_server: Callable[[int], Any]) -> None:
    outcome = prepare(shared_server(18)).run(cases=CASES)
    wrong = [w for w in outcome.wrong if w.partition(":")[0] not in KNOWN_DIFFERENCES]
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:20])
    assert len(outcome.functions) > 200


@pytest.mark.server
def test_vectorised_forms_agree_with_scalar_ones(shared_server: Callable[[int], Any]) -> None:
    outcome = vectors.run(prepare(shared_server(18), "differential_vectors"), rounds=CASES // 2)
    assert not outcome.wrong, f"{len(outcome.wrong)} differ:\n" + "\n".join(outcome.wrong[:20])
    assert len(outcome.functions) > 250


#: Families whose every difference between majors is known here.
CORE = r"^(bt|hash|int[248]|float[48]|cash|oid|pg_lsn|xid|d[a-z]+$|numeric_(?!to_))(?!.*to_char)"


@pytest.mark.server
@pytest.mark.parametrize("major", [15, 16, 17])
def test_core_agrees_with_older_majors(
    shared_server: Callable[[int], Any], major: int
) -> None:
    outcome = prepare(shared_server(major)).run(CORE, cases=CASES // 2)
    assert not outcome.wrong, f"{len(outcome.wrong)} differ:\n" + "\n".join(outcome.wrong[:20])
    assert len(outcome.functions) > 350


@pytest.mark.server
def test_aggregates_agree_with_the_server(shared_server: Callable[[int], Any]) -> None:
    outcome = aggregates.run(prepare(shared_server(18), "differential_aggregates"), cases=CASES)
    assert not outcome.wrong, f"{len(outcome.wrong)} differ:\n" + "\n".join(outcome.wrong[:20])
    assert len(outcome.functions) > 130
