"""Text functions over columns give what they give row by row."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from pgtool.functions import registry
from pgtool.functions.like import like_pattern
from pgtool.functions.text import substring
from pgtool.types.column import VarColumn

ROWS = 2000
PATTERNS = ["", "%", "a%", "%a", "%ab%", "%a%b%", "ab", "a%b", "%a%", "%%", "a%ab%a", "\\%%",
            "%aa%aa%", "ab%ba"]  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[bytes]:
    rng = random.Random(3)
    registry.load()
    return ["".join(rng.choices("abAB %_", k=rng.randint(0, 12))).encode() for _ in range(ROWS)]


def constant(value: bytes) -> VarColumn:
    one = VarColumn.of([value])
    start, length = np.broadcast_to(one.start, (ROWS,)), np.broadcast_to(one.length, (ROWS,))
    return VarColumn(one.buffer, start, length)


#: The C collation needs no catalogs.
CALL = registry.Call((25, 25), 16, 950, None)


def vectorised(name: str, *args: Any) -> Any:
    given = (CALL, *args) if name in registry.VECTOR_CALLS else args
    return registry.VECTORS[name](*given)


def call(name: str, *args: Any) -> Any:
    found = vectorised(name, *args)
    if isinstance(found, VarColumn):
        return [found.datum(i) for i in range(ROWS)]
    return found.tolist()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_like(rows: list[bytes], pattern: str) -> None:
    column = VarColumn.of(rows)
    texts = [row.decode() for row in rows]
    wanted = [like_pattern(pattern).match(text) for text in texts]
    assert call("textlike", column, constant(pattern.encode())) == wanted
    assert call("textnlike", column, constant(pattern.encode())) == [not w for w in wanted]
    wanted = [like_pattern(pattern.lower()).match(text.lower()) for text in texts]
    assert call("texticlike", column, constant(pattern.encode())) == wanted


def test_parts(rows: list[bytes]) -> None:
    column = VarColumn.of(rows)
    for start, length in [(1, 2), (-3, 5), (4, 100), (20, 1), (0, 1)]:
        found = call("text_substr", column, np.int32(start), np.int32(length))
        assert found == [substring(row, start, length) for row in rows]
    assert call("textcat", column, constant(b"xy")) == [row + b"xy" for row in rows]
    assert call("upper", column) == [row.upper() for row in rows]
    assert call("text_left", column, np.int32(3)) == [row[:3] for row in rows]
    assert call("textlen", column) == [len(row) for row in rows]


def test_what_is_not_ascii_is_done_row_by_row() -> None:
    column = VarColumn.of(["äöü".encode(), b"a"])
    for name in ("upper", "lower", "textlen"):
        assert vectorised(name, column) is NotImplemented
