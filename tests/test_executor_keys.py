"""Values as numbers in the executor: equal ones equal over batches, order as lexsort has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pgtool.sql.executor import interning
from pgtool.sql.executor.interning import IntTable, SpanInterner
from pgtool.sql.executor.keys import _sorted_words, pack
from pgtool.sql.executor.spans import ranks, span_hash
from pgtool.types.column import VarColumn


def _column(items: list[bytes]) -> VarColumn:
    length = np.array([len(v) for v in items], np.int32)
    start = np.cumsum(length, dtype=np.int64) - length
    return VarColumn(np.frombuffer(b"".join(items) + b" " * 8, np.uint8), start, length)


@pytest.mark.parametrize("hashes", [1, 13, 1 << 63])
def test_spans_have_one_code(monkeypatch: pytest.MonkeyPatch, hashes: int) -> None:
    """Batches of different longest values, hashes that collide, very long values."""
    rng = np.random.default_rng(hashes % 101)
    monkeypatch.setattr(
        interning, "span_hash", lambda c, most: span_hash(c, most) % np.uint64(hashes)
    )
    for values in (5, 500, 10**6):
        spans = SpanInterner()
        codes: dict[bytes, int] = {}
        for batch in range(8):
            some = rng.integers(0, values, 300).tolist()
            items = [b"%d" % x * (x % (1 + batch) + 1) if x % 11 else b"" for x in some]
            items += [b"y" * 400, b"z" * 400] if batch % 3 == 2 else []
            for item, code in zip(items, spans.codes(_column(items)).tolist()):
                assert codes.setdefault(item, code) == code
        assert len(set(codes.values())) == len(codes)


@pytest.mark.parametrize("reach", [10, 10**5, 2**62])
def test_numbers_are_dense(reach: int) -> None:
    """Numbers count from 0 without a gap; looking only inserts nothing."""
    rng = np.random.default_rng(reach % 97)
    table = IntTable()
    known: dict[int, int] = {}
    for _ in range(6):
        codes = rng.integers(-reach, reach, 3000)
        looked = table.numbers(codes, insert=False).tolist()
        assert looked == [known.get(c, -1) for c in codes.tolist()]
        for code, number in zip(codes.tolist(), table.numbers(codes).tolist()):
            assert known.setdefault(code, number) == number
        assert sorted(known.values()) == list(range(table.count))


def test_sorting_words() -> None:
    """Words of any widths, with many and with few ties."""
    rng = np.random.default_rng(10)
    for _ in range(150):
        n = int(rng.integers(1, 3000))
        arrays: list[Any] = []
        for _word in range(int(rng.integers(1, 6))):
            drop = np.uint64(rng.integers(0, 64))
            array = rng.integers(0, 2**64, n, dtype=np.uint64) >> drop
            few = rng.random() < 0.6
            arrays.append(rng.choice(array[: rng.integers(1, 20)], n) if few else array)
        words = pack(arrays)
        if words:
            wanted = np.lexsort([word for word, _bits in reversed(words)])
            assert np.array_equal(_sorted_words(words, n), wanted)


def test_ranks_of_long_values() -> None:
    """Byte strings that agree for long, end in zeros, or are equal."""
    rng = np.random.default_rng(11)
    for _ in range(120):
        letters = bytes(rng.choice(256, 2))
        head = letters[:1] * int(rng.choice([0, 7, 8, 9, 40]))
        sizes = rng.choice([0, 1, 8, 17], int(rng.integers(40))).tolist()
        items = [
            head * int(rng.integers(2)) + bytes(rng.choice(list(letters), n)) for n in sizes
        ]
        place = {value: i for i, value in enumerate(sorted(set(items)))}
        assert ranks(_column(items)).tolist() == [place[value] for value in items]


def test_looking_up_keeps_nothing() -> None:
    """Rows that are put aside for later must not stay in the table of the groups."""
    interner = SpanInterner()
    known = interner.codes(_column([b"a", b"bb", b"x" * 300, b"a"]))
    assert known[0] == known[3] and len(set(known.tolist())) == 3
    used, count = interner.used, interner.table.count
    found = interner.codes(_column([b"bb", b"new", b"x" * 300, b"y" * 300]), insert=False)
    assert found[0] == known[1] and found[2] == known[2]
    assert found[1] == found[3] < 0
    assert (interner.used, interner.table.count, len(interner.others)) == (used, count, 1)
