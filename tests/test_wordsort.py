"""Words sorted by a compiled radix sort, and numerics ranked, beside Python's own order."""

from __future__ import annotations

import random
from decimal import Decimal

import numpy as np
import pytest

from pgtool.storage import radix
from pgtool.storage.wordsort import sort_words
from pgtool.types.column import VarColumn
from pgtool.types.info import Settings
from pgtool.types.registry import TypeRegistry
from pgtool.types.vector_numeric import numeric_ranks


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("bits", "low"), [(64, 0), (64, 13), (40, 13), (13, 13), (24, 13)])
def test_words(bits: int, low: int, compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop (run as Python where it is not compiled), and numpy's sort."""
    monkeypatch.setattr(radix, "COMPILED", compiled)
    rng = np.random.default_rng(bits)
    count = 8000
    words = rng.integers(0, 1 << bits, count, np.uint64, endpoint=bits == 63) if bits < 64 else (
        rng.integers(0, np.iinfo(np.uint64).max, count, np.uint64))  # fmt: skip
    if low:  # the place below
        words = words >> np.uint64(low) << np.uint64(low) | np.arange(count, dtype=np.uint64)
    expected = np.sort(words)
    sort_words(words, low)
    assert (words == expected).all()


def test_numerics() -> None:
    numeric = TypeRegistry(Settings()).io_of(1700)
    rng = random.Random(9)
    texts = ["0", "0.00", "-0.0", "1", "-1", "1.0", "1.00", "9999", "10000", "0.0001", "-0.0001",
             "0.00001", "12345678.1234", "9999999999999999", "1e70",
             "-1e70", "1e-10"]  # fmt: skip
    for _ in range(500):
        text = f"{rng.choice(['', '-'])}{rng.randrange(10 ** rng.randrange(1, 9))}"
        texts.append(text + rng.choice(["", ".5", ".25", f".{rng.randrange(10**4):04}", ".00"]))
    data = [numeric.input(text) for text in texts]
    found = numeric_ranks(VarColumn.of([*data, None]))
    assert found is not None
    values = [Decimal(text) for text in texts]
    for a, b in zip(rng.choices(range(len(texts)), k=4000), rng.choices(range(len(texts)), k=4000)):
        less, equal = values[a] < values[b], values[a] == values[b]
        assert (found[a] < found[b], found[a] == found[b]) == (less, equal), (texts[a], texts[b])


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1.00000000000000000001", "1e-70"])
def test_numerics_that_do_not_fit(text: str) -> None:
    numeric = TypeRegistry(Settings()).io_of(1700)
    column = VarColumn.of([numeric.input("1"), numeric.input(text)])
    assert numeric_ranks(column) is None
