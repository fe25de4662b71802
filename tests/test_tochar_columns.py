"""to_char over columns gives what it gives row by row."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from pgtool.functions import registry
from pgtool.functions.columns import ScaledColumn
from pgtool.types.column import VarColumn

PICTURES = ["999,999", "FM999,999", "0000", "9", "S999", "999S", "MI999", "999PR", "PL999",
            "SG999", "FM999.00", "999.99", "FM999.99", "FM990.999", "990.0", "B999", "FMBD99",
            "L999", "000,000", "FM099.90", "9 9", '99 "text" 99', "9G999D99", "FM9G999D09",
            "abc", ".99", "FM.99", "99.", "FM99.", "FM999999999.9099"]  # fmt: skip
TEMPLATES = ["YYYY-MM-DD HH24:MI", "YYYY-MM-DD HH24:MI:SS.US", "FMDay, FMDDth FMMonth YYYY",
             "HH12:MI:SS AM", "IYYY-IW-ID", "DDD Q CC J", "MS", "SSth", '"at" FMHH24 FMMI',
             "Y,YYY RM", "BC YYYY a.d. FXHH"]  # fmt: skip


@pytest.fixture(autouse=True)
def loaded() -> None:
    registry.load()


def constant(text: str, rows: int) -> VarColumn:
    one = VarColumn.of([text.encode()])
    return VarColumn(one.buffer, np.broadcast_to(one.start, (rows,)),
                     np.broadcast_to(one.length, (rows,)))  # fmt: skip


def texts(found: Any) -> list[str]:
    assert found is not NotImplemented
    return [(found.datum(i) or b"").decode() for i in range(len(found))]


@pytest.mark.parametrize("picture", PICTURES)
def test_numbers(picture: str) -> None:
    rng = random.Random(9)
    values = [0, 1, -1, 5, -5, 999, 1000, 10, 100, -100]
    values += [rng.randint(-(10 ** rng.randint(1, 9)), 10 ** rng.randint(1, 9)) for _ in range(400)]
    column = np.array(values, np.int64)
    found = registry.VECTORS["int8_to_char"](column, constant(picture, len(values)))
    scalar = registry.BUILTINS["int8_to_char"].scalar
    assert texts(found) == [scalar(value, picture) for value in values]
    scalar = registry.BUILTINS["numeric_to_char"].scalar
    for scale in (0, 1, 3, 6):
        scaled = ScaledColumn(column, scale)
        found = registry.VECTORS["numeric_to_char"](scaled, constant(picture, len(values)))
        assert texts(found) == [scalar(Decimal(v).scaleb(-scale), picture) for v in values]


@pytest.mark.parametrize("template", TEMPLATES)
def test_timestamps(template: str) -> None:
    rng = random.Random(10)
    values = [0, -1, 1, 86_399_999_999] + [rng.randint(-(10**17), 10**17) for _ in range(400)]
    column = np.array(values, np.int64)
    scalar = registry.BUILTINS["timestamp_to_char"].scalar
    vector = registry.VECTORS["timestamp_to_char"]
    if "FX" in template:
        assert vector(column, constant(template, len(values))) is NotImplemented
    else:
        found = vector(column, constant(template, len(values)))
        assert texts(found) == [scalar(value, template) for value in values]


def test_exponents_as_servers_round_them() -> None:
    shown = [registry.BUILTINS[f"{kind}_to_char"].scalar(value, "9.9EEEE") for kind, value in
             (("int4", 99999), ("int8", 99999), ("numeric", Decimal("-0.0999")))]  # fmt: skip
    assert shown == [" 1.0e+05", " 10.0e+04", "-10.0e-02"]
