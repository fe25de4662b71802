"""Rows set aside by a hash of their keys, so that equal keys meet in the same file.

The hash depends on the values only, not on any table, so both sides of a join and every
batch agree; each depth of partitioning uses other bits of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.sql.executor.batch import Batch, nulls, stored, values
from pgtool.sql.executor.interning import freeze
from pgtool.sql.executor.keys import KeySpec, float_bits
from pgtool.sql.executor.spans import span_hash, trimmed
from pgtool.sql.executor.spill import SpillFile
from pgtool.types.column import VarColumn

__all__ = ["FANOUT", "Partitions", "key_hash"]

FANOUT = 16
_BITS = 4
_K = np.uint64(0xD6E8FEB86659FD93)
_WIDEST = 4096


def _mixed(bits: Any) -> Any:
    bits = bits * _K
    return bits ^ (bits >> np.uint64(32))


def _column_hash(column: Any, spec: KeySpec, n: int) -> Any:
    if spec.kind in ("int", "enum"):
        return _mixed(stored(column, spec.codec).values.astype(np.int64).view(np.uint64))
    if spec.kind == "float":
        return _mixed(float_bits(stored(column, spec.codec).values))
    if spec.kind in ("text", "bytes", "bpchar", "bpchar-bytes"):
        spans: VarColumn = stored(column, spec.codec)
        spans = trimmed(spans) if spec.kind.startswith("bpchar") else spans
        return _span_hash(spans, n)
    return _mixed(_hashes([freeze(v, spec) for v in values(column, spec.codec)]))


def _hashes(items: list[Any]) -> Any:
    return np.fromiter((hash(v) & 0x7FFFFFFFFFFFFFFF for v in items), np.uint64, len(items))


def _span_hash(spans: VarColumn, n: int) -> Any:
    """Long values go one by one; which way a value goes depends on nothing but itself."""
    most = int(spans.length.max(initial=0))
    if most <= _WIDEST:
        return span_hash(spans, most)
    out = np.zeros(n, np.uint64)
    for wide in (False, True):
        rows = np.flatnonzero((spans.length > _WIDEST) == wide)
        valid = None if spans.valid is None else spans.valid[rows]
        part = VarColumn(spans.buffer, spans.start[rows], spans.length[rows], valid)
        if wide:
            out[rows] = _mixed(_hashes([part.datum(i) for i in range(len(rows))]))
        elif len(rows):
            out[rows] = span_hash(part, _WIDEST)
    return out


def key_hash(batch: Batch, specs: list[KeySpec]) -> Any:
    """A 64-bit hash of each row's keys."""
    out = np.zeros(batch.n, np.uint64)
    for spec in specs:
        column = batch.col(spec.column)
        found = _column_hash(column, spec, batch.n)
        missing = nulls(column)
        if missing is not None:
            found = np.where(missing, np.uint64(7), found)
        out = _mixed(out ^ found)
    return out


class Partitions:
    """Rows in :data:`FANOUT` temporary files by the hash of their keys."""

    def __init__(self, codecs: list[Any], depth: int) -> None:
        self.shift = np.uint64(60 - _BITS * depth)
        self.spills = [SpillFile(codecs) for _ in range(FANOUT)]

    def add(self, batch: Batch, specs: list[KeySpec]) -> None:
        """Take in rows."""
        part = ((key_hash(batch, specs) >> self.shift) & np.uint64(FANOUT - 1)).astype(np.uint8)
        order = np.argsort(part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=FANOUT))
        low = 0
        for number, high in enumerate(ends.tolist()):
            if high > low:
                self.spills[number].write(batch.take(order[low:high]))
            low = high

    def files(self) -> Iterator[Iterator[Batch]]:
        """Each partition's rows; its file is gone afterwards."""
        for spill in self.spills:
            if spill.rows:
                yield spill.read()
            spill.close()
