"""Page changes: every item stays what it was, whatever else happens to the page."""

from __future__ import annotations

import random

import pytest

from formats.page import LpFlags, PageFlags
from formats.units import BLCKSZ, maxalign
from pgtool.errors import CorruptData
from pgtool.storage import page as bufpage


def fresh(special: int = 0) -> bytearray:
    page = bytearray(b"\xff" * BLCKSZ)
    bufpage.init(page, special)
    return page


def live(page: bytearray) -> list[bytes]:
    return [bufpage.item(page, n) for n in range(1, bufpage.max_offset(page) + 1)]


def check(page: bytearray) -> None:
    """Items lie apart from one another, between pd_upper and the special space."""
    _lower, upper, special = bufpage.bounds(page)
    spans = sorted(
        (i.offset, i.offset + maxalign(i.length)) for i in bufpage.item_ids(page) if i.length
    )
    edge = upper
    for start, end in spans:
        assert start >= edge
        edge = end
    assert edge <= special


@pytest.mark.parametrize("seed", range(5))
def test_an_index_page(seed: int) -> None:
    """Random insertions in the middle, deletions, overwriting, against a plain list."""
    rng = random.Random(seed)
    page, model = fresh(16), []
    for step in range(400):
        data = rng.randbytes(rng.randint(1, 300))
        act = rng.choice(["add", "add", "delete", "many", "put"])
        if act == "add":
            number = rng.randint(1, len(model) + 1)
            room = bufpage.free_space(page)
            if bufpage.add_item(page, data, number):
                model.insert(number - 1, data)
            else:
                assert room < maxalign(len(data))
        elif model and act == "delete":
            number = rng.randint(1, len(model))
            bufpage.index_tuple_delete(page, number)
            del model[number - 1]
        elif act == "many":
            gone = sorted(rng.sample(range(1, len(model) + 1), len(model) // 3))
            bufpage.index_multi_delete(page, gone)
            model = [item for n, item in enumerate(model, 1) if n not in gone]
        elif model:
            number = rng.randint(1, len(model))
            if bufpage.index_tuple_overwrite(page, number, data):
                model[number - 1] = data
        assert live(page) == model, step
        check(page)


@pytest.mark.parametrize("seed", range(5))
def test_a_heap_page(seed: int) -> None:
    """Free line pointers are reused, lowest first; repairing keeps every numbered item."""
    rng = random.Random(seed)
    page: bytearray = fresh()
    model: dict[int, bytes] = {}
    for _ in range(300):
        data = rng.randbytes(rng.randint(24, 400))
        if rng.random() < 0.7:
            hint = bufpage.flags(page) & PageFlags.PD_HAS_FREE_LINES
            expected = bufpage.place_item(page, heap=True)
            number = bufpage.add_item(page, data, heap=True)
            if number:
                assert number == expected and number not in model
                if hint:
                    assert number == min(set(range(1, len(model) + 2)) - model.keys())
                model[number] = data
        elif model:
            for number in rng.sample(sorted(model), min(3, len(model))):
                bufpage.set_unused(page, number)
                del model[number]
            bufpage.repair_fragmentation(page)
            assert bufpage.max_offset(page) == max(model, default=0)
        for number, data in model.items():
            assert bufpage.item(page, number) == data
        check(page)


def test_line_pointers_of_a_heap_page_are_limited() -> None:
    page = fresh()
    for number in range(1, bufpage.MAX_HEAP_TUPLES_PER_PAGE + 1):
        assert bufpage.add_item(page, b"", heap=True) == number
        bufpage.set_dead(page, number)
    assert bufpage.free_space(page) > 0
    assert bufpage.heap_free_space(page) == 0
    assert bufpage.add_item(page, b"x", heap=True) == 0
    bufpage.set_unused(page, 7)
    bufpage.set_flag(page, PageFlags.PD_HAS_FREE_LINES)
    assert bufpage.heap_free_space(page) > 0
    assert bufpage.add_item(page, b"x", heap=True) == 7
    assert bufpage.add_item(page, b"x", heap=True) == 0
    assert not bufpage.flags(page) & PageFlags.PD_HAS_FREE_LINES


def test_unused_line_pointers_go_from_the_end() -> None:
    page = fresh()
    for _ in range(4):
        bufpage.add_item(page, b"abc")
    for number in (1, 3, 4):
        bufpage.set_unused(page, number)
    bufpage.truncate_line_pointers(page)
    assert [i.flags for i in bufpage.item_ids(page)] == [LpFlags.LP_UNUSED, LpFlags.LP_NORMAL]
    assert bufpage.flags(page) & PageFlags.PD_HAS_FREE_LINES


def test_damage_is_named() -> None:
    page = fresh()
    bufpage.add_item(page, b"abc")
    bufpage.set_item_id(page, 1, LpFlags.LP_NORMAL, 8192 - 8, 300)
    before = bytes(page)
    with pytest.raises(CorruptData, match="corrupted line pointer"):
        bufpage.repair_fragmentation(page)
    with pytest.raises(CorruptData, match="corrupted line pointer"):
        bufpage.index_tuple_delete(page, 1)
    bufpage.set_bounds(page, 9000, 8000)
    with pytest.raises(CorruptData, match="corrupted page pointers"):
        bufpage.add_item(page, b"abc")
    bufpage.set_bounds(page, 28, 8184)
    assert bytes(page) == before
