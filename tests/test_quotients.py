"""Averages of many groups: as one by one, digit for digit."""

from __future__ import annotations

import random
from decimal import Decimal

import numpy as np
import pytest

from pgtool.functions.codec import codec_of
from pgtool.functions.numeric import quotient
from pgtool.functions.quotients import averages
from pgtool.types.numeric import EXACT, numeric_decimal
from pgtool.types.registry import Settings, TypeRegistry

NUMERIC = 1700


def sums(random_: random.Random, n: int) -> list[int]:
    """Of every size, round ones, and those whose quotient carries over many nines."""
    out = []
    for number in range(n):
        size = 60 if number % 50 == 0 else random_.choice((3, 10, 20, 33, 45, 52))
        value = random_.randrange(1 << size)
        nines = 10 ** (size // 4) - 1
        out.append(random_.choice((value, -value, 0, value // 10000 * 10000, nines)))
    return out


@pytest.mark.parametrize("scale", [0, 1, 2, 3, 4, 6, 8, 11, 17])
def test_averages(scale: int) -> None:
    random_ = random.Random(scale)
    codec = codec_of(TypeRegistry(Settings()), NUMERIC)
    some = (0, 1, 1, 2, 3, 7, 9, 10, 10000, 12345, 99999999)
    counts = [random_.choice(some) for _ in range(3000)]
    totals = sums(random_, len(counts))
    found = averages(np.array(totals), scale, np.array(counts), codec.encode)
    if found is None:  # too many digits behind the point for columns
        assert scale == 17
        return
    for row, (total, count) in enumerate(zip(totals, counts)):
        data = found.datum(row)
        if not count:
            assert data is None
            continue
        expected = quotient(Decimal(total).scaleb(-scale, EXACT), Decimal(count))
        assert data is not None
        assert data == codec.encode(expected) and str(numeric_decimal(data)) == str(expected)


def test_few_rows_and_large_sums_are_left_alone() -> None:
    codec = codec_of(TypeRegistry(Settings()), NUMERIC)
    assert averages(np.array([1, 2]), 0, np.array([1, 2]), codec.encode) is None
    large = np.full(300, (1 << 62) + 1)
    assert averages(large, 2, np.full(300, 3), codec.encode) is None
