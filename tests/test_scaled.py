"""Stored numerics as scaled integers: compiled, plain and with numpy, the same numbers."""

from __future__ import annotations

import operator
import random
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pgtool.functions import scaled, unscale
from pgtool.functions.codec import codec_of
from pgtool.functions.columns import MixedColumn, ScaledColumn
from pgtool.functions.compare import against
from pgtool.types.column import VarColumn
from pgtool.types.registry import Settings, TypeRegistry

SOURCE = Path(unscale.__file__).with_name("unscale.py")
CODEC = codec_of(TypeRegistry(Settings()), 1700)


def plain() -> ModuleType:
    """The loop as Python, whether or not it is compiled."""
    module = ModuleType("unscale_plain")
    code = SOURCE.read_text().replace("import cython\n", "raise ImportError\n")
    exec(compile(code, str(SOURCE), "exec"), module.__dict__)
    module.COMPILED = True
    return module


def numbers(random_: random.Random, scale: int, odd: bool) -> list[Decimal | None]:
    out: list[Decimal | None] = []
    for _ in range(80):
        digits = random_.randrange(10 ** random_.randrange(1, 10)) * random_.choice((1, -1))
        out.append(Decimal(digits).scaleb(-scale))
        if random_.random() < 0.1:
            out.append(random_.choice((None, Decimal(0).scaleb(-scale))))
    if odd:
        out[random_.randrange(len(out))] = random_.choice(
            (Decimal("NaN"), Decimal("1e30"), Decimal("0.1234567"), Decimal(10**17))
        )
    return out


@pytest.mark.parametrize("seed", range(40))
def test_all_ways_give_the_numbers(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random_ = random.Random(seed)
    values = numbers(random_, random_.randrange(8), seed % 3 == 0)
    column = VarColumn.of([None if v is None else CODEC.encode(v) for v in values])
    quick = 0
    for way in ("as built", "numpy", "plain"):
        module: Any = unscale if way == "as built" else plain()
        module.COMPILED = module.COMPILED and way != "numpy"
        monkeypatch.setattr(scaled, "unscale", module)
        found = scaled.scaled_column(column)
        quick += way == "plain" and scaled._walked(column) is not None
        if found is not False:
            assert isinstance(found, (ScaledColumn, MixedColumn))
            assert [str(v) for v in CODEC.values(found)] == [str(v) for v in values], way
    assert quick or seed % 3 == 0


@pytest.mark.parametrize("suffix", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparison_with_a_constant_of_any_scale(suffix: str) -> None:
    random_ = random.Random(suffix)
    compare = getattr(operator, suffix)
    for scale in (0, 2, 5):
        values = [random_.randrange(-3000, 3000) for _ in range(200)]
        numbers_ = [Decimal(v).scaleb(-scale) for v in values]
        some = [random_.choice(numbers_) for _ in range(20)]
        for constant in [*some, *[one + Decimal("0.00000000000000001") for one in some],
                         *[one - Decimal("1e-30") for one in some], Decimal("1e12")]:
            found = against(suffix, np.array(values), scale, constant)
            assert found.tolist() == [compare(one, constant) for one in numbers_], constant
    for odd in ("NaN", "Infinity", "1e30"):
        assert against(suffix, np.array([1]), 2, Decimal(odd)) is NotImplemented
