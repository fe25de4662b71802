"""Where groups of a sorted input begin, and batches cut at those places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pgtool.functions.codec import Codec
from pgtool.sql.executor.batch import Batch, concat_batches
from pgtool.sql.executor.keys import KeySpec, key_specs, order_arrays

__all__ = ["boundaries", "key_specs", "whole_groups"]


def boundaries(batch: Batch, specs: list[KeySpec]) -> Any:
    """Which rows differ from the one before them; the first does."""
    out = np.zeros(batch.n, bool)
    if batch.n:
        out[0] = True
    for array in order_arrays(batch, specs):
        out[1:] |= array[1:] != array[:-1]
    return out


def whole_groups(
    rows: Iterator[Batch], specs: list[KeySpec], codecs: list[Codec]
) -> Iterator[tuple[Batch, Any]]:
    """(rows, starts of the groups in them): no group is cut between two batches."""
    waiting: list[Batch] = []
    for batch in rows:
        if not batch.n:
            continue
        both = concat_batches([waiting[-1].slice(waiting[-1].n - 1, waiting[-1].n), batch],
                              codecs) if waiting else batch  # fmt: skip
        starts = np.flatnonzero(boundaries(both, specs))
        if not waiting:
            if len(starts) < 2:
                waiting = [batch]
                continue
            last = int(starts[-1])
            yield batch.slice(0, last), starts[:-1]
            waiting = [batch.slice(last, batch.n)]
            continue
        starts = starts[1:] - 1
        if not len(starts):
            waiting.append(batch)
            continue
        last = int(starts[-1])
        first = int(starts[0])
        head = [*waiting, batch.slice(0, last)] if last else waiting
        whole = concat_batches(head, codecs) if len(head) > 1 else head[0]
        before = sum(b.n for b in waiting)
        begin = [0, *(before + starts[:-1]).tolist()] if first < last else [0]
        yield whole, np.array(begin, np.int64)
        waiting = [batch.slice(last, batch.n)]
    if waiting:
        whole = concat_batches(waiting, codecs) if len(waiting) > 1 else waiting[0]
        yield whole, np.zeros(1, np.int64)
