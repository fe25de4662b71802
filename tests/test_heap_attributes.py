"""Finding attributes: numpy, the plain walk and (where built) the compiled one agree."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from formats.deform import ALIGNMENT
from formats.units import BLCKSZ
from pgtool.access.damage import strict
from pgtool.access.heap import attributes, deform
from pgtool.access.heap.columns import materialise
from pgtool.access.heap.deform import Attr
from pgtool.access.heap.page import Tuples
from pgtool.errors import CorruptData
from pgtool.types.column import VarColumn

SOURCE = Path(deform.__file__).with_name("attributes.py")
TYPES = [(1, "c"), (2, "s"), (4, "i"), (8, "d"), (16, "c"), (6, "s"), (-1, "i"), (-1, "d"),
         (-1, "i")]  # fmt: skip


def plain() -> ModuleType:
    """The walk as Python, whether or not it is compiled."""
    module = ModuleType("attributes_plain")
    code = SOURCE.read_text().replace("import cython\n", "raise ImportError\n")
    exec(compile(code, str(SOURCE), "exec"), module.__dict__)
    module.COMPILED = True
    return module


def varlena(random_: random.Random, raw: bytearray, align: int) -> None:
    """A value with a short or a long header, now and then compressed or out of line."""
    kind = random_.random()
    size = random_.randrange(0, 40)
    body = random_.randbytes(size)
    if kind < 0.5:
        raw += bytes([(size + 1) << 1 | 1]) + body
    elif kind < 0.6:
        raw += bytes([1, 18]) + random_.randbytes(16)
    else:
        raw += bytes(-len(raw) % align)
        packed = kind > 0.9
        size += 4 * packed
        raw += ((size + 4) << 2 | (2 if packed else 0)).to_bytes(4, "little")
        raw += body + bytes(4 * packed)


def row(random_: random.Random, attrs: list[Attr], fewer: bool) -> tuple[bytes, int, int]:
    """(a tuple, its t_hoff, whether it has NULLs)."""
    natts = random_.randrange(1, len(attrs) + 1) if fewer else len(attrs)
    gone = [random_.random() < 0.3 for _ in range(natts)] if random_.random() < 0.5 else []
    bitmap = sum((not out) << i for i, out in enumerate(gone))
    hoff = (23 + ((natts + 7) // 8 if any(gone) else 0) + 7) & ~7
    raw = bytearray(hoff)
    raw[18:20] = natts.to_bytes(2, "little")
    raw[20] = any(gone)
    raw[22] = hoff
    if any(gone):
        raw[23 : 23 + (natts + 7) // 8] = bitmap.to_bytes((natts + 7) // 8, "little")
    for i, attr in enumerate(attrs[:natts]):
        if any(gone) and gone[i]:
            continue
        if attr.attlen > 0:
            raw += bytes(-len(raw) % ALIGNMENT[attr.attalign]) + random_.randbytes(attr.attlen)
        else:
            varlena(random_, raw, ALIGNMENT[attr.attalign])
    return bytes(raw), hoff, any(gone)


def chunk(random_: random.Random, attrs: list[Attr], fewer: bool) -> Tuples:
    """Random tuples, as heap.page finds them."""
    raw, start, end = bytearray(), [], []
    for _ in range(60):
        raw += bytes(-len(raw) % 8)
        start.append(len(raw))
        raw += row(random_, attrs, fewer)[0]
        end.append(len(raw))
    raw += bytes(-len(raw) % BLCKSZ + 64)
    n = len(start)
    return Tuples(
        np.frombuffer(raw, np.uint8), 0, np.array(start), np.array(end),
        np.array(start, np.int32) // BLCKSZ, np.arange(1, n + 1, dtype=np.int32),
        np.ones(len(raw) // BLCKSZ, bool), "f",
    )  # fmt: skip


def answers(tuples: Tuples, attrs: list[Attr], wanted: list[int], damage: Any) -> list[Any]:
    """What a walk found, in a form that compares."""
    sound, places = deform.walk(tuples, attrs, wanted, damage, fetch=True)
    out: list[Any] = [sound.start.tolist()]
    for number in wanted:
        place = places[number]
        there = np.ones(len(sound), bool) if place.present is None else place.present
        missing = None if place.missing is None else place.missing.tolist()
        special = None if place.special is None else place.special.tolist()
        out.append((there.tolist(), missing, special))
        if special is None:
            column = materialise(sound, attrs[number], place, None, damage)
            values = ([(int(column.start[i]), int(column.length[i])) for i in range(len(sound))]
                      if isinstance(column, VarColumn) else column.values.tolist())  # fmt: skip
            out.append([v if ok else None for v, ok in zip(values, there)])
        else:
            assert place.length is not None
            out.append((place.start[there].tolist(), place.length[there].tolist()))
    return out


@pytest.mark.parametrize("seed", range(24))
def test_all_ways_agree(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random_ = random.Random(seed)
    attrs = [Attr(f"a{i}", *random_.choice(TYPES), i + 1) for i in range(random_.randrange(1, 12))]
    tuples = chunk(random_, attrs, fewer=seed % 4 == 0)
    if seed % 3 == 0:  # damage: lengths and bitmaps that lie
        for at in random_.sample(range(len(tuples.buffer) - 64), 40):
            tuples.buffer[at] ^= 1 << random_.randrange(8)  # type: ignore[operator]
    wanted = sorted(random_.sample(range(len(attrs)), random_.randrange(1, len(attrs) + 1)))
    outcomes = []
    for way in ("as built", "numpy", "plain"):
        module: Any = attributes if way == "as built" else plain()
        module.COMPILED = module.COMPILED and way != "numpy"
        monkeypatch.setattr(deform, "attributes", module)
        problems: list[CorruptData] = []
        found = answers(tuples.take(np.arange(len(tuples))), attrs, wanted, problems.append)
        outcomes.append((found, [str(p) for p in problems]))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_the_quick_walk_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound tuples do not need the slow way."""
    attrs = [Attr("a", 4, "i", 1), Attr("b", -1, "i", 2), Attr("c", 8, "d", 3)]
    monkeypatch.setattr(deform, "attributes", plain())
    tuples = chunk(random.Random(5), attrs, fewer=False)
    assert deform._located(tuples, attrs, [0, 1, 2], True) is not None
    answers(tuples, attrs, [0, 2], strict)
