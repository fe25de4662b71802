"""Many index tuples at once are the same as one by one: order, bytes, posting lists."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pgtool.access.btree import tuples
from pgtool.access.btree.build import build
from pgtool.access.btree.formrows import form_rows, merge_equal
from pgtool.access.btree.insert import insert
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.sortrows import Rows, sort_rows, text_order
from pgtool.access.btree.unique import UniqueCheck
from pgtool.access.index import IndexRelation
from pgtool.access.indextuple import IndexAttribute, IndexShape
from pgtool.errors import CorruptData, SqlError
from pgtool.storage import page as bufpage
from pgtool.types.column import FixedColumn, VarColumn
from tests.btree_world import TYPES, Heap, Instance, column, descriptor, empty_tree

TEXTS = [(1000, b"ab", 12), (3000, b"\0\1a", 9), (2000, b"xyz", 40), (1500, bytes(range(256)), 3),
         (50, b"a", 30), (1, b"a", 3), (2, b"a", 1)]  # fmt: skip


@pytest.mark.parametrize(("count", "letters", "most"), TEXTS)
@pytest.mark.parametrize("prefix", [b"", b"common prefix "])
def test_order_of_strings(count: int, letters: bytes, most: int, prefix: bytes) -> None:
    rng = random.Random(count)
    values = [
        prefix + bytes(rng.choice(letters) for _ in range(rng.randrange(most)))
        for _ in range(count)
    ]
    data = VarColumn.of(list(values))
    order, same = text_order(data.buffer, data.start, data.length)
    expected = sorted(range(count), key=lambda i: (values[i], i))
    assert order.tolist() == expected
    assert same.tolist() == [False, *(values[a] == values[b]
                                      for a, b in itertools.pairwise(expected))]  # fmt: skip


def random_value(kind: str, rng: random.Random) -> bytes:
    if kind in ("text", "name"):
        most = 60 if kind == "name" else rng.choice((4, 20, 200, 900))
        return bytes(rng.choice(b"abc") for _ in range(rng.randrange(most)))
    if kind == "float8":
        return bytes(TYPES[kind][4](rng.choice((0.0, -0.0, 1.5, -2.5, 1e300, float("nan")))))
    if kind == "bool":
        return bytes([rng.randrange(2)])
    return bytes(TYPES[kind][4](rng.randrange(*((0, 50) if kind == "oid" else (-40, 40)))))


def columns_of(kinds: list[str], rows: list[list[bytes | None]]) -> list[Any]:
    out: list[Any] = []
    for number, kind in enumerate(kinds):
        datums = [row[number] for row in rows]
        attlen = TYPES[kind][0]
        if attlen < 0:
            out.append(VarColumn.of(datums))
            continue
        valid = np.array([d is not None for d in datums], bool)
        raw = b"".join(d if d is not None else bytes(attlen) for d in datums)
        out.append(FixedColumn(np.frombuffer(raw, f"V{attlen}"), None if valid.all() else valid))
    return out


KINDS = [["int4"], ["int8", "bool"], ["text"], ["bool", "text", "int8"], ["name", "int2"],
         ["float8", "text"], ["text", "text", "oid"]]  # fmt: skip


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("nulls", [0, 0.2])
def test_rows_are_sorted_and_formed(kinds: list[str], nulls: float) -> None:
    rng = random.Random(repr(kinds))
    rows = [
        [None if rng.random() < nulls else random_value(kind, rng) for kind in kinds]
        for _ in range(400)
    ]
    tids = np.array([1 << 16 | n for n in rng.sample(range(1, 900), 400)])
    order_of = [column(kind, rng.random() < 0.5) for kind in kinds]
    shape = IndexShape([IndexAttribute(*TYPES[kind][:3]) for kind in kinds],
                       compress=lambda method, data: None)  # fmt: skip
    from pgtool.access.btree.keys import Keys

    keys = Keys(shape, order_of)
    columns = columns_of(kinds, rows)
    found = sort_rows(Rows(columns, tids, None), order_of)
    expected = sorted(range(400), key=lambda i: (keys.parts(rows[i]), tids[i]))
    assert found.order.tolist() == expected
    formed = form_rows(shape, columns, tids)
    for number, row in enumerate(rows):
        tup = formed.tuple(number)
        assert tup == shape.form(row, int(tids[number]))
        assert keys.of_tuple(tup) == keys.parts(row)
        assert shape.datums(tup) == [
            d if d is None or kind != "name" else d.split(b"\0")[0] for d, kind in zip(row, kinds)
        ]


def test_merged_rows() -> None:
    shape = IndexShape([IndexAttribute(4, "i")])
    values = np.repeat(np.arange(5, dtype="<i4"), [1, 2, 300, 1, 90])
    tids = np.arange(len(values)) + (7 << 16)
    same = np.concatenate([[False], values[1:] == values[:-1]])
    plain = form_rows(shape, [FixedColumn(values)], tids)
    merged, first = merge_equal(plain, tids, same)
    seen: list[tuple[int, int]] = []
    for number in range(len(merged.offsets) - 1):
        tup = merged.tuple(number)
        assert len(tup) <= 812 and tuples.first_tid(tup) == tids[first[number]]
        seen += [(int.from_bytes(tup[8:12], "little"), tid) for tid in tuples.tids(tup)]
    assert seen == list(zip(values.tolist(), tids.tolist()))


def leaf_tids(tree: BTree) -> list[int]:
    """All TIDs along the leaves."""
    from pgtool.access.btree import pageops
    from pgtool.access.btree.search import leftmost

    out: list[int] = []
    buffer = leftmost(tree)
    while buffer is not None:
        page = buffer.page
        for offnum in range(pageops.first_data(page), bufpage.max_offset(page) + 1):
            out += tuples.tids(bufpage.item(page, offnum))
        following = pageops.opaque(page).next
        buffer = tree.pin(following) if following else None
    return out


def make(tmp_path: Path, **how: Any) -> Any:
    (tmp_path / "base/5").mkdir(parents=True)
    (tmp_path / "base/5/99").touch()
    return descriptor(tmp_path / "base/5/99", tmp_path, ["int4"], [column("int4")], **how)


def test_dead_items_make_room(tmp_path: Path) -> None:
    """A unique key that is updated again and again stays on one page."""
    with empty_tree(tmp_path, make(tmp_path, unique=True)) as tree:
        for version in range(3000):
            tree.heap.dead = set(range(1, version + 1))
            insert(tree, [bytes(4)], version + 1, UniqueCheck.YES)
        assert tree.pool.nblocks(tree.where) == 2
        with pytest.raises(SqlError) as raised:
            insert(tree, [bytes(4)], 99999, UniqueCheck.YES)
        assert raised.value.sqlstate == "23505"
        assert insert(tree, [bytes(4)], 99999, UniqueCheck.PARTIAL) is False


def test_single_values_fill_their_pages(tmp_path: Path) -> None:
    with empty_tree(tmp_path, make(tmp_path)) as tree:
        for tid in range(1, 12000):
            insert(tree, [bytes(4)], tid)
        assert leaf_tids(tree) == list(range(1, 12000))
        # Six bytes a row and little else: 96 percent of each page but the last.
        assert tree.pool.nblocks(tree.where) <= 2 + 12000 * 6 // 7000 + 2


def test_too_long_keys(tmp_path: Path) -> None:
    found = make(tmp_path)
    found.shape = IndexShape([IndexAttribute(-1, "i", "p")])
    found.columns = [column("text")]
    tree = BTree(Instance(tmp_path), found)
    with pytest.raises(SqlError, match="index row size 2720 exceeds btree version 4 maximum 2704"):
        build(tree, [([[b"x" * 2708]], np.array([1 << 16 | 3]))])


def test_damaged_pages(tmp_path: Path) -> None:
    """Whatever bytes are flipped: a clear error, or an insertion that went well."""
    found = make(tmp_path)
    with empty_tree(tmp_path, found) as tree:
        for tid in range(1, 2500):
            insert(tree, [(tid * 7919 % 700).to_bytes(4, "little")], tid)
    file = tmp_path / "base/5/99"
    good = file.read_bytes()
    outcome: Counter[str] = Counter()
    for trial in range(25):
        rng = random.Random(trial)
        bad = bytearray(good)
        for _ in range(rng.choice((1, 3, 20))):
            start = rng.randrange(len(good) // 8192) * 8192
            at = start + rng.choice((rng.randrange(24), 8176 + rng.randrange(16),
                                     24 + rng.randrange(400), rng.randrange(8192)))  # fmt: skip
            bad[at] = rng.choice((rng.randrange(256), bad[at] ^ 1 << rng.randrange(8), 0, 255))
        file.write_bytes(bad)
        instance = Instance(tmp_path, checksums=False)
        index = IndexRelation(instance, found, Heap())
        index.tree.instance.procarray = SimpleNamespace(horizon=lambda *_: 1000)
        index.tree.instance.varsup = SimpleNamespace(next_full_xid=1000)
        for number in range(40):
            datum = rng.randrange(900).to_bytes(4, "little")
            try:
                if number == 20:
                    index.insert_batch(None, [[datum] * 60], list(range(99000, 99060)))
                elif number == 39:
                    index.bulk_delete(list(range(1, 90)))
                else:
                    index.insert(None, [datum], (70 + number, 1), UniqueCheck.NO)
                outcome["fine"] += 1
            except (CorruptData, SqlError):
                outcome["refused"] += 1
    assert outcome["fine"] and outcome["refused"]
