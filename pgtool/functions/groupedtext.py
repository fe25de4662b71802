"""min and max of text and bytes over many groups at once, where bytes order them.

Of a batch, the rows that may be their group's extreme are narrowed down eight bytes at a
time: the greatest (or least) word of each group stays, until one row a group is left or the
values have ended. What wins is then compared with what the group had before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgtool.functions.codec import codec_of
from pgtool.functions.collation import collation_key
from pgtool.functions.compare_text import trimmed_lengths
from pgtool.functions.registry import GroupedAggregate, grouped
from pgtool.functions.textcolumns import KEEP, WORD, words_of
from pgtool.types.column import VarColumn

Array = Any


def extreme_rows(
    ids: Array, groups: int, column: VarColumn, length: Array, largest: bool
) -> Array:
    """One row of each group that occurs, its greatest or least value."""
    words = words_of(column.buffer)
    rows = np.arange(len(ids))
    best = np.empty(groups, np.uint64)
    done, occur = 0, len(np.unique(ids))
    while len(rows) > occur and (length[rows] > done).any():
        group = ids[rows]
        room = np.clip(length[rows] - done, 0, WORD)
        at = np.where(room, column.start[rows] + done, 0)
        word = words[at].astype(np.uint64) & KEEP[room]
        word = word if largest else ~word
        best[group] = 0
        np.maximum.at(best, group, word)
        rows = rows[word == best[group]]
        done += WORD
    if len(rows) > occur:
        # Equal up to zero bytes at the end, which only the length tells apart. Of the equal
        # ones the first row counts, so it comes last.
        rows = rows[::-1]
        order = np.argsort(length[rows] if largest else -length[rows], kind="stable")
        rows = rows[order]
    last = np.full(groups, -1, np.int64)
    last[ids[rows]] = rows
    return last[last >= 0]


class _TextExtreme(GroupedAggregate):
    """The greatest or least value of each group."""

    largest = True
    by_collation = True
    padded = False

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        self.best: dict[int, tuple[bytes, bytes]] = {}

    def step(self, ids: Array, groups: int, *columns: Any) -> bool:
        """Compare; text of another order is declined."""
        column = columns[0]
        if not isinstance(column, VarColumn):
            return False
        call = self.call
        if self.by_collation and collation_key(call.session, call.collation) is not None:
            return False
        if not len(ids):
            return True
        length = column.length.astype(np.int64)
        shorter = trimmed_lengths(column) if self.padded else length
        rows = extreme_rows(ids, groups, column, shorter, self.largest)
        for row in rows.tolist():
            group, value = int(ids[row]), column.datum(row) or b""
            key = value[: int(shorter[row])]
            old = self.best.get(group)
            if old is None or (key > old[0] if self.largest else key < old[0]):
                self.best[group] = key, value
        return True

    def final(self, groups: int) -> Any:
        """The values."""
        decode = codec_of(self.call.session.types, self.call.rettype).decode
        found = [self.best.get(i) for i in range(groups)]
        return [None if one is None else decode(one[1]) for one in found]


def _register() -> None:
    for name, by_collation, padded in (
        ("text", True, False), ("bpchar", True, True), ("bytea", False, False),
    ):  # fmt: skip
        for suffix, largest in (("larger", True), ("smaller", False)):
            made = {"largest": largest, "by_collation": by_collation, "padded": padded}
            grouped((f"{name}_{suffix}", ""))(type(f"{name}_{suffix}", (_TextExtreme,), made))


_register()
