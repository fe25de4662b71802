"""Finding tuples: numpy, the plain walk and (where built) the compiled one agree."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from formats.units import BLCKSZ
from pgtool.access.damage import strict
from pgtool.access.heap import page as heap_page
from pgtool.errors import CorruptData

SOURCE = Path(heap_page.__file__).with_name("pointers.py")


def plain() -> ModuleType:
    module = ModuleType("pointers_plain")
    code = SOURCE.read_text().replace("import cython\n", "raise ImportError\n")
    exec(compile(code, str(SOURCE), "exec"), module.__dict__)
    assert not module.COMPILED
    module.COMPILED = True
    return module


def build(random_: random.Random) -> bytearray:
    """A page of random tuples, unused, dead and redirected line pointers among them."""
    raw = bytearray(BLCKSZ)
    pointers, upper = [], BLCKSZ
    for _ in range(random_.randrange(1, 40)):
        kind = random_.choice((0, 1, 1, 1, 1, 2, 3))
        if kind != 1:
            pointers.append(kind << 15 | (random_.randrange(1, 5) if kind == 2 else 0))
            continue
        natts, has_null = random_.randrange(1, 30), random_.random() < 0.5
        hoff = (23 + ((natts + 7) // 8 if has_null else 0) + 7) & ~7
        length = hoff + random_.randrange(0, 60)
        upper = (upper - length) & ~7
        struct.pack_into("<HHB", raw, upper + 18, natts, int(has_null) | 0x900, hoff)
        pointers.append(upper | 1 << 15 | length << 17)
    struct.pack_into("<HHHHH", raw, 10, random_.choice((0, 4)), 24 + 4 * len(pointers), upper,
                     BLCKSZ, BLCKSZ | 4)  # fmt: skip
    struct.pack_into(f"<{len(pointers)}I", raw, 24, *pointers)
    return raw


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], list[object]]:
    def find(raw: bytes, way: str, damage: object = strict) -> list[object]:
        if way != "as built":
            walk = plain()
            walk.COMPILED = way == "plain"
            monkeypatch.setattr(heap_page, "pointers", walk)
        buffer = np.frombuffer(raw + bytes(64), np.uint8)
        tuples = heap_page.tuples_of(buffer, len(raw) // BLCKSZ, 7, "f", damage)  # type: ignore[arg-type]
        return [
            *(part.tolist() for part in (tuples.start, tuples.end, tuples.page, tuples.offnum)),
            *(part.tolist() for part in tuples.heads()), tuples.all_visible.tolist(),
        ]  # fmt: skip

    return find


@pytest.mark.parametrize("seed", range(8))
def test_sound_pages(found: Callable[..., list[object]], seed: int) -> None:
    random_ = random.Random(seed)
    raw = b"".join(bytes(build(random_)) for _ in range(6))
    if seed % 2:
        raw += bytes(BLCKSZ)
    first = found(raw, "as built")
    assert first[0] and found(raw, "numpy") == first and found(raw, "plain") == first


@pytest.mark.parametrize("seed", range(20))
def test_damaged_pages(found: Callable[..., list[object]], seed: int) -> None:
    """What is reported and what is left are the same in every way."""
    random_ = random.Random(100 + seed)
    raw = bytearray(b"".join(bytes(build(random_)) for _ in range(3)))
    for _ in range(12):
        block = random_.randrange(3) * BLCKSZ
        raw[block + random_.randrange(200)] ^= 1 << random_.randrange(8)
    outcomes = []
    for way in ("as built", "numpy", "plain"):
        problems: list[CorruptData] = []
        outcomes.append((found(bytes(raw), way, problems.append), [str(p) for p in problems]))
    assert outcomes[0] == outcomes[1] == outcomes[2]
