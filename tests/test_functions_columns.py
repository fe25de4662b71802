"""Vectorised forms beside their scalar ones, on rows from the pools and at random."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

from pgtool.errors import SqlError
from pgtool.functions import registry
from pgtool.functions.groupedtext import extreme_rows
from pgtool.functions.like import like_pattern
from pgtool.functions.textcolumns import bytes_cmp_v
from pgtool.types.column import VarColumn


def words(rng: random.Random, count: int, most: int = 20) -> list[bytes]:
    letters = "ab\0xé日%_"
    return [
        "".join(rng.choices(letters, k=rng.randint(0, most))).encode() for _ in range(count)
    ]


def test_bytes_order() -> None:
    rng = random.Random(1)
    a, b = words(rng, 2000), words(rng, 2000)
    a += [b"same word is long", b"same word is lon", b"", b"12345678", b"12345678", b"12345678\0"]
    b += [b"same word is long", b"same word is long", b"", b"12345678", b"123456789", b"12345678"]
    found = bytes_cmp_v(VarColumn.of(list(a)), VarColumn.of(list(b)))
    assert found.tolist() == [(x > y) - (x < y) for x, y in zip(a, b)]


@pytest.mark.parametrize("largest", [True, False])
def test_extremes(largest: bool) -> None:
    rng = random.Random(3)
    texts = words(rng, 2000, 30) + [b"", b"a", b"a\0", b"a\0\0", b"same beginning 1"] * 3
    ids = np.array([rng.randrange(200) for _ in texts])
    column = VarColumn.of(list(texts))
    rows = extreme_rows(ids, 250, column, column.length.astype(np.int64), largest)
    found = {int(ids[row]): texts[row] for row in rows}
    wanted: dict[int, bytes] = {}
    for group, text in zip(ids.tolist(), texts):
        pick = max if largest else min
        wanted[group] = pick(wanted.get(group, text), text)
    assert found == wanted


@pytest.mark.parametrize("pattern", [
    "%", "", "a%", "%a", "%a%", "a%b", "ab%ba", "%ab%ba%", "a", "%%", "%aa%aa%",
    r"\%%", r"%\_%", r"a\\%", "%a%b%a%", "ab%%ab",
])  # fmt: skip
def test_like(pattern: str) -> None:
    registry.load()
    texts = words(random.Random(2), 3000, 8)
    one = VarColumn.of([pattern.encode()])
    n = len(texts)
    constant = VarColumn(
        one.buffer, np.broadcast_to(one.start, (n,)), np.broadcast_to(one.length, (n,))
    )
    found = registry.VECTORS["textlike"](
        registry.Call((25, 25), 16, 950, None), VarColumn.of(list(texts)), constant
    )
    matcher = like_pattern(pattern)
    assert found.tolist() == [bool(matcher.match(t.decode())) for t in texts]


_NUMBERS = {
    "int2": np.int16, "int4": np.int32, "int8": np.int64, "float4": np.float32,
    "float8": np.float64,
}  # fmt: skip


def columns(rng: random.Random, dtype: Any) -> Any:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.array([rng.uniform(-100, 100) for _ in range(200)], dtype)
    info = np.iinfo(kind)
    edges = [info.min, info.max, 0, 1, -1, 7]
    return np.array([rng.choice([*edges, rng.randint(-100, 100)]) for _ in range(200)], dtype)


@pytest.mark.parametrize("name", sorted(
    n for n in (registry.load(), registry.VECTORS)[1]
    if re.fullmatch(r"(int[248]|float[48])(eq|ne|lt|le|gt|ge|pl|mi|mul|div|mod|and|or|xor)", n)
))  # fmt: skip
def test_numbers(name: str) -> None:
    """The same values, or an error where any row has one."""
    rng = random.Random(name)
    scalar, form = registry.BUILTINS[name].scalar, registry.VECTORS[name]
    dtype = next(d for p, d in _NUMBERS.items() if name.startswith(p))
    for size in (200, 20, 3):
        a, b = columns(rng, dtype)[:size], columns(rng, dtype)[:size]
        try:
            wanted = [scalar(x, y) for x, y in zip(a.tolist(), b.tolist())]
        except SqlError:
            with pytest.raises(SqlError):
                if form(a, b) is NotImplemented:
                    raise
            continue
        found = form(a, b)
        if found is not NotImplemented:
            assert found.tolist() == wanted
