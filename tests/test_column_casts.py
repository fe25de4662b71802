"""Casts through text over columns read what the input functions read, or leave it to them."""

from __future__ import annotations

import random
from decimal import Decimal

import numpy as np

from pgtool.functions.codec import encode_numeric
from pgtool.sql.executor.viaio import read_integers, read_numerics
from pgtool.types.column import VarColumn


def test_integers() -> None:
    rng = random.Random(5)
    wanted = [rng.randint(-(10 ** rng.randint(0, 9)), 10 ** rng.randint(0, 9)) for _ in range(500)]
    texts: list[bytes | None] = [b"%d" % value for value in wanted]
    texts[3], texts[40] = None, b"007"
    found = read_integers(VarColumn.of(texts), np.int64)
    assert found is not None and found.valid is not None
    assert not found.valid[3] and int(found.values[40]) == 7
    assert all(int(found.values[i]) == wanted[i] for i in range(500) if i not in (3, 40))


def test_what_is_no_plain_integer_is_declined() -> None:
    for text in (b"", b"-", b"+1", b" 1", b"1 ", b"1_0", b"0x1", b"1.0", b"9" * 19, b"\xc3\xa4"):
        assert read_integers(VarColumn.of([b"1", text]), np.int64) is None
    assert read_integers(VarColumn.of([b"1", b"32768"]), np.int16) is None
    assert read_integers(VarColumn.of([None]), np.int16) is None


def test_numerics() -> None:
    rng = random.Random(6)
    for places in (0, 1, 3):
        texts = [f"{rng.uniform(-1e6, 1e6):.{places}f}" for _ in range(300)]
        found = read_numerics(VarColumn.of([t.encode() for t in texts]))
        assert found is not None and found.scale == places
        for text, value in zip(texts, found.values.tolist()):
            assert encode_numeric(Decimal(value).scaleb(-places)) == encode_numeric(
                Decimal(text) if float(text) else abs(Decimal(text))
            )
    for text in (b".5", b"5.", b"-.5", b"1.55", b"1", b"1e1", b"1.5.5", b"NaN", b"-", b"1-.5"):
        assert read_numerics(VarColumn.of([b"1.5", text])) is None
