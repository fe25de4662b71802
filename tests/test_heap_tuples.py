"""Heap tuples one at a time, formed and taken apart by what a table's columns are."""

from __future__ import annotations

import random
from types import SimpleNamespace

from formats.varlena import pack_plain
from pgtool.access.heap.tuple import (
    StoredVarlena,
    deform_tuple,
    deformer,
    form_tuple,
    former,
)
from pgtool.errors import CorruptData


def test_one_tuple_at_a_run() -> None:
    """Tuples of one table are formed and taken apart as any tuple is."""
    rng = random.Random(12)
    kinds = [(4, "i"), (8, "d"), (2, "s"), (1, "c"), (-1, "i"), (-1, "d"), (64, "c"), (-2, "c")]
    for _ in range(60):
        attrs = [
            SimpleNamespace(attname=f"a{i}", attlen=attlen, attalign=attalign,
                            attstorage=rng.choice("xxp") if attlen == -1 else "p", missing=b"m")
            for i, (attlen, attalign) in enumerate(rng.choices(kinds, k=rng.randrange(1, 7)))
        ]  # fmt: skip
        form, deform = former(attrs), deformer(attrs)
        for _ in range(20):
            datums: list[bytes | None] = []
            for attr in attrs:
                size = rng.choice([0, 1, 5, 126, 127, 300]) if attr.attlen < 0 else attr.attlen
                value = bytes(rng.randrange(1, 256) for _ in range(size))
                if attr.attlen == -1 and rng.random() < 0.1:
                    value = StoredVarlena(pack_plain(value))
                datums.append(None if rng.random() < 0.05 else value)
            tup = form(datums)
            assert tup == form_tuple(attrs, datums)
            assert deform(tup) == deform_tuple(tup, attrs)
            older = form_tuple(attrs[:-1], datums[:-1])
            assert deform(older) == deform_tuple(older, attrs)
            cut = tup[: rng.randrange(24, len(tup) + 1)]
            try:
                expected: object = deform_tuple(cut, attrs)
            except CorruptData:
                expected = None
            try:
                found: object = deform(cut)
            except CorruptData:
                found = None
            assert found == expected
